//! Who can do what to the store.
//!
//! | file | check |
//! |---|---|
//! | [`public`] | EXP-STO-001: strangers; EXP-STO-002: what lets them in |
//! | [`rules`] | EXP-STO-003: the bucket's policy |
//! | [`endpoint`] | EXP-STO-004: the way there |
//! | [`locks`] | EXP-STO-005: versions; EXP-STO-006: locks |
//! | [`writer`] | EXP-STO-007: what the writing credential may do |
//! | [`lifecycle`] | EXP-STO-008: what ends by itself, and what never |
//! | [`records`] | EXP-STO-009: encryption by the server, and its logs |
//! | [`directory`] | EXP-STO-010: modes and owners of a directory |
//! | [`copies`] | EXP-BKP-006: where objects are copied to |

pub mod copies;
pub mod directory;
pub mod endpoint;
pub mod lifecycle;
pub mod locks;
pub mod public;
pub mod records;
pub mod rules;
pub mod writer;
