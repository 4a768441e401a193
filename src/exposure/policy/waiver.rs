//! One waiver: what it is about, and whether it is in force.

use jiff::civil::Date;

use super::glob::Glob;
use super::unwaivable;
use crate::checks::{Finding, Waiver};
use crate::exposure::Severity;
use crate::exposure::drift::Telling;

/// Most days that a waiver may still have.
pub const LONGEST_DAYS: i32 = 180;

/// The same of what is critical.
pub const LONGEST_DAYS_CRITICAL: i32 = 30;

/// A waiver as it is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaiverRule {
    /// What it is about.
    pub target: Target,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Where it is discussed.
    pub ticket: Option<String>,
    /// Its last day.
    pub expires: Date,
}

/// What a waiver is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The check; any where the fingerprint alone is given.
    pub check: Option<String>,
    /// Which of its findings.
    pub which: Which,
}

/// Which findings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// The one with this fingerprint.
    Fingerprint(String),
    /// The one on exactly this object.
    Object(String),
    /// Those on objects that fit.
    Glob(Glob),
}

impl Target {
    /// Whether it is about this finding.
    pub fn fits(&self, check: &str, finding: &Finding, telling: &Telling<'_>) -> bool {
        self.check.as_deref().is_none_or(|c| c == check)
            && match &self.which {
                Which::Fingerprint(print) => {
                    *print == finding.fingerprint || *print == telling.print(&finding.fingerprint)
                }
                Which::Object(object) => *object == finding.object,
                Which::Glob(glob) => glob.fits(&finding.object),
            }
    }

    /// In words, the same in every run.
    pub fn text(&self) -> String {
        let which = match &self.which {
            Which::Fingerprint(print) => print,
            Which::Object(object) => object,
            Which::Glob(glob) => glob.text(),
        };
        match &self.check {
            Some(check) => format!("waiver {check}: {which}"),
            None => format!("waiver {which}"),
        }
    }
}

impl WaiverRule {
    /// Whether its last day has passed.
    pub fn expired(&self, today: Date) -> bool {
        self.expires < today
    }

    /// Days that are left, its last day included.
    pub fn days(&self, today: Date) -> i32 {
        today.until(self.expires).map_or(i32::MAX, |span| span.get_days())
    }

    /// Why it may not stand whatever it is about, where it is so.
    pub fn improper(&self, today: Date) -> Option<String> {
        if self.owner.is_none() {
            return Some("nobody owns it".to_owned());
        }
        let days = self.days(today);
        (days > LONGEST_DAYS).then(|| format!("it ends on {}, more than {LONGEST_DAYS} days ahead", self.expires))
    }

    /// Why it cannot waive a finding of this check and severity, where it is so.
    pub fn refused(&self, check: &str, severity: Severity, today: Date) -> Option<String> {
        if let Some(why) = unwaivable(check) {
            return Some(format!("it fits a finding of {check}, and {why}"));
        }
        let long = severity == Severity::Critical && self.days(today) > LONGEST_DAYS_CRITICAL;
        long.then(|| {
            let end = self.expires;
            format!(
                "it fits a critical finding of {check}, and ends on {end}, more than {LONGEST_DAYS_CRITICAL} days ahead"
            )
        })
    }

    /// What a finding says of it.
    pub fn told(&self) -> Waiver {
        Waiver {
            reason: self.reason.clone(),
            owner: self.owner.clone().unwrap_or_default(),
            ticket: self.ticket.clone(),
            expires: self.expires,
        }
    }
}
