//! The signed history of the source.
//!
//! | file | check |
//! |---|---|
//! | [`chain`] | EXP-MAN-001: who signed it; EXP-BKP-004: nothing is gone from it |
//! | [`retention`] | EXP-BKP-005: neither too old nor kept too long |
//! | [`gaps`] | EXP-BKP-010: what a backup leaves out |
//! | [`metadata`] | EXP-MAN-002: what it tells in the clear |

pub mod chain;
pub mod gaps;
pub mod metadata;
pub mod retention;
