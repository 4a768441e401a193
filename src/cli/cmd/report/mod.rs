//! `pgseal report`: reports that a drill has signed, checked, shown, converted.
//!
//! | file | command |
//! |---|---|
//! | [`verify`] | `report verify` |
//! | [`show`] | `report show` |
//! | [`html`] | `report html` |
//! | [`find`] | from what the user says to a report |
//! | [`files`] | one run's files in a directory |

pub mod files;
mod find;
mod html;
mod show;
pub(super) mod verify;

use clap::{Subcommand, ValueEnum};

use crate::cli::context::Context;
use crate::cli::output::Ui;
use crate::error::{Code, Result};
use crate::report::Format;

/// Options of `report`.
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_long_help = "EXAMPLES:\n  \
    pgseal report verify drill-reports/*.json\n  \
    pgseal report show shop\n  \
    pgseal report show shop@latest --format md >> \"$GITHUB_STEP_SUMMARY\"\n  \
    pgseal report html drill-reports/*.json -o site/"
)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Check signatures of report files
    ///
    /// Reads FILE and the signature in FILE.sig. A report is good only where a key that keys.allowed_signers pins for
    /// reports of its source made the signature; no key is ever taken from a file or the store. Ends with 0 where all
    /// are good; otherwise with 41 (no good signature), 40 (signed, but no report), 44 (too large) or 2 (cannot be read).
    #[command(after_long_help = "Keys must be valid now. ssh-keygen can do the same:\n  \
        ssh-keygen -Y verify -f allowed_signers -I SOURCE -n report@pgseal -s FILE.sig < FILE\n\n\
        EXAMPLES:\n  \
        pgseal report verify drill-reports/shop-42-0011223344556677.json\n  \
        pgseal report verify --allowed-signers pinned *.json --json")]
    Verify(verify::Args),
    /// Show a report from a file or from the store
    ///
    /// WHAT is a report file, a run or the beginning of one, a backup (its newest report), or a source (its newest
    /// report). Only a verified report is shown; in the store, ones that cannot be verified are passed over with a
    /// warning.
    #[command(after_long_help = "EXAMPLES:\n  \
        pgseal report show shop\n  \
        pgseal report show shop@2026-11-20 --format junit > drill.xml\n  \
        pgseal report show 0011223344556677 --json | jq .verdict\n  \
        pgseal report show drill-reports/shop-42-0011223344556677.json --format sarif")]
    Show(show::Args),
    /// Write report files as pages that need nothing else
    ///
    /// Each FILE becomes FILE with .html in place of .json, or what -o says. Files that exist are never overwritten.
    /// Prints the path of every page.
    #[command(after_long_help = "EXAMPLES:\n  \
        pgseal report html drill-reports/shop-42-0011223344556677.json\n  \
        pgseal report html drill-reports/*.json -o site/")]
    Html(html::Args),
    /// Print the public key that signs reports, as PEM
    ///
    /// For verifiers of the in-toto attestations that know no OpenSSH keys. It is the key of this host's
    /// configuration; hand it over by a way that can be trusted, never beside the attestation.
    #[command(after_long_help = "EXAMPLES:\n  pgseal report key > drill-key.pem")]
    Key,
}

/// Forms on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For people
    Text,
    /// The signed document
    Json,
    /// JUnit XML
    Junit,
    /// Markdown for the summary of a CI job
    Md,
    /// SARIF 2.1.0 for code scanning
    Sarif,
    /// Prometheus textfile
    Prom,
    /// in-toto attestations in DSSE envelopes, signed with this host's key
    Intoto,
    /// One self-contained page
    Html,
}

impl From<Form> for Format {
    fn from(f: Form) -> Self {
        match f {
            Form::Text => Self::Text,
            Form::Json => Self::Json,
            Form::Junit => Self::Junit,
            Form::Md => Self::Markdown,
            Form::Sarif => Self::Sarif,
            Form::Prom => Self::Prometheus,
            Form::Intoto => Self::InToto,
            Form::Html => Self::Html,
        }
    }
}

/// Runs it.
pub async fn run(args: Args, ui: &Ui) -> Result<Code> {
    match args.what {
        What::Verify(args) => verify::run(args, ui),
        What::Show(args) => show::run(args, ui).await,
        What::Html(args) => html::run(&args, ui),
        What::Key => {
            let pem = Context::new(ui)?.report_signer()?.public_pem()?;
            ui.out.either(|| serde_json::json!({ "public_key_pem": pem }), || pem.clone())?;
            Ok(Code::Done)
        }
    }
}
