//! What a column holds, decided over a sample of its values: one value that
//! happens to pass a checksum says nothing, sixty in a hundred do.

use std::collections::BTreeMap;
use std::fmt;

use super::class::{Class, Sort};
use super::sample;
use super::secret::{Kind, Weight};
use super::value::{self, Hint};
use super::words;

/// Fewest values of a sort, and their least part of all, that make a column one of that sort.
const HITS: u32 = 20;
const RATIO: f64 = 0.6;
/// Fewest texts in which a sort stands for a column to contain it.
const CONTAINS: u32 = 5;
/// How much of one value is looked at, bytes.
const LONGEST: usize = 16 * 1024;

/// A column that is looked at. Of its values only counts are kept.
#[derive(Clone, Default)]
pub struct Column {
    name: String,
    hint: Hint,
    values: u32,
    whole: BTreeMap<Sort, u32>,
    within: BTreeMap<Sort, u32>,
    kinds: BTreeMap<Kind, u32>,
    examples: u32,
    hashed: u32,
}

impl fmt::Debug for Column {
    /// Without the name: the name of an element of a document is data, too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Column({} values, {:?})", self.values, self.verdicts())
    }
}

/// In which way a column holds a sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// Most of its values are of the sort.
    Mostly,
    /// Some of its values are, or have one in them.
    Contains,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// The sort of values.
    pub sort: Sort,
    /// In which way.
    pub holds: Holds,
    /// Values in which it was seen.
    pub hits: u32,
}

impl Column {
    /// One of which no value was looked at yet.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), hint: words::hint_of(name), ..Self::default() }
    }

    /// Looks at one value.
    pub fn add(&mut self, text: &str) {
        let text = text[..text.floor_char_boundary(LONGEST)].trim();
        if text.is_empty() {
            return;
        }
        self.values += 1;
        self.hashed += u32::from(is_digest(text) || sample::is_masked(text) || text.len() < 3);
        let mut whole = |sort| *self.whole.entry(sort).or_default() += 1;
        match value::sort_of(text, self.hint) {
            Some((_, true)) => self.examples += 1,
            Some((sort, false)) => whole(sort),
            None => {
                for sort in value::sorts_in(text) {
                    *self.within.entry(sort).or_default() += 1;
                }
                self.credentials(text);
            }
        }
    }

    /// Counts the credentials in one value, each sort once.
    fn credentials(&mut self, text: &str) {
        let found = super::secrets(text);
        for (sort, is_hash) in [(Sort::Secret, false), (Sort::Hash, true)] {
            let mut of = found.iter().filter(|s| s.kind.is_verifier() == is_hash && s.weight != Weight::Example);
            // In data only a shape counts: rows are full of words like "token".
            if let Some(first) = of.find(|s| !s.kind.is_by_name()) {
                *self.kinds.entry(first.kind).or_default() += 1;
                let all = first.is_all_of(text);
                *if all { &mut self.whole } else { &mut self.within }.entry(sort).or_default() += 1;
            }
        }
        self.examples += u32::from(!found.is_empty() && found.iter().all(super::Secret::is_example));
    }

    /// Values that were looked at; empty ones are not counted.
    pub fn values(&self) -> u32 {
        self.values
    }

    /// Values that are samples of documentation.
    pub fn examples(&self) -> u32 {
        self.examples
    }

    /// Kinds of credentials that were seen, and how often.
    pub fn kinds(&self) -> impl Iterator<Item = (Kind, u32)> {
        self.kinds.iter().map(|(k, n)| (*k, *n))
    }

    /// What the values say.
    pub fn verdicts(&self) -> Vec<Verdict> {
        Sort::ALL.into_iter().filter_map(|sort| self.verdict(sort)).collect()
    }

    fn verdict(&self, sort: Sort) -> Option<Verdict> {
        let whole = self.whole.get(&sort).copied().unwrap_or(0);
        let within = self.within.get(&sort).copied().unwrap_or(0);
        let hits = whole + within;
        let mostly = f64::from(whole) >= RATIO * f64::from(self.values) && whole > 0;
        // Of a shape that no other value has, one is enough to say that it is there.
        let least = match sort {
            Sort::Secret => 1,
            _ => CONTAINS,
        };
        let holds = if mostly && (whole >= HITS || (whole >= least && self.is_distinct(sort))) {
            Holds::Mostly
        } else if within >= least || (hits >= least && sort != Sort::Card && self.is_distinct(sort)) {
            Holds::Contains
        } else {
            return None;
        };
        Some(Verdict { sort, holds, hits })
    }

    /// Whether values of this sort are not mistaken for others: by their shape,
    /// or because the column's name says so, too.
    fn is_distinct(&self, sort: Sort) -> bool {
        matches!(sort, Sort::Secret | Sort::Hash | Sort::Email) || words::class_of(&self.name) == Some(sort.class())
    }

    /// The class that the values say; the gravest of several.
    pub fn class_by_values(&self) -> Option<Class> {
        self.verdicts().iter().map(|v| v.sort.class()).max()
    }

    /// The class that the name says.
    pub fn class_by_name(&self) -> Option<Class> {
        words::class_of(&self.name)
    }

    /// Whether the name speaks of what people type to log in.
    pub fn is_password(&self) -> bool {
        words::is_typed(&self.name)
    }

    /// Of how many values it can be said that a password is stored as its name
    /// says and not as a digest: absent where the name does not speak of a secret.
    pub fn in_the_clear(&self) -> Option<u32> {
        words::is_password(&self.name).then(|| self.values - self.hashed.min(self.values))
    }
}

/// Whether a value has the shape of a stored digest of a password: crypt(3) and its
/// kin, LDAP's schemes, PostgreSQL's verifiers, or so many bits in hexadecimal or
/// base64 digits.
fn is_digest(value: &str) -> bool {
    let hex = |v: &str| matches!(v.len(), 32 | 40 | 56 | 64 | 96 | 128) && v.bytes().all(|b| b.is_ascii_hexdigit());
    let base64 = |v: &str| {
        matches!(v.len(), 24 | 28 | 44 | 64 | 88)
            && v.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
            && v.bytes().any(|b| b.is_ascii_digit())
            && v.bytes().any(|b| b.is_ascii_uppercase())
            && v.bytes().any(|b| b.is_ascii_lowercase())
    };
    let crypt = value.starts_with('$') && value.bytes().filter(|b| *b == b'$').count() >= 3;
    let scheme =
        value.starts_with('{') && value.find('}').is_some_and(|n| (3..16).contains(&n) && value.len() > n + 16);
    let django = value.bytes().filter(|b| *b == b'$').count() >= 2 && value.len() > 40 && !value.contains(' ');
    crypt
        || scheme
        || django
        || hex(value)
        || base64(value)
        || value.strip_prefix("md5").is_some_and(hex)
        || value.strip_prefix("\\x").is_some_and(|v| v.len() >= 32 && v.bytes().all(|b| b.is_ascii_hexdigit()))
}
