//! pgseal: sealed PostgreSQL backups, proven restores.
//!
//! The folders in the order the data travels; imports go down this list only
//! (`tests/it/arch.rs` holds it):
//!
//! | folder | holds |
//! |---|---|
//! | [`error`], [`types`], [`sys`] | exit codes and errors · small values · the one place with `unsafe` |
//! | [`config`] | the TOML configuration with its layers and origins |
//! | [`detect`] | what a text holds: credentials, card numbers, addresses |
//! | [`hba`] | who may enter a server: pg_hba.conf and pg_ident.conf, evaluated |
//! | [`process`] | children: exact environment, own process group, exit status |
//! | [`keys`] | recipients, identities, signing, trust |
//! | [`source`] | where bytes come from: pg_dump, pg_basebackup, facts |
//! | [`store`] | where bytes go: directory, S3 |
//! | [`pipeline`] | split, compress, seal, hash; and back |
//! | [`manifest`] | the signed chain |
//! | [`catalog`] | finding backups |
//! | [`backup`], [`verify`], [`restore`] | the use cases |
//! | [`scratch`] | throw-away servers, sealed |
//! | [`checks`], [`exposure`], [`report`], [`drill`], [`audit`] | proof, what is exposed, and what is said of both |
//! | [`cli`] | the only folder that prints |
//!
//! [`threats`] says who can do what to a backup, and what answers it.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod audit;
pub mod backup;
pub mod catalog;
pub mod checks;
pub mod cli;
pub mod config;
pub mod detect;
pub mod drill;
pub mod error;
pub mod exposure;
pub mod hba;
pub mod keys;
pub mod manifest;
pub mod pipeline;
pub mod process;
pub mod report;
pub mod restore;
pub mod scratch;
pub mod source;
pub mod store;
pub mod sys;
pub mod types;
pub mod verify;

#[doc = include_str!("THREATS.md")]
pub mod threats {}

pub use error::{Code, Error, Result, Stage};
