//! Streams forth and back, with the real `age` and `zstd` as oracles.

mod round_trip;
mod tampering;
mod world;
