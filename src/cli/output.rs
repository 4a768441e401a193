//! What goes to stdout (data) and what to stderr (talk).

use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::args::{Global, LogFormat};
use super::progress::Reporter;
use crate::error::{Code, Error, Result, Stage};

/// What a command needs to speak.
#[derive(Debug)]
pub struct Ui {
    /// Global options.
    pub global: Global,
    /// Data.
    pub out: Out,
    /// Talk.
    pub progress: Arc<Reporter>,
}

impl Ui {
    /// From the global options.
    pub fn new(global: &Global) -> Self {
        Self {
            global: global.clone(),
            out: Out { json: global.json, wrote: AtomicBool::new(false) },
            progress: Arc::new(Reporter::new(global)),
        }
    }

    /// Talk for people; silent with `--quiet`.
    pub fn say(&self, text: &str) {
        self.progress.note(text);
    }
}

/// Data on stdout.
#[derive(Debug)]
pub struct Out {
    json: bool,
    wrote: AtomicBool,
}

impl Out {
    /// Whether `--json` was given.
    pub fn json(&self) -> bool {
        self.json
    }

    /// Whether anything was written.
    pub fn wrote(&self) -> bool {
        self.wrote.load(Ordering::Relaxed)
    }

    /// Writes text and a line end where it has none. A reader who went away
    /// (`| head`) is no error; a full disk is: what was asked for is not there.
    pub fn text(&self, text: &str) -> Result<()> {
        self.write(|out| {
            out.write_all(text.as_bytes())?;
            if text.ends_with('\n') { Ok(()) } else { out.write_all(b"\n") }
        })
    }

    /// Writes one JSON document, indented.
    pub fn value(&self, value: &serde_json::Value) -> Result<()> {
        self.text(&format!("{value:#}"))
    }

    /// Writes `value` with `--json`, otherwise `text`.
    pub fn either(&self, value: impl FnOnce() -> serde_json::Value, text: impl FnOnce() -> String) -> Result<()> {
        if self.json { self.value(&value()) } else { self.text(&text()) }
    }

    fn write(&self, write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> Result<()> {
        self.wrote.store(true, Ordering::Relaxed);
        let mut out = anstream::stdout().lock();
        match write(&mut out).and_then(|()| out.flush()) {
            Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
                Err(Error::new(Code::Internal, Stage::Report, "cannot write to standard output").because(e))
            }
            _ => Ok(()),
        }
    }
}

/// A line on stderr; nothing can be done where that fails.
pub fn stderr_line(line: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}

/// Whether talk is JSON.
pub fn talks_json(global: &Global) -> bool {
    global.log_format == LogFormat::Json
}
