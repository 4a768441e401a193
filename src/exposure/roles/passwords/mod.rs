//! How passwords are stored, and how bad ones are kept out.
//!
//! | file | holds |
//! |---|---|
//! | [`verifier`] | what is known of the stored passwords of a copy |
//! | [`md5`] | AUTH-001: none is stored as md5 |
//! | [`obvious`] | AUTH-002: none is obvious |
//! | [`encryption`] | AUTH-003: none will be stored as md5 |
//! | [`rules`] | AUTH-005: bad ones are refused, and trying is slow |
//! | [`scram`] | AUTH-006: SCRAM verifiers are strong, and of one role only |

use crate::exposure::server::{Server, Verifier};

pub mod encryption;
pub mod md5;
pub mod obvious;
pub mod rules;
pub mod scram;
pub mod verifier;

/// Whether the verifier's role may log in; as if it could where it is not known.
fn may_log_in(server: &Server, verifier: &Verifier) -> bool {
    server.role(&verifier.role).is_none_or(|r| r.login)
}
