//! Does pgseal notice? Attacks on copies of the user's own newest backup, each
//! of which must end the way to its data, with the code that says why.
//!
//! Nothing is written: an attack is a view of the store ([`Overlay`]) in which
//! some bytes are others. What looks at it is what `restore` and `drill` run:
//! the signed chain against what this host has seen, presence, facts, parts.
//!
//! | file | holds |
//! |---|---|
//! | [`attacks`] | what is tried |

mod attacks;

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::catalog::witness::Witness;
use crate::catalog::{Catalog, Entry, Reading, Selector, load};
use crate::error::{Code, Error, Result, Stage};
use crate::keys::Identities;
use crate::manifest::chain::Seen;
use crate::manifest::parts;
use crate::pipeline::PartRef;
use crate::process::private_dir;
use crate::restore::Opened;
use crate::store::overlay::Overlay;
use crate::store::{Key, SharedStore};
use crate::types::BackupId;
use crate::types::event::Progress;
use crate::verify;

pub use attacks::Attack;

/// What a self-test needs.
#[derive(Debug)]
pub struct SelfTest<'a> {
    /// The newest backup of its source.
    pub entry: &'a Entry,
    /// All of its source's.
    pub catalog: &'a Catalog,
    /// Store, trust, repository.
    pub reading: Reading,
    /// Opens it.
    pub identities: Arc<Identities>,
    /// Progress.
    pub progress: Progress,
}

/// What became of one attack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trial {
    /// In a word: `flip`.
    pub name: &'static str,
    /// What was done, for people.
    pub attack: &'static str,
    /// The exit code that it must have.
    pub expected: u8,
    /// The exit code that it had; 0 is "nothing was noticed".
    pub got: u8,
    /// Whether they are the same.
    pub noticed: bool,
    /// What was said of it.
    pub said: String,
}

/// Objects of the backup that are attacked, with their bytes.
#[derive(Debug)]
struct Victims {
    /// Two objects of the backup's data: parts, or its only part and its facts.
    objects: [(Key, PartRef, Vec<u8>); 2],
    /// The facts.
    facts: (Key, Vec<u8>),
    /// What the first object holds.
    plain: Vec<u8>,
}

impl SelfTest<'_> {
    /// Tries every attack.
    ///
    /// # Errors
    /// Where the untouched backup itself does not pass: then nothing can be said
    /// about attacks. 2 where it is not the newest of its source.
    pub async fn run(&self) -> Result<Vec<Trial>> {
        let id = &self.entry.manifest.backup_id;
        if self.catalog.head().is_none_or(|head| head.digest != self.entry.digest) {
            return Err(Error::usage("the self-test works on the newest backup of a source")
                .on(id.as_str())
                .hint(format!("Run `pgseal drill {} --self-test`.", self.entry.manifest.source)));
        }
        let bad = |e: Error| e.and_hint("Nothing was attacked: the backup is not good as it is.");
        let victims = self.victims().await.map_err(bad)?;
        let untouched: SharedStore = Arc::new(Overlay::new(Arc::clone(&self.reading.store), Timestamp::now()));
        self.look(untouched, &self.identities, &victims).await.map_err(bad)?;
        let mut trials = Vec::new();
        for attack in attacks::all(self, &victims).await? {
            let identities = attack.identities.clone().unwrap_or_else(|| Arc::clone(&self.identities));
            let (got, said) = match self.look(Arc::new(attack.store), &identities, &victims).await {
                Ok(()) => (Code::Done, "nothing was noticed".to_owned()),
                Err(e) => (e.code(), e.text()),
            };
            trials.push(Trial {
                name: attack.name,
                attack: attack.what,
                expected: attack.expected.number(),
                got: got.number(),
                noticed: got == attack.expected,
                said,
            });
        }
        Ok(trials)
    }

    /// The way to the data, as restore and drill go it, over `store`. Ends well
    /// only where nothing was noticed.
    async fn look(&self, store: SharedStore, identities: &Arc<Identities>, victims: &Victims) -> Result<()> {
        // This host has seen the true newest backup; its real state stays as it is.
        let state = private_dir()?;
        let source = &self.entry.manifest.source;
        let witness = Witness::new(state.path(), &self.reading.repo, source);
        let newest = Seen { seq: self.entry.manifest.seq, digest: self.entry.digest };
        witness.remember(newest, None, Timestamp::now())?;
        let reading = Reading { store: Arc::clone(&store), state_dir: state.path().to_owned(), ..self.reading.clone() };
        let catalog = Catalog::load(&reading, source).await?;
        let catalogs = [catalog];
        let entry = Selector::Latest(source.clone()).find(&catalogs, &[])?;
        let looked = verify::backup(&reading, entry, &verify::Depth::default(), &self.progress).await?;
        if let Some(e) = looked.errors.into_iter().next() {
            return Err(e);
        }
        let opened = Opened::open(&store, entry, identities, 1).await?;
        for (key, part, _) in &victims.objects {
            opened.reader.part(key.clone(), *part).await?;
        }
        Ok(())
    }

    async fn victims(&self) -> Result<Victims> {
        let store = &self.reading.store;
        let manifest = load::with_parts(store, self.entry.manifest.clone()).await?;
        let (facts_key, facts_part) = parts::of_facts(&manifest);
        let mut objects: Vec<(Key, PartRef)> = Vec::new();
        for stream in manifest.streams.iter().rev() {
            objects.extend(parts::of_stream(&manifest, stream)?);
        }
        objects.truncate(2);
        objects.push((facts_key.clone(), facts_part));
        let mut fetched = Vec::new();
        for (key, part) in objects.into_iter().take(2) {
            let mut bytes = Vec::new();
            store.get(&key, part.stored_bytes, &mut bytes).await.map_err(|e| e.about(&key))?;
            fetched.push((key, part, bytes));
        }
        let mut facts = Vec::new();
        store.get(&facts_key, facts_part.stored_bytes, &mut facts).await.map_err(|e| e.about(&facts_key))?;
        let objects: [_; 2] =
            fetched.try_into().map_err(|_| Error::new(Code::Corrupt, Stage::Fetch, "the backup has no parts"))?;
        let opened = Opened::open(store, self.entry, &self.identities, 1).await?;
        let plain = opened.reader.part(objects[0].0.clone(), objects[0].1).await?.to_vec();
        Ok(Victims { objects, facts: (facts_key, facts), plain })
    }
}

/// The table for people, and the backup it is about.
#[derive(Debug, Serialize)]
pub struct Outcome<'a> {
    /// The backup.
    pub backup: &'a BackupId,
    /// Whether every attack was noticed.
    pub noticed: bool,
    /// All attacks.
    pub trials: &'a [Trial],
}
