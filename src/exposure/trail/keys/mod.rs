//! Keys in the store, and the recipients of its backups.
//!
//! | file | check |
//! |---|---|
//! | [`lying`] | EXP-KEY-001: no secret key lies beside what it opens |
//! | [`proven`] | EXP-KEY-003: a second key is there, and was tried |
//! | [`rotation`] | EXP-KEY-004: recipients are exchanged, and old ones forgotten |

pub mod lying;
pub mod proven;
pub mod rotation;
