//! Keys against the real ssh-keygen and age.

mod age_tools;
mod ssh_keygen;
