//! Numbers as people say them.

use bytesize::ByteSize;
use jiff::Timestamp;

/// A longest time, so that a forged report cannot break a scale: 100 years.
const LONGEST: f64 = 100.0 * 365.0 * 86_400.0;

/// Seconds of a report, made sane: finite and not negative.
pub fn sane(seconds: f64) -> f64 {
    if seconds.is_finite() { seconds.clamp(0.0, LONGEST) } else { 0.0 }
}

/// `0.42 s`, `5.7 s`, `3 min 20 s`, `2 h 5 min`, `3 days 4 h`: two units at most.
pub fn duration(seconds: f64) -> String {
    let s = sane(seconds);
    if s < 0.995 {
        return format!("{s:.2} s");
    }
    if s < 59.95 {
        return format!("{s:.1} s").replace(".0 s", " s");
    }
    let s = s.round() as u64;
    let (d, h, m, s) = (s / 86_400, s / 3600 % 24, s / 60 % 60, s % 60);
    let (big, unit, small, small_unit) = match (d, h) {
        (1.., _) => (d, if d == 1 { "day" } else { "days" }, h, "h"),
        (0, 1..) => (h, "h", m, "min"),
        (0, 0) => (m, "min", s, "s"),
    };
    if small == 0 { format!("{big} {unit}") } else { format!("{big} {unit} {small} {small_unit}") }
}

/// Whole seconds in the same words.
pub fn age(seconds: u64) -> String {
    duration(seconds as f64)
}

/// `1.9 MiB`.
pub fn bytes(n: u64) -> String {
    ByteSize(n).to_string()
}

/// `1,234,567`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// `1 table`, `2,000 tables`.
pub fn some(n: usize, one: &str, many: &str) -> String {
    format!("{} {}", count(n as u64), if n == 1 { one } else { many })
}

/// The first letter of a sentence in upper case. A first word that is a name
/// (`source.NAME.drill`, `pg_dump`) stays as it is.
pub fn capital(text: &str) -> String {
    let first = text.split(' ').next().unwrap_or_default();
    let plain =
        first.len() < text.len() && first.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b',' | b':' | b'-'));
    let mut letters = text.chars();
    match letters.next() {
        Some(c) if plain => c.to_ascii_uppercase().to_string() + letters.as_str(),
        _ => text.to_owned(),
    }
}

/// A moment: for machines and for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When {
    /// RFC 3339.
    pub iso: String,
    /// `23 Nov 2026, 04:00 UTC`.
    pub words: String,
    /// The same without the zone, for a column that names it.
    pub minute: String,
    /// `23 Nov 2026`.
    pub day: String,
}

impl When {
    /// In UTC, so that the page is the same wherever it is made.
    pub fn of(at: Timestamp) -> Self {
        Self {
            iso: at.to_string(),
            words: at.strftime("%-d %b %Y, %H:%M UTC").to_string(),
            minute: at.strftime("%-d %b %Y, %H:%M").to_string(),
            day: at.strftime("%-d %b %Y").to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (s, words) in [
            (0.0, "0.00 s"),
            (0.42, "0.42 s"),
            (0.999, "1 s"),
            (5.65, "5.7 s"),
            (59.96, "1 min"),
            (200.0, "3 min 20 s"),
            (3600.0, "1 h"),
            (7_500.0, "2 h 5 min"),
            (86_400.0 + 7_200.0, "1 day 2 h"),
            (200_000.0, "2 days 7 h"),
            (f64::NAN, "0.00 s"),
            (-3.0, "0.00 s"),
        ] {
            assert_eq!(duration(s), words, "{s}");
        }
        assert_eq!(duration(f64::MAX), "36500 days");
        assert_eq!(age(59), "59 s");
    }

    #[test]
    fn counts() {
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(12_345_678), "12,345,678");
        assert_eq!(some(1, "table", "tables"), "1 table");
        assert_eq!(some(0, "table", "tables"), "0 tables");
        assert_eq!(bytes(2_000_000), "1.9 MiB");
    }

    #[test]
    fn sentences_begin_with_a_capital_and_names_stay() {
        for (text, shown) in [
            ("dial-outs reach nothing", "Dial-outs reach nothing"),
            ("every table has its rows", "Every table has its rows"),
            ("source.shop.drill.max_restore is not set", "source.shop.drill.max_restore is not set"),
            ("pg_dump is missing", "pg_dump is missing"),
            ("INT-ROWS found", "INT-ROWS found"),
            ("reporting", "reporting"),
            ("", ""),
        ] {
            assert_eq!(capital(text), shown);
        }
    }

    #[test]
    fn moments() {
        let w = When::of("2026-11-03T04:05:06Z".parse().unwrap());
        assert_eq!((w.iso.as_str(), w.words.as_str()), ("2026-11-03T04:05:06Z", "3 Nov 2026, 04:05 UTC"));
    }
}
