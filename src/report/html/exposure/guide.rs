//! The 25 sections of the guide as tiles: a letter, and how much of it is known.

use crate::exposure::outcome::{Grade, Section};
use crate::report::exposure::section;
use crate::report::exposure::text::grade;

/// One section.
#[derive(Debug, PartialEq, Eq)]
pub struct Tile {
    /// Its number.
    pub number: u8,
    /// Its title.
    pub title: &'static str,
    /// `A` to `E`, or `?`.
    pub letter: &'static str,
    /// Class in the style sheet.
    pub class: &'static str,
    /// The letter in words.
    pub words: &'static str,
    /// `4 of 6 checks`.
    pub looked: String,
    /// Percent of its checks that were evaluated.
    pub width: String,
    /// `2 open, 1 waived`; may be empty.
    pub found: String,
}

/// All of them.
#[derive(Debug)]
pub struct Guide {
    /// One sentence; empty where there is no section.
    pub summary: String,
    /// Sections, by number.
    pub tiles: Vec<Tile>,
}

/// The sections of a report.
pub fn of(sections: &[Section]) -> Guide {
    let with = |g: Grade| sections.iter().filter(|s| s.grade == g).count();
    let parts: Vec<String> = [
        (Grade::E, "with something critical open"),
        (Grade::D, "with something high"),
        (Grade::A, "with nothing open"),
        (Grade::Unknown, "of which too little is known"),
    ]
    .into_iter()
    .filter(|(g, _)| with(*g) > 0)
    .map(|(g, words)| format!("{} {words}", with(g)))
    .collect();
    let summary = if sections.is_empty() {
        String::new()
    } else {
        format!("Of {} sections: {}.", sections.len(), parts.join(", "))
    };
    Guide { summary, tiles: sections.iter().take(25).map(tile).collect() }
}

fn tile(s: &Section) -> Tile {
    let (class, words) = match s.grade {
        Grade::A if s.open > 0 => ("ga", "nothing worse than information"),
        Grade::A => ("ga", "nothing open"),
        Grade::B => ("gb", "low"),
        Grade::C => ("gc", "medium"),
        Grade::D => ("gd", "high"),
        Grade::E => ("ge", "critical"),
        Grade::Unknown => ("gu", "not known"),
    };
    let part = if s.checks == 0 { 0.0 } else { f64::from(s.evaluated.min(s.checks)) / f64::from(s.checks) };
    let found = [(s.open, "open"), (s.waived, "waived")].into_iter().filter(|(n, _)| *n > 0);
    Tile {
        number: s.number,
        title: section(s.number),
        letter: grade(s.grade),
        class,
        words,
        looked: format!("{} of {} checks", s.evaluated, s.checks),
        width: format!("{:.0}%", part * 100.0),
        found: found.map(|(n, word)| format!("{n} {word}")).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::exposure::sample::sample;

    #[test]
    fn every_grade_has_a_letter_words_and_a_class_of_its_own() {
        let g = of(&sample().sections);
        assert_eq!(g.tiles.len(), 25);
        let t = &g.tiles[7];
        assert_eq!((t.letter, t.words, t.looked.as_str(), t.width.as_str()), ("D", "high", "9 of 10 checks", "90%"));
        assert_eq!(t.found, "2 open, 1 waived");
        let classes: std::collections::BTreeSet<&str> = g.tiles.iter().map(|t| t.class).collect();
        assert_eq!(classes.len(), 6);
        assert!(g.summary.starts_with("Of 25 sections: 2 with something critical open, 1 with something high, 1 with"));
    }

    #[test]
    fn a_forged_section_breaks_nothing() {
        let s = Section { number: 200, grade: Grade::A, checks: 0, evaluated: 9, open: 0, waived: 0 };
        let t = tile(&s);
        assert_eq!((t.width.as_str(), t.title), ("0%", "A section that this version does not know"));
        assert!(of(&[]).summary.is_empty());
        assert_eq!(of(&vec![s; 100]).tiles.len(), 25);
    }
}
