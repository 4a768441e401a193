//! The forms a report can take, by name and file extension.

use super::{AuditReport, Report, html, intoto, json, junit, markdown, prometheus, sarif, text};
use crate::error::{Error, Result};
use crate::keys::Signer;

/// A form of the report. All are rendered from the same [`Report`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// For people, in a terminal.
    Text,
    /// The signed document itself.
    Json,
    /// JUnit XML, for CI.
    Junit,
    /// GitHub-flavoured Markdown, for the summary of a CI job.
    Markdown,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Prometheus' text format, for the textfile collector.
    Prometheus,
    /// in-toto statements in signed DSSE envelopes, one a line.
    InToto,
    /// One self-contained page.
    Html,
}

impl Format {
    /// All of them, in the order in which help lists them.
    pub const ALL: [Self; 8] =
        [Self::Text, Self::Json, Self::Junit, Self::Markdown, Self::Sarif, Self::Prometheus, Self::InToto, Self::Html];

    /// The word on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Junit => "junit",
            Self::Markdown => "md",
            Self::Sarif => "sarif",
            Self::Prometheus => "prom",
            Self::InToto => "intoto",
            Self::Html => "html",
        }
    }

    /// What its files end in, without the first dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Text => "txt",
            Self::Json => "json",
            Self::Junit => "xml",
            Self::Markdown => "md",
            Self::Sarif => "sarif",
            Self::Prometheus => "prom",
            Self::InToto => "intoto.jsonl",
            Self::Html => "html",
        }
    }

    /// Renders `report`. Only [`Format::InToto`] needs the signer: its envelopes
    /// carry signatures of their own.
    ///
    /// # Errors
    /// 2 where a signer is needed and there is none; 1 where a writer fails.
    pub fn render(self, report: &Report, signer: Option<&Signer>) -> Result<Vec<u8>> {
        Ok(match self {
            Self::Text => text::render(report).into_bytes(),
            Self::Json => json::render(report)?,
            Self::Junit => junit::render(report)?.into_bytes(),
            Self::Markdown => markdown::render(report).into_bytes(),
            Self::Sarif => sarif::render(report)?,
            Self::Prometheus => prometheus::render(report).into_bytes(),
            Self::InToto => {
                let signer = signer.ok_or_else(|| {
                    Error::usage("an in-toto attestation is signed, and there is no key to sign it with")
                        .hint("Set keys.report_key or keys.signing_key.")
                })?;
                intoto::render(report, signer)?.into_bytes()
            }
            Self::Html => html::render(report)?.into_bytes(),
        })
    }

    /// Renders the report of an audit. It has no [`Format::InToto`]: an attestation
    /// is about something that others can hold against it, and a server is not.
    ///
    /// # Errors
    /// 2 where an audit has no such form; 1 where a writer fails.
    pub fn render_audit(self, report: &AuditReport) -> Result<Vec<u8>> {
        Ok(match self {
            Self::Text => text::audit(report).into_bytes(),
            Self::Json => json::render(report)?,
            Self::Junit => junit::audit(report)?.into_bytes(),
            Self::Markdown => markdown::audit(report).into_bytes(),
            Self::Sarif => sarif::audit(report)?,
            Self::Prometheus => prometheus::audit(report).into_bytes(),
            Self::InToto => {
                return Err(Error::usage("there is no in-toto attestation of an audit")
                    .hint("Attest a drill, which is about a backup, or take the signed JSON report."));
            }
            Self::Html => html::audit::render(report)?.into_bytes(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::report::audit;
    use crate::report::json::tests::sample;

    /// The forms of one fixed report, read critically when they change. The page
    /// has tests of its own.
    #[test]
    fn golden() {
        let mut report = sample();
        report.tool.version = "1.2.3".into();
        let signer = Signer::of_test();
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/golden"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| {
            for format in Format::ALL.into_iter().filter(|f| *f != Format::Html) {
                let text = String::from_utf8(format.render(&report, Some(&signer)).unwrap()).unwrap();
                insta::assert_snapshot!(format.name(), text);
            }
            let mut audit = audit::tests::sample();
            audit.tool.version = "1.2.3".into();
            for format in Format::ALL.into_iter().filter(|f| !matches!(f, Format::Html | Format::InToto)) {
                let text = String::from_utf8(format.render_audit(&audit).unwrap()).unwrap();
                insta::assert_snapshot!(format!("audit-{}", format.name()), text);
            }
        });
    }

    #[test]
    fn names_and_extensions_are_distinct_and_every_form_can_be_had() {
        assert_eq!(Format::ALL.iter().map(|f| f.name()).collect::<BTreeSet<_>>().len(), Format::ALL.len());
        assert_eq!(Format::ALL.iter().map(|f| f.extension()).collect::<BTreeSet<_>>().len(), Format::ALL.len());
        let signer = Signer::of_test();
        for format in Format::ALL {
            let bytes = format.render(&sample(), Some(&signer)).unwrap();
            assert!(!bytes.is_empty() && std::str::from_utf8(&bytes).is_ok(), "{format:?}");
            let audited = format.render_audit(&audit::tests::sample());
            assert_eq!(audited.is_err(), format == Format::InToto, "{format:?}");
        }
        assert_eq!(Format::InToto.render(&sample(), None).unwrap_err().code(), crate::Code::Usage);
    }
}
