//! Split, compress, seal, hash; and back.
//!
//! ```text
//! child's stdout ─► split ─► [ zstd · age · SHA-256 ] × workers ─► store (create-only) ─► receipts
//!                    tap                                                                              in order
//! ```
//!
//! A stream is cut into parts of a fixed plaintext size; each part becomes one
//! object, a zstd frame inside its own age file. So all cores work although age
//! is serial, a lost upload costs one part, and no multipart upload is left
//! behind.
//!
//! **Memory.** Buffers are reused and their number is fixed when a [`Writer`]
//! starts: `workers + streams` plain ones, `workers + uploads` sealed ones and
//! one scratch buffer a worker, each of about the part size. With the default
//! 8 MiB parts, 2 workers, 3 streams and 4 uploads that is 13 × 8 MiB = 104 MiB
//! at most, of which compressed data touches only its own size.
//!
//! **Order is a type.** [`Writer::stream`] gives [`Unproven`] parts; only the
//! child's [`crate::process::Finished`] turns them into a [`Receipt`], and the
//! manifest takes nothing else.
//!
//! Back: a part's stored size and SHA-256 are checked against the signed
//! manifest *before* a byte reaches age (age proves integrity, not origin), the
//! signed plain size bounds zstd, and parts are delivered in order.
//!
//! | file | holds |
//! |---|---|
//! | [`buffers`] | a fixed number of reused buffers |
//! | [`workers`] | the CPU threads |
//! | [`seal`] / [`open`] | one part, forth and back |
//! | [`fetch()`] | one part from the store |
//! | [`writer`] / [`reader`] | whole streams, forth and back |

pub mod buffers;
pub mod fetch;
pub mod open;
pub mod reader;
pub mod seal;
pub mod workers;
pub mod writer;

pub use fetch::fetch;
pub use open::{Opener, PartRef};
pub use reader::Reader;
pub use seal::{Sealed, Sealer};
pub use writer::{Receipt, Unproven, Writer};
