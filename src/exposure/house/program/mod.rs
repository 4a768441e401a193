//! How pgseal is run, and with what.
//!
//! | file | check |
//! |---|---|
//! | [`installed`] | EXP-TOOL-005: nobody else can change what is run |
//! | [`reports`] | EXP-TOOL-006: reports tell no more than they should |
//! | [`connections`] | EXP-TLS-005: our own connections are checked |
//! | [`clients`] | EXP-VER-003: PostgreSQL's programs have no known holes |
//! | [`table`] | EXP-VER-004: the table of releases is not old |

pub mod clients;
pub mod connections;
pub mod installed;
pub mod reports;
pub mod table;
