//! The signed chain of manifests. `FORMAT.md` beside this file is normative.
//!
//! Bytes are verified as they were stored, then those bytes are parsed: no
//! canonical form, no re-encoding. The order of a reader is therefore fixed:
//! size limit → signature → [`parse`] → [`chain`].
//!
//! | file | holds |
//! |---|---|
//! | [`model`] | the document |
//! | [`parse`] | bounds and rules that a document must meet |
//! | [`memory`] | what of a backup is held in memory, and how much that may be |
//! | [`strict`] | no key twice, and how many values |
//! | [`parts`] | part receipts, inside the manifest or beside it |
//! | [`chain`] | what a sequence of manifests must meet |
//! | [`clock`] | the same of their times |
//! | [`problem`] | what can be wrong with it |
//! | [`repo`] | `repo.json` |
//! | [`pin`] | which repository this host saw at which URL |

pub mod chain;
pub mod clock;
pub mod memory;
pub mod model;
pub mod parse;
pub mod parts;
pub mod pin;
pub mod problem;
pub mod repo;
pub mod strict;

pub use chain::Link;
pub use model::Manifest;
pub use pin::Pins;
pub use problem::{Fault, Problem};
pub use repo::Repo;

#[doc = include_str!("FORMAT.md")]
pub mod format {}
