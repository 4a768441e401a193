//! How much isolation a drill needs, and ISO-015: whether it has it.
//!
//! What the configuration says goes. Without a word there, I3 is needed where
//! the database runs on this host, and I2 elsewhere.
//!
//! I4, a host of its own, is the operator's to declare: from inside a machine
//! nobody can prove that it is another one. Where it is asked for, I3 is needed
//! and any sign of the database on this host, also one that could not be looked
//! for, ends the drill. What is claimed is I3.

use super::host::Nearness;
use crate::config::schema::Isolation;
use crate::error::{Code, Error, Result, Stage};
use crate::scratch::{Jail, Probe, ProbeOutcome};

/// What is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Required {
    /// The level.
    pub least: Isolation,
    /// Why that one.
    pub because: String,
}

/// Decides. `configured` is `source.NAME.drill.min_isolation`.
///
/// # Errors
/// 53 where I4 is asked for and the database may be on this host.
pub fn decide(configured: Option<Isolation>, near: &Nearness) -> Result<Required> {
    let needs = |least, because: String| Ok(Required { least, because });
    match (configured, near.here.first()) {
        (Some(Isolation::I4), sign) => {
            let why = match (sign, near.unseen.first()) {
                (Some(sign), _) => format!("the database runs on this host: {sign}"),
                (None, Some(unseen)) => format!("it could not be seen {unseen}"),
                (None, None) => return needs(Isolation::I3, DECLARED.to_owned()),
            };
            Err(Error::new(Code::CouldNotRun, Stage::Scratch, format!("isolation I4 is required, and {why}")).hint(
                "Drill on a host of its own, on which the source's connection can be resolved, or set \
                 source.NAME.drill.min_isolation to I3. Nothing was restored.",
            ))
        }
        (Some(level), _) => needs(level, "so configured".to_owned()),
        (None, Some(sign)) => needs(Isolation::I3, sign.clone()),
        (None, None) => needs(Isolation::I2, "no sign of the database on this host".to_owned()),
    }
}

const DECLARED: &str = "I4, a host of its own, is declared by the configuration: nothing seen here contradicts it and \
                        nothing here can prove it, so I3 is what is claimed";

/// Whether what was reached is enough.
///
/// # Errors
/// 53 where it is not: nothing was restored then.
pub fn enough(jail: &Jail, required: &Required) -> Result<()> {
    if jail.level >= required.least {
        return Ok(());
    }
    let (had, least) = (jail.level.name(), required.least.name());
    let what = format!("only isolation {had} can be had here, {least} is required ({})", required.because);
    Err(Error::new(Code::CouldNotRun, Stage::Scratch, what).hint(format!(
        "{}. Mend that, or set source.NAME.drill.min_isolation to {had}. Nothing was restored.",
        jail.reasons.join(". ")
    )))
}

/// ISO-015. Where it is not enough no instance was made, so nothing is unsafe.
pub fn probe(level: Isolation, required: &Required) -> Probe {
    Probe {
        id: "ISO-015".to_owned(),
        title: "the isolation is as much as is required".to_owned(),
        outcome: if level >= required.least { ProbeOutcome::Pass } else { ProbeOutcome::NotEvaluated },
        evidence: format!("{} reached, {} required: {}", level.name(), required.least.name(), required.because),
        looks: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(here: &[&str], unseen: &[&str]) -> Nearness {
        let owned = |all: &[&str]| all.iter().map(|s| (*s).to_owned()).collect();
        Nearness { here: owned(here), unseen: owned(unseen) }
    }

    #[test]
    fn the_database_on_this_host_asks_for_more() {
        let level = |configured, near: &Nearness| decide(configured, near).unwrap().least;
        let (away, here) = (near(&[], &["x"]), near(&["a socket"], &[]));
        assert_eq!((level(None, &away), level(None, &here)), (Isolation::I2, Isolation::I3));
        assert_eq!(decide(None, &here).unwrap().because, "a socket");
        for configured in [Isolation::I0, Isolation::I1, Isolation::I2, Isolation::I3] {
            assert_eq!(level(Some(configured), &here), configured);
        }
    }

    #[test]
    fn a_host_of_its_own_is_believed_only_uncontradicted_and_never_claimed() {
        let asked = |near: &Nearness| decide(Some(Isolation::I4), near);
        for (near, why) in [(near(&["a socket"], &[]), "a socket"), (near(&[], &["its processes"]), "its processes")] {
            let e = asked(&near).unwrap_err();
            assert!(e.code() == Code::CouldNotRun && e.text().contains(why) && e.next_step().is_some(), "{e:?}");
        }
        let declared = asked(&near(&[], &[])).unwrap();
        assert_eq!(declared.least, Isolation::I3);
        let probe = probe(Isolation::I3, &declared);
        assert_eq!(probe.outcome, ProbeOutcome::Pass);
        assert!(probe.evidence.starts_with("I3 reached, I3 required: I4, a host"), "{}", probe.evidence);
    }

    #[test]
    fn less_than_required_is_no_pass() {
        let required = Required { least: Isolation::I3, because: "b".to_owned() };
        assert_eq!(probe(Isolation::I2, &required).outcome, ProbeOutcome::NotEvaluated);
        assert_eq!(probe(Isolation::I3, &required).outcome, ProbeOutcome::Pass);
    }
}
