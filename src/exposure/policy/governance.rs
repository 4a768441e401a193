//! EXP-GOV-001, 002, 003: the waivers themselves.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::Policy;
use super::apply::Met;
use super::waiver::{LONGEST_DAYS, LONGEST_DAYS_CRITICAL};
use crate::checks::{CheckResult, Outcome};
use crate::exposure::look::Check;
use crate::exposure::outcome::saw_all;
use crate::exposure::{About, Found, Look, Plane, Seen, Severity};

/// The declarations, and what the checks of one run said before.
#[derive(Debug)]
pub struct Declared<'a> {
    /// What is declared.
    pub policy: &'a Policy,
    /// What the other checks said.
    pub results: &'a [CheckResult],
    /// What each waiver met.
    pub met: &'a [Met],
    /// Today, UTC.
    pub today: Date,
}

/// Checks that judge waivers, and so cannot be waived.
pub const ABOUT_WAIVERS: [&str; 3] = ["EXP-GOV-001", "EXP-GOV-002", "EXP-GOV-003"];

const PLANES: &[Plane] = &Plane::ALL;
const SOURCE: &str = "src/exposure/policy/mod.rs";
const NONE: &str = "no waiver is declared";

/// Waivers that ended.
pub const EXPIRED: Check = Check {
    about: About {
        id: "EXP-GOV-001",
        title: "no waiver has expired",
        severity: Severity::Medium,
        planes: PLANES,
        guide: &[20, 24],
        refs: &[],
        why: "A waiver is a decision for a time. Once its last day has passed its findings are open again, and a line \
              that everybody takes for an accepted risk accepts nothing.",
        inspects: "Every [[waiver]] of the declarations: a finding where its last day, `expires`, lies before today (UTC). \
                   An expired waiver waives nothing.",
        remedy: "Mend what was waived and remove the waiver, or have its owner decide again and set a new `expires`.",
        false_positives: "None: an expired waiver has no effect and can be removed.",
        source: SOURCE,
    },
    look: Look::Declarations(|d| {
        seen(d, |d, n| {
            let waiver = &d.policy.waivers[n];
            let ended = || format!("its last day was {}: what it waived is open again", waiver.expires);
            Judged::of(waiver.expired(d.today).then(ended))
        })
    }),
};

/// Waivers of nothing.
pub const UNMATCHED: Check = Check {
    about: About {
        id: "EXP-GOV-002",
        title: "every waiver is about something that is there",
        severity: Severity::Medium,
        planes: PLANES,
        guide: &[20, 24],
        refs: &[],
        why: "A waiver that fits nothing waits: for something to be mended and undone, or for a new object of the same \
              name, which it then accepts although nobody looked at it.",
        inspects: "Every [[waiver]], beside the findings of this run: a finding where its check saw everything and found \
                   nothing that it fits. Waivers of checks that did not look in this run are left aside.",
        remedy: "Remove the waiver. If the object was renamed, look at it again before waiving it under its new name.",
        false_positives: "A finding that comes and goes (a standby that is away): waive it where it shows.",
        source: SOURCE,
    },
    look: Look::Declarations(|d| {
        let results: BTreeMap<&str, &CheckResult> = d.results.iter().map(|r| (r.id.as_str(), r)).collect();
        let looked = |id: &str| match results.get(id) {
            None => Judged::Aside,
            Some(r) if r.outcome != Outcome::Error && saw_all(r) => {
                Judged::Found("no finding fits it any more".to_owned())
            }
            Some(_) => Judged::Open(format!("{id} did not see everything")),
        };
        seen(d, |d, n| match (&d.met[n], &d.policy.waivers[n].target.check) {
            (Met { findings: 1.., .. }, _) => Judged::Fine,
            (_, Some(check)) => looked(check),
            (_, None) => Judged::Open("of a fingerprint alone it is not known which check it is of".to_owned()),
        })
    }),
};

/// Waivers that may not stand.
pub const IMPROPER: Check = Check {
    about: About {
        id: "EXP-GOV-003",
        title: "every waiver has an owner, an end in sight and a finding that may be waived",
        severity: Severity::Medium,
        planes: PLANES,
        guide: &[20, 24],
        refs: &[],
        why: "A waiver without an owner is asked about by nobody, one without an end is a rule that was never agreed on. \
              Such a waiver has no effect, so that it cannot hide anything.",
        inspects: "Every [[waiver]]: a finding where it has no `owner`, ends more than 180 days from today, ends more \
                   than 30 days from today and fits a critical finding, or fits a finding that cannot be waived.",
        remedy: "Name the person or team that answers for it, and set `expires` to a day within the bounds: 180 days, 30 for \
                 what is critical.",
        false_positives: "None: the waiver has no effect until it is corrected.",
        source: SOURCE,
    },
    look: Look::Declarations(|d| {
        seen(d, |d, n| {
            let improper = d.policy.waivers[n].improper(d.today);
            Judged::of(improper.or_else(|| d.met[n].refused.clone()))
        })
    }),
};

const _: () = assert!(LONGEST_DAYS == 180 && LONGEST_DAYS_CRITICAL == 30);

/// What is said of one waiver.
enum Judged {
    Fine,
    Found(String),
    Open(String),
    /// It is of no check that looked.
    Aside,
}

impl Judged {
    fn of(wrong: Option<String>) -> Self {
        wrong.map_or(Self::Fine, Self::Found)
    }
}

fn seen(declared: &Declared<'_>, judge: impl Fn(&Declared<'_>, usize) -> Judged) -> Seen {
    if declared.policy.waivers.is_empty() {
        return Seen::not_applicable(NONE);
    }
    let mut seen = Seen::default();
    let mut open: BTreeMap<String, u32> = BTreeMap::new();
    for (n, waiver) in declared.policy.waivers.iter().enumerate() {
        let judged = judge(declared, n);
        seen.present += u64::from(!matches!(judged, Judged::Aside));
        seen.examined += u64::from(matches!(judged, Judged::Fine | Judged::Found(_)));
        match judged {
            Judged::Found(wrong) => seen.add(Found::new(waiver.target.text(), wrong)),
            Judged::Open(why) => *open.entry(why).or_default() += 1,
            Judged::Fine | Judged::Aside => {}
        }
    }
    seen.open = open.into_iter().map(|(why, n)| format!("{n} waivers: {why}")).collect();
    if seen.present == 0 {
        seen.note = Some("no waiver is of a check that looked".to_owned());
    }
    seen
}
