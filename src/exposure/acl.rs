//! Privileges of an object, as the server stores them (`aclitem[]`).
//!
//! Read as text, `grantee=letters/grantor`: names instead of numbers, which is
//! what [`super::Powers`] knows roles by. Thousands of tables share a few lists,
//! so each is read once and then shared.

use std::collections::HashMap;
use std::sync::Arc;

use super::Blind;

/// A set of privileges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Privileges(u16);

/// Letters of `aclitem` with their names, in the order of the bits (PostgreSQL
/// manual, "Privileges").
const LETTERS: [(char, &str); 15] = [
    ('r', "SELECT"),
    ('a', "INSERT"),
    ('w', "UPDATE"),
    ('d', "DELETE"),
    ('D', "TRUNCATE"),
    ('x', "REFERENCES"),
    ('t', "TRIGGER"),
    ('X', "EXECUTE"),
    ('U', "USAGE"),
    ('C', "CREATE"),
    ('c', "CONNECT"),
    ('T', "TEMPORARY"),
    ('m', "MAINTAIN"),
    ('s', "SET"),
    ('A', "ALTER SYSTEM"),
];

#[allow(missing_docs)]
impl Privileges {
    pub const NONE: Self = Self(0);
    pub const SELECT: Self = Self(1);
    pub const INSERT: Self = Self(1 << 1);
    pub const UPDATE: Self = Self(1 << 2);
    pub const DELETE: Self = Self(1 << 3);
    pub const TRUNCATE: Self = Self(1 << 4);
    pub const REFERENCES: Self = Self(1 << 5);
    pub const TRIGGER: Self = Self(1 << 6);
    pub const EXECUTE: Self = Self(1 << 7);
    pub const USAGE: Self = Self(1 << 8);
    pub const CREATE: Self = Self(1 << 9);
    pub const CONNECT: Self = Self(1 << 10);
    pub const TEMPORARY: Self = Self(1 << 11);
    pub const MAINTAIN: Self = Self(1 << 12);
    /// What changes rows.
    pub const WRITE: Self = Self::INSERT.and(Self::UPDATE).and(Self::DELETE).and(Self::TRUNCATE);

    /// These and those.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those of these that are in `other`, too.
    #[must_use]
    pub const fn within(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// These but for `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of `other` are in it.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` is in it.
    pub const fn has_any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl std::fmt::Display for Privileges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut first = true;
        for (bit, (_, name)) in LETTERS.iter().enumerate() {
            if self.0 & (1 << bit) != 0 {
                f.write_str(if std::mem::take(&mut first) { "" } else { ", " })?;
                f.write_str(name)?;
            }
        }
        Ok(())
    }
}

/// What one role was granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The role; `PUBLIC` where absent.
    pub grantee: Option<String>,
    /// What it may.
    pub privileges: Privileges,
    /// What it may pass on.
    pub grantable: Privileges,
}

/// All that was granted on an object, its owner's included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Acl {
    /// One for each grantee and grantor.
    pub items: Vec<Item>,
}

impl Acl {
    /// What everybody may.
    pub fn public(&self) -> Privileges {
        self.of(None)
    }

    /// What was granted to `grantee` itself.
    pub fn of(&self, grantee: Option<&str>) -> Privileges {
        let its = self.items.iter().filter(|i| i.grantee.as_deref() == grantee);
        its.fold(Privileges::NONE, |sum, i| sum.and(i.privileges))
    }

    /// Roles that were granted any of `wanted`; `None` is `PUBLIC`.
    pub fn grantees(&self, wanted: Privileges) -> impl Iterator<Item = Option<&str>> {
        self.items.iter().filter(move |i| i.privileges.has_any(wanted)).map(|i| i.grantee.as_deref())
    }

    fn parse(texts: &[String]) -> Option<Self> {
        texts.iter().map(|t| item(t)).collect::<Option<Vec<_>>>().map(|items| Self { items })
    }
}

/// `"na""me"=r*w/owner`; the name is in quotes unless it is a plain word.
fn item(text: &str) -> Option<Item> {
    let (name, rest) = if let Some(quoted) = text.strip_prefix('"') {
        let mut name = String::new();
        let mut chars = quoted.char_indices().peekable();
        loop {
            match chars.next()? {
                (_, '"') if chars.next_if(|c| c.1 == '"').is_some() => name.push('"'),
                (at, '"') => break (name, &quoted[at + 1..]),
                (_, c) => name.push(c),
            }
        }
    } else {
        let at = text.find('=')?;
        (text[..at].to_owned(), &text[at..])
    };
    let letters = rest.strip_prefix('=')?;
    let letters = &letters[..letters.find('/')?];
    let mut item =
        Item { grantee: (!name.is_empty()).then_some(name), privileges: Privileges::NONE, grantable: Privileges::NONE };
    let mut last = Privileges::NONE;
    for c in letters.chars() {
        if c == '*' {
            item.grantable = item.grantable.and(last);
        } else {
            last = Privileges(1 << LETTERS.iter().position(|l| l.0 == c)?);
            item.privileges = item.privileges.and(last);
        }
    }
    Some(item)
}

/// Reads lists, each of them once.
#[derive(Debug, Default)]
pub struct Acls {
    seen: HashMap<Vec<String>, Arc<Acl>>,
}

impl Acls {
    /// The list that `acl::text[]` gave.
    ///
    /// # Errors
    /// [`Blind::Denied`] where it holds a privilege that this program does not
    /// know: what it allows cannot be told then.
    pub fn read(&mut self, texts: Vec<String>) -> Result<Arc<Acl>, Blind> {
        if let Some(acl) = self.seen.get(&texts) {
            return Ok(acl.clone());
        }
        let unknown = || Blind::Denied("a list of privileges holds one that is not known to this version".into());
        let acl = Arc::new(Acl::parse(&texts).ok_or_else(unknown)?);
        self.seen.insert(texts, acl.clone());
        Ok(acl)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_whole_and_options_belong_to_the_letter_before() {
        let acl = Acl::parse(&["=r/postgres".into(), "\"a=r/\"\"b\"=r*wD/postgres".into(), "app=/x".into()]).unwrap();
        assert_eq!(acl.public(), Privileges::SELECT);
        let hostile = &acl.items[1];
        assert_eq!(hostile.grantee.as_deref(), Some("a=r/\"b"));
        assert_eq!(hostile.privileges.to_string(), "SELECT, UPDATE, TRUNCATE");
        assert_eq!(hostile.grantable, Privileges::SELECT);
        assert!(acl.of(Some("app")).is_empty());
    }

    #[test]
    fn what_is_not_known_is_no_empty_list() {
        let mut acls = Acls::default();
        for bad in ["app=rZ/x", "app", "\"app=r/x", "app=r"] {
            assert!(matches!(acls.read(vec![bad.into()]), Err(Blind::Denied(_))), "{bad}");
        }
        let (one, two) = (acls.read(vec!["a=r/b".into()]).unwrap(), acls.read(vec!["a=r/b".into()]).unwrap());
        assert!(Arc::ptr_eq(&one, &two));
    }
}
