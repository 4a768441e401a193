//! The program as its users meet it.

mod config;
mod help;
mod init;
mod keygen;
mod process;
mod sealed;
mod signals;
mod store;
