//! Events of the core as a bar (terminal), as lines (cron, CI) or as JSON.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use bytesize::ByteSize;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use super::args::Global;
use super::output::{stderr_line, talks_json};
use crate::types::{Event, Observer, shown};

/// Without a terminal at most one line in this time.
const EVERY: Duration = Duration::from_secs(30);

const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
const CYAN: Style = AnsiColor::Cyan.on_default().bold();

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Bar,
    Lines,
    Json,
}

/// Says on stderr what happens.
#[derive(Debug)]
pub struct Reporter {
    form: Form,
    quiet: bool,
    warned: AtomicBool,
    stage: Mutex<Option<Stage>>,
}

/// The stage under way.
#[derive(Debug)]
struct Stage {
    meter: Meter,
    bar: Option<ProgressBar>,
}

impl Reporter {
    /// By the global options and whether stderr is a terminal.
    pub fn new(global: &Global) -> Self {
        let form = if talks_json(global) {
            Form::Json
        } else if std::io::stderr().is_terminal() && global.verbose == 0 {
            Form::Bar
        } else {
            Form::Lines
        };
        Self { form, quiet: global.quiet, warned: AtomicBool::new(false), stage: Mutex::new(None) }
    }

    /// Whether a warning was given.
    pub fn warned(&self) -> bool {
        self.warned.load(Ordering::Relaxed)
    }

    /// Something worth a line.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.line(|| shown(text).into_owned(), || json!({ "level": "info", "event": "note", "text": text }));
        }
    }

    /// Something that must not be overlooked; `--quiet` does not hide it.
    pub fn warn(&self, text: &str, hint: Option<&str>) {
        self.warned.store(true, Ordering::Relaxed);
        self.line(
            || {
                let mut line = format!("{YELLOW}warning:{YELLOW:#} {}", shown(text));
                if let Some(hint) = hint {
                    let _ = write!(line, "\n{CYAN}hint:{CYAN:#} {}", shown(hint));
                }
                line
            },
            || json!({ "level": "warning", "event": "warning", "text": text, "hint": hint }),
        );
    }

    /// An error that ends the command, as `text` for people.
    pub fn error(&self, text: &str, e: &crate::error::Error) {
        let json = || {
            let mut value = json!({ "level": "error", "event": "error" });
            if let (Value::Object(all), Value::Object(fields)) = (&mut value, e.to_json()) {
                all.extend(fields);
            }
            value
        };
        self.line(|| text.to_owned(), json);
    }

    /// Takes a bar away that an interrupted stage left behind.
    pub fn close(&self) {
        if let Some(Stage { bar: Some(bar), .. }) = self.lock().take() {
            bar.finish_and_clear();
        }
    }

    /// The state holds no invariant that a panic could break.
    fn lock(&self) -> MutexGuard<'_, Option<Stage>> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self, text: impl FnOnce() -> String, value: impl FnOnce() -> Value) {
        match self.form {
            Form::Json => stderr_line(&stamped(value()).to_string()),
            Form::Lines => stderr_line(&text()),
            Form::Bar => match self.lock().as_ref().and_then(|s| s.bar.clone()) {
                Some(bar) => bar.suspend(|| stderr_line(&text())),
                None => stderr_line(&text()),
            },
        }
    }

    fn started(&self, title: String, total: Option<u64>, now: Instant) {
        if self.quiet {
            return;
        }
        self.close();
        let meter = Meter { title, total, bytes: 0, started: now, said: now };
        if self.form != Form::Bar {
            let value = json!({ "level": "info", "event": "started", "title": meter.title, "total": total });
            self.line(|| shown(&meter.title).into_owned(), || value);
        }
        let bar = (self.form == Form::Bar).then(|| bar(&meter.title, total));
        *self.lock() = Some(Stage { meter, bar });
    }

    fn advanced(&self, bytes: u64, now: Instant) {
        let mut stage = self.lock();
        let Some(stage) = stage.as_mut() else { return };
        if let Some(bar) = &stage.bar {
            bar.inc(bytes);
        }
        let due = stage.meter.add(bytes, now);
        if due && self.form != Form::Bar {
            let text = stage.meter.text(now);
            let value = stage.meter.value("progress", now);
            // The form is not a bar: `line` does not take the lock again.
            self.line(|| text, || value);
        }
    }

    fn finished(&self, now: Instant) {
        let Some(stage) = self.lock().take() else { return };
        if let Some(bar) = &stage.bar {
            bar.finish_and_clear();
        }
        if stage.meter.bytes > 0 || self.form == Form::Json {
            self.line(|| stage.meter.summary(now), || stage.meter.value("finished", now));
        }
    }
}

impl Observer for Reporter {
    fn event(&self, event: Event) {
        let now = Instant::now();
        match event {
            Event::Started { title, total } => self.started(title, total, now),
            Event::Advanced { bytes } => self.advanced(bytes, now),
            Event::Finished => self.finished(now),
            Event::Note(text) => self.note(&text),
            Event::Warning { text, hint } => self.warn(&text, hint.as_deref()),
            Event::Retry { operation, attempt, reason } => {
                if !self.quiet {
                    self.line(
                        || format!("again: {operation} (try {attempt}): {}", shown(&reason)),
                        || json!({ "level": "info", "event": "retry", "operation": operation, "attempt": attempt, "reason": reason }),
                    );
                }
            }
        }
    }
}

fn bar(title: &str, total: Option<u64>) -> ProgressBar {
    let form = match total {
        Some(_) => "{msg} {wide_bar} {bytes}/{total_bytes} {percent}% {bytes_per_sec} {elapsed} eta {eta}",
        None => "{spinner} {msg} {bytes} {bytes_per_sec} {elapsed}",
    };
    let bar = match total {
        Some(total) => ProgressBar::new(total),
        None => ProgressBar::new_spinner(),
    };
    bar.set_draw_target(ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(form) {
        bar.set_style(style);
    }
    bar.set_message(shown(title).into_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn stamped(value: Value) -> Value {
    let mut all = serde_json::Map::new();
    all.insert("time".into(), jiff::Timestamp::now().to_string().into());
    if let Value::Object(fields) = value {
        all.extend(fields);
    }
    Value::Object(all)
}

/// Bytes of a stage, with time as a parameter.
#[derive(Debug)]
struct Meter {
    title: String,
    total: Option<u64>,
    bytes: u64,
    started: Instant,
    said: Instant,
}

impl Meter {
    /// Adds bytes; whether a line is due.
    fn add(&mut self, bytes: u64, now: Instant) -> bool {
        self.bytes = self.bytes.saturating_add(bytes);
        let due = now.duration_since(self.said) >= EVERY;
        if due {
            self.said = now;
        }
        due
    }

    fn rate(&self, now: Instant) -> f64 {
        let seconds = now.duration_since(self.started).as_secs_f64();
        if seconds > 0.0 { self.bytes as f64 / seconds } else { 0.0 }
    }

    /// An estimated total may be exceeded: then there is no percentage any more.
    fn known_total(&self) -> Option<u64> {
        self.total.filter(|t| *t > 0 && self.bytes <= *t)
    }

    fn text(&self, now: Instant) -> String {
        let rate = self.rate(now);
        let mut text = format!("{}: {}", shown(&self.title), ByteSize(self.bytes));
        if let Some(total) = self.known_total() {
            let percent = self.bytes as f64 * 100.0 / total as f64;
            let _ = write!(text, " of {}, {percent:.0} %", ByteSize(total));
        }
        let _ = write!(text, ", {}/s, {}", ByteSize(rate as u64), clock(now.duration_since(self.started)));
        if let Some(total) = self.known_total().filter(|_| rate > 0.0) {
            let left = Duration::from_secs_f64(((total - self.bytes) as f64 / rate).min(1e9));
            let _ = write!(text, ", {} left", clock(left));
        }
        text
    }

    fn summary(&self, now: Instant) -> String {
        let elapsed = now.duration_since(self.started);
        format!(
            "{}: {} in {}, {}/s",
            shown(&self.title),
            ByteSize(self.bytes),
            clock(elapsed),
            ByteSize(self.rate(now) as u64)
        )
    }

    fn value(&self, event: &str, now: Instant) -> Value {
        json!({
            "level": "info",
            "event": event,
            "title": self.title,
            "bytes": self.bytes,
            "total": self.total,
            "elapsed_s": now.duration_since(self.started).as_secs(),
        })
    }
}

/// `1:02:03` or `2:03`.
fn clock(d: Duration) -> String {
    let s = d.as_secs();
    let (h, m, s) = (s / 3600, s / 60 % 60, s % 60);
    if h > 0 { format!("{h}:{m:02}:{s:02}") } else { format!("{m}:{s:02}") }
}

/// Logs of pgseal itself on stderr for `-v`; other crates' logs may hold
/// headers and are never shown.
pub fn log(global: &Global) {
    use tracing_subscriber::Layer as _;
    use tracing_subscriber::filter::{LevelFilter, Targets};
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::util::SubscriberInitExt as _;

    let level = match global.verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let level = if global.quiet { LevelFilter::ERROR } else { level };
    let filter = Targets::new().with_target("pgseal", level);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    let layer = if talks_json(global) { layer.json().boxed() } else { layer.boxed() };
    // Only fails where a logger is set already: in tests, which is as well.
    let _ = tracing_subscriber::registry().with(layer.with_filter(filter)).try_init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_rare_and_say_what_is_known() {
        let t0 = Instant::now();
        let at = |s| t0 + Duration::from_secs(s);
        let mut m = Meter { title: "fetch".into(), total: Some(4 << 20), bytes: 0, started: t0, said: t0 };
        assert!(!m.add(1 << 20, at(29)));
        assert!(m.add(0, at(32)));
        assert!(!m.add(0, at(61)));
        assert!(m.add(1 << 20, at(64)));
        assert_eq!(m.text(at(64)), "fetch: 2.0 MiB of 4.0 MiB, 50 %, 32.0 KiB/s, 1:04, 1:04 left");
        m.add(4 << 20, at(65));
        assert_eq!(m.text(at(3661)), "fetch: 6.0 MiB, 1.7 KiB/s, 1:01:01");
        assert_eq!(m.summary(at(64)), "fetch: 6.0 MiB in 1:04, 96.0 KiB/s");
        assert_eq!(m.value("finished", at(64))["elapsed_s"], 64);
    }

    #[test]
    fn quiet_hides_all_but_warnings() {
        let quiet = Reporter::new(&Global { quiet: true, ..Default::default() });
        quiet.event(Event::Started { title: "x".into(), total: None });
        quiet.event(Event::Advanced { bytes: 1 });
        assert!(quiet.lock().is_none());
        assert!(!quiet.warned());
        quiet.event(Event::Warning { text: "w".into(), hint: None });
        assert!(quiet.warned());
        let loud = Reporter::new(&Global::default());
        loud.event(Event::Started { title: "x".into(), total: Some(1) });
        assert!(loud.lock().is_some());
        loud.event(Event::Finished);
        assert!(loud.lock().is_none());
    }
}
