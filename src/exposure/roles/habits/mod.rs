//! How roles are used, and handed out.
//!
//! | file | check |
//! |---|---|
//! | [`admin_option`] | ROLE-007: who hands out roles |
//! | [`owner`] | ROLE-008: who owns the tables |
//! | [`shared`] | ROLE-009: logins that several use |
//! | [`expiry`] | ROLE-010: logins without an end, and after it |
//! | [`unused`] | ROLE-011: logins that can do nothing |
//! | [`limits`] | ROLE-012: connection limits, and names that everybody tries |

pub mod admin_option;
pub mod expiry;
pub mod limits;
pub mod owner;
pub mod shared;
pub mod unused;
