//! What was seen in a text, without the text.

use std::collections::BTreeMap;

use crate::detect::{self, Kind, Secret, Weight};
use crate::exposure::{Collector, Severity};

/// Kinds of credentials with their number, and their tags where somebody wants them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spotted {
    kinds: BTreeMap<Kind, u64>,
    weight: Option<Weight>,
    tags: Vec<(Kind, String)>,
}

impl Spotted {
    /// What a text holds. With `key`, tags are made.
    pub fn in_text(text: &str, key: Option<&[u8; 32]>) -> Self {
        Self::of(&detect::secrets(text), text, key)
    }

    /// What the value of something named holds.
    pub fn in_value(name: &str, value: &str, key: Option<&[u8; 32]>) -> Self {
        Self::of(&detect::secrets_of(name, value), value, key)
    }

    /// A value that its place makes a secret.
    pub fn value(value: &str, key: Option<&[u8; 32]>) -> Self {
        Self::of(&detect::secret_value(value).into_iter().collect::<Vec<_>>(), value, key)
    }

    /// What a connection string holds: libpq takes any text for a password, so the
    /// string is read as libpq reads it, and by the detectors where that fails.
    pub fn in_connection(text: &str, key: Option<&[u8; 32]>) -> Self {
        let Ok(options) = crate::source::conninfo::parse(text) else { return Self::in_text(text, key) };
        let mut spotted = Self::default();
        for (_, value) in options.iter().filter(|(name, _)| crate::detect::is_secret_name(name)) {
            let mut one = Self::value(value, key);
            // The kind is known better than from the value alone.
            if one.kinds.remove(&Kind::Named).is_some() {
                one.kinds.insert(Kind::ConnectionPassword, 1);
                one.weight = Some(Weight::Sure);
                one.tags.iter_mut().for_each(|t| t.0 = Kind::ConnectionPassword);
            }
            spotted.merge(one);
        }
        spotted
    }

    fn of(found: &[Secret], text: &str, key: Option<&[u8; 32]>) -> Self {
        let mut spotted = Self::default();
        for secret in found {
            *spotted.kinds.entry(secret.kind).or_default() += 1;
            spotted.weight = spotted.weight.max(Some(secret.weight));
            if let Some(key) = key.filter(|_| !secret.is_example()) {
                spotted.tags.push((secret.kind, secret.tag(text, key)));
            }
        }
        spotted
    }

    /// Whether nothing was seen.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// Adds what another text holds.
    pub fn merge(&mut self, other: Self) {
        for (kind, count) in other.kinds {
            *self.kinds.entry(kind).or_default() += count;
        }
        self.weight = self.weight.max(other.weight);
        self.tags.extend(other.tags);
        self.tags.sort();
        self.tags.dedup();
    }

    /// `aws access key id, password in a url (2)`.
    pub fn words(&self) -> String {
        let word = |(kind, count): (&Kind, &u64)| match count {
            1 => kind.name().to_owned(),
            n => format!("{} ({n})", kind.name()),
        };
        let all: Vec<String> = self.kinds.iter().map(word).collect();
        match self.weight {
            Some(Weight::Example) => format!("{}; it looks like a sample of documentation", all.join(", ")),
            _ => all.join(", "),
        }
    }

    /// How sure it is that somebody has to act.
    pub fn weight(&self) -> Option<Weight> {
        self.weight
    }

    /// How bad that is where a leaked secret is `worst`.
    pub fn severity(&self, worst: Severity) -> Severity {
        match self.weight {
            Some(Weight::Sure) => worst,
            Some(Weight::Likely) => worst.min(Severity::Medium),
            Some(Weight::Guarded) => worst.min(Severity::Low),
            Some(Weight::Example) | None => Severity::Info,
        }
    }

    /// Whether this kind is among them.
    pub fn has(&self, kind: Kind) -> bool {
        self.kinds.contains_key(&kind)
    }

    /// Hands the credentials over to the inventory.
    pub fn collect(&self, object: &str, collector: Option<&Collector>) {
        for (kind, tag) in &self.tags {
            if let Some(collector) = collector {
                collector.credential(object, kind.name(), tag);
            }
        }
    }
}
