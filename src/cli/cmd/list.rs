//! `pgseal list`.

use bytesize::ByteSize;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::catalog::clock::CLOSE;
use crate::catalog::{Catalog, Entry, Proof, proof};
use crate::cli::context::{Context, DOUBT};
use crate::cli::output::Ui;
use crate::cli::table::Table;
use crate::error::{Code, Result};

/// Options of `list`.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "The last columns say when a signed drill report last looked at the backup, what came of it, \
    how far the proof goes and how long the restore took.\n\n\
    EXAMPLES:\n  \
    pgseal list\n  \
    pgseal list shop --json | jq -r '.[-1].id'"
)]
pub struct Args {
    /// Only backups of this source
    source: Option<String>,
}

/// Runs it.
pub async fn run(args: Args, ui: &Ui) -> Result<Code> {
    let ctx = Context::new(ui)?;
    let reading = ctx.reading().await?;
    let mut rows: Vec<(Entry, Option<Proof>)> = Vec::new();
    let mut worst: Option<crate::Error> = None;
    let mut taken = 0;
    for name in ctx.sources(args.source.as_deref())? {
        let mut catalog = Catalog::load(&reading, &name).await?;
        let (proofs, untrusted) = proof::load(&reading, &name).await?;
        if untrusted > 0 {
            ui.progress.warn(
                &format!("{untrusted} objects among the reports of {name} are not reports signed by a trusted key and were not read"),
                Some("Whoever put them there can write to the store; compare with your drill hosts' keys."),
            );
        }
        catalog.hear(&proofs);
        for doubt in catalog.doubts() {
            ui.progress.warn(&format!("{name}: {doubt}"), Some(DOUBT));
        }
        if let Some(e) = catalog.first_problem()
            && worst.as_ref().is_none_or(|w| e.code().precedence() < w.code().precedence())
        {
            worst = Some(e);
        }
        taken += catalog.slots.len();
        rows.extend(catalog.entries.into_iter().map(|e| {
            let of_this = |p: &&Proof| p.backup_id == e.manifest.backup_id && p.manifest_sha256 == e.digest;
            let proof = proofs.iter().find(of_this).cloned();
            (e, proof)
        }));
    }
    let now = Timestamp::now();
    ctx.out().either(
        || rows.iter().map(|(e, p)| row_json(e, p.as_ref())).collect::<Vec<Value>>().into(),
        || text(&rows, taken, now),
    )?;
    // What is listed is signed; that the history around it is not whole must not pass in silence.
    match worst {
        None => Ok(Code::Done),
        Some(e) => Err(e),
    }
}

/// One backup, as `list --json` and `show --json` give it.
pub fn row_json(e: &Entry, proof: Option<&Proof>) -> Value {
    let m = &e.manifest;
    json!({
        "id": m.backup_id, "source": m.source, "kind": m.kind, "seq": m.seq, "label": m.label,
        "started_at": m.started_at.to_string(), "finished_at": m.finished_at.to_string(),
        "stored_at": e.stored_at.to_string(),
        "plain_bytes": m.plain_bytes(), "stored_bytes": m.stored_bytes(),
        "signature": { "state": "good", "signer": e.signer },
        "proof": proof.map(|p| json!({
            "verdict": p.verdict, "proven": p.proven, "proof_level": p.proof_level, "at": p.at.to_string(), "rto_s": p.rto_s, "signer": p.signer,
        })),
    })
}

fn text(rows: &[(Entry, Option<Proof>)], taken: usize, now: Timestamp) -> String {
    let mut table = Table::new(&[
        "BACKUP", "SOURCE", "KIND", "SLOT", "AGE", "SIZE", "STORED", "RATIO", "DRILLED", "VERDICT", "PROOF", "RTO",
    ]);
    for (e, proof) in rows {
        let m = &e.manifest;
        let ratio = m.plain_bytes() as f64 / m.stored_bytes().max(1) as f64;
        let none = || "never".to_owned();
        table.row([
            m.backup_id.to_string(),
            m.source.to_string(),
            m.kind.name().to_owned(),
            m.seq.to_string(),
            age(m.finished_at, now),
            ByteSize(m.plain_bytes()).to_string(),
            ByteSize(m.stored_bytes()).to_string(),
            format!("{ratio:.1}"),
            proof.as_ref().map_or_else(none, |p| ago(p.at, now)),
            proof.as_ref().map_or("-".to_owned(), |p| p.word().to_owned()),
            proof.as_ref().map_or("-".to_owned(), |p| p.proof_level.clone()),
            proof.as_ref().and_then(|p| p.rto_s).map_or("-".to_owned(), |s| format!("{s:.1} s")),
        ]);
    }
    match (rows, taken) {
        ([], 0) => "no backups".to_owned(),
        ([], _) => format!("no backups with a good signature, though {taken} manifests are there"),
        _ => table.text(),
    }
}

/// `3d 4h ago`; of what is clearly later than now `in the future`.
pub fn ago(then: Timestamp, now: Timestamp) -> String {
    match age(then, now) {
        future if future == FUTURE => "in the future".to_owned(),
        age => format!("{age} ago"),
    }
}

/// What [`age`] says of what is clearly later than now.
const FUTURE: &str = "future";

/// `3d 4h`, `5h 2m`, `12m`, `40s`; of what is clearly later than now `future`.
pub fn age(then: Timestamp, now: Timestamp) -> String {
    let s = now.duration_since(then).as_secs();
    match s.max(0) {
        _ if s < -CLOSE.as_secs() => FUTURE.to_owned(),
        86_400.. => format!("{}d {}h", s / 86_400, s % 86_400 / 3600),
        3600.. => format!("{}h {}m", s / 3600, s % 3600 / 60),
        60.. => format!("{}m", s / 60),
        _ => format!("{s}s"),
    }
}
