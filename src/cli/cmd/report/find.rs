//! From what the user says to a report: a file, a run, a backup or a source.

use std::path::Path;

use super::verify::believe;
use crate::cli::context::Context;
use crate::error::{Code, Error, Result, Stage};
use crate::report::trusted::{self, Place, doubted};
use crate::report::{Document, Trusted, json};

/// Shortest beginning of a run that names it.
const SHORTEST: usize = 4;

/// A report that was found.
pub(super) enum Found {
    /// With a good signature.
    Good(Box<Trusted<Document>>),
    /// Without one; it says so itself.
    Doubted(Document),
}

/// Finds it. Without a good signature it is an error, or a doubted report where
/// the user asked for that.
///
/// # Errors
/// 2 where nothing is called so; 40, 41, 44 where it cannot be believed or read.
pub(super) async fn find(ctx: &Context<'_>, what: &str, unverified: bool) -> Result<Found> {
    let path = Path::new(what);
    if what.contains('/') || path.extension().is_some_and(|e| e == "json") || path.is_file() {
        return file(ctx, path, unverified);
    }
    let reading = ctx.reading().await?;
    let places = places(ctx, what).await?;
    let mut passed_over = None;
    for place in &places {
        match place.load(&reading).await {
            Ok(Trusted { report, signed, signer }) => {
                let report = Document::from(report);
                return Ok(Found::Good(Box::new(Trusted { report, signed, signer })));
            }
            Err(e) if unverified => {
                let report =
                    json::read_any(&place.fetch(&reading).await?.bytes).map_err(|e| e.on(place.key().as_str()))?;
                return Ok(Found::Doubted(doubted(report, &e)));
            }
            Err(e) if matches!(e.code(), Code::Untrusted | Code::Corrupt | Code::Limit) => {
                let hint = "It is passed over; see it with --unverified.";
                ctx.ui().progress.warn(&format!("{}: {}", place.key(), e.text()), Some(hint));
                passed_over.get_or_insert(e);
            }
            Err(e) => return Err(e),
        }
    }
    Err(passed_over.unwrap_or_else(|| {
        Error::new(Code::Usage, Stage::Report, "there is no report of it")
            .on(what.to_owned())
            .hint("Drill it with `pgseal drill`; `pgseal list` shows what was drilled.")
    }))
}

/// Reads a file; doubted where it cannot be believed and that is asked for.
pub(super) fn file(ctx: &Context<'_>, path: &Path, unverified: bool) -> Result<Found> {
    let object = path.display().to_string();
    match ctx.trust().and_then(|trust| believe(&trust, path)) {
        Ok(t) => Ok(Found::Good(Box::new(t))),
        Err(e) if unverified => {
            let report = json::read_any(&trusted::read_file(path)?).map_err(|e| e.on(object))?;
            Ok(Found::Doubted(doubted(report, &e)))
        }
        Err(e) => Err(e.and_hint("With --unverified it is shown all the same, marked as unverified.")),
    }
}

/// Where reports of this name may be, the newest first.
async fn places(ctx: &Context<'_>, what: &str) -> Result<Vec<Place>> {
    let reading = ctx.reading().await?;
    if let Ok((source, _)) = ctx.source(what) {
        return trusted::places(&reading, &source).await;
    }
    let hex = what.len() >= SHORTEST && what.bytes().all(|b| b.is_ascii_hexdigit());
    if hex {
        let mut all = Vec::new();
        for source in ctx.sources(None)? {
            all.extend(trusted::places(&reading, &source).await?);
        }
        all.retain(|p| p.run.starts_with(what));
        let runs: std::collections::BTreeSet<&str> = all.iter().map(|p| p.run.as_str()).collect();
        if runs.len() > 1 {
            return Err(Error::usage("more than one run starts with this")
                .on(what.to_owned())
                .hint("Give more of it."));
        }
        if !all.is_empty() {
            return Ok(all);
        }
    }
    let entry = ctx.find(what).await?.entry;
    let mut all = trusted::places(&reading, &entry.manifest.source).await?;
    all.retain(|p| p.seq == entry.manifest.seq);
    Ok(all)
}
