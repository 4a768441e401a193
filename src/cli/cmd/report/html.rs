//! `pgseal report html`.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::files;
use super::find::{Found, file};
use crate::cli::context::Context;
use crate::cli::exit;
use crate::cli::output::Ui;
use crate::error::{Code, Error, Result};
use crate::report::Format;

/// Options of `report html`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Report files (.json), each with its .json.sig beside it
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A directory for the pages, or the page of a single FILE
    #[arg(short, long, value_name = "DIR|FILE")]
    output: Option<PathBuf>,
    /// Write pages of reports that no pinned key vouches for; they say so, and the command ends with 41
    #[arg(long)]
    unverified: bool,
}

/// Runs it.
pub fn run(args: &Args, ui: &Ui) -> Result<Code> {
    let ctx = Context::new(ui)?;
    let into_dir = args.output.as_deref().filter(|o| o.is_dir());
    if args.output.is_some() && into_dir.is_none() && args.files.len() > 1 {
        return Err(
            Error::usage("several reports do not fit into one page").hint("Make a directory and give it to -o.")
        );
    }
    let (mut pages, mut errors, mut code) = (Vec::new(), Vec::new(), Code::Done);
    for path in &args.files {
        let target = match (&args.output, into_dir) {
            (None, _) => path.with_extension("html"),
            (Some(_), Some(dir)) => dir.join(path.file_name().unwrap_or_default()).with_extension("html"),
            (Some(file), None) => file.clone(),
        };
        match page(&ctx, path, &target, args.unverified) {
            Ok(verified) => {
                if !verified {
                    let text = format!("{}: UNVERIFIED: no pinned key vouches for this report", path.display());
                    ui.progress.warn(&text, None);
                    code = Code::Untrusted;
                }
                pages.push(target.display().to_string());
            }
            Err(e) => errors.push(e),
        }
    }
    ui.out.either(|| json!(pages), || pages.iter().fold(String::new(), |t, p| t + p + "\n"))?;
    Ok(if errors.is_empty() { code } else { exit::errors(&errors, ui) })
}

/// Writes one page; tells whether the report was verified.
fn page(ctx: &Context<'_>, path: &Path, target: &Path, unverified: bool) -> Result<bool> {
    let (report, verified) = match file(ctx, path, unverified)? {
        Found::Good(t) => (t.report, true),
        Found::Doubted(r) => (r, false),
    };
    files::write(target, &report.render(Format::Html, None)?)?;
    Ok(verified)
}
