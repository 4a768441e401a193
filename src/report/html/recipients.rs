//! Who can open the backup, as far as it was tried.

use super::bound::{self, Bounded};
use super::mark::Mark;
use super::words::{self, When};
use crate::report::Report;
use crate::report::model::RecipientProof;

/// Recipients in the page.
const LISTED: usize = 60;

/// One recipient.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// Short fingerprint.
    pub recipient: String,
    /// Sign.
    pub mark: Mark,
    /// Whether it opened the backup.
    pub words: &'static str,
    /// When it last did.
    pub last: Option<When>,
}

/// The section.
#[derive(Debug)]
pub struct Recipients {
    /// One sentence.
    pub summary: String,
    /// Recipients.
    pub lines: Bounded<Line>,
}

/// The section of a report.
pub fn of(r: &Report) -> Recipients {
    let n = r.recipients.len();
    let opened = r.recipients.iter().filter(|p| p.opened == Some(true)).count();
    let summary = if n == 0 {
        "Which identities can open the backup was not recorded in this drill.".to_owned()
    } else {
        let of = words::some(n, "recipient has", "recipients have");
        format!("{} of {of} been shown to open this backup in this drill.", words::count(opened as u64))
    };
    Recipients { summary, lines: Bounded::of(&r.recipients, LISTED, line) }
}

fn line(p: &RecipientProof) -> Line {
    let (mark, words) = match p.opened {
        Some(true) => (Mark::Good, "opened it"),
        Some(false) => (Mark::Bad, "did not open it"),
        None => (Mark::Open, "not tried: no identity was given"),
    };
    Line { recipient: bound::name(&p.recipient), mark, words, last: p.last_proven_at.map(When::of) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::json::tests::sample;

    #[test]
    fn only_who_opened_it_is_good() {
        let mut r = sample();
        let one = |opened| RecipientProof { recipient: "ab".into(), opened, last_proven_at: None };
        r.recipients = vec![one(Some(true)), one(Some(false)), one(None)];
        let section = of(&r);
        assert_eq!(section.summary, "1 of 3 recipients have been shown to open this backup in this drill.");
        assert_eq!(section.lines.items.iter().map(|l| l.mark).collect::<Vec<_>>(), [Mark::Good, Mark::Bad, Mark::Open]);
        r.recipients.clear();
        assert!(of(&r).summary.contains("not recorded"));
    }
}
