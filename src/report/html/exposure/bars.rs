//! A sign for a danger: four bars, as many of them filled as it is bad.

use crate::checks::Severity;

macro_rules! bars {
    ($a:literal, $b:literal, $c:literal, $d:literal) => {
        concat!(
            "<svg class=\"bars\" viewBox=\"0 0 22 16\" width=\"22\" height=\"16\" aria-hidden=\"true\" focusable=\"false\">",
            "<rect", $a, " x=\"1\" y=\"11\" width=\"4\" height=\"4\"/>",
            "<rect", $b, " x=\"6.5\" y=\"8\" width=\"4\" height=\"7\"/>",
            "<rect", $c, " x=\"12\" y=\"5\" width=\"4\" height=\"10\"/>",
            "<rect", $d, " x=\"17.5\" y=\"1\" width=\"4\" height=\"14\"/></svg>"
        )
    };
}

/// A danger as the page shows it: a class, bars and a word, each by itself enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Danger {
    /// Class in the style sheet.
    pub class: &'static str,
    /// `critical`.
    pub words: &'static str,
    severity: Severity,
}

impl From<Severity> for Danger {
    fn from(severity: Severity) -> Self {
        let (class, words) = match severity {
            Severity::Info => ("d0", "as meant"),
            Severity::Low => ("d1", "low"),
            Severity::Medium => ("d2", "medium"),
            Severity::High => ("d3", "high"),
            Severity::Critical => ("d4", "critical"),
        };
        Self { class, words, severity }
    }
}

impl Danger {
    /// The bars.
    pub const fn svg(self) -> &'static str {
        match self.severity {
            Severity::Info => bars!("", "", "", ""),
            Severity::Low => bars!(" class=\"on\"", "", "", ""),
            Severity::Medium => bars!(" class=\"on\"", " class=\"on\"", "", ""),
            Severity::High => bars!(" class=\"on\"", " class=\"on\"", " class=\"on\"", ""),
            Severity::Critical => bars!(" class=\"on\"", " class=\"on\"", " class=\"on\"", " class=\"on\""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::exposure::numbers::SEVERITIES;

    #[test]
    fn every_danger_has_bars_and_a_word_of_its_own() {
        let bars = SEVERITIES.map(|s| Danger::from(s).svg().matches("class=\"on\"").count());
        assert_eq!(bars, [4, 3, 2, 1, 0]);
        let words: std::collections::BTreeSet<&str> = SEVERITIES.map(|s| Danger::from(s).words).into();
        assert_eq!(words.len(), 5);
    }
}
