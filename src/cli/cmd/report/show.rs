//! `pgseal report show`.

use super::Form;
use super::find::{Found, find};
use crate::cli::context::Context;
use crate::cli::output::Ui;
use crate::error::{Code, Error, Result};
use crate::report::{Format, pseudonyms};
use crate::types::Redaction;

/// Said before and behind what nobody vouches for.
const BANNER: &str = "!!! UNVERIFIED: no pinned key vouches for this report. Anybody can have written it. !!!";

/// Options of `report show`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A report file, a run, a backup or a source
    what: String,
    /// Form of the output [default: text]
    #[arg(long, value_enum, value_name = "FORM", conflicts_with = "json")]
    format: Option<Form>,
    /// Write names in place of the pseudonyms that this host knows
    #[arg(long, conflicts_with = "json")]
    names: bool,
    /// Show it even though no pinned key vouches for it; it says so, and the command ends with 41
    #[arg(long)]
    unverified: bool,
}

/// Runs it.
pub async fn run(args: Args, ui: &Ui) -> Result<Code> {
    let ctx = Context::new(ui)?;
    let format = if ui.global.json { Format::Json } else { args.format.map_or(Format::Text, Format::from) };
    let (mut report, evidence, code) = match find(&ctx, &args.what, args.unverified).await? {
        Found::Good(t) => (t.report, Some(t.signed), Code::Done),
        Found::Doubted(r) => {
            if matches!(format, Format::Prometheus | Format::InToto) {
                return Err(Error::usage(format!("{} is not written from an unverified report", format.name()))
                    .on(args.what)
                    .hint("Programs act on it: verify the report first."));
            }
            ui.progress.warn(BANNER, None);
            (r, None, Code::Untrusted)
        }
    };
    if args.names {
        if format == Format::Json || format == Format::InToto {
            return Err(
                Error::usage("what was signed is shown as it was signed").hint("Use --names with another form.")
            );
        }
        if report.redaction() == Redaction::Names {
            let names = pseudonyms::recall(&ctx.config().state_dir, report.source())?;
            pseudonyms::resolve(&mut report, &names);
        }
    }
    let signer = if format == Format::InToto { Some(ctx.report_signer()?) } else { None };
    let bytes = match (format, &evidence) {
        // Byte for byte, so that the signature still fits.
        (Format::Json, Some(e)) => e.bytes.clone(),
        _ => report.render(format, signer.as_ref())?,
    };
    let mut text = String::from_utf8(bytes).map_err(|e| Error::internal("a report is no text").because(e))?;
    if evidence.is_none() && format == Format::Text {
        text = format!("{BANNER}\n\n{text}\n{BANNER}\n");
    }
    ui.out.text(&text)?;
    Ok(code)
}
