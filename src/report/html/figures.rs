//! Key figures: how long, how much, how old.

use super::words::{self, bytes, duration};
use crate::report::Report;

/// One figure.
#[derive(Debug, PartialEq, Eq)]
pub struct Figure {
    /// What it is.
    pub label: &'static str,
    /// The name it has among professionals, if any.
    pub term: Option<&'static str>,
    /// The figure.
    pub value: String,
    /// What it means.
    pub note: String,
    /// Whether it is worse than allowed.
    pub over: bool,
}

/// The figures of a report.
pub fn of(r: &Report) -> Vec<Figure> {
    let figure = |label, term, value, note| Figure { label, term, value, note, over: false };
    vec![
        recovery(r),
        figure(
            "Data at risk",
            Some("RPO"),
            words::age(r.rpo_s),
            "written since the backup's snapshot; lost if the source had died when the drill began".to_owned(),
        ),
        figure("Backup age", None, words::age(r.backup_age_s), "from its end to the start of the drill".to_owned()),
        figure("Size", None, bytes(r.plain_bytes), size(r)),
        figure(
            "Whole drill",
            None,
            duration(r.timings_s.total),
            if r.timings_s.checks > 0.0 {
                format!("{} of it for checks", duration(r.timings_s.checks))
            } else {
                "it did not come to the checks".to_owned()
            },
        ),
    ]
}

fn recovery(r: &Report) -> Figure {
    let (label, term) = ("Recovery time", Some("RTO"));
    let Some(s) = r.rto_s else {
        let note = "the copy did not come up, so it is not known how long recovery takes".to_owned();
        return Figure { label, term, value: "not measured".to_owned(), note, over: false };
    };
    let (budget, over) = match r.rto_budget_s {
        Some(b) if s > b => (format!("over the budget of {}", duration(b)), true),
        Some(b) => (format!("within the budget of {}", duration(b)), false),
        None => ("no budget is set".to_owned(), false),
    };
    let note = format!("to fetch, restore and start on this host; {budget}");
    Figure { label, term, value: duration(s), note, over }
}

fn size(r: &Report) -> String {
    if r.plain_bytes == 0 {
        return "the report names no size".to_owned();
    }
    let share = r.stored_bytes as f64 / r.plain_bytes as f64 * 100.0;
    format!("stored as {}, {share:.0} % of it", bytes(r.stored_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::json::tests::sample;

    #[test]
    fn recovery_time_is_held_against_its_budget() {
        let mut r = sample();
        assert!(of(&r)[0].note.contains("no budget is set"));
        r.rto_budget_s = Some(5.65);
        assert!(of(&r)[0].note.contains("within the budget of 5.7 s") && !of(&r)[0].over);
        r.rto_budget_s = Some(5.0);
        assert!(of(&r)[0].note.contains("over the budget of 5 s") && of(&r)[0].over);
        r.rto_s = None;
        assert_eq!((of(&r)[0].value.as_str(), of(&r)[0].over), ("not measured", false));
    }

    #[test]
    fn sizes_and_ages() {
        let mut r = sample();
        let f = of(&r);
        assert_eq!((f[1].value.as_str(), f[2].value.as_str()), ("1 h", "50 min"));
        assert_eq!((f[3].value.as_str(), f[3].note.as_str()), ("1.9 MiB", "stored as 293.0 KiB, 15 % of it"));
        r.plain_bytes = 0;
        assert_eq!(of(&r)[3].note, "the report names no size");
        assert_eq!(f[4].note, "2.2 s of it for checks");
        r.timings_s.checks = 0.0;
        assert_eq!(of(&r)[4].note, "it did not come to the checks");
    }
}
