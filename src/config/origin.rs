//! Where a value came from, and errors that say so.

use std::fmt;
use std::path::PathBuf;

use crate::error::{Code, Error, Stage};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A flag, as spelled.
    Flag(&'static str),
    /// An environment variable.
    Variable(String),
    /// A line of the file.
    File {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    /// Nobody set it.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => f.write_str(flag),
            Self::Variable(name) => f.write_str(name),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// One explained value: key, value as shown, origin.
pub type Explained = (String, String, Origin);

/// An error at a place.
pub fn refused(origin: &Origin, message: impl Into<String>) -> Error {
    let e = Error::new(Code::Usage, Stage::Config, message);
    if *origin == Origin::Default { e } else { e.on(origin.to_string()) }
}

/// The candidate that `word` was probably meant to be.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = 1 + word.chars().count() / 4;
    candidates
        .map(|c| (strsim::osa_distance(word, c), c))
        .filter(|(d, _)| *d <= allowed)
        .min_by_key(|(d, _)| *d)
        .map(|(_, c)| c)
}
