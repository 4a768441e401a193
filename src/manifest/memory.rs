//! What of a backup is held in memory, and how much that may be.
//!
//! A backup's facts and definitions are read as a whole. Their sizes are signed, but a
//! signer may lie: a few kilobytes of zstd can be gigabytes of zeros. So there is a limit
//! before the first byte is fetched: of what compression can do to real ones, of the size,
//! and of what this process may use (`limits.memory`).

use super::model::Stream;
use super::parse::MAX_FACTS_BYTES;
use super::strict;
use crate::error::{Code, Error, Result, Stage};
use crate::pipeline::PartRef;
use crate::sys;

/// Largest definitions of one database, and largest globals, in plain bytes.
pub const MAX_IN_MEMORY: u64 = 1024 * 1024 * 1024;
/// What one value of the facts takes once it is parsed, in bytes: a map with one entry in it
/// takes 600, shared by three values, most take less than 50.
const VALUE: u64 = 100;

/// Sizes below this are plausible whatever they are compressed to, in bytes.
const ALWAYS: u64 = 16 * 1024 * 1024;
/// Most plain bytes for each stored byte. Definitions and facts have ten to forty.
const RATIO: u64 = 1000;

/// Whether sealed facts may be opened.
///
/// # Errors
/// 44.
pub fn facts_fit(part: &PartRef, object: &str) -> Result<()> {
    plausible(part.stored_bytes, part.plain_bytes, MAX_FACTS_BYTES, object)?;
    must_fit(part.plain_bytes, object)
}

/// Whether facts that were opened may be parsed.
///
/// # Errors
/// 44.
pub fn values_fit(plain: &[u8], object: &str) -> Result<()> {
    must_fit(strict::values(plain).saturating_mul(VALUE), object)
}

/// Whether a stream may be held in memory as a whole; `parts` are its parts.
///
/// # Errors
/// 44.
pub fn stream_fits(stream: &Stream, parts: &[(crate::store::Key, PartRef)]) -> Result<()> {
    let stored = parts.iter().map(|(_, p)| p.stored_bytes).sum();
    plausible(stored, stream.plain_bytes, MAX_IN_MEMORY, &stream.reference)?;
    must_fit(stream.plain_bytes, &stream.reference)
}

/// Refuses what is larger than `limit`, or was never compressed by pgseal.
fn plausible(stored: u64, plain: u64, limit: u64, object: &str) -> Result<()> {
    let most = stored.saturating_mul(RATIO).max(ALWAYS).min(limit);
    if plain <= most {
        return Ok(());
    }
    Err(Error::new(
        Code::Limit,
        Stage::Fetch,
        format!("{stored} stored bytes would open to {plain} bytes in memory, at most {most} are taken"),
    )
    .on(object)
    .hint("No backup that pgseal makes is like this: find out who can sign as this source. A database with more definitions can be restored with scripts/restore-without-pgseal."))
}

/// Refuses what would be over the limit of this process's memory.
fn must_fit(bytes: u64, object: &str) -> Result<()> {
    let left = sys::memory_left();
    if bytes <= left {
        return Ok(());
    }
    Err(Error::new(
        Code::Limit,
        Stage::Fetch,
        format!("it would take {bytes} bytes of memory, pgseal may use {left} more"),
    )
    .on(object)
    .hint("If you trust who signed this backup, raise limits.memory (PGSEAL_LIMITS_MEMORY)."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_compression_cannot_do_is_refused() {
        for (stored, plain) in [(1, ALWAYS), (100_000, 100_000_000), (1 << 30, MAX_FACTS_BYTES), (2_000, 1)] {
            plausible(stored, plain, MAX_FACTS_BYTES, "x").unwrap();
        }
        for (stored, plain) in
            [(1, ALWAYS + 1), (100_000, 100_000_001), (1 << 30, MAX_FACTS_BYTES + 1), (u64::MAX, u64::MAX)]
        {
            assert_eq!(plausible(stored, plain, MAX_FACTS_BYTES, "x").unwrap_err().code(), Code::Limit);
        }
    }
}
