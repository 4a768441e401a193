//! Errors as text or JSON, and the exit code.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::output::{Ui, stderr_line};
use crate::error::{Code, Error, Result};
use crate::types::shown;

const RED: Style = AnsiColor::Red.on_default().bold();
const CYAN: Style = AnsiColor::Cyan.on_default().bold();

/// Says how a command ended and gives its exit code. Warnings along the way
/// turn "done" into "done with warnings".
pub fn report(result: Result<Code>, ui: &Ui) -> Code {
    match result {
        Ok(Code::Done) if ui.progress.warned() => Code::Warnings,
        Ok(code) => code,
        Err(e) => errors(&[e], ui),
    }
}

/// Says several errors; the exit code is that of the worst.
pub fn errors(errors: &[Error], ui: &Ui) -> Code {
    say(errors, ui);
    errors.iter().map(Error::code).min_by_key(|c| c.precedence()).unwrap_or(Code::Done)
}

/// With `--json` the errors are an object on stdout; on stderr where a document
/// was already written, because two would be no JSON. Otherwise they are talk on
/// stderr, in the form that `--log-format` asks for.
fn say(errors: &[Error], ui: &Ui) {
    let out = &ui.out;
    if out.json() {
        let list: Vec<_> = errors.iter().map(Error::to_json).collect();
        let value = serde_json::json!({ "errors": list });
        if out.wrote() || out.value(&value).is_err() {
            stderr_line(&value.to_string());
        }
        return;
    }
    for e in errors {
        ui.progress.error(&text(e), e);
    }
}

/// `error: …` and `hint: …`.
fn text(e: &Error) -> String {
    let mut text = format!("{RED}error:{RED:#} {e}");
    if let Some(hint) = e.next_step() {
        let _ = write!(text, "\n{CYAN}hint:{CYAN:#} {}", shown(hint));
    }
    text
}

/// What clap found: help and version are data, the rest is wrong usage.
pub fn usage(e: &clap::Error, json: bool) -> Code {
    use clap::error::ErrorKind;
    match e.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let _ = e.print();
            Code::Done
        }
        _ if json => {
            let message = e.render().to_string();
            let message = message.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
            let error = Error::usage(message).hint("See --help.");
            let ui = Ui::new(&super::args::Global { json: true, ..Default::default() });
            errors(&[error], &ui)
        }
        _ => {
            let _ = e.print();
            Code::Usage
        }
    }
}

/// A panic tells where, never what: its message may hold data.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(|l| format!("{}:{}", l.file(), l.line()));
        if !crate::checks::takes(place.as_deref().unwrap_or("an unknown place")) {
            stderr_line(&panic_text(place.as_deref()));
        }
    }));
}

fn panic_text(place: Option<&str>) -> String {
    text(&Error::internal(format!("stopped at {}", place.unwrap_or("an unknown place"))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Global;
    use crate::error::Stage;

    #[test]
    fn errors_are_one_line_each_with_a_hint() {
        let e = Error::new(Code::Corrupt, Stage::Fetch, "bad\nbytes").on("s/shop/d").hint("Look.");
        let said = anstream::adapter::strip_str(&text(&e)).to_string();
        assert_eq!(said, "error: fetch: s/shop/d: bad\\nbytes\nhint: Look.");
        let said = anstream::adapter::strip_str(&panic_text(Some("src/x.rs:1"))).to_string();
        assert!(said.starts_with("error: internal: stopped at src/x.rs:1\nhint: "), "{said}");
    }

    #[test]
    fn the_worst_error_and_warnings_decide() {
        let ui = Ui::new(&Global { quiet: true, ..Default::default() });
        let two =
            [Error::new(Code::StoreUnavailable, Stage::Store, "a"), Error::new(Code::Untrusted, Stage::Verify, "b")];
        assert_eq!(errors(&two, &ui), Code::Untrusted);
        assert_eq!(report(Ok(Code::Done), &ui), Code::Done);
        ui.progress.warn("w", None);
        assert_eq!(report(Ok(Code::Done), &ui), Code::Warnings);
        assert_eq!(report(Ok(Code::ChecksFailed), &ui), Code::ChecksFailed);
    }
}
