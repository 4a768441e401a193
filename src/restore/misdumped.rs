//! What a dump says otherwise than it was at the source.

use crate::error::{Code, Error, Result, Stage};
use crate::source::facts::DatabaseFacts;
use crate::source::misdumped::{How, Misdumped};
use crate::types::shown;

/// What to know of it before it is restored.
///
/// # Errors
/// Refused (13) where a name may be run as SQL, with the rights of whoever restores,
/// unless that is accepted.
pub fn heed(facts: &DatabaseFacts, accepted: bool) -> Result<Vec<String>> {
    let names = |all: &mut dyn Iterator<Item = &Misdumped>| -> Option<String> {
        let all: Vec<String> = all.map(|m| shown(&m.to_string()).into_owned()).collect();
        (!all.is_empty()).then(|| all.join(", "))
    };
    let all = || facts.misdumped.iter();
    if let Some(names) = names(&mut all().filter(|m| m.may_run())).filter(|_| !accepted) {
        let what = format!("pg_dump wrote names without quotes, and a restore would run them as SQL: {names}");
        return Err(Error::new(Code::Refused, Stage::Restore, what).on(facts.name.clone()).hint(
            "Whoever may create tables chose these names. Rename the constraints at the source and back up again; where \
             there is no source any more, read the names, and repeat with --accept-names.",
        ));
    }
    let mut notes = Vec::new();
    for (how, what) in [
        (How::Unquoted, "names of constraints that the dump has without quotes become others"),
        (How::Null, "columns that accepted NULL accept none any more, and tables with a NULL in them fail"),
        (How::Detached, "partitions that were half detached are attached"),
    ] {
        notes.extend(names(&mut all().filter(|m| m.how == how)).map(|names| format!("{what}: {names}")));
    }
    Ok(notes)
}
