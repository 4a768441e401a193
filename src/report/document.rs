//! A report of either kind. Which one it is, its `format` says.

use jiff::Timestamp;

use super::signed::{self, Signed};
use super::{AuditReport, Format, Report};
use crate::error::Result;
use crate::keys::Signer;
use crate::types::{Redaction, SourceName};

/// The report of a drill or of an audit.
#[derive(Debug, Clone, PartialEq)]
pub enum Document {
    /// Of a drill.
    Drill(Box<Report>),
    /// Of an audit.
    Audit(Box<AuditReport>),
}

impl Document {
    /// The source that it speaks of.
    pub fn source(&self) -> &SourceName {
        match self {
            Self::Drill(r) => &r.source,
            Self::Audit(r) => &r.source,
        }
    }

    /// The run that wrote it.
    pub fn run(&self) -> &str {
        match self {
            Self::Drill(r) => &r.run,
            Self::Audit(r) => &r.run,
        }
    }

    /// When the run ended.
    pub fn finished_at(&self) -> Timestamp {
        match self {
            Self::Drill(r) => r.finished_at,
            Self::Audit(r) => r.finished_at,
        }
    }

    /// Which names are in it.
    pub fn redaction(&self) -> Redaction {
        match self {
            Self::Drill(r) => r.redaction,
            Self::Audit(r) => r.redaction,
        }
    }

    /// What its files are called, without extension.
    pub fn stem(&self) -> String {
        match self {
            Self::Drill(r) => r.stem(),
            Self::Audit(r) => r.stem(),
        }
    }

    /// Renders and signs it.
    ///
    /// # Errors
    /// 1 where the writer fails.
    pub fn sign(&self, signer: &Signer) -> Result<Signed> {
        match self {
            Self::Drill(r) => signed::sign(r.as_ref(), signer),
            Self::Audit(r) => signed::sign(r.as_ref(), signer),
        }
    }

    /// Renders it. See [`Format::render`] and [`Format::render_audit`].
    ///
    /// # Errors
    /// Those of the form.
    pub fn render(&self, format: Format, signer: Option<&Signer>) -> Result<Vec<u8>> {
        match self {
            Self::Drill(r) => format.render(r, signer),
            Self::Audit(r) => format.render_audit(r),
        }
    }
}

impl From<Report> for Document {
    fn from(report: Report) -> Self {
        Self::Drill(Box::new(report))
    }
}

impl From<AuditReport> for Document {
    fn from(report: AuditReport) -> Self {
        Self::Audit(Box::new(report))
    }
}
