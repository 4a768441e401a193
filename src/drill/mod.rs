//! The drill: restore a backup into a sealed scratch instance, prove the
//! sealing, check what came back, report, and leave nothing behind.
//!
//! ```text
//! verify ─► isolation ─► restore ─► sealed start ─► probes ─► checks ─► exposure ─► probes again ─► teardown ─► judge
//! ```
//!
//! Whatever happens on the way, the teardown is done and looked at, and there is
//! a report: "could not run" is a result, and never "passed". The newest backup
//! is drilled or the drill fails; it never picks an older one.
//!
//! | file | holds |
//! |---|---|
//! | [`run`] | the way above |
//! | [`logical`] / [`physical`] | what differs by kind |
//! | [`standing`] | the backup within its history |
//! | [`self_test`] | attacks on copies, which must be noticed |
//! | [`host`] | whether the database runs on this host |
//! | [`recipients`] | who can open it, tried |
//! | [`required`] | how much isolation is needed, and whether it was had |
//! | [`room`] | space on disk, before and while it runs |
//! | [`deadline`] | how long it may take, and what it was at then |
//! | `dumped` | a dump of the copy beside the backup's |
//! | `expose` | what the copy and its source's posture expose |
//! | `objectives` | recovery time and age against what the operator wants |
//! | [`record`] | what a run collects, and the report made of it |

pub mod deadline;
mod dumped;
mod expose;
pub mod host;
pub mod logical;
mod objectives;
pub mod physical;
pub mod recipients;
pub mod record;
pub mod required;
pub mod room;
pub mod run;
pub mod self_test;
pub mod standing;

pub use run::{Done, Job};
pub use standing::Standing;
