//! Chart: how large the backups were, as data and in the store.

use super::chart::{Chart, Data, Series};
use super::history::{days, tip};
use super::timeline::decimal;
use super::words::bytes;
use crate::report::model::PastDrill;

/// Drills of one kind, oldest first, at least one.
pub fn chart(drills: &[&PastDrill]) -> Chart {
    let series = |class, of: fn(&PastDrill) -> u64, name: &str| Series {
        class,
        values: drills.iter().map(|p| Some(of(p) as f64)).collect(),
        end: format!("{name} {}", drills.last().map_or_else(String::new, |p| bytes(of(p)))),
    };
    Chart::draw(
        "sizes",
        Data {
            title: "Backup size".to_owned(),
            desc: desc(drills),
            at: drills.iter().map(|p| p.finished_at.as_second() as f64).collect(),
            marks: drills.iter().map(|p| (None, tip(p))).collect(),
            series: vec![
                series("plain", |p| p.plain_bytes, "data"),
                series("stored", |p| p.stored_bytes, "in the store"),
            ],
            limit: None,
            step,
            label,
            days: days(drills),
        },
    )
}

/// 1, 2 or 5 times a power of ten of a unit, at most three of them.
fn step(highest: f64) -> f64 {
    let unit = 1024f64.powf((highest / 3.0).max(1.0).log(1024.0).floor());
    let step = decimal(highest / 3.0 / unit).max(1.0);
    // Not 1000 MiB but 1 GiB.
    unit * if step > 500.0 { 1024.0 } else { step }
}

fn label(v: f64) -> String {
    if v == 0.0 { "0".to_owned() } else { bytes(v as u64).replace(".0 ", " ") }
}

fn desc(drills: &[&PastDrill]) -> String {
    let (Some(first), Some(last)) = (drills.first(), drills.last()) else { return String::new() };
    format!(
        "Line chart of the size of the backups in {} drills: the data went from {} to {}, in the store from {} to {}.",
        drills.len(),
        bytes(first.plain_bytes),
        bytes(last.plain_bytes),
        bytes(first.stored_bytes),
        bytes(last.stored_bytes)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::json::tests::sample;

    #[test]
    fn the_grid_counts_in_round_numbers_of_a_unit() {
        for (highest, expected) in [
            (900.0, 500.0),
            (2_000_000.0, 1024f64.powi(2)),
            (1.6e9, 1024f64.powi(3)),
            (5.0 * 1024f64.powi(3), 2.0 * 1024f64.powi(3)),
        ] {
            assert!((step(highest) - expected).abs() < 1.0, "{highest}: {}", step(highest));
        }
        assert_eq!((label(0.0).as_str(), label(2.0 * 1024f64.powi(3)).as_str()), ("0", "2 GiB"));
    }

    #[test]
    fn both_lines_are_named() {
        let one = sample().history.remove(0);
        let c = chart(&[&one, &one]);
        assert_eq!(
            c.ends.iter().map(|e| e.label.as_str()).collect::<Vec<_>>(),
            ["data 1.8 MiB", "in the store 283.2 KiB"]
        );
        assert!(c.desc.contains("from 1.8 MiB to 1.8 MiB"));
        let none = PastDrill { plain_bytes: 0, stored_bytes: u64::MAX, ..one };
        assert!(chart(&[&none, &none]).grid.len() < 14);
    }
}
