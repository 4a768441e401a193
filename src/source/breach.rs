//! Why a connection to a server was ended by us.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::ConnParams;
use crate::error::{Code, Error, Stage};

/// Why a connection was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Breach {
    /// Nothing came of an answer for this long.
    Silent(Duration),
    /// A message announced this many bytes.
    Long(u64),
    /// Parameters, notices or notifications without end.
    Chatter,
    /// Rows without end.
    Rows,
}

impl Breach {
    pub(super) fn error(self) -> Error {
        let (code, what) = match self {
            Self::Silent(limit) => {
                let text = format!("the server has not answered for {} s", limit.as_secs());
                return Error::new(Code::Deadline, Stage::Source, text).hint(
                    "Look for a lock or a stalled disk on the server; raise source.*.idle_timeout if this is normal.",
                );
            }
            Self::Long(bytes) => (Code::Limit, format!("the server sends a message of {bytes} bytes")),
            Self::Chatter => (Code::Limit, "the server sends parameters and notices without end".to_owned()),
            Self::Rows => (Code::Limit, "the server sends rows without end".to_owned()),
        };
        Error::new(code, Stage::Source, what)
            .hint("No PostgreSQL server does that: check host and port, and what answers there.")
    }
}

/// What all sessions of one connection's parameters must keep to, and the first breach.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    pub(super) patience: Option<Duration>,
    breach: Arc<Mutex<Option<Breach>>>,
}

impl Rules {
    /// With a limit for silence; breaches are noted apart from those of other rules.
    pub(super) fn patient(limit: Duration) -> Self {
        Self { patience: Some(limit), breach: Arc::default() }
    }

    /// Another limit, the same notes.
    pub(super) fn more_patient(&self, limit: Duration) -> Self {
        Self { patience: self.patience.map(|p| p.max(limit)), breach: Arc::clone(&self.breach) }
    }

    pub(super) fn note(&self, breach: Breach) {
        self.breach.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(breach);
    }

    /// The breach, once.
    pub(super) fn take(&self) -> Option<Breach> {
        self.breach.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl ConnParams {
    /// The same; a session ends when an answer does not come, or does not go on, for this long.
    #[must_use]
    pub fn patient(&self, limit: Duration) -> Self {
        self.with_rules(Rules::patient(limit))
    }

    /// The same, for statements that may take longer than others.
    #[must_use]
    pub(super) fn more_patient(&self, limit: Duration) -> Self {
        self.with_rules(self.rules.more_patient(limit))
    }

    fn with_rules(&self, rules: Rules) -> Self {
        let mut new = self.clone();
        new.rules = rules;
        new
    }

    /// An error with the reason why a session ended, where that was our doing.
    pub fn explained(&self, e: Error) -> Error {
        if e.code() != Code::SourceUnreachable {
            return e;
        }
        self.rules.take().map_or(e, |breach| breach.error().on(self.to_string()))
    }
}
