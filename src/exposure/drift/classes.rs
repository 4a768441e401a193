//! EXP-DATA-004: personal data and secrets lie where they lay.

use std::collections::BTreeMap;

use super::History;
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
    let Some(then) = history.past.iter().rev().find_map(|p| p.classes.as_ref()) else {
        return Seen::not_evaluated("no earlier look of this host told of classes of data");
    };
    if history.reach.is_empty() {
        return Seen::not_evaluated("no classes of data were looked for");
    }
    let mut seen = Seen::all_of(history.reach.len());
    for row in history.reach {
        let tag = history.telling.tag(&row.object);
        let mut columns: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (column, class) in row.classes.iter().filter_map(|c| c.rsplit_once(": ")) {
            columns.entry(class).or_default().push(column);
        }
        for (class, columns) in columns {
            let was = then.get(&(tag.clone(), class.to_owned())).copied().unwrap_or(0);
            if columns.len() as u32 > was {
                let names = columns.join(", ");
                let message =
                    format!("{} columns hold {class} data, {was} did at the last look: {names}", columns.len());
                seen.add(Found::new(format!("{}: {class}", row.object), message));
            }
        }
    }
    seen
}
