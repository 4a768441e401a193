//! `pgseal drill --self-test`.

use std::sync::Arc;

use serde_json::json;

use crate::cli::context::{Context, Found};
use crate::cli::table::Table;
use crate::drill::self_test::{Outcome, SelfTest, Trial};
use crate::error::{Code, Result};
use crate::keys::Identities;

/// Runs it. Nothing is restored and nothing stored.
pub async fn run(ctx: &Context<'_>, found: &Found, identities: Arc<Identities>) -> Result<Code> {
    let test = SelfTest {
        entry: &found.entry,
        catalog: &found.catalog,
        reading: ctx.reading().await?,
        identities,
        progress: ctx.progress(),
    };
    let trials = test.run().await?;
    let m = &found.entry.manifest;
    let noticed = trials.iter().all(|t| t.noticed);
    let outcome = Outcome { backup: &m.backup_id, noticed, trials: &trials };
    ctx.out().either(
        || json!(outcome),
        || {
            let good = trials.iter().filter(|t| t.noticed).count();
            let head = format!(
                "Self-test on {} {} (slot {}): {good} of {} attacks noticed\n\n",
                m.source,
                m.backup_id,
                m.seq,
                trials.len()
            );
            head + &table(&trials)
        },
    )?;
    // That an attack went by is no fault of the backup: it is one of pgseal.
    Ok(if noticed { Code::Done } else { Code::Internal })
}

fn table(trials: &[Trial]) -> String {
    let mut t = Table::new(&["ATTACK", "WHAT WAS DONE", "CODE", "NOTICED"]);
    for trial in trials {
        let noticed = match (trial.noticed, trial.got) {
            (true, _) => trial.said.clone(),
            (false, 0) => "NO".to_owned(),
            (false, got) => format!("NO, but {got} in place of {}: {}", trial.expected, trial.said),
        };
        t.row([trial.name.to_owned(), trial.attack.to_owned(), trial.got.to_string(), noticed]);
    }
    t.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_noticed_cannot_be_overlooked() {
        let trial = |expected, got| Trial {
            name: "flip",
            attack: "one bit",
            expected,
            got,
            noticed: expected == got,
            said: "seen".into(),
        };
        let text = table(&[trial(40, 40), trial(40, 0), trial(40, 41)]);
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert!(lines[0].ends_with("40    seen"), "{text}");
        assert!(lines[1].ends_with("0     NO"), "{text}");
        assert!(lines[2].ends_with("NO, but 41 in place of 40: seen"), "{text}");
    }
}
