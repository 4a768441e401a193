//! Streams forth and back, with the real `age` and `zstd` as oracles.

#[path = "pipeline/round_trip.rs"]
mod round_trip;
#[path = "pipeline/tampering.rs"]
mod tampering;
#[path = "pipeline/world.rs"]
mod world;
