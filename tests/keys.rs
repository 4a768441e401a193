//! Keys against the real ssh-keygen and age.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "keys/age_tools.rs"]
mod age_tools;
#[path = "keys/ssh_keygen.rs"]
mod ssh_keygen;
