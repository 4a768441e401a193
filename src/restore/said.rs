//! What pg_restore warned of although it went on. Only for the terminal of who
//! restores: a text of the server may quote rows.

use crate::process::Warnings;
use crate::source::warned::{self, Meaning};
use crate::types::Event;
use crate::types::event::Progress;

/// Warnings of one run that are told.
const TOLD: usize = 10;

/// Tells them: privileges that could not be given are missing in what is restored.
pub(super) fn tell(warnings: &Warnings, progress: &Progress) {
    let mut notes = 0u64;
    for warning in &warnings.kept {
        let text = || format!("pg_restore warned: {}", warned::shortened(&warning.text));
        match warned::meaning("pg_restore", warning) {
            Meaning::Told => {}
            Meaning::Whole if notes < TOLD as u64 => {
                notes += 1;
                progress.event(Event::Note(text()));
            }
            Meaning::Whole => notes += 1,
            Meaning::Missing(_) | Meaning::Unknown => progress.event(Event::Warning { text: text(), hint: None }),
        }
    }
    let more = warnings.more + notes.saturating_sub(TOLD as u64);
    if warnings.more > 0 {
        // What they were is not known any more.
        let text = format!("pg_restore warned of more than can be told: {more} lines");
        progress.event(Event::Warning { text, hint: None });
    } else if more > 0 {
        progress.event(Event::Note(format!("pg_restore warned of {more} things more")));
    }
}
