//! Streams forth and back, with the real `age` and `zstd` as oracles.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::many_single_char_names,
    clippy::too_many_lines,
    missing_docs
)]

#[path = "pipeline/round_trip.rs"]
mod round_trip;
#[path = "pipeline/tampering.rs"]
mod tampering;
#[path = "pipeline/world.rs"]
mod world;
