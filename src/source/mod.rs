//! Where bytes come from.

pub mod facts;

pub use facts::Facts;
