//! USR-CANARY: a token that the operator put into the database is in the copy.
//!
//! A random token, planted in the source and known from elsewhere, tells this
//! database from any other that has the same tables: a backup of a staging
//! server, an empty replica. It stands in no configuration and in no report.

use std::io::Read as _;
use std::path::Path;

use super::asked::{self, Answer};
use super::{CheckResult, Rule, Severity, Subject};
use crate::config::schema::{Canary, Token};
use crate::types::{Digest, Secret};

/// The check.
pub const RULE: Rule = Rule { id: "USR-CANARY", title: "your canary token is there", severity: Severity::Critical };

/// Longest token, bytes.
const LIMIT: u64 = 64 * 1024;

/// Asks for the token and compares digests.
pub async fn run(subject: &Subject<'_>, canary: Option<&Canary>) -> CheckResult {
    let Some(canary) = canary else { return RULE.not_applicable("source.NAME.drill.canary is not set") };
    let expected = match &canary.token {
        Token::Sha256(digest) => *digest,
        Token::File(path) => match read(path) {
            Ok(token) => Digest::of(token.expose().as_bytes()),
            Err(why) => return RULE.not_evaluated(1, format!("the token's file {why}")),
        },
    };
    let answer = match asked::ask(subject, &canary.question).await {
        Ok(answer) => answer,
        Err(why) => return RULE.not_evaluated(1, why),
    };
    let message = match (&answer, answer.fault()) {
        (_, Some(fault)) => fault,
        (Answer::Value(Some(got)), None) if Digest::of(got.as_bytes()) == expected => {
            return RULE.judged(1, 1, Vec::new());
        }
        _ => "it gives another token".to_owned(),
    };
    let remedy = "Find out which database was backed up, and whether the token was changed at the source.";
    RULE.judged(1, 1, vec![RULE.finding("canary", message, remedy)])
}

/// The token; the error never holds any of it.
fn read(path: &Path) -> Result<Secret, String> {
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|e| format!("cannot be opened: {e}"))?;
    file.take(LIMIT + 1).read_to_string(&mut text).map_err(|e| format!("cannot be read: {}", e.kind()))?;
    let token = text.trim_end_matches(['\n', '\r']).to_owned();
    let fits = !token.is_empty() && text.len() as u64 <= LIMIT;
    zeroize::Zeroize::zeroize(&mut text);
    if fits { Ok(Secret::new(token)) } else { Err(format!("is empty or longer than {LIMIT} bytes")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_a_line_of_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t");
        let with = |text: &[u8]| {
            std::fs::write(&path, text).unwrap();
            read(&path).map(|s| s.expose().to_owned())
        };
        assert_eq!(with(b"tok en\r\n").unwrap(), "tok en");
        assert!(with(b"\n").unwrap_err().contains("empty"));
        assert!(with("x".repeat(70_000).as_bytes()).is_err());
        assert!(with(b"\xff\xfe").unwrap_err().contains("cannot be read"));
        assert!(read(&dir.path().join("none")).unwrap_err().contains("cannot be opened"));
    }
}
