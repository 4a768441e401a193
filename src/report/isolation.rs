//! What of the isolation is not proven. Which probes are required follows from
//! the level that was reached ([`crate::scratch::probe::RULES`]): one that the
//! level does not promise may stay open, one that it promises may neither stay
//! open nor be missing.

use crate::config::schema::Isolation;
use crate::scratch::{Probe, ProbeOutcome, probe};

/// What is open, as reasons; `booted` where a server ran.
pub(super) fn open(reached: Option<Isolation>, asked: Isolation, probes: &[Probe], booted: bool) -> Vec<String> {
    let Some(reached) = reached.filter(|_| !(booted && probes.is_empty())) else {
        return if booted { vec!["the isolation was not probed".to_owned()] } else { Vec::new() };
    };
    let mut all = Vec::new();
    if reached < asked {
        all.push(format!("isolation {} is less than {}", reached.name(), asked.name()));
    }
    let required = |id: &str| probe::required(reached).any(|r| r.id == id);
    // An id that is in no rule is none that a level could excuse.
    let excused = |id: &str| probe::RULES.iter().any(|r| r.id == id) && !required(id);
    let blind = |p: &&Probe| p.outcome == ProbeOutcome::NotEvaluated && !excused(&p.id);
    all.extend(probes.iter().filter(blind).map(|p| format!("{} was not evaluated: {}", p.id, p.evidence)));
    if booted {
        let missing = probe::required(reached).filter(|r| !probes.iter().any(|p| p.id == r.id));
        all.extend(missing.map(|r| format!("{} was not looked at: {}", r.id, r.title)));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVELS: [Isolation; 4] = [Isolation::I1, Isolation::I2, Isolation::I3, Isolation::I4];

    fn probes() -> Vec<Probe> {
        let all = probe::RULES.iter();
        let one = |r: &probe::Rule| Probe {
            id: r.id.into(),
            title: "t".into(),
            outcome: ProbeOutcome::Pass,
            evidence: "e".into(),
            looks: vec![],
        };
        all.map(one).collect()
    }

    #[test]
    fn every_probe_is_required_from_its_level_on() {
        // By hand, so that a rule whose level slips is seen here.
        let from = [1, 1, 1, 1, 2, 2, 3, 1, 1, 1, 3, 1, 2, 1, 1, 3];
        for (n, reached) in LEVELS.into_iter().enumerate() {
            assert!(open(Some(reached), Isolation::I1, &probes(), true).is_empty());
            for (i, from) in from.iter().enumerate() {
                let required = n + 1 >= *from;
                let mut blind = probes();
                blind[i].outcome = ProbeOutcome::NotEvaluated;
                let said = open(Some(reached), Isolation::I1, &blind, true);
                assert_eq!(said.len(), usize::from(required), "{reached:?} {i}: {said:?}");
                let mut missing = probes();
                missing.remove(i);
                let said = open(Some(reached), Isolation::I1, &missing, true);
                assert_eq!(said.len(), usize::from(required), "{reached:?} {i}: {said:?}");
                // Nothing ran: nothing is missing.
                assert!(open(Some(reached), Isolation::I1, &missing, false).is_empty());
            }
        }
    }

    #[test]
    fn too_little_isolation_and_none_at_all_are_open() {
        let said = open(Some(Isolation::I2), Isolation::I3, &probes(), true);
        assert_eq!(said, ["isolation I2 is less than I3"]);
        assert_eq!(open(None, Isolation::I1, &probes(), true), ["the isolation was not probed"]);
        assert_eq!(open(Some(Isolation::I2), Isolation::I1, &[], true), ["the isolation was not probed"]);
        assert!(open(None, Isolation::I1, &[], false).is_empty());
        let mut unknown = probes();
        unknown[0].id = "ISO-999".into();
        unknown[0].outcome = ProbeOutcome::NotEvaluated;
        assert_eq!(open(Some(Isolation::I1), Isolation::I1, &unknown, true).len(), 2);
    }
}
