//! ISO-001: the sealed settings.

use super::{Rule, Seen, Target};
use crate::config::schema::Isolation;
use crate::scratch::preload::LIBRARIES;
use crate::scratch::seal;

/// ISO-001.
pub const RULE: Rule = Rule {
    id: "ISO-001",
    title: "sealed settings hold, asked before the start and in the running server",
    from: Isolation::I1,
};

pub(super) async fn look(t: Target<'_>) -> Seen {
    let sealed = t.settings.len();
    match seal::differing(t.client, t.settings).await {
        Err(e) => Seen::Blind(e.text()),
        Ok(differing) if !differing.is_empty() => Seen::Bad(format!("not as sealed: {}", differing.join(", "))),
        Ok(_) if sealed == 0 => Seen::blind("there is no sealed setting to compare with"),
        Ok(_) if t.asked < sealed => {
            Seen::Blind(format!("{sealed} settings as sealed, but {} were asked before the start", t.asked))
        }
        Ok(_) => {
            let loaded = t.settings.iter().find(|(name, value)| *name == LIBRARIES && !value.is_empty());
            let loaded =
                loaded.map_or_else(String::new, |(_, list)| format!("; preloaded: {}", list.replace(',', ", ")));
            Seen::Good(format!("{sealed} settings: asked of the program before the start, as sealed now{loaded}"))
        }
    }
}
