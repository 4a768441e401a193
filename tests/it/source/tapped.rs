//! Bytes that are read off a stream in pieces.

use pgseal::Error;
use pgseal::source::{Tap, Tapped};

/// Gives `bytes` to the tap in pieces of the sizes that `step` names.
pub fn tapped(mut tap: Box<dyn Tap>, bytes: &[u8], mut step: impl FnMut() -> usize) -> Result<Tapped, Error> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let n = step().clamp(1, rest.len());
        tap.push(&rest[..n])?;
        rest = &rest[n..];
    }
    tap.finish()
}
