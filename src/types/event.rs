//! Progress, as it leaves the core. The command line turns it into bars,
//! lines or JSON; nothing below `cli` prints.

use std::sync::Arc;

/// Something that a person watching would like to know.
#[derive(Debug, Clone)]
pub enum Event {
    /// A stage of the work starts. `total` is in bytes where it is known (an
    /// estimate for backups, exact for restores).
    Started {
        /// What is being done, for people: "backup shop", "fetch", "checks".
        title: String,
        /// Expected bytes.
        total: Option<u64>,
    },
    /// `bytes` more have passed in the current stage.
    Advanced {
        /// Bytes since the last event.
        bytes: u64,
    },
    /// The current stage is over.
    Finished,
    /// Something worth a line.
    Note(String),
    /// Something that must not be overlooked, but that did not stop the work.
    Warning {
        /// What is the matter.
        text: String,
        /// The next step.
        hint: Option<String>,
    },
    /// A call to the store is repeated after a fault.
    Retry {
        /// Which operation.
        operation: &'static str,
        /// Which try comes now, from 2.
        attempt: u32,
        /// Why.
        reason: String,
    },
}

/// Receives events; called from many threads, must not block for long.
pub trait Observer: Send + Sync + std::fmt::Debug {
    /// Takes one event.
    fn event(&self, event: Event);
}

/// Shared observer.
pub type Progress = Arc<dyn Observer>;

/// Throws everything away.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _event: Event) {}
}
