//! `pgseal init`.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;

use crate::catalog::orphans;
use crate::cli::context::{Context, vanished};
use crate::cli::output::Ui;
use crate::config::{Override, load, template};
use crate::error::{Code, Error, Result, Stage};
use crate::keys::write_new;
use crate::manifest::{Repo, repo};
use crate::store::contract::{self, Verdict};
use crate::store::{self, SharedStore, StoreError, layout};
use crate::types::ids::random_bytes;
use crate::types::{Digest, Silent, shown};

/// Options of `init`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "EXAMPLES:\n  \
    pgseal init --repo file:///var/lib/pgseal/repo\n  \
    pgseal init --repo s3://acme-backups/pg --config ./pgseal.toml")]
pub struct Args {
    /// Where the repository is: file:///path or s3://bucket/prefix [default: repository.url]
    #[arg(long, value_name = "URL")]
    repo: Option<String>,
}

/// Runs it.
pub async fn run(args: Args, ui: &Ui) -> Result<Code> {
    let given = args.repo.map(|value| Override { key: "repository.url", flag: "--repo", value });
    let file = writable_config(ui)?;
    let given = given.into_iter().collect();
    let ctx = if file.is_some() { Context::without_file(ui, given)? } else { Context::with(ui, given)? };
    let url = ctx.config().repository.url.clone();
    if url.is_empty() {
        return Err(Error::new(Code::Usage, Stage::Config, "no repository is configured")
            .on("repository.url")
            .hint("Give --repo URL: file:///path or s3://bucket/prefix."));
    }
    // Repeated calls are part of the probe below, not worth a line each.
    let store = store::create(&ctx.config().repository, Arc::new(Silent)).await?;
    let (repo, created) = match read(&store).await? {
        Some(repo) => (repo, false),
        None => match ctx.pins().get(&url)? {
            Some(id) => return Err(vanished(&url, id.as_str())),
            None => match orphans::find(store.as_ref(), ctx.trust().ok().as_ref()).await? {
                Some(e) => return Err(e),
                None => create(&store).await?,
            },
        },
    };
    ctx.pins().check(&url, &repo.repo_id)?;
    ui.say(&format!(
        "{} repository {} at {}",
        if created { "created" } else { "found" },
        repo.repo_id,
        store.describe()
    ));
    if created {
        probe(&store, ui).await?;
    }
    let config = match file {
        Some(path) => Some((write_config(&path, &url, ui)?, true)),
        None => ctx.loaded().file.clone().map(|p| (p, false)),
    };
    ui.out.either(
        || {
            json!({
                "repo_id": repo.repo_id,
                "url": url,
                "created": created,
                "config": config.as_ref().map(|c| c.0.display().to_string()),
                "config_created": config.as_ref().is_some_and(|c| c.1),
            })
        },
        || repo.repo_id.to_string(),
    )?;
    Ok(Code::Done)
}

/// Proves once that the store keeps its promises: above all that it creates
/// without replacing, which the commit of a backup rests on. A broken promise is
/// a warning (exit 3), because backups are better than none; it is told again by
/// `store check`.
async fn probe(store: &SharedStore, ui: &Ui) -> Result<()> {
    let run = hex::encode(random_bytes::<8>()?);
    let report = contract::run(&**store, &run, false, &*ui.progress).await?;
    if report.out_of_space {
        return Err(Error::new(Code::NoSpace, Stage::Store, "there is no room for a few MiB, so no backup will fit")
            .on(store.describe())
            .hint("Free space in the store or raise its quota, then see `pgseal store check`."));
    }
    for case in report.failed() {
        if let Verdict::Fail { reason } = &case.verdict {
            ui.progress.warn(
                &format!("the store breaks a promise: {}: {}", case.name, shown(reason)),
                Some("Two writers could overwrite each other, or bytes could get lost; use a store that passes `pgseal store check`."),
            );
        }
    }
    if report.failed().next().is_none() {
        ui.say(&format!("the store keeps its promises ({} looked at)", report.cases.len()));
    }
    if !report.leftovers.is_empty() {
        ui.say(&format!(
            "{} canaries stay behind: the credential may not delete, which is right for a writer",
            report.leftovers.len()
        ));
    }
    Ok(())
}

/// The path of a configuration that does not exist yet and is to be written.
fn writable_config(ui: &Ui) -> Result<Option<PathBuf>> {
    let inputs = crate::config::Inputs::of_process(ui.global.config.clone(), Vec::new())?;
    if let Some(path) = &inputs.config {
        let path = inputs.cwd.join(path);
        return Ok((!load::exists(&path)).then_some(path));
    }
    if inputs.search_path().iter().any(|p| load::exists(p)) {
        return Ok(None);
    }
    load::default_file(&inputs).map(Some)
}

fn write_config(path: &std::path::Path, url: &str, ui: &Ui) -> Result<PathBuf> {
    if let Some(parent) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(|e| {
            Error::new(Code::Usage, Stage::Config, "cannot create the directory")
                .on(parent.display().to_string())
                .because(e)
        })?;
    }
    write_new(path, template::commented(url).as_bytes(), 0o644)?;
    ui.say(&format!("wrote a commented configuration to {}", path.display()));
    Ok(path.to_owned())
}

async fn read(store: &SharedStore) -> Result<Option<Repo>> {
    let mut bytes = Vec::new();
    match store.get(&layout::repo(), repo::LIMIT, &mut bytes).await {
        Ok(()) => Repo::parse(&bytes).map(Some),
        Err(StoreError::NotFound) => Ok(None),
        Err(e) => Err(e.about(layout::repo())),
    }
}

/// Creates the document; where somebody else was faster, theirs counts.
async fn create(store: &SharedStore) -> Result<(Repo, bool)> {
    let ours = Repo::new(random_bytes()?, jiff::Timestamp::now());
    let bytes = ours.to_bytes()?;
    let digest = Digest::of(&bytes);
    match store.put_new(&layout::repo(), Bytes::from(bytes), &digest).await {
        Ok(()) | Err(StoreError::Exists) => {}
        Err(e) => return Err(e.about(layout::repo())),
    }
    let stored = read(store).await?.ok_or_else(|| {
        Error::new(Code::StoreUnavailable, Stage::Store, "what was stored cannot be read back")
            .on(layout::repo().to_string())
            .hint("Check the store with `pgseal store check`.")
    })?;
    let created = stored == ours;
    Ok((stored, created))
}
