//! Extensions and libraries.
//!
//! | file | check |
//! |---|---|
//! | [`powerful`] | EXP-EXT-001: extensions that reach out, and who may use them |
//! | [`versions`] | EXP-EXT-002: extensions older than their packages |
//! | [`placement`] | EXP-EXT-003: where they are, whether they are expected and used |
//! | [`preload`] | EXP-EXT-004: libraries that are loaded into every session |
//! | [`installed`] | extensions, as the catalogue has them |
//!
//! Of the extensions that are named for their power elsewhere, two are not on the
//! list of EXP-EXT-001: pageinspect asks for a superuser by itself, whatever was
//! granted; lo has one trigger that unlinks large objects of its caller.

pub mod installed;
pub mod placement;
pub mod powerful;
pub mod preload;
pub mod versions;
