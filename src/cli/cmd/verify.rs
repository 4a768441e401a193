//! `pgseal verify`.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::json;

use crate::catalog::witness::Witness;
use crate::cli::context::Context;
use crate::cli::output::Ui;
use crate::error::{Code, Error, Result};
use crate::manifest::Fault;
use crate::types::SourceName;
use crate::verify::{self, Depth, SourceOutcome};

/// Options of `verify`.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "Without further options no key but the pinned signers is needed: signatures, the chain, and \
    the presence and size of every part. With an identity in the configuration, --open also decrypts and decompresses.\n\n\
    EXAMPLES:\n  \
    pgseal verify\n  \
    pgseal verify shop --deep\n  \
    pgseal verify shop@latest --open\n  \
    pgseal verify shop --deep --sample 5%"
)]
pub struct Args {
    /// A source, or a backup; everything where left out
    what: Option<String>,
    /// Fetch and hash every part
    #[arg(long)]
    deep: bool,
    /// Also open every part with keys.identity and compare it with the sealed facts
    #[arg(long)]
    open: bool,
    /// Of each backup, fetch only this share of the parts
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    sample: Option<f64>,
}

fn percent(text: &str) -> std::result::Result<f64, String> {
    match text.strip_suffix('%').unwrap_or(text).parse::<f64>() {
        Ok(p) if p > 0.0 && p <= 100.0 => Ok(p),
        _ => Err("a share is a number above 0 and at most 100, such as 5%".into()),
    }
}

/// Runs it.
pub async fn run(args: Args, ui: &Ui) -> Result<Code> {
    let ctx = Context::new(ui)?;
    if args.sample.is_some() && !(args.deep || args.open) {
        return Err(Error::usage("--sample needs --deep or --open").hint("Without them no part is fetched at all."));
    }
    let identities = if args.open { Some(Arc::new(ctx.identities()?)) } else { None };
    let depth = Depth { deep: args.deep, identities, sample_percent: args.sample };
    let reading = ctx.reading().await?;
    let one = match args.what.as_deref() {
        Some(what)
            if what.parse::<SourceName>().is_ok()
                && ctx.config().sources.contains_key(&what.parse().map_err(Error::usage)?) =>
        {
            None
        }
        Some(what) => Some(ctx.find(what).await?.entry),
        None => None,
    };
    let names = match (&one, args.what.as_deref()) {
        (Some(entry), _) => vec![entry.manifest.source.clone()],
        (None, what) => ctx.sources(what)?,
    };
    let mut outcomes = Vec::new();
    for name in names {
        let wanted =
            |e: &crate::catalog::Entry| one.as_ref().is_none_or(|o| o.manifest.backup_id == e.manifest.backup_id);
        let mut outcome = verify::source(&reading, &name, wanted, &depth, &ctx.progress()).await?;
        if one.is_some() {
            // Asked about one backup, not about whether there should be another.
            outcome.problems.retain(|p| p.fault != Fault::Overdue);
        }
        outcomes.push(outcome);
    }
    ctx.out().either(|| json!(outcomes), || outcomes.iter().map(text).collect())?;
    let code = outcomes.iter().map(SourceOutcome::code).min_by_key(|c| c.precedence()).unwrap_or(Code::Done);
    for (o, hint) in outcomes.iter().filter_map(|o| Some((o, o.stranger.as_ref()?))) {
        ui.say(&format!("{}: {}", o.source, crate::types::shown(hint)));
    }
    for o in outcomes.iter().filter(|o| is_gone(o)) {
        let file = Witness::new(&reading.state_dir, &reading.repo, &o.source);
        ui.say(&format!(
            "{}: this host remembers backups that are gone. Bring them back from a copy of the store. Only where you know \
             who removed them and why, let it forget them: rm {}",
            o.source,
            file.path().display()
        ));
    }
    let foreign: usize = outcomes.iter().map(|o| o.foreign_objects).sum();
    if foreign > 0 {
        ui.progress.warn(
            &format!("{foreign} objects beside the manifests are not pgseal's"),
            Some("They were ignored; find out who can write to the store."),
        );
    }
    let nothing = outcomes.iter().any(|o| o.backups.is_empty());
    if code == Code::Done && nothing {
        ui.progress.warn("there was nothing to verify", Some("`pgseal backup SOURCE` makes the first backup."));
        return Ok(Code::Warnings);
    }
    Ok(code)
}

/// Whether this host remembers what is not there; where a key is not known it is.
fn is_gone(o: &SourceOutcome) -> bool {
    let known = |seq: u64| !o.problems.iter().any(|p| p.seq == seq && p.stranger.is_some());
    o.problems.iter().any(|p| p.fault == Fault::Remembered && known(p.seq))
}

fn text(o: &SourceOutcome) -> String {
    let mut out = String::new();
    for p in &o.problems {
        let _ =
            writeln!(out, "FAIL  {} slot {}: {} [{}]", o.source, p.seq, crate::types::shown(&p.text), p.code.number());
    }
    if o.foreign_objects > 0 {
        let _ =
            writeln!(out, "note  {}: {} objects beside the manifests are not pgseal's", o.source, o.foreign_objects);
    }
    for b in &o.backups {
        let state = if b.errors.is_empty() { "ok  " } else { "FAIL" };
        let _ = writeln!(
            out,
            "{state}  {} slot {} {}: {} objects, {} present, {} hashed, {} opened",
            o.source, b.seq, b.id, b.objects, b.present, b.hashed, b.opened
        );
        for e in b.errors.iter().take(20) {
            let _ = writeln!(out, "      {e} [{}]", e.code().number());
        }
        if b.errors.len() > 20 {
            let _ = writeln!(out, "      … and {} more", b.errors.len() - 20);
        }
    }
    for doubt in &o.doubts {
        let _ = writeln!(out, "warn  {}: {}", o.source, crate::types::shown(doubt));
    }
    if let Some(why) = &o.reports_unread {
        let _ = writeln!(out, "note  {}: drill reports were not read: {}", o.source, crate::types::shown(why));
    }
    if o.problems.is_empty() {
        let _ = writeln!(out, "ok    {}: history of {} backups is whole", o.source, o.chain);
    }
    out
}
