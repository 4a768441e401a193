//! What can go wrong, said so that a person and a cron job can act on it.
//!
//! [`Code`] is the exit code table and an interface: numbers are never changed
//! or reused. [`Error`] carries a code, the stage it happened in, the object it
//! concerns, the cause and the next step.

use std::error::Error as StdError;
use std::fmt;

mod code;
mod stage;

pub use code::Code;
pub use stage::Stage;

/// Result of everything that can fail in pgseal.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error that names its stage, its object, its cause and the next step.
pub struct Error(Box<Inner>);

struct Inner {
    code: Code,
    stage: Stage,
    object: Option<String>,
    message: String,
    hint: Option<String>,
    sqlstate: Option<Box<str>>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// A new error; `message` is lower case and does not repeat the stage.
    pub fn new(code: Code, stage: Stage, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            code,
            stage,
            object: None,
            message: message.into(),
            hint: None,
            sqlstate: None,
            source: None,
        }))
    }

    /// A defect of pgseal itself.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Code::Internal, Stage::Internal, message)
            .hint("This is a defect of pgseal; please report it with the log.")
    }

    /// Wrong usage or configuration.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, Stage::Usage, message)
    }

    /// Names the object (key, file, table, program) the error is about.
    #[must_use]
    pub fn on(mut self, object: impl Into<String>) -> Self {
        self.0.object = Some(object.into());
        self
    }

    /// The next step, a full sentence.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Gives a hint only where there is none yet.
    #[must_use]
    pub fn or_hint(self, hint: impl Into<String>) -> Self {
        if self.0.hint.is_some() { self } else { self.hint(hint) }
    }

    /// Adds a sentence to the hint.
    #[must_use]
    pub fn and_hint(mut self, more: impl AsRef<str>) -> Self {
        let hint = self.0.hint.take().map_or_else(String::new, |h| h + " ") + more.as_ref();
        self.0.hint = Some(hint);
        self
    }

    /// The cause; its text follows the message.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(cause.into());
        self
    }

    /// With the SQLSTATE that a server refused with, if it gave one.
    #[must_use]
    pub fn with_sqlstate(mut self, state: Option<&str>) -> Self {
        self.0.sqlstate = state.map(Into::into);
        self
    }

    /// The same error in the stage that its caller knows better.
    #[must_use]
    pub fn at(mut self, stage: Stage) -> Self {
        self.0.stage = stage;
        self
    }

    /// The same error under another code (a fetch that fails within a drill, say).
    #[must_use]
    pub fn with_code(mut self, code: Code) -> Self {
        self.0.code = code;
        self
    }

    /// Exit code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// Stage.
    pub fn stage(&self) -> Stage {
        self.0.stage
    }

    /// Object, if one is known.
    pub fn object(&self) -> Option<&str> {
        self.0.object.as_deref()
    }

    /// Next step, if there is one.
    pub fn next_step(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The SQLSTATE that a server refused with, where that says what is wrong.
    pub fn sqlstate(&self) -> Option<&str> {
        self.0.sqlstate.as_deref()
    }

    /// Message and causes on one line, without stage, object and hint.
    ///
    /// Control characters are escaped: parts of it may come from a server.
    pub fn text(&self) -> String {
        let mut text = self.0.message.clone();
        let mut cause: Option<&(dyn StdError + 'static)> = self.source();
        while let Some(c) = cause {
            // A server's error has more lines of its own; in what a name or a value holds they stay escaped.
            let said = c.to_string().replace("\nDETAIL: ", "; DETAIL: ").replace("\nHINT: ", "; HINT: ");
            if !said.is_empty() && !text.ends_with(&said) {
                text.push_str(": ");
                text.push_str(&said);
            }
            cause = c.source();
        }
        crate::types::shown(&text).into_owned()
    }

    /// The form listed in JSON output.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "code": self.code().number(),
            "class": self.code().class(),
            "retryable": self.code().retryable(),
            "stage": self.stage().name(),
            "object": self.object(),
            "message": self.text(),
            "hint": self.next_step(),
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.stage().name())?;
        if let Some(object) = self.object() {
            write!(f, "{}: ", crate::types::shown(object))?;
        }
        f.write_str(&self.text())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {self}", self.code().number())?;
        if let Some(hint) = self.next_step() {
            write!(f, " (hint: {hint})")?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|s| s as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_adds_to_its_error_is_one_line_with_it() {
        let io = std::io::Error::other("ERROR: all are in use\nDETAIL: two\nHINT: Free one\nor more.");
        let e = Error::new(Code::SourceUnusable, Stage::Source, "cannot").because(io);
        assert_eq!(e.text(), "cannot: ERROR: all are in use; DETAIL: two; HINT: Free one\\nor more.");
    }

    #[test]
    fn causes_follow_the_message_and_are_escaped() {
        let io = std::io::Error::other("bad\nthing\u{1b}[31m");
        let e = Error::new(Code::StoreUnavailable, Stage::Store, "cannot write").on("a\rb").because(io);
        assert_eq!(e.to_string(), "store: a\\rb: cannot write: bad\\nthing\\u{1b}[31m");
    }
}
