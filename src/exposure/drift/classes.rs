//! EXP-DATA-004: personal data and secrets lie where they lay.

use super::History;
use crate::exposure::outcome::classes;
use crate::exposure::{About, Check, Found, Look, Plane, Policy, Seen, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-DATA-004",
        title: "no data of a sensitive class lies where none lay at the last drill",
        severity: Severity::Info,
        planes: &[Plane::Copy],
        guide: &[16, 17],
        refs: &[],
        why: "A column that nobody classified is one that nobody masks, deletes in time or tells of when asked. New ones come \
              with releases, and in free text.",
        inspects: "The classes of data found in each table beside those of the last drill on this host: a finding where a \
                   table has more columns of a class than it had.",
        remedy: "Classify the column, restrict who reads it, and put it under the rules of its class.",
        false_positives: "A renamed table. A sample that happened to hold more hits than the last one.",
        source: "src/exposure/mod.rs",
    },
    look: Look::History(look),
};

fn look(history: &History<'_>, _: &Policy) -> Seen {
    let now = classes(history.reach);
    let Some(then) = history.past.iter().rev().find_map(|p| p.classes.as_ref()) else {
        return Seen::not_evaluated("no earlier look of this host told of classes of data");
    };
    if history.reach.is_empty() {
        return Seen::not_evaluated("no classes of data were looked for");
    }
    let mut seen = Seen::all_of(history.reach.len());
    for ((object, class), count) in &now {
        let told = history.telling.object(object);
        let was = [object, &told].into_iter().find_map(|o| then.get(&(o.clone(), class.clone()))).copied().unwrap_or(0);
        if *count > was {
            let columns = history.reach.iter().filter(|r| r.object == *object).flat_map(|r| &r.classes);
            let columns: Vec<&str> =
                columns.filter_map(|c| c.strip_suffix(class.as_str())?.strip_suffix(": ")).collect();
            let message = format!("{count} columns hold {class} data, {was} did: {}", columns.join(", "));
            seen.add(Found::new(format!("{object}: {class}"), message));
        }
    }
    seen
}
