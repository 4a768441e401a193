//! Nothing in the page grows without end: texts are cut, lists are counted.

use crate::types::shown;

/// Longest name, in characters as shown. PostgreSQL's own names have at most 63
/// bytes; this leaves room for a database, a schema, a table and escapes.
pub const NAME: usize = 300;
/// Longest sentence.
pub const TEXT: usize = 600;

/// `text` as it is shown, at most `limit` characters of it.
pub fn cut(text: &str, limit: usize) -> String {
    // What is cut off anyway is not made visible first: texts may be long.
    let (head, longer) = match text.char_indices().nth(limit) {
        None => (text, false),
        Some((at, _)) => (&text[..at], true),
    };
    let text = shown(head);
    match text.char_indices().nth(limit) {
        None if !longer => text.into_owned(),
        None => format!("{text}…"),
        Some((at, _)) => format!("{}…", &text[..at]),
    }
}

/// A name, cut.
pub fn name(text: &str) -> String {
    cut(text, NAME)
}

/// A sentence, cut.
pub fn text(text: &str) -> String {
    cut(text, TEXT)
}

/// A name, cut into pieces after which a line may end.
pub fn pieces(text: &str) -> Vec<String> {
    const MOST: usize = 16;
    let name = name(text);
    let mut all: Vec<String> = name.split_inclusive(['.', '_']).map(str::to_owned).collect();
    if all.len() > MOST {
        let rest = all.split_off(MOST - 1).concat();
        all.push(rest);
    }
    all
}

/// A sentence that stands by itself, cut.
pub fn sentence(text: &str) -> String {
    super::words::capital(&self::text(text))
}

/// The first items of a list, and how many are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounded<T> {
    /// What is shown.
    pub items: Vec<T>,
    /// How many are not.
    pub more: usize,
}

impl<T> Bounded<T> {
    /// The first `limit` of `items`, each made by `make`.
    pub fn of<S>(items: &[S], limit: usize, make: impl FnMut(&S) -> T) -> Self {
        Self { items: items.iter().take(limit).map(make).collect(), more: items.len().saturating_sub(limit) }
    }
}

/// Bytes that may still be written, for lists whose items differ in length.
#[derive(Debug)]
pub struct Budget(usize);

impl Budget {
    /// A budget of so many bytes of HTML.
    pub const fn new(bytes: usize) -> Self {
        Self(bytes)
    }

    /// Whether `texts` and `markup` bytes around them still fit; then they are taken.
    pub fn take(&mut self, markup: usize, texts: &[&str]) -> bool {
        // `&#60;`: escaped, one byte becomes five at most.
        let of = |t: &&str| -> usize {
            t.bytes().map(|b| if matches!(b, b'<' | b'>' | b'&' | b'"' | b'\'') { 5 } else { 1 }).sum()
        };
        let cost = markup + texts.iter().map(of).sum::<usize>();
        let left = self.0.checked_sub(cost);
        self.0 = left.unwrap_or(0);
        left.is_some()
    }

    /// The first of `all` that fit, each made by `make`, with `markup` bytes around
    /// its texts.
    pub fn fill<'s, S, T>(
        &mut self,
        all: &'s [S],
        markup: usize,
        make: impl Fn(&'s S) -> T,
        texts: impl Fn(&T) -> Vec<&str>,
    ) -> Bounded<T> {
        let items: Vec<T> = all.iter().map(make).take_while(|t| self.take(markup, &texts(t))).collect();
        Bounded { more: all.len() - items.len(), items }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüx", 3), "äöü…");
        assert_eq!(cut("\u{202e}", 4), "\\u{2…", "what is shown counts");
    }

    #[test]
    fn names_may_break_after_dots_and_underscores() {
        assert_eq!(pieces("public.order_items"), ["public.", "order_", "items"]);
        let many = "a.".repeat(100);
        assert_eq!((pieces(&many).len(), pieces(&many).concat()), (16, many));
        assert!(pieces("").is_empty());
    }

    #[test]
    fn lists_are_counted() {
        let all = [1, 2, 3];
        assert_eq!(Bounded::of(&all, 2, |n| n * 2), Bounded { items: vec![2, 4], more: 1 });
        assert_eq!(Bounded::of(&all, 3, |n| *n).more, 0);
    }

    #[test]
    fn a_budget_counts_what_escaping_adds_and_stays_spent() {
        let mut b = Budget::new(30);
        assert!(b.take(10, &["ab", "<"]));
        assert!(!b.take(10, &["<<"]), "13 are left, 20 are wanted");
        assert!(!b.take(1, &[]), "a later, shorter item does not slip in");
        let filled = Budget::new(30).fill(&["ab", "cd", "ef"], 10, |t| (*t).to_owned(), |t| vec![t]);
        assert_eq!(filled, Bounded { items: vec!["ab".to_owned(), "cd".into()], more: 1 });
    }
}
