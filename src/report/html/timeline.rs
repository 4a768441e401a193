//! When each stage of the drill ran: a bar for each on one common scale.

use super::bound::{self, Bounded};
use super::words::{duration, sane};
use crate::report::Report;
use crate::report::model::Span;

/// Stages in the page.
const LISTED: usize = 24;
/// A bar is never narrower, percent: a short stage is still to be seen.
const NARROWEST: f64 = 0.6;

/// One stage.
#[derive(Debug, PartialEq)]
pub struct Bar {
    /// `Restore`.
    pub name: String,
    /// Whether it is part of the recovery time.
    pub recovery: bool,
    /// Left end, percent of the scale.
    pub x: String,
    /// Width, percent.
    pub width: String,
    /// `from 1.65 s to 5.65 s`.
    pub span: String,
    /// How long it took.
    pub took: String,
}

/// A line of the scale.
#[derive(Debug, PartialEq, Eq)]
pub struct Tick {
    /// Place, percent.
    pub x: String,
    /// `2 s`.
    pub label: String,
}

/// The section.
#[derive(Debug)]
pub struct Timeline {
    /// One sentence.
    pub summary: String,
    /// The scale.
    pub ticks: Vec<Tick>,
    /// The stages.
    pub bars: Bounded<Bar>,
}

/// The section of a report.
pub fn of(r: &Report) -> Timeline {
    let end = r.stages.iter().map(|s| sane(s.to_s)).fold(sane(r.timings_s.total), f64::max);
    if r.stages.is_empty() || end <= 0.0 {
        let t = &r.timings_s;
        return Timeline {
            summary: format!(
                "When each stage ran was not recorded. Sums: fetch {}, restore {}, start {}, checks {}, in all {}.",
                duration(t.fetch),
                duration(t.restore),
                duration(t.start),
                duration(t.checks),
                duration(t.total)
            ),
            ticks: Vec::new(),
            bars: Bounded { items: Vec::new(), more: 0 },
        };
    }
    let step = step(end, 4.0);
    let scale = end * 1.02;
    let ticks = (0..=(scale / step) as u32)
        .map(|i| step * f64::from(i))
        .map(|at| Tick { x: format!("{:.2}%", at / scale * 100.0), label: tick(at) })
        .collect();
    Timeline { summary: summary(r), ticks, bars: Bounded::of(&r.stages, LISTED, |s| bar(s, scale)) }
}

/// A step of the scale that gives at most `lines` of them up to `end`: seconds,
/// minutes and hours as on a clock.
pub fn step(end: f64, lines: f64) -> f64 {
    const CLOCK: [f64; 16] =
        [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 21_600.0, 43_200.0];
    let least = end / lines;
    if least < 1.0 {
        return decimal(least);
    }
    CLOCK.into_iter().find(|s| *s >= least).unwrap_or_else(|| 86_400.0 * decimal(least / 86_400.0).max(1.0))
}

/// The next of 1, 2, 5 times a power of ten.
pub fn decimal(least: f64) -> f64 {
    let power = 10f64.powf(least.max(1e-6).log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|m| m * power).find(|s| *s >= least * 0.999_999).unwrap_or(10.0 * power)
}

/// A moment on a scale of time.
pub fn tick(at: f64) -> String {
    if at == 0.0 { "0".to_owned() } else { duration(at) }
}

fn bar(s: &Span, scale: f64) -> Bar {
    let from = sane(s.from_s);
    let to = sane(s.to_s).max(from);
    let width = ((to - from) / scale * 100.0).max(NARROWEST);
    let x = (from / scale * 100.0).min(100.0 - width);
    Bar {
        name: stage(&s.name),
        recovery: matches!(s.name.as_str(), "fetch" | "restore" | "start"),
        x: format!("{x:.2}%"),
        width: format!("{width:.2}%"),
        span: format!("from {} to {}", tick(from), duration(to)),
        took: duration(to - from),
    }
}

fn stage(name: &str) -> String {
    match name {
        "fetch" => "Fetch".to_owned(),
        "restore" => "Restore".to_owned(),
        "start" => "Start".to_owned(),
        "probes" => "Probes".to_owned(),
        "checks" => "Checks".to_owned(),
        "teardown" => "Teardown".to_owned(),
        other => bound::cut(other, 40),
    }
}

fn summary(r: &Report) -> String {
    let took = |s: &&Span| sane(s.to_s) - sane(s.from_s);
    let longest = r.stages.iter().max_by(|a, b| took(a).total_cmp(&took(b)));
    longest.map_or_else(String::new, |s| {
        format!(
            "The drill took {}; most of it went into {} ({}).",
            duration(r.timings_s.total),
            bound::cut(&s.name, 40),
            duration(took(&s))
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::json::tests::sample;

    #[test]
    fn bars_stand_where_the_stages_were() {
        let mut r = sample();
        r.timings_s.total = 10.0 / 1.02;
        let t = of(&r);
        assert_eq!((t.bars.items[0].x.as_str(), t.bars.items[0].width.as_str()), ("0.00%", "12.50%"));
        assert_eq!((t.bars.items[1].x.as_str(), t.bars.items[1].width.as_str()), ("16.50%", "40.00%"));
        assert_eq!(t.bars.items[1].span, "from 1.6 s to 5.7 s");
        assert!(t.bars.items[0].recovery);
        assert_eq!(t.ticks.iter().map(|t| t.label.as_str()).collect::<Vec<_>>(), ["0", "5 s", "10 s"]);
        assert!(t.summary.contains("most of it went into restore (4 s)"), "{}", t.summary);
    }

    #[test]
    fn forged_times_stay_within_the_scale() {
        let mut r = sample();
        let span = |from_s, to_s| Span { name: "x".repeat(500), from_s, to_s };
        r.stages = vec![span(-5.0, f64::INFINITY), span(9.0, 1.0), span(f64::NAN, 1e300), span(1e300, 2e300)];
        for b in of(&r).bars.items {
            let of = |t: &str| t.trim_end_matches('%').parse::<f64>().unwrap();
            assert!(of(&b.x) >= 0.0 && of(&b.x) + of(&b.width) <= 100.01, "{b:?}");
            assert!(b.name.chars().count() <= 41);
        }
        assert!(of(&r).ticks.len() < 8);
    }

    #[test]
    fn no_stages_is_said_in_words() {
        let mut r = sample();
        r.stages.clear();
        let t = of(&r);
        assert!(t.summary.contains("not recorded") && t.summary.contains("restore 4 s") && t.ticks.is_empty());
    }

    #[test]
    fn steps_are_those_of_a_clock() {
        for (end, expected) in
            [(0.3, 0.1), (3.0, 1.0), (8.0, 2.0), (61.0, 30.0), (3_000.0, 900.0), (400_000.0, 172_800.0)]
        {
            assert!((step(end, 4.0) - expected).abs() < 1e-9, "{end}: {}", step(end, 4.0));
        }
    }
}
