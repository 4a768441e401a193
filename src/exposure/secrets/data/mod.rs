//! What the rows hold. They are sampled in a restored copy only, never in production.

pub mod clear;
pub mod reachable;
pub mod sample;
pub mod statistics;
