//! `audit baseline`: waivers for the open findings of a report.

use std::path::PathBuf;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::cli::cmd::report::{files, verify};
use crate::cli::output::Ui;
use crate::error::{Code, Error, Result};
use crate::exposure::policy::baseline::{Terms, baseline};
use crate::report::Document;

/// Options of `audit baseline`.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "Each open finding gets a waiver of its own, for people to look through: nothing is ignored in silence. \
    Where names were taken out of the report, findings are named by fingerprints that only the host that wrote it knows.\n\n\
    EXAMPLES:\n  \
    pgseal audit baseline reports/shop-audit-0011223344556677.json --reason 'being mended' --owner dba@example.org \\\n    \
    --ticket SEC-214 --expires 2027-01-31 -o exposure.toml"
)]
pub struct Args {
    /// The report of an audit or a drill (.json, with its .json.sig)
    report: PathBuf,
    /// Why the findings are accepted for now
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Who answers for that
    #[arg(long, value_name = "TEXT")]
    owner: String,
    /// Where it is discussed
    #[arg(long, value_name = "TEXT")]
    ticket: Option<String>,
    /// Last day of the waivers; of what is critical at most 30 days ahead, else 180
    #[arg(long, value_name = "YYYY-MM-DD")]
    expires: Date,
    /// Write to this file, which must be new [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs it.
pub fn run(args: &Args, ui: &Ui) -> Result<Code> {
    let trust = verify::trust(ui, None)?;
    let document = verify::believe(&trust, &args.report)?.report;
    let exposure = match &document {
        Document::Audit(r) => Some(&r.exposure),
        Document::Drill(r) => r.exposure.as_ref(),
    };
    let exposure = exposure
        .ok_or_else(|| Error::usage("this drill did not look at exposure").on(args.report.display().to_string()))?;
    let terms =
        Terms { reason: &args.reason, owner: &args.owner, ticket: args.ticket.as_deref(), expires: args.expires };
    let text = baseline(exposure, document.redaction(), terms, TimeZone::UTC.to_datetime(Timestamp::now()).date())?;
    match &args.output {
        Some(file) => {
            files::write(file, text.as_bytes())?;
            ui.say(&format!(
                "waivers: {}; name the file in source.{}.exposure.declarations",
                file.display(),
                document.source()
            ));
        }
        None => ui.out.text(&text)?,
    }
    Ok(Code::Done)
}
