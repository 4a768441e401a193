//! Keys: who may read a backup, who made it, and whom we believe.
//!
//! Two pairs of keys, never mixed:
//!
//! * **Sealing** is age with X25519. The database host holds [`Recipients`]
//!   only; [`Identities`] exist on restore and drill hosts.
//! * **Signing** is OpenSSH's SSHSIG with Ed25519, so that stock `ssh-keygen
//!   -Y verify` can check everything. [`Signer`] signs in one [`Namespace`] per
//!   kind of document; [`Trust`] holds what the operator pinned and never
//!   learns a key from a signature or from the store.
//!
//! Nothing here implements cryptography, and no secret shows itself in
//! `Debug`, in an error or in a log.
//!
//! | file | holds |
//! |---|---|
//! | [`files`] | reading and writing key files, with their permissions |
//! | [`recipients`] | whom a backup is sealed for |
//! | [`identities`] | who can open it |
//! | [`signing`] | making signatures |
//! | [`allowed`] | the grammar of an allowed signers file |
//! | `armor` | the text around a signature |
//! | [`trust`] | judging signatures |

pub mod allowed;
mod armor;
pub mod files;
pub mod identities;
pub mod recipients;
pub mod signing;
pub mod trust;

pub use files::{read_public, read_secret, read_tls_key, write_new};
pub use identities::Identities;
pub use recipients::Recipients;
pub use signing::{Namespace, Signer};
pub use trust::{Signature, Trust};
