//! A line chart: places are percentages across and pixels down, so that it fits
//! any width while its text keeps its size.

use super::mark::{DOT, Mark, Point};

/// Height of the drawing, pixels.
pub const HEIGHT: f64 = 220.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 188.0;
const LEFT: f64 = 13.0;
const RIGHT: f64 = 97.0;

/// One line of a chart.
#[derive(Debug, Clone)]
pub struct Series {
    /// Class in the style sheet.
    pub class: &'static str,
    /// Value of each drill; `None` where there is none, and the line has a gap.
    pub values: Vec<Option<f64>>,
    /// Label at its last value.
    pub end: String,
}

/// What a chart shows.
#[derive(Debug, Clone)]
pub struct Data {
    /// Title.
    pub title: String,
    /// The same in one sentence, for those who do not see it.
    pub desc: String,
    /// Moments of the drills, seconds since any moment, ascending.
    pub at: Vec<f64>,
    /// Sign and words of each drill; without a sign it is a small disc.
    pub marks: Vec<(Option<Mark>, String)>,
    /// Lines; the first carries the signs.
    pub series: Vec<Series>,
    /// A limit with its label.
    pub limit: Option<(f64, String)>,
    /// Distance of the grid's lines for a highest value.
    pub step: fn(f64) -> f64,
    /// A value in words.
    pub label: fn(f64) -> String,
    /// First and last day.
    pub days: (String, String),
}

/// A horizontal line with its label.
#[derive(Debug, PartialEq, Eq)]
pub struct Grid {
    /// Place, pixels.
    pub y: String,
    /// Place of the label, pixels.
    pub text_y: String,
    /// Label.
    pub label: String,
}

/// A piece of a line.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece {
    /// Class in the style sheet.
    pub class: &'static str,
    /// Percent.
    pub x1: String,
    /// Pixels.
    pub y1: String,
    /// Percent.
    pub x2: String,
    /// Pixels.
    pub y2: String,
}

/// A drill.
#[derive(Debug)]
pub struct Dot {
    /// Percent.
    pub x: String,
    /// Pixels.
    pub y: String,
    /// Its sign.
    pub point: Point,
    /// Its words.
    pub words: String,
}

/// A label at the end of a line.
#[derive(Debug, PartialEq, Eq)]
pub struct End {
    /// Class of its line.
    pub class: &'static str,
    /// Pixels.
    pub y: String,
    /// Text.
    pub label: String,
}

/// A chart, ready to be drawn.
#[derive(Debug)]
pub struct Chart {
    /// Distinguishes it in the page.
    pub id: &'static str,
    /// Title.
    pub title: String,
    /// In one sentence.
    pub desc: String,
    /// Grid.
    pub grid: Vec<Grid>,
    /// Limit.
    pub limit: Option<Grid>,
    /// Lines.
    pub pieces: Vec<Piece>,
    /// Drills.
    pub dots: Vec<Dot>,
    /// Labels.
    pub ends: Vec<End>,
    /// First and last day.
    pub days: (String, String),
}

impl Chart {
    /// Draws. All values are finite and not negative.
    pub fn draw(id: &'static str, data: Data) -> Self {
        let values = || data.series.iter().flat_map(|s| s.values.iter().flatten().copied());
        let highest = values().chain(data.limit.iter().map(|l| l.0)).fold(0.0, f64::max);
        let step = (data.step)(highest.max(1e-3));
        let top = step * (highest / step).ceil().max(1.0);
        let y = |v: f64| BOTTOM - (BOTTOM - TOP) * (v / top).clamp(0.0, 1.0);
        let x = across(&data.at);
        let line = |v: f64, label: String| Grid { y: px(y(v)), text_y: px(y(v) - 5.0), label };
        let lines = (top / step).round().min(12.0) as u32;
        let grid = (0..=lines).map(|i| line(step * f64::from(i), (data.label)(step * f64::from(i)))).collect();
        let mut pieces = Vec::new();
        for s in &data.series {
            for (pair, x) in s.values.windows(2).zip(x.windows(2)) {
                if let [Some(a), Some(b)] = *pair {
                    pieces.push(Piece { class: s.class, x1: pc(x[0]), y1: px(y(a)), x2: pc(x[1]), y2: px(y(b)) });
                }
            }
        }
        let first = data.series.first();
        let dots = data
            .marks
            .into_iter()
            .enumerate()
            .map(|(i, (mark, words))| {
                let value = first.and_then(|s| s.values.get(i).copied().flatten());
                // A drill without a value stands on the ground line.
                Dot { x: pc(x[i]), y: px(y(value.unwrap_or(0.0))), point: mark.map_or(DOT, Mark::point), words }
            })
            .collect();
        Self {
            id,
            title: data.title,
            desc: data.desc,
            grid,
            limit: data.limit.map(|(v, label)| line(v, label)),
            pieces,
            dots,
            ends: ends(&data.series, y),
            days: data.days,
        }
    }
}

/// Places on the scale of time; evenly spaced where all happened at once.
fn across(at: &[f64]) -> Vec<f64> {
    let (first, last) = (at.first().copied().unwrap_or(0.0), at.last().copied().unwrap_or(0.0));
    let n = at.len().max(2) as f64 - 1.0;
    at.iter()
        .enumerate()
        .map(|(i, t)| {
            let part = if last > first { ((t - first) / (last - first)).clamp(0.0, 1.0) } else { i as f64 / n };
            LEFT + part * (RIGHT - LEFT)
        })
        .collect()
}

/// Labels above the last value of each line, kept apart.
fn ends(series: &[Series], y: impl Fn(f64) -> f64) -> Vec<End> {
    let mut places: Vec<(f64, &Series)> =
        series.iter().filter_map(|s| Some((y(s.values.last().copied().flatten()?) - 13.0, s))).collect();
    places.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut above = f64::MIN;
    places
        .into_iter()
        .map(|(y, s)| {
            let y = y.max(above + 16.0).max(11.0);
            above = y;
            End { class: s.class, y: px(y), label: s.end.clone() }
        })
        .collect()
}

fn px(v: f64) -> String {
    format!("{v:.1}")
}

fn pc(v: f64) -> String {
    format!("{v:.2}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(values: Vec<Option<f64>>) -> Data {
        let n = values.len();
        Data {
            title: "t".into(),
            desc: "d".into(),
            at: (0..n).map(|i| i as f64 * 10.0).collect(),
            marks: vec![(Some(Mark::Good), "w".into()); n],
            series: vec![Series { class: "a", values, end: "end".into() }],
            limit: None,
            step: |_| 5.0,
            label: |v| format!("{v}"),
            days: ("a".into(), "b".into()),
        }
    }

    #[test]
    fn values_stand_where_the_grid_says() {
        let c = Chart::draw("c", data(vec![Some(0.0), Some(5.0), Some(10.0)]));
        let labels: Vec<&str> = c.grid.iter().map(|g| g.label.as_str()).collect();
        assert_eq!(labels, ["0", "5", "10"]);
        assert_eq!((c.grid[0].y.as_str(), c.grid[2].y.as_str()), ("188.0", "26.0"));
        assert_eq!((c.dots[1].x.as_str(), c.dots[1].y.as_str()), ("55.00%", c.grid[1].y.as_str()));
        assert_eq!(c.pieces.len(), 2);
    }

    #[test]
    fn a_drill_without_a_value_leaves_a_gap_and_keeps_its_sign() {
        let c = Chart::draw("c", data(vec![Some(1.0), None, Some(2.0), Some(3.0)]));
        assert_eq!((c.pieces.len(), c.dots.len()), (1, 4));
        assert_eq!(c.dots[1].y, c.grid[0].y);
    }

    #[test]
    fn a_limit_is_within_the_scale_and_drills_at_one_moment_are_apart() {
        let mut d = data(vec![Some(1.0), Some(2.0)]);
        d.limit = Some((18.0, "budget".into()));
        d.at = vec![7.0, 7.0];
        let c = Chart::draw("c", d);
        assert_eq!(c.grid.last().unwrap().label, "20");
        assert!(c.limit.unwrap().y.parse::<f64>().unwrap() > 26.0);
        assert_eq!((c.dots[0].x.as_str(), c.dots[1].x.as_str()), ("13.00%", "97.00%"));
    }

    #[test]
    fn labels_of_two_lines_do_not_cover_each_other() {
        let mut d = data(vec![Some(10.0)]);
        d.series.push(Series { class: "b", values: vec![Some(10.0)], end: "other".into() });
        let c = Chart::draw("c", d);
        let y = |i: usize| c.ends[i].y.parse::<f64>().unwrap();
        assert!(y(1) - y(0) >= 16.0);
    }
}
