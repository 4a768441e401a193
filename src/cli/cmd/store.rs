//! `pgseal store`.

use std::fmt::Write as _;
use std::sync::Arc;

use bytesize::ByteSize;
use clap::Subcommand;
use serde_json::json;

use crate::cli::context::Context;
use crate::cli::output::Ui;
use crate::error::{Code, Error, Result};
use crate::store::contract::{self, ContractReport, Verdict};
use crate::store::{self, list_all};
use crate::types::ids::random_bytes;
use crate::types::{Silent, shown};

/// Most objects that `ls` shows.
const MOST: usize = 1_000_000;

/// Options of `store`.
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_long_help = "EXAMPLES:\n  \
    pgseal store check\n  \
    pgseal store ls s/shop/m/"
)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Check that the store keeps its promises
    ///
    /// Writes canaries below canary/ and looks whether the store creates only, returns what was stored, lists
    /// completely and in order, honours limits and keeps time. Removes the canaries where it may delete. Ends with 30
    /// where a promise is broken and with 3 where one could not be looked at.
    #[command(after_long_help = "EXAMPLES:\n  pgseal store check\n  pgseal store check --deep --json")]
    Check {
        /// Also list over a thousand small objects, more than a page
        #[arg(long)]
        deep: bool,
    },
    /// List objects as they lie in the store
    ///
    /// Size in bytes, time of the store, key; sorted by key. Nothing is verified.
    #[command(after_long_help = "EXAMPLES:\n  pgseal store ls\n  pgseal store ls s/shop/m/ --json")]
    Ls {
        /// Only keys that start with this
        #[arg(default_value = "", hide_default_value = true)]
        prefix: String,
    },
}

/// Runs it.
pub async fn run(args: Args, ui: &Ui) -> Result<Code> {
    let ctx = Context::new(ui)?;
    match args.what {
        What::Check { deep } => check(&ctx, deep).await,
        What::Ls { prefix } => ls(&ctx, &prefix).await,
    }
}

async fn check(ctx: &Context<'_>, deep: bool) -> Result<Code> {
    // Repeated calls are part of the suite, not worth a line each.
    let store = store::open(&ctx.config().repository, Arc::new(Silent)).await?;
    let run = hex::encode(random_bytes::<8>()?);
    let report = contract::run(&*store, &run, deep, &*ctx.progress()).await?;
    ctx.out().either(
        || {
            json!({
                "store": report.store, "cases": report.cases, "capabilities": report.capabilities,
                "leftovers": report.leftovers, "passed": report.passed(),
            })
        },
        || {
            let mut text = String::new();
            for case in &report.cases {
                let _ = match &case.verdict {
                    Verdict::Pass => writeln!(text, "pass           {}", case.name),
                    Verdict::Fail { reason } => writeln!(text, "FAIL           {}: {}", case.name, shown(reason)),
                    Verdict::NotEvaluated { reason } => {
                        writeln!(text, "not evaluated  {}: {}", case.name, shown(reason))
                    }
                };
            }
            text
        },
    )?;
    if !report.leftovers.is_empty() {
        ctx.ui().progress.warn(
            &format!("{} canaries stay behind in {}", report.leftovers.len(), report.store),
            Some("The credential may not delete, which is right for a host that writes backups; a lifecycle rule on canary/ removes them."),
        );
    }
    Ok(verdict(&report))
}

/// Without room nothing was learned of the promises. A broken one outweighs one that could not be looked at, and neither passes.
fn verdict(report: &ContractReport) -> Code {
    if report.out_of_space {
        Code::NoSpace
    } else if report.failed().next().is_some() {
        Code::StoreUnavailable
    } else if report.passed() {
        Code::Done
    } else {
        Code::Warnings
    }
}

async fn ls(ctx: &Context<'_>, prefix: &str) -> Result<Code> {
    let plain = prefix.len() <= 512
        && !prefix.starts_with('/')
        && !prefix.split('/').any(|s| s.starts_with('.'))
        && prefix.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-".contains(&b));
    if !plain {
        return Err(Error::usage("not the beginning of a key")
            .on(prefix.to_owned())
            .hint("Keys look like s/shop/m/0000000042.json."));
    }
    let store = ctx.store().await?;
    let objects = list_all(&*store, prefix, MOST).await.map_err(|e| e.about(store.describe()))?;
    let bytes: u64 = objects.iter().map(|o| o.size).sum();
    if ctx.out().json() {
        let all: Vec<_> = objects
            .iter()
            .map(|o| json!({ "key": o.key, "size": o.size, "modified": o.modified.to_string() }))
            .collect();
        ctx.out().value(&all.into())?;
    } else if !objects.is_empty() {
        let width = objects.iter().map(|o| o.size.to_string().len()).max().unwrap_or(1);
        let mut text = String::new();
        for o in &objects {
            let at = o.modified.strftime("%Y-%m-%dT%H:%M:%SZ");
            let _ = writeln!(text, "{:>width$}  {at}  {}", o.size, shown(&o.key));
        }
        ctx.out().text(&text)?;
    }
    ctx.ui().say(&format!("{} objects, {} in {}", objects.len(), ByteSize(bytes), store.describe()));
    Ok(Code::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::contract::{Capabilities, Case};

    #[test]
    fn only_a_whole_pass_is_done() {
        let report = |verdicts: &[Verdict], out_of_space| {
            let cases = verdicts.iter().map(|v| Case { name: "x", verdict: v.clone() }).collect();
            let capabilities = Capabilities::default();
            verdict(&ContractReport { store: "s".into(), cases, capabilities, leftovers: Vec::new(), out_of_space })
        };
        let code = |verdicts: &[Verdict]| report(verdicts, false);
        let fail = Verdict::Fail { reason: "r".into() };
        let unknown = Verdict::NotEvaluated { reason: "r".into() };
        assert_eq!(code(&[Verdict::Pass, Verdict::Pass]), Code::Done);
        assert_eq!(code(&[Verdict::Pass, unknown.clone()]), Code::Warnings);
        assert_eq!(report(&[Verdict::Pass, fail.clone()], true), Code::NoSpace);
        assert_eq!(code(&[unknown, fail]), Code::StoreUnavailable);
        assert_eq!(code(&[]), Code::Warnings);
    }
}
