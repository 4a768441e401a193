//! How much of a database's names a report tells.

use serde::{Deserialize, Serialize};

/// Which names of the database a report holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Redaction {
    /// Names as they are.
    #[default]
    None,
    /// A pseudonym in place of each name of a database, schema, table, role or
    /// other object; the same for the same name wherever it stands.
    Names,
    /// Nothing that depends on names: ids, outcomes, numbers and times only.
    Details,
}

impl Redaction {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::None, Self::Names, Self::Details];

    /// The word used in the configuration and in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Names => "names",
            Self::Details => "details",
        }
    }
}

impl std::str::FromStr for Redaction {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|r| r.name() == s);
        found.ok_or_else(|| format!("{:?} is not one of none, names, details", super::shown(s)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_the_json_form() {
        for level in Redaction::ALL {
            assert_eq!(level.name().parse::<Redaction>(), Ok(level));
            assert_eq!(serde_json::to_value(level).unwrap(), level.name());
        }
        assert!("all".parse::<Redaction>().unwrap_err().contains("details"));
    }
}
