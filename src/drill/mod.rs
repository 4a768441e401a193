//! The drill: restore a backup into a sealed scratch instance, prove the
//! sealing, check what came back, report, and leave nothing behind.
//!
//! ```text
//! verify ─► isolation ─► restore ─► sealed start ─► probes ─► checks ─► probes again ─► teardown ─► judge
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
//! | `objectives` | recovery time and age against what the operator wants |
//! | [`record`] | what a run collects, and the report made of it |

pub mod logical;
mod objectives;
pub mod physical;
pub mod record;
pub mod run;

pub use run::{Done, Job};
