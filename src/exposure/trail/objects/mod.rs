//! What lies in the store, by its first bytes.
//!
//! | file | check |
//! |---|---|
//! | [`plaintext`] | EXP-BKP-001: nothing lies there in the clear |
//! | [`sealed_for`] | EXP-BKP-002: objects are sealed for whom the manifest names |
//! | [`unlisted`] | EXP-BKP-003: what is there is named, and what is named is there |
//! | [`heads`], [`age_header`], `strays` | how it is read |

pub mod age_header;
pub mod heads;
pub mod plaintext;
pub mod sealed_for;
pub(in crate::exposure::trail) mod strays;
pub mod unlisted;
