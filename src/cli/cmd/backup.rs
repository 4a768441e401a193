//! `pgseal backup`.

use std::fmt::Write as _;
use std::sync::Arc;

use bytesize::ByteSize;
use clap::ValueEnum;
use serde_json::json;

use crate::backup::{Job, Plan};
use crate::cli::context::Context;
use crate::cli::output::Ui;
use crate::error::{Code, Result};
use crate::types::{Kind, shown};

/// Options of `backup`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "EXAMPLES:\n  \
    pgseal backup shop\n  \
    pgseal backup shop --dry-run\n  \
    pgseal backup shop --kind physical --label before-upgrade\n  \
    17 3 * * * pgseal -q backup shop >/dev/null   # in a crontab: silent unless something is wrong")]
pub struct Args {
    /// Name of the source in the configuration
    source: String,
    /// Make this kind of backup instead of the configured one
    #[arg(long, value_enum)]
    kind: Option<KindArg>,
    /// A note for people, stored unencrypted in the manifest
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
    /// Check everything that can be checked beforehand and say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Accept that the server is another database system than the one backed up before
    #[arg(long)]
    accept_new_system: bool,
}

/// `--kind`.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum KindArg {
    /// pg_dump
    Logical,
    /// pg_basebackup
    Physical,
}

/// Runs it.
pub async fn run(args: Args, ui: &Ui) -> Result<Code> {
    let ctx = Context::new(ui)?;
    let (name, source) = ctx.source(&args.source)?;
    if let Some(label) = &args.label
        && (label.len() > 256 || shown(label) != *label)
    {
        return Err(crate::Error::usage("a label has at most 256 bytes and no control characters").on("--label"));
    }
    let env = |name: &str| std::env::var(name).ok();
    let job = Job {
        name,
        source,
        kind: match args.kind {
            None => source.kind,
            Some(KindArg::Logical) => Kind::Logical,
            Some(KindArg::Physical) => Kind::Physical,
        },
        label: args.label,
        recipients: Arc::new(ctx.recipients()?),
        signer: Arc::new(ctx.signer()?),
        reading: ctx.reading().await?,
        pg_bindir: ctx.config().pg_bindir.clone(),
        env: &env,
        accept_new_system: args.accept_new_system,
        progress: ctx.progress(),
    };
    if args.dry_run {
        let plan = job.plan().await?;
        ctx.out().either(|| json!(plan), || plan_text(&plan))?;
        return Ok(Code::Done);
    }
    let done = job.run().await?;
    let m = &done.manifest;
    ctx.out().either(
        || {
            json!({
                "id": m.backup_id, "source": m.source, "kind": m.kind, "seq": m.seq,
                "started_at": m.started_at.to_string(), "finished_at": m.finished_at.to_string(),
                "plain_bytes": m.plain_bytes(), "stored_bytes": m.stored_bytes(), "warnings": done.warnings,
            })
        },
        || m.backup_id.to_string(),
    )?;
    let seconds = m.finished_at.duration_since(m.started_at).as_secs_f64();
    ui.say(&format!(
        "backed up {} in {seconds:.1} s: {} sealed to {} in slot {}",
        m.source,
        ByteSize(m.plain_bytes()),
        ByteSize(m.stored_bytes()),
        m.seq
    ));
    Ok(if done.warnings.is_empty() { Code::Done } else { Code::Warnings })
}

fn plan_text(p: &Plan) -> String {
    let mut text = format!(
        "source      {} ({})\nserver      PostgreSQL {}\nprograms    {}\nstore       {}\nslot        {}\npart size   {}\nrecipients  {}\n",
        p.source,
        p.kind.name(),
        p.server,
        p.programs.display(),
        p.store,
        p.next_seq,
        ByteSize(p.part_bytes),
        p.recipients.join(", ")
    );
    for (name, bytes) in &p.databases {
        let _ = writeln!(text, "database    {} ({})", shown(name), ByteSize(*bytes));
    }
    for key in &p.canaries {
        let _ = writeln!(
            text,
            "left there  {} (written to see that the store can be; a lifecycle rule removes it)",
            shown(key)
        );
    }
    for l in &p.left_out {
        let _ = writeln!(text, "left out    {}", shown(&l.text()));
    }
    text
}
