//! One part, forth: zstd, age, SHA-256 of the stored bytes.
//!
//! There is no SHA-256 of the plain bytes of a part. It cost a tenth of a backup's
//! time and would prove nothing that is not proven otherwise: what opens is bound
//! to what was sealed by the signed hash, age's authentication and zstd's checksum,
//! and what was sealed to what the source sent by the digests that the tap takes
//! before the bytes are a part at all (rows of each table; the files of a base
//! backup in its own manifest).

use std::io::{self, Write};
use std::sync::Arc;

use zstd::zstd_safe::{CParameter, compress_bound};

use crate::error::{Code, Error, Result, Stage};
use crate::keys::Recipients;
use crate::types::{Digest, Hasher};

/// Largest window (as a power of two) a sealed part needs to be opened; 128 MiB.
pub const WINDOW_LOG_MAX: u32 = 27;

/// What is known of a part once it is sealed. The bytes lie in the caller's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sealed {
    /// Plain bytes.
    pub plain_bytes: u64,
    /// SHA-256 of the stored bytes.
    pub stored_sha256: Digest,
    /// Stored bytes.
    pub stored_bytes: u64,
}

/// Compresses and encrypts parts. One a thread; it keeps its zstd context and scratch.
pub struct Sealer {
    recipients: Arc<Recipients>,
    compressor: zstd::bulk::Compressor<'static>,
    compressed: Vec<u8>,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer")
    }
}

impl Sealer {
    /// For `recipients` at zstd `level`.
    pub fn new(recipients: Arc<Recipients>, level: i32) -> Result<Self> {
        let fail = |e: io::Error| Error::internal("cannot set up zstd").because(e);
        let mut compressor = zstd::bulk::Compressor::new(level).map_err(fail)?;
        // A checksum of the plain bytes inside the frame (RFC 8878, section 3.1.1):
        // whoever restores without pgseal gets it verified by zstd itself.
        compressor.set_parameter(CParameter::ChecksumFlag(true)).map_err(fail)?;
        Ok(Self { recipients, compressor, compressed: Vec::new() })
    }

    /// Seals `plain` into `into` (cleared first).
    pub fn seal(&mut self, plain: &[u8], into: &mut Vec<u8>) -> Result<Sealed> {
        let failed = |what: &str| Error::new(Code::Internal, Stage::Seal, format!("cannot {what} a part"));
        self.compressed.clear();
        self.compressed.reserve(compress_bound(plain.len()));
        self.compressor.compress_to_buffer(plain, &mut self.compressed).map_err(|e| failed("compress").because(e))?;

        into.clear();
        let encryptor = age::Encryptor::with_recipients(self.recipients.iter())
            .map_err(|e| failed("encrypt").because(e.to_string()))?;
        let hashing = Hashing { into, hasher: Hasher::new() };
        let mut writer = encryptor.wrap_output(hashing).map_err(|e| failed("encrypt").because(e))?;
        writer.write_all(&self.compressed).map_err(|e| failed("encrypt").because(e))?;
        // Without finish() the last chunk is missing and no reader accepts the file.
        let hashing = writer.finish().map_err(|e| failed("encrypt").because(e))?;
        let stored_sha256 = hashing.hasher.finish();
        Ok(Sealed { plain_bytes: plain.len() as u64, stored_sha256, stored_bytes: into.len() as u64 })
    }
}

/// Appends to a buffer and hashes what passes while it is still in the cache.
struct Hashing<'a> {
    into: &'a mut Vec<u8>,
    hasher: Hasher,
}

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hasher.update(bytes);
        self.into.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
