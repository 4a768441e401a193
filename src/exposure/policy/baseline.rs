//! Waivers for what a report holds: the way to begin on a server that has many
//! findings. Nothing is ignored in silence: each finding gets a waiver of its own,
//! with a reason, an owner and an end.

use std::fmt::Write as _;

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::unwaivable;
use super::waiver::{LONGEST_DAYS, LONGEST_DAYS_CRITICAL};
use crate::error::{Error, Result};
use crate::exposure::{Exposure, Severity};
use crate::types::{Redaction, shown};

/// What all the new waivers share.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// Why.
    pub reason: &'a str,
    /// Who answers for it.
    pub owner: &'a str,
    /// Where it is discussed.
    pub ticket: Option<&'a str>,
    /// The last day; of what is critical at most 30 days from today.
    pub expires: Date,
}

/// A file of declarations that waives every open finding of `exposure`, as far as
/// it may be waived. `redaction` is that of the report: where names were taken
/// out, findings are named by their fingerprints, which only this host can match.
///
/// # Errors
/// 2 where reason or owner are missing, or the end has passed or is too far away.
pub fn baseline(exposure: &Exposure, redaction: Redaction, terms: Terms<'_>, today: Date) -> Result<String> {
    for (what, text) in [("reason", terms.reason), ("owner", terms.owner)] {
        if text.trim().is_empty() {
            return Err(Error::usage(format!("the {what} is empty")).hint(format!("Give one with --{what}.")));
        }
    }
    let latest = |days: i32| today.checked_add(days.days()).unwrap_or(Date::MAX);
    if terms.expires < today || terms.expires > latest(LONGEST_DAYS) {
        return Err(Error::usage(format!("{} is not a day from today to {}", terms.expires, latest(LONGEST_DAYS)))
            .hint(format!("A waiver ends within {LONGEST_DAYS} days; give its last day with --expires.")));
    }
    let mut out = format!(
        "# Waivers for what was open on {today}. Each is a finding that stays in reports until it is mended.\n\
         # Remove those that are mended; have an owner decide on each that remains.\n"
    );
    let mut refused = String::new();
    for (check, finding, severity) in exposure.open() {
        // Comments hold no name that is not escaped.
        if let Some(why) = unwaivable(&check.id) {
            let _ = writeln!(refused, "# Not waived: {} ({}): {why}.", shown(&check.id), shown(&finding.object));
            continue;
        }
        let critical = severity == Severity::Critical;
        let expires = if critical { terms.expires.min(latest(LONGEST_DAYS_CRITICAL)) } else { terms.expires };
        let _ = write!(out, "\n# {}: {}\n[[waiver]]\n", severity.name(), shown(&finding.message));
        let _ = writeln!(out, "check = {}", quoted(&check.id));
        let _ = match redaction {
            Redaction::None => writeln!(out, "match = {{ object = {} }}", quoted(&finding.object)),
            Redaction::Names | Redaction::Details => writeln!(out, "fp = {}", quoted(&finding.fingerprint)),
        };
        let _ = writeln!(out, "reason = {}\nowner = {}", quoted(terms.reason), quoted(terms.owner));
        if let Some(ticket) = terms.ticket.filter(|t| !t.trim().is_empty()) {
            let _ = writeln!(out, "ticket = {}", quoted(ticket));
        }
        let _ = writeln!(out, "expires = {expires}{}", if critical { "   # critical: 30 days at most" } else { "" });
    }
    if !refused.is_empty() {
        out.push('\n');
        out.push_str(&refused);
    }
    Ok(out)
}

/// A TOML basic string in which nothing invisible stands, and nothing that could
/// end it (TOML 1.0, "String").
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        let mut bytes = [0; 4];
        let plain: &str = c.encode_utf8(&mut bytes);
        if c == '"' || c == '\\' {
            out.extend(['\\', c]);
        } else if shown(plain) == plain {
            out.push(c);
        } else {
            let _ = write!(out, "\\U{:08X}", u32::from(c));
        }
    }
    out.push('"');
    out
}
