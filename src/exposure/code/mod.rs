//! What runs inside: functions, languages, extensions.
//!
//! | folder | checks |
//! |---|---|
//! | [`functions`] | FUNC: functions, languages, event triggers |
//! | [`extensions`] | EXT: extensions and libraries |

pub mod extensions;
pub mod functions;

use super::look::Check;

/// The family's checks.
pub const CHECKS: &[Check] = &[
    functions::search_path::CHECK,
    functions::public::CHECK,
    functions::dynamic::CHECK,
    functions::languages::CHECK,
    functions::event_triggers::CHECK,
    functions::dial_out::CHECK,
    extensions::powerful::CHECK,
    extensions::versions::CHECK,
    extensions::placement::CHECK,
    extensions::preload::CHECK,
];
