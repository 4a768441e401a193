//! Chart: how long recovery took, drill by drill.

use super::chart::{Chart, Data, Series};
use super::history::{days, tip};
use super::timeline;
use super::words::{duration, sane};
use crate::report::Verdict;
use crate::report::model::PastDrill;

/// Drills of one kind, oldest first, at least one; the budget in seconds.
pub fn chart(drills: &[&PastDrill], budget: Option<f64>) -> Chart {
    let values: Vec<Option<f64>> = drills.iter().map(|p| p.rto_s.map(sane)).collect();
    Chart::draw(
        "recovery",
        Data {
            title: "Recovery time".to_owned(),
            desc: desc(&values, budget),
            at: drills.iter().map(|p| p.finished_at.as_second() as f64).collect(),
            // Among many, only what did not pass stands out; the last is this drill.
            marks: drills
                .iter()
                .enumerate()
                .map(|(i, p)| {
                    let stands_out = p.verdict != Verdict::Passed || i + 1 == drills.len();
                    (stands_out.then(|| p.verdict.into()), tip(p))
                })
                .collect(),
            series: vec![Series {
                class: "rto",
                end: values.last().copied().flatten().map_or_else(String::new, duration),
                values,
            }],
            limit: budget.map(|b| (b, format!("budget {}", duration(b)))),
            step: |highest| timeline::step(highest, 3.0),
            label: timeline::tick,
            days: days(drills),
        },
    )
}

fn desc(values: &[Option<f64>], budget: Option<f64>) -> String {
    let known: Vec<f64> = values.iter().flatten().copied().collect();
    let low = known.iter().copied().fold(f64::MAX, f64::min);
    let high = known.iter().copied().fold(0.0, f64::max);
    let range = if known.is_empty() {
        "It was measured in none of them".to_owned()
    } else {
        format!("Between {} and {}", duration(low), duration(high))
    };
    let gaps = values.len() - known.len();
    let gaps = if gaps > 0 { format!(", not measured in {gaps}") } else { String::new() };
    let budget = budget.map_or_else(String::new, |b| format!("; the budget is {}", duration(b)));
    format!("Line chart of the recovery time in {} drills. {range}{gaps}{budget}.", values.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::json::tests::sample;

    #[test]
    fn the_description_says_what_the_line_shows() {
        let one = sample().history.remove(0);
        let mut other = one.clone();
        other.rto_s = None;
        let c = chart(&[&one, &other], Some(60.0));
        assert_eq!(
            c.desc,
            "Line chart of the recovery time in 2 drills. Between 5 s and 5 s, not measured in 1; the budget is 1 min."
        );
        assert_eq!(c.limit.unwrap().label, "budget 1 min");
        assert!(c.dots[1].words.contains("not measured"), "{}", c.dots[1].words);
        assert!(chart(&[&other], None).desc.contains("measured in none"));
    }
}
