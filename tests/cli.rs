//! The program as its users meet it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "cli/config.rs"]
mod config;
#[path = "cli/help.rs"]
mod help;
#[path = "cli/init.rs"]
mod init;
#[path = "cli/keygen.rs"]
mod keygen;
#[path = "cli/process.rs"]
mod process;
#[path = "cli/sealed.rs"]
mod sealed;
#[path = "cli/signals.rs"]
mod signals;
#[path = "cli/store.rs"]
mod store;
