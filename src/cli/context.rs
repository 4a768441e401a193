//! What a command works with: configuration at once, keys and store when asked.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::OnceCell;

use super::output::{Out, Ui};
use crate::catalog::{Catalog, Entry, Proof, Reading, Selector, orphans, proof};
use crate::config::{self, Config, Inputs, Loaded, Override, schema};
use crate::error::{Code, Error, Result, Stage};
use crate::keys::trust::Signature;
use crate::keys::{Identities, Namespace, Recipients, Signer, Trust, allowed};
use crate::manifest::{Pins, Problem, Repo, repo};
use crate::store::{self, SharedStore, StoreError, layout};
use crate::types::SourceName;
use crate::types::event::Progress;

/// A backup that was asked for.
#[derive(Debug)]
pub struct Found {
    /// The backup.
    pub entry: Entry,
    /// The history it is part of.
    pub catalog: Catalog,
}

/// Configuration, keys, store and progress of one command.
#[derive(Debug)]
pub struct Context<'a> {
    ui: &'a Ui,
    inputs: Inputs,
    loaded: Loaded,
    store: OnceCell<SharedStore>,
    reading: OnceCell<Reading>,
}

impl<'a> Context<'a> {
    /// Loads the configuration.
    pub fn new(ui: &'a Ui) -> Result<Self> {
        Self::with(ui, Vec::new())
    }

    /// Loads the configuration under flags of the command.
    pub fn with(ui: &'a Ui, overrides: Vec<Override>) -> Result<Self> {
        Self::of(ui, Inputs::of_process(ui.global.config.clone(), overrides)?)
    }

    fn of(ui: &'a Ui, inputs: Inputs) -> Result<Self> {
        let loaded = config::load(&inputs)?;
        if let Some(bytes) = loaded.config.memory {
            crate::sys::limit_memory(bytes);
        }
        Ok(Self { ui, inputs, loaded, store: OnceCell::new(), reading: OnceCell::new() })
    }

    /// Flags, variables and defaults alone: for `init`, where the file is still
    /// to be written.
    pub fn without_file(ui: &'a Ui, overrides: Vec<Override>) -> Result<Self> {
        let inputs = Inputs::of_process(None, overrides)?;
        let loaded = config::load_without_file(&inputs)?;
        Ok(Self { ui, inputs, loaded, store: OnceCell::new(), reading: OnceCell::new() })
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.loaded.config
    }

    /// The configuration with its origins.
    pub fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    /// What the configuration was made from.
    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// Data on stdout.
    pub fn out(&self) -> &Out {
        &self.ui.out
    }

    /// Talk on stderr.
    pub fn ui(&self) -> &Ui {
        self.ui
    }

    /// Takes events.
    pub fn progress(&self) -> Progress {
        Arc::clone(&self.ui.progress) as Progress
    }

    /// The configured store, opened once.
    pub async fn store(&self) -> Result<SharedStore> {
        let open = || store::open(&self.config().repository, self.progress());
        self.store.get_or_try_init(open).await.cloned()
    }

    /// The repository's document; its id is pinned at first sight, and another
    /// one later is error 42.
    pub async fn repo(&self) -> Result<Repo> {
        let store = self.store().await?;
        let url = &self.config().repository.url;
        let mut bytes = Vec::new();
        match store.get(&layout::repo(), repo::LIMIT, &mut bytes).await {
            Ok(()) => {}
            Err(StoreError::NotFound) => {
                if let Some(id) = self.pins().get(url)? {
                    return Err(vanished(url, id.as_str()));
                }
                if let Ok(Some(e)) = orphans::find(store.as_ref(), self.trust().ok().as_ref()).await {
                    return Err(e.with_code(Code::RepositoryMissing));
                }
                return Err(Error::new(Code::RepositoryMissing, Stage::Store, "there is no repository here")
                    .on(store.describe())
                    .hint("Create it with `pgseal init`, or check repository.url."));
            }
            Err(e) => return Err(e.about(layout::repo())),
        }
        let repo = Repo::parse(&bytes)?;
        self.pins().check(url, &repo.repo_id)?;
        Ok(repo)
    }

    /// The repository ids this host has seen.
    pub fn pins(&self) -> Pins {
        Pins::new(&self.config().state_dir)
    }

    /// What reading backups needs: store, pinned signers, pinned repository.
    /// Looked up once.
    pub async fn reading(&self) -> Result<Reading> {
        let look = async || {
            let trust = Arc::new(self.trust()?);
            let repo = self.repo().await?.repo_id;
            Ok(Reading { store: self.store().await?, trust, repo, state_dir: self.config().state_dir.clone() })
        };
        self.reading.get_or_try_init(look).await.cloned()
    }

    /// A source by its name, with its configuration.
    pub fn source(&self, name: &str) -> Result<(SourceName, &schema::Source)> {
        let source = self.config().source(name)?;
        let name = name.parse().map_err(|e: String| Error::usage(e).on(name.to_owned()))?;
        Ok((name, source))
    }

    /// The named source, or all that are configured.
    pub fn sources(&self, name: Option<&str>) -> Result<Vec<SourceName>> {
        match name {
            Some(name) => Ok(vec![self.source(name)?.0]),
            None if self.config().sources.is_empty() => {
                Err(Error::usage("no source is configured").hint("Add a [source.NAME] section to the configuration."))
            }
            None => Ok(self.config().sources.keys().cloned().collect()),
        }
    }

    /// Finds a backup by what the user calls it.
    pub async fn find(&self, name: &str) -> Result<Found> {
        let selector: Selector = name.parse()?;
        let names = match selector.source() {
            Some(source) => self.sources(Some(source.as_str()))?,
            None => self.sources(None)?,
        };
        let reading = self.reading().await?;
        let (mut catalogs, mut proofs) = (Vec::new(), Vec::new());
        for name in names {
            let mut catalog = Catalog::load(&reading, &name).await?;
            // Every report of a source is fetched for this: only where the name asks for it.
            if matches!(selector, Selector::LatestProven(_)) {
                let (found, _) = proof::load(&reading, &name).await?;
                catalog.hear(&found);
                proofs.extend(found);
            }
            catalogs.push(catalog);
        }
        let entry = selector.find(&catalogs, &proofs)?.clone();
        let catalogs = catalogs.into_iter().find(|c| c.source == entry.manifest.source);
        let catalog = catalogs.ok_or_else(|| Error::internal("a backup of no catalog"))?;
        self.tell(&catalog, &catalog.problems);
        for doubt in catalog.doubts() {
            self.ui.progress.warn(&doubt, Some(DOUBT));
        }
        Ok(Found { entry, catalog })
    }

    fn tell(&self, catalog: &Catalog, problems: &[Problem]) {
        for p in problems {
            let text = format!("history of {}: slot {}: {}", catalog.source, p.seq, p.text);
            let usual = "`pgseal verify` shows everything; this backup's own signature is good.";
            let stranger = catalog.stranger.as_deref().filter(|_| p.stranger.is_some());
            self.ui.progress.warn(&text, Some(stranger.unwrap_or(usual)));
        }
    }

    /// What the newest signed report says of a backup. All reports are read for it, so
    /// the history is held beside them.
    pub async fn proof(&self, found: &mut Found) -> Result<Option<Proof>> {
        let (entry, known) = (&found.entry, found.catalog.problems.len());
        let (proofs, _) = proof::load(&self.reading().await?, &entry.manifest.source).await?;
        found.catalog.hear(&proofs);
        self.tell(&found.catalog, &found.catalog.problems[known..]);
        let of_this = |p: &Proof| p.backup_id == entry.manifest.backup_id && p.manifest_sha256 == entry.digest;
        Ok(proofs.into_iter().find(of_this))
    }

    /// `keys.recipients`.
    pub fn recipients(&self) -> Result<Recipients> {
        Recipients::parse(&self.config().keys.recipients)
    }

    /// `keys.identity`.
    pub fn identities(&self) -> Result<Identities> {
        match &self.config().keys.identity {
            Some(path) => Identities::from_file(path),
            None => Err(Error::new(Code::NoIdentity, Stage::Keys, "no identity is configured")
                .on("keys.identity")
                .hint("Set keys.identity or PGSEAL_KEYS_IDENTITY on hosts that restore; never on the database host.")),
        }
    }

    /// `keys.signing_key`.
    pub fn signer(&self) -> Result<Signer> {
        match &self.config().keys.signing_key {
            Some(path) => Signer::load(path),
            None => Err(Error::new(Code::Usage, Stage::Keys, "no signing key is configured")
                .on("keys.signing_key")
                .hint("Make one with `pgseal keygen signer -o FILE` and set keys.signing_key.")),
        }
    }

    /// `keys.report_key`, or the signing key.
    pub fn report_signer(&self) -> Result<Signer> {
        match &self.config().keys.report_key {
            Some(path) => Signer::load(path),
            None => self.signer(),
        }
    }

    /// [`Self::report_signer`], where the pinned signers accept its reports of `source`.
    ///
    /// # Errors
    /// 53 where they do not: nobody would believe the report.
    pub fn trusted_report_signer(&self, source: &SourceName) -> Result<Signer> {
        let signer = self.report_signer()?;
        let probe = b"pgseal report probe\n";
        let armor = signer.sign(Namespace::Report, probe)?;
        let verdict =
            self.trust()?.verify(Namespace::Report, source.as_str(), Timestamp::now(), probe, armor.as_bytes());
        let reason = match verdict {
            Signature::Good { .. } => return Ok(signer),
            Signature::Unknown { reason, .. } | Signature::Bad { reason } => reason,
        };
        let keys = &self.config().keys;
        let file = keys.allowed_signers.as_ref().map(|p| p.display().to_string()).unwrap_or_default();
        let line = allowed::line(std::slice::from_ref(source), Namespace::Report.as_str(), signer.public_line());
        let key = if keys.report_key.is_some() { "keys.report_key" } else { "keys.signing_key" };
        Err(Error::new(
            Code::CouldNotRun,
            Stage::Keys,
            format!("nobody would believe the report that {key} signs: {reason}"),
        )
        .on(source.as_str())
        .hint(format!(
            "Nothing was restored. Make a key for reports with `pgseal keygen signer --role drill --source {source} -o \
                 FILE` and set keys.report_key, or let this key sign reports: echo '{line}' >> {file} (here and on \
                 every host that reads them)"
        )))
    }

    /// `keys.allowed_signers` and `keys.revoked_keys`.
    pub fn trust(&self) -> Result<Trust> {
        let keys = &self.config().keys;
        match &keys.allowed_signers {
            Some(path) => Trust::load(path, keys.revoked_keys.as_deref()),
            None => Err(Error::new(Code::Usage, Stage::Keys, "no allowed signers are configured")
                .on("keys.allowed_signers")
                .hint(
                    "Pin the signers yourself: put the line that `pgseal keygen signer` prints into a file and set \
                     keys.allowed_signers.",
                )),
        }
    }
}

/// The next step where [`Catalog::doubts`] has something to say.
pub const DOUBT: &str = "Where it is about time, compare this host's clock (`timedatectl`) with the store's; else check state.dir, and who may delete in the store.";

/// The repository was here before and is not now.
pub fn vanished(url: &str, id: &str) -> Error {
    Error::new(Code::History, Stage::Store, format!("repo.json is gone; this host has seen repository {id} here"))
        .on(url.to_owned())
        .hint("Somebody emptied the store, or the URL leads elsewhere. Restore repo.json from a copy of the store.")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::cli::args::Global;
    use crate::keys::write_new;

    fn inputs(dir: &Path, config: &str) -> Inputs {
        let file = dir.join("pgseal.toml");
        std::fs::remove_file(&file).ok();
        write_new(&file, config.as_bytes(), 0o600).unwrap();
        Inputs {
            config: Some(file),
            overrides: Vec::new(),
            env: [("HOME".to_owned(), dir.display().to_string())].into(),
            cwd: dir.to_owned(),
            root: false,
            system_file: dir.join("none"),
        }
    }

    fn ui() -> Ui {
        Ui::new(&Global { quiet: true, ..Default::default() })
    }

    #[test]
    fn keys_that_are_not_configured_say_what_to_do() {
        let (dir, ui) = (tempfile::tempdir().unwrap(), ui());
        let ctx = Context::of(&ui, inputs(dir.path(), "")).unwrap();
        let errors = [
            (ctx.identities().unwrap_err(), Code::NoIdentity, "keys.identity"),
            (ctx.signer().unwrap_err(), Code::Usage, "keys.signing_key"),
            (ctx.report_signer().unwrap_err(), Code::Usage, "keys.signing_key"),
            (ctx.trust().unwrap_err(), Code::Usage, "keys.allowed_signers"),
            (ctx.recipients().unwrap_err(), Code::Usage, "keys.recipients"),
        ];
        for (e, code, names) in errors {
            assert_eq!(e.code(), code);
            assert!(format!("{e:?}").contains(names) && e.next_step().is_some(), "{e:?}");
        }
    }

    #[test]
    fn keys_that_are_configured_are_loaded() {
        let (dir, ui) = (tempfile::tempdir().unwrap(), ui());
        let (identity, recipient) = Identities::generate();
        let (private, public) = Signer::generate("x").unwrap();
        let put = |name: &str, text: &str| write_new(&dir.path().join(name), text.as_bytes(), 0o600).unwrap();
        put("id", &identity);
        put("key", &private);
        put("allowed", &format!("shop {public}\n"));
        let text = format!(
            "[keys]\nrecipients = [\"{recipient}\"]\nidentity = \"id\"\nsigning_key = \"key\"\nallowed_signers = \"allowed\"\n"
        );
        let ctx = Context::of(&ui, inputs(dir.path(), &text)).unwrap();
        assert_eq!(ctx.identities().unwrap().short_ids(), ctx.recipients().unwrap().short_ids());
        assert_eq!(ctx.signer().unwrap().public_line(), public);
        assert_eq!(ctx.report_signer().unwrap().public_line(), public);
        assert!(ctx.trust().is_ok());
    }

    #[tokio::test]
    async fn a_repository_is_pinned_at_first_sight() {
        let (dir, ui) = (tempfile::tempdir().unwrap(), ui());
        let place = dir.path().join("repo");
        std::fs::create_dir(&place).unwrap();
        let text = format!("[repository]\nurl = \"file://{}\"\n", place.display());
        let ctx = || Context::of(&ui, inputs(dir.path(), &text)).unwrap();
        assert_eq!(ctx().repo().await.unwrap_err().code(), Code::RepositoryMissing);
        let put = |random| {
            std::fs::write(place.join("repo.json"), Repo::new(random, jiff::Timestamp::UNIX_EPOCH).to_bytes().unwrap())
        };
        put([1; 16]).unwrap();
        assert_eq!(ctx().repo().await.unwrap().repo_id.as_str(), "01".repeat(16));
        assert!(ctx().repo().await.is_ok());
        put([2; 16]).unwrap();
        assert_eq!(ctx().repo().await.unwrap_err().code(), Code::History);
        std::fs::remove_file(place.join("repo.json")).unwrap();
        assert_eq!(ctx().repo().await.unwrap_err().code(), Code::History);
    }
}
