//! A value, or why it is not known. "Could not look" is never an empty list.

use serde::{Deserialize, Serialize};

/// What was asked for, or the reason why it could not be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Known<T> {
    /// It was looked at.
    Yes(T),
    /// It was not, and why.
    No(String),
}

impl<T> Known<T> {
    /// Not known, because of `reason`.
    pub fn no(reason: impl Into<String>) -> Self {
        Self::No(reason.into())
    }

    /// The value, or the reason.
    pub fn get(&self) -> Result<&T, &str> {
        match self {
            Self::Yes(value) => Ok(value),
            Self::No(reason) => Err(reason),
        }
    }

    /// The same of what `f` makes of the value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Known<U> {
        match self {
            Self::Yes(value) => Known::Yes(f(value)),
            Self::No(reason) => Known::No(reason),
        }
    }

    /// The value, where it is known.
    pub fn ok(&self) -> Option<&T> {
        self.get().ok()
    }
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self::no("it was not asked for")
    }
}
