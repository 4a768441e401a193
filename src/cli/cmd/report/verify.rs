//! `pgseal report verify`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::context::Context;
use crate::cli::exit;
use crate::cli::output::Ui;
use crate::config::Override;
use crate::error::{Code, Error, Result};
use crate::keys::Trust;
use crate::report::{Document, Trusted, trusted};
use crate::types::shown;

/// Options of `report verify`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Report files (.json), each with its .json.sig beside it
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Pinned signers [default: keys.allowed_signers]
    #[arg(long, value_name = "FILE")]
    allowed_signers: Option<PathBuf>,
}

/// Runs it.
pub fn run(args: Args, ui: &Ui) -> Result<Code> {
    let trust = trust(ui, args.allowed_signers)?;
    let all: Vec<(PathBuf, Result<Trusted<Document>>)> =
        args.files.into_iter().map(|f| (f.clone(), believe(&trust, &f))).collect();
    ui.out.either(|| all.iter().map(row).collect(), || all.iter().fold(String::new(), |t, r| t + &line(r)))?;
    let errors: Vec<Error> = all.into_iter().filter_map(|(_, r)| r.err()).collect();
    Ok(if errors.is_empty() { Code::Done } else { exit::errors(&errors, ui) })
}

/// The signers that are pinned by this flag, or by the configuration.
pub(in crate::cli::cmd) fn trust(ui: &Ui, file: Option<PathBuf>) -> Result<Trust> {
    let over = file.map(|f| Override {
        key: "keys.allowed_signers",
        flag: "--allowed-signers",
        value: f.display().to_string(),
    });
    Context::with(ui, over.into_iter().collect())?.trust()
}

/// Reads and verifies a file at the verifier's own time.
pub(in crate::cli::cmd) fn believe(trust: &Trust, file: &Path) -> Result<Trusted<Document>> {
    let signed = trusted::read_files(file)?;
    trusted::open_any(trust, Timestamp::now(), signed, &file.display().to_string())
}

fn row((file, result): &(PathBuf, Result<Trusted<Document>>)) -> Value {
    let file = file.display().to_string();
    match result {
        Ok(t) => match &t.report {
            Document::Drill(r) => json!({
                "file": file,
                "verified": true,
                "signer": t.signer,
                "format": r.format,
                "source": r.source,
                "backup_id": r.backup_id,
                "run": r.run,
                "finished_at": r.finished_at,
                "verdict": r.verdict,
                "proof_level": r.proof_level,
                "exit_code": r.exit_code,
            }),
            Document::Audit(r) => json!({
                "file": file,
                "verified": true,
                "signer": t.signer,
                "format": r.format,
                "source": r.source,
                "run": r.run,
                "finished_at": r.finished_at,
                "standing": r.standing().name(),
                "exit_code": r.exit_code,
            }),
        },
        Err(e) => json!({ "file": file, "verified": false, "error": e.to_json() }),
    }
}

fn line((file, result): &(PathBuf, Result<Trusted<Document>>)) -> String {
    let mut out = String::new();
    let file = file.display().to_string();
    // Writing to a String cannot fail.
    let _ = match result {
        Ok(t) => {
            let (at, run) = (t.report.finished_at().strftime("%F %TZ"), t.report.run());
            let what = match &t.report {
                Document::Drill(r) => format!(
                    "drill {} of {} {}, proof level {}",
                    shown(run),
                    r.backup_id,
                    r.verdict.name(),
                    r.proof_level.name()
                ),
                Document::Audit(r) => format!("audit {} of {} {}", shown(run), r.source, r.standing().name()),
            };
            writeln!(out, "good  {}: {at} {what}, signed by {}", shown(&file), t.signer)
        }
        Err(e) => writeln!(out, "BAD   {}: {} [{}]", shown(&file), shown(&e.text()), e.code().number()),
    };
    out
}
