//! What pg_dump leaves out of a database while it ends well.

use super::logical::One;
use super::streams::Taken;
use crate::source::Inventory;
use crate::source::facts::ObjectName;
use crate::source::inventory::{ENFORCEMENT, hides_options, is_family_member};
use crate::source::misdumped::How;
use crate::types::event::Progress;
use crate::types::text::first_of;
use crate::types::{Event, shown};

/// How many names a sentence has.
const NAMED: usize = 5;

/// Tells it: as a warning where something is lost that only this server has.
pub(super) fn tell(taken: &mut Taken, progress: &Progress, one: &One) {
    let name = shown(&one.facts.name);
    let note = |text: String| progress.event(Event::Note(text));
    if one.subscriptions > 0 {
        let text = format!(
            "database {name}: pg_dump does not write subscriptions for a role that is no superuser, so {} of them are not \
             in the backup",
            one.subscriptions
        );
        let hint = "Keep CREATE SUBSCRIPTION with its connection elsewhere, or back up as a superuser.";
        taken.warn(progress, text, Some(hint));
    }
    misdumped(taken, progress, one);
    let Some(inventory) = one.facts.inventory.as_ref() else { return };
    let hidden: Vec<&str> = inventory.objects.iter().filter_map(|(name, o)| hides_options(name, o)).collect();
    if !hidden.is_empty() {
        let text = format!(
            "database {name}: the role may not see the options of {} user mappings, so their users and passwords are not in \
             the backup: {}",
            hidden.len(),
            first_of(&hidden, NAMED)
        );
        let hint = "Keep CREATE USER MAPPING with its options elsewhere, or back up as a superuser.";
        taken.warn(progress, text, Some(hint));
    }
    // Their functions and operators are in the dump.
    let members = inventory.objects.keys().filter(|name| is_family_member(name)).count();
    if members > 0 {
        note(format!(
            "database {name}: pg_dump does not write members that were added to operator families of the system, so \
             {members} of them are not in the backup"
        ));
    }
    let unenforced = inventory.objects.values().filter(|o| o.parts.contains_key(ENFORCEMENT)).count();
    if unenforced > 0 {
        note(format!(
            "database {name}: foreign keys of {unenforced} tables are turned off (ALTER TABLE … DISABLE TRIGGER); a restore \
             turns them on, and fails where rows break them"
        ));
    }
    if !one.undumped.is_empty() {
        let tables: Vec<String> = one.undumped.iter().take(NAMED).map(ObjectName::quoted).collect();
        let more = if one.undumped.len() > NAMED { ", …" } else { "" };
        note(format!(
            "database {name}: {} tables belong to extensions, and pg_dump does not write their rows ({}{more}); what the \
             extension's script does not insert is not in the backup, and a drill will fail for it",
            one.undumped.len(),
            shown(&tables.join(", "))
        ));
    }
    if let Some(text) = outside(&name, inventory) {
        let hint = "Move it into a schema of your own: CREATE SCHEMA …, ALTER … SET SCHEMA …";
        taken.warn(progress, text, Some(hint));
    }
}

/// What the dump says otherwise than it is.
fn misdumped(taken: &mut Taken, progress: &Progress, one: &One) {
    for (how, what, hint) in [
        (
            How::Unquoted,
            "pg_dump writes these names of NOT NULL constraints of inherited columns without quotes, so a restore reads \
             something else, or fails",
            "Rename them: ALTER TABLE … RENAME CONSTRAINT \"…\" TO …, in lower case and without blanks; then back up again.",
        ),
        (
            How::Null,
            "these columns accept NULL, but a restored copy does not, for the parent table's columns do not: tables with a \
             NULL in them cannot be restored",
            "Use ALTER TABLE … ALTER … SET NOT NULL on the child, or DROP NOT NULL on the parent; then back up again.",
        ),
        (
            How::Detached,
            "these partitions are half detached (DETACH PARTITION … CONCURRENTLY was not finished), and in a restored copy \
             they are attached",
            "Finish it: ALTER TABLE … DETACH PARTITION … FINALIZE; then back up again.",
        ),
    ] {
        let all: Vec<String> = one.facts.misdumped.iter().filter(|m| m.how == how).map(ToString::to_string).collect();
        if !all.is_empty() {
            let text = format!("database {}: {what}: {}", shown(&one.facts.name), first_of(&all, NAMED));
            taken.warn(progress, text, Some(hint));
        }
    }
}

/// What users put into a schema of the system.
fn outside(database: &str, inventory: &Inventory) -> Option<String> {
    let all = &inventory.outside;
    (!all.is_empty()).then(|| {
        format!(
            "database {database}: pg_dump does not write what was put into a schema of the system, so this is not in the \
             backup: {}",
            first_of(all, NAMED)
        )
    })
}
