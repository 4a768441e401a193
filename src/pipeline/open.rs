//! One part, back: size and hash of the stored bytes first, then age, then zstd.

use std::io::Read as _;
use std::sync::Arc;

use zstd::zstd_safe::{find_frame_compressed_size, get_frame_content_size};

use crate::error::{Code, Error, Result, Stage};
use crate::keys::Identities;
use crate::types::Digest;

/// Largest header of an age file in bytes. Of up to 64 recipients, each has a few hundred at most;
/// the reader keeps all of it, at many times its size.
const MAX_HEADER: usize = 256 * 1024;

/// What the signed manifest says of a stored part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartRef {
    /// SHA-256 of the stored bytes.
    pub stored_sha256: Digest,
    /// Stored bytes.
    pub stored_bytes: u64,
    /// Plain bytes; the limit for decompression and exact.
    pub plain_bytes: u64,
}

impl PartRef {
    /// Checks stored bytes against the signed manifest; nothing else may see
    /// them before.
    pub fn check_stored(&self, stored: &[u8], object: &str) -> Result<()> {
        let corrupt = |m: String| {
            Error::new(Code::Corrupt, Stage::Fetch, m)
                .on(object)
                .hint("The store does not hold what was signed; run `pgseal verify --deep` and restore another backup.")
        };
        if stored.len() as u64 != self.stored_bytes {
            return Err(corrupt(format!("{} bytes are stored, {} were signed", stored.len(), self.stored_bytes)));
        }
        let found = Digest::of(stored);
        if found == self.stored_sha256 {
            Ok(())
        } else {
            Err(corrupt(format!("the stored bytes have SHA-256 {found}, {} was signed", self.stored_sha256)))
        }
    }
}

/// Decrypts and decompresses parts. One a thread.
pub struct Opener {
    identities: Arc<Identities>,
    decompressor: zstd::bulk::Decompressor<'static>,
    compressed: Vec<u8>,
}

impl std::fmt::Debug for Opener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opener")
    }
}

impl Opener {
    /// With these identities.
    pub fn new(identities: Arc<Identities>) -> Result<Self> {
        let decompressor =
            zstd::bulk::Decompressor::new().map_err(|e| Error::internal("cannot set up zstd").because(e))?;
        Ok(Self { identities, decompressor, compressed: Vec::new() })
    }

    /// Opens `stored` into `into` (cleared first): exactly `part.plain_bytes` bytes.
    pub fn open(&mut self, part: &PartRef, stored: &[u8], object: &str, into: &mut Vec<u8>) -> Result<()> {
        part.check_stored(stored, object)?;
        let corrupt = |m: &str| Error::new(Code::Corrupt, Stage::Fetch, m.to_owned()).on(object);
        // Where the header ends (age-encryption.org/v1, "Header").
        let head = &stored[..stored.len().min(MAX_HEADER)];
        if stored.len() > MAX_HEADER && memchr::memmem::find(head, b"\n---").is_none() {
            let what = format!("the age header is larger than {MAX_HEADER} bytes");
            return Err(Error::new(Code::Limit, Stage::Fetch, what).on(object));
        }
        let decryptor = age::Decryptor::new(stored).map_err(|e| corrupt("not an age file").because(e.to_string()))?;
        let mut reader = decryptor.decrypt(self.identities.iter()).map_err(|e| match e {
            age::DecryptError::NoMatchingKeys => {
                Error::new(Code::NoIdentity, Stage::Fetch, "none of the identities opens this part")
                    .on(object)
                    .hint("Set keys.identity to the file of a recipient that the manifest names (`pgseal show`).")
            }
            e => corrupt("cannot decrypt").because(e.to_string()),
        })?;
        self.compressed.clear();
        reader.read_to_end(&mut self.compressed).map_err(|e| corrupt("cannot decrypt").because(e))?;

        // One frame, of the signed size, and nothing behind it: a bomb stops here.
        let frame = find_frame_compressed_size(&self.compressed).map_err(|_| corrupt("not a zstd frame"))?;
        if frame != self.compressed.len() {
            return Err(corrupt("there are bytes behind the zstd frame"));
        }
        let limit = |found: u64| {
            Error::new(
                Code::Limit,
                Stage::Fetch,
                format!("the part opens to {found} bytes, {} were signed", part.plain_bytes),
            )
            .on(object)
        };
        match get_frame_content_size(&self.compressed) {
            Ok(Some(n)) if n == part.plain_bytes => {}
            Ok(Some(n)) => return Err(limit(n)),
            Ok(None) | Err(_) => return Err(corrupt("the zstd frame does not name its size")),
        }
        into.clear();
        let size = usize::try_from(part.plain_bytes).map_err(|_| limit(part.plain_bytes))?;
        into.reserve_exact(size);
        self.decompressor
            .decompress_to_buffer(&self.compressed, into)
            .map_err(|e| corrupt("cannot decompress").because(e))?;
        if into.len() as u64 == part.plain_bytes { Ok(()) } else { Err(limit(into.len() as u64)) }
    }
}
