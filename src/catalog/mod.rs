//! Finding backups: the verified chain of a source, what a name means, and when
//! each backup was last proven.
//!
//! | file | holds |
//! |---|---|
//! | [`load`] | chain from the store: fetched, signatures checked, judged |
//! | [`witness`] | what this host saw before |
//! | [`clock`] | what time it is, by more than one clock |
//! | [`reported`] | what signed reports saw |
//! | [`select`] | `shop@latest`, a prefix, a day |
//! | [`proof`] | drill reports in the store |
//! | [`orphans`] | manifests in a store without `repo.json` |

pub mod clock;
pub mod load;
pub mod orphans;
pub mod proof;
pub mod reported;
pub mod select;
pub mod witness;

pub use clock::Clock;
pub use load::{Catalog, Entry, Reading};
pub use proof::Proof;
pub use select::Selector;
