//! `pgseal show`.

use bytesize::ByteSize;
use serde_json::{Value, json};

use super::list::{ago, row_json};
use crate::catalog::{Entry, Proof};
use crate::cli::context::Context;
use crate::cli::output::Ui;
use crate::error::{Code, Result};
use crate::types::shown;

/// Options of `show`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "EXAMPLES:\n  \
    pgseal show shop@latest\n  \
    pgseal show 20261123T0300 --json\n  \
    pgseal show shop@2026-11-20")]
pub struct Args {
    /// SOURCE@latest, SOURCE@latest-proven, SOURCE@DAY, an id or the beginning of one
    backup: String,
}

/// Runs it.
pub async fn run(args: Args, ui: &Ui) -> Result<Code> {
    let ctx = Context::new(ui)?;
    let mut found = ctx.find(&args.backup).await?;
    let proof = ctx.proof(&mut found).await?;
    let entry = found.entry;
    ctx.out().either(|| whole(&entry, proof.as_ref()), || text(&entry, proof.as_ref()))?;
    Ok(Code::Done)
}

fn whole(e: &Entry, proof: Option<&Proof>) -> Value {
    let mut value = row_json(e, proof);
    value["manifest_sha256"] = json!(e.digest);
    value["manifest"] = json!(e.manifest);
    value
}

fn text(e: &Entry, proof: Option<&Proof>) -> String {
    let m = &e.manifest;
    let now = jiff::Timestamp::now();
    let mut lines: Vec<(&str, String)> = vec![
        ("backup", m.backup_id.to_string()),
        ("source", format!("{} ({}), slot {}", m.source, m.kind.name(), m.seq)),
        ("started", format!("{} ({})", m.started_at.strftime("%F %TZ"), ago(m.started_at, now))),
        ("took", format!("{:.1} s", m.finished_at.duration_since(m.started_at).as_secs_f64())),
        (
            "server",
            format!("PostgreSQL {}, system {}, timeline {}", m.pg.version_num, m.pg.system_identifier, m.pg.timeline),
        ),
    ];
    if let Some(label) = &m.label {
        lines.push(("label", shown(label).into_owned()));
    }
    if let (Some(start), Some(stop)) = (m.pg.start_lsn, m.pg.stop_lsn) {
        lines.push(("WAL", format!("{start} to {stop}")));
    }
    if let Some(due) = m.next_due {
        lines.push(("next due", due.strftime("%F %TZ").to_string()));
    }
    lines.push(("size", format!("{} sealed to {}", ByteSize(m.plain_bytes()), ByteSize(m.stored_bytes()))));
    lines.push(("sealed for", m.encryption.recipients.join(", ")));
    lines.push(("signed by", e.signer.clone()));
    lines.push(("manifest", e.digest.to_string()));
    lines.push(("made with", m.producer.values().map(|v| shown(v).into_owned()).collect::<Vec<_>>().join("; ")));
    lines.push((
        "proof",
        proof.map_or("never drilled".to_owned(), |p| {
            let rto = p.rto_s.map_or(String::new(), |s| format!(", restored in {s:.1} s"));
            format!("{} ({}) {}{rto}", shown(p.word()), shown(&p.proof_level), ago(p.at, now))
        }),
    ));
    for s in &m.streams {
        lines.push((
            "stream",
            format!("{} {}: {} in {} parts", s.reference, s.role.name(), ByteSize(s.plain_bytes), s.parts),
        ));
    }
    lines.iter().fold(String::new(), |text, (k, v)| text + &format!("{k:<11}{v}\n"))
}
