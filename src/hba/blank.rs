//! Takes the passwords out of a text that is kept.

use super::lines::logical;
use super::options::SECRETS;
use super::rule::SECRET;

/// The text with [`SECRET`] in place of each password, in comments too, and
/// where they were: line and option. Numbers of lines stay as they are.
pub fn blank(text: &str, major: u32) -> (String, Vec<(u32, String)>) {
    if !SECRETS.iter().any(|o| find(text, o).is_some()) {
        return (text.to_owned(), Vec::new());
    }
    let lines = logical(text, major);
    let count = u32::try_from(text.split('\n').count()).unwrap_or(u32::MAX);
    let ends = lines.iter().skip(1).map(|l| l.number).chain([count.saturating_add(1)]);
    let mut physical = text.split('\n');
    let mut out: Vec<String> = Vec::new();
    let mut found = Vec::new();
    for (line, end) in lines.iter().zip(ends) {
        let height = end.saturating_sub(line.number) as usize;
        let as_it_was: Vec<&str> = physical.by_ref().take(height).collect();
        let (blanked, options) = blank_line(&line.text);
        if options.is_empty() {
            out.extend(as_it_was.into_iter().map(str::to_owned));
            continue;
        }
        found.extend(options.into_iter().map(|o| (line.number, o.to_owned())));
        // In one line what went on over several, and empty ones for the rest.
        let end = if blanked.ends_with('\\') { " " } else { "" };
        out.push(format!("{blanked}{end}"));
        out.extend(std::iter::repeat_n(String::new(), height.saturating_sub(1)));
    }
    (out.join("\n"), found)
}

fn blank_line(line: &str) -> (String, Vec<&'static str>) {
    let mut out = String::with_capacity(line.len());
    let mut found = Vec::new();
    let mut rest = line;
    // Both hold at the start of `rest`.
    let (mut quoted, mut comment) = (false, false);
    while let Some((at, option)) = SECRETS.iter().filter_map(|o| Some((find(rest, o)?, *o))).min() {
        let (before, after) = rest.split_at(at + option.len());
        for c in before.chars() {
            match c {
                '"' => quoted = !quoted,
                '#' if !quoted => comment = true,
                _ => {}
            }
        }
        out.push_str(before);
        rest = after;
        let Some(value) = after.strip_prefix('=').filter(|_| !comment) else {
            // No option as the server reads them: whatever follows may be the password.
            if !after.trim().is_empty() {
                out.push_str(&format!("={SECRET}"));
                found.push(option);
                rest = "";
            }
            continue;
        };
        let (length, still_quoted) = value_end(value, quoted);
        let bare = value[..length].trim_matches('"');
        out.push('=');
        if bare.is_empty() {
            out.push_str(&value[..length]);
        } else {
            out.push_str(SECRET);
            if quoted && !still_quoted {
                out.push('"');
            }
            found.push(option);
        }
        quoted = still_quoted;
        rest = &value[length..];
    }
    out.push_str(rest);
    (out, found)
}

/// Where a value ends: at a space or comment that no quote holds, unless a comma says
/// that the list goes on.
fn value_end(value: &str, mut quoted: bool) -> (usize, bool) {
    let mut comma = false;
    for (at, c) in value.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '#' if !quoted => return (at, quoted),
            c if c.is_whitespace() && !quoted && !comma => return (at, quoted),
            _ => {}
        }
        if !c.is_whitespace() {
            comma = c == ',' && !quoted;
        }
    }
    (value.len(), quoted)
}

/// Where an option's name stands, in letters of any case.
fn find(text: &str, option: &str) -> Option<usize> {
    text.as_bytes().windows(option.len()).position(|w| w.eq_ignore_ascii_case(option.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_gone_and_all_else_stays() {
        let text = "# radius was: radiussecrets=old1 here\n\
                    host all all 10.0.0.0/8 ldap ldapserver=x ldapbindpasswd=hidden1 ldapport=1 # hidden by\n\
                    host all all all radius radiusservers=\"a,b\" radiussecrets=\"hidden2, hidden3\" x=1\n\
                    host all all all radius radiussecrets=hidden4, hidden5 x=2\n\
                    host all all all ldap \"ldapbindpasswd=hidden 6\" y=3\n\
                    host all all all ldap \\\n  LDAPBINDPASSWD=hidden7\\\nhidden8 z=4\n\
                    host all all all ldap ldapbindpasswd = hidden9 x\n\
                    host all all all ldap ldapbindpasswd=\"\" q=5\n\
                    host all all 10.0.0.1/32 scram-sha-256";
        let (kept, found) = blank(text, 15);
        assert!(!kept.contains("hidden1") && !kept.contains("old1"), "{kept}");
        for n in 2..=9 {
            assert!(!kept.contains(&format!("hidden{n}")) && !kept.contains(&format!("hidden {n}")), "{n}: {kept}");
        }
        for stays in ["ldapport=1 # hidden by", "\"a,b\"", "x=1", "x=2", "y=3", "z=4", "ldapbindpasswd=\"\" q=5"] {
            assert!(kept.contains(stays), "{stays}: {kept}");
        }
        let (old, new): (Vec<&str>, Vec<&str>) = (text.split('\n').collect(), kept.split('\n').collect());
        assert_eq!((old.len(), old.last()), (new.len(), new.last()));
        let lines: Vec<u32> = found.iter().map(|f| f.0).collect();
        assert_eq!(lines, [1, 2, 3, 4, 5, 6, 9]);
        assert_eq!(found[1].1, "ldapbindpasswd");
    }

    #[test]
    fn a_text_without_them_is_the_same() {
        let text = "local all all peer\r\nhost all all 127.0.0.1/32 \\\n  scram-sha-256\n";
        assert_eq!(blank(text, 16), (text.to_owned(), Vec::new()));
    }
}
