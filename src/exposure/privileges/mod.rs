//! What may be touched: privileges and row security.
//!
//! | folder | checks |
//! |---|---|
//! | [`grants`] | PRIV: privileges on objects |
//! | [`rows`] | RLS: row security |

pub mod grants;
pub mod rows;

use super::look::Check;

/// The family's checks.
pub const CHECKS: &[Check] = &[
    grants::public::CHECK,
    grants::schemas::CHECK,
    grants::defaults::CHECK,
    grants::databases::CHECK,
    grants::system::CHECK,
    grants::parameters::CHECK,
    grants::passing_on::CHECK,
    grants::read_only::CHECK,
    grants::most_logins::CHECK,
    rows::tenants::CHECK,
    rows::inactive::CHECK,
    rows::always_true::CHECK,
    rows::views::CHECK,
    rows::children::CHECK,
    rows::owners::CHECK,
    rows::no_policy::CHECK,
    rows::identity::CHECK,
];
