//! Secrets in the server's own catalogues and settings.

pub mod code;
pub mod commands;
pub mod mappings;
pub mod settings;
pub mod subscriptions;
