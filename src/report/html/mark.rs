//! A sign for every outcome. Shape tells them apart; colour only helps.

use crate::checks::Outcome;
use crate::report::Verdict;
use crate::scratch::ProbeOutcome;

/// A sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// A filled square with a cross: it is wrong.
    Bad,
    /// A filled triangle: something that should have worked did not.
    Alarm,
    /// A broken ring with a question mark: nobody looked.
    Open,
    /// Half a disc: wrong, and accepted.
    Waived,
    /// A filled disc with a tick: it is right.
    Good,
    /// A ring with a bar: there is nothing of its kind.
    Empty,
}

macro_rules! shape {
    ($name:literal) => {
        concat!(
            "<svg class=\"mark ",
            $name,
            "\" viewBox=\"0 0 20 20\" width=\"20\" height=\"20\" aria-hidden=\"true\" focusable=\"false\"><use href=\"#m-",
            $name,
            "\"/></svg>"
        )
    };
}

macro_rules! point {
    ($name:literal) => {
        concat!(
            "<use class=\"mark ",
            $name,
            "\" href=\"#m-",
            $name,
            "\" x=\"-8\" y=\"-8\" width=\"16\" height=\"16\"/>"
        )
    };
}

/// The shapes, once for the whole page.
pub const SYMBOLS: &str = r#"<svg class="symbols" width="0" height="0" aria-hidden="true" focusable="false"><defs>
<symbol id="m-good" viewBox="0 0 20 20"><circle cx="10" cy="10" r="9" fill="currentColor"/><path class="in" d="M5.6 10.4l3 3 5.8-6.4" fill="none" stroke-width="2.2"/></symbol>
<symbol id="m-bad" viewBox="0 0 20 20"><rect x="1" y="1" width="18" height="18" rx="2" fill="currentColor"/><path class="in" d="M6 6l8 8M14 6l-8 8" fill="none" stroke-width="2.6"/></symbol>
<symbol id="m-alarm" viewBox="0 0 20 20"><path d="M10 .8L19.6 18.6H.4z" fill="currentColor"/><path class="in" d="M10 7v4.4M10 15.3v.2" fill="none" stroke-width="2.4"/></symbol>
<symbol id="m-open" viewBox="0 0 20 20"><circle class="paper" cx="10" cy="10" r="8.6" stroke="currentColor" stroke-width="1.8" stroke-dasharray="3.2 2.2"/><path d="M7.4 7.8c0-3.6 5.2-3.4 5.2-.2 0 2-2.6 2.2-2.6 4.2M10 13.6v1.9" fill="none" stroke="currentColor" stroke-width="1.8"/></symbol>
<symbol id="m-waived" viewBox="0 0 20 20"><circle class="paper" cx="10" cy="10" r="8.6" stroke="currentColor" stroke-width="1.8"/><path d="M10 1.4a8.6 8.6 0 0 1 0 17.2z" fill="currentColor"/></symbol>
<symbol id="m-empty" viewBox="0 0 20 20"><circle class="paper" cx="10" cy="10" r="8.6" stroke="currentColor" stroke-width="1.8"/><path d="M6.4 10h7.2" fill="none" stroke="currentColor" stroke-width="1.8"/></symbol>
</defs></svg>"#;

impl Mark {
    /// Its class in the style sheet.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Alarm => "alarm",
            Self::Open => "open",
            Self::Waived => "waived",
            Self::Empty => "empty",
        }
    }

    /// The sign beside a word that says the same.
    pub const fn svg(self) -> &'static str {
        match self {
            Self::Good => shape!("good"),
            Self::Bad => shape!("bad"),
            Self::Alarm => shape!("alarm"),
            Self::Open => shape!("open"),
            Self::Waived => shape!("waived"),
            Self::Empty => shape!("empty"),
        }
    }

    /// The sign within a chart, centred on its origin.
    pub const fn point(self) -> Point {
        Point(match self {
            Self::Good => point!("good"),
            Self::Bad => point!("bad"),
            Self::Alarm => point!("alarm"),
            Self::Open => point!("open"),
            Self::Waived => point!("waived"),
            Self::Empty => point!("empty"),
        })
    }
}

/// A small disc: a drill that passed, among many.
pub const DOT: Point = Point("<circle class=\"dot\" r=\"3.5\"/>");

/// The same beside a word.
pub const DOT_KEY: &str = concat!(
    "<svg class=\"mark good\" viewBox=\"0 0 20 20\" width=\"20\" height=\"20\" aria-hidden=\"true\" ",
    "focusable=\"false\"><circle class=\"dot\" cx=\"10\" cy=\"10\" r=\"4\"/></svg>"
);

/// Markup of a sign within a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point(&'static str);

impl Point {
    /// The markup.
    pub const fn svg(self) -> &'static str {
        self.0
    }
}

impl From<Verdict> for Mark {
    fn from(v: Verdict) -> Self {
        match v {
            Verdict::Passed => Self::Good,
            Verdict::Failed => Self::Bad,
            Verdict::Inconclusive => Self::Open,
            Verdict::Unsafe => Self::Alarm,
        }
    }
}

impl From<Outcome> for Mark {
    fn from(o: Outcome) -> Self {
        match o {
            Outcome::Pass => Self::Good,
            Outcome::Finding => Self::Bad,
            Outcome::Waived => Self::Waived,
            Outcome::NotEvaluated => Self::Open,
            Outcome::NotApplicable => Self::Empty,
            Outcome::Error => Self::Alarm,
        }
    }
}

impl From<ProbeOutcome> for Mark {
    fn from(o: ProbeOutcome) -> Self {
        match o {
            ProbeOutcome::Pass => Self::Good,
            ProbeOutcome::Fail => Self::Bad,
            ProbeOutcome::NotEvaluated => Self::Open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_a_shape_of_its_own() {
        let marks: std::collections::BTreeSet<Mark> = Outcome::ALL.map(Mark::from).into();
        assert_eq!(marks.len(), Outcome::ALL.len());
        for mark in marks {
            let id = format!("m-{}", mark.class());
            assert!(SYMBOLS.contains(&format!("<symbol id=\"{id}\"")), "{id}");
            assert!(mark.svg().contains(&format!("href=\"#{id}\"")) && mark.point().svg().contains(&id));
        }
        // Nothing but a look that found all right is shown as good.
        let good = |m: Mark| m == Mark::Good;
        assert_eq!(Outcome::ALL.into_iter().filter(|o| good((*o).into())).collect::<Vec<_>>(), [Outcome::Pass]);
        assert!(!good(ProbeOutcome::NotEvaluated.into()) && !good(ProbeOutcome::Fail.into()));
        assert!([Verdict::Failed, Verdict::Inconclusive, Verdict::Unsafe].into_iter().all(|v| !good(v.into())));
    }
}
