//! One drill from beginning to end.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::record::Record;
use super::room::Room;
use super::standing::Standing;
use super::{deadline, host, logical, objectives, physical, recipients, required};
use crate::catalog::{Entry, Reading};
use crate::checks::{self, Subject};
use crate::config::schema::{self, Isolation};
use crate::error::{Code, Error, Result, Stage};
use crate::exposure::Policy;
use crate::keys::Identities;
use crate::report::{ProofLevel, Redactor, Report, history};
use crate::restore::Opened;
use crate::scratch::probe::{Outside, Sightings, Trace};
use crate::scratch::{Door, Instance, Jail, Limits, Origin, Preload, Scratch, StartOptions, leftovers, probe};
use crate::source::{ConnParams, Facts, PgBin};
use crate::types::event::Progress;
use crate::types::ids::random_bytes;
use crate::types::{Event, Kind, Redaction};
use crate::verify;

/// How long start and recovery may take where no deadline is configured.
const START: Duration = Duration::from_hours(1);

/// Everything one drill needs.
#[derive(Debug)]
pub struct Job<'a> {
    /// The backup.
    pub entry: &'a Entry,
    /// Where it stands in the history.
    pub standing: Standing,
    /// The history's other backups.
    pub catalog: &'a [Entry],
    /// What the operator declared.
    pub policy: Policy,
    /// Configuration of its source.
    pub drill: &'a schema::Drill,
    /// Where `source.NAME.connection` leads, if that is known here: tells whether
    /// the database is on this host.
    pub source: Option<&'a ConnParams>,
    /// Parallel index builds and checks.
    pub jobs: usize,
    /// `[scratch]`.
    pub scratch: &'a schema::Scratch,
    /// Store, trust.
    pub reading: Reading,
    /// Opens the backup.
    pub identities: Arc<Identities>,
    /// What the copy must not reach.
    pub outside: Outside,
    /// Where the PostgreSQL programs are, if configured.
    pub pg_bindir: Option<PathBuf>,
    /// Try every identity on every stream, and want one for every recipient.
    pub all_recipients: bool,
    /// How far the proof must go.
    pub required: ProofLevel,
    /// Which names the report may hold, and this host's key: of pseudonyms, and of what
    /// tells credentials apart.
    pub redact: (Redaction, [u8; 32]),
    /// Progress.
    pub progress: Progress,
}

/// What came of a drill.
#[derive(Debug)]
pub struct Done {
    /// The report, with the names that it may hold.
    pub report: Report,
    /// The drill's exit code.
    pub code: Code,
    /// What each pseudonym in it stands for; for this host only.
    pub names: BTreeMap<String, String>,
}

/// What the steps of one drill share once there is a place to work in.
pub(super) struct Work<'a> {
    pub job: &'a Job<'a>,
    pub opened: Opened,
    pub bin: PgBin,
    pub jail: Jail,
    pub room: Option<Room>,
    pub preload: Preload,
    pub scratch: Scratch,
    /// The way into its server, once that is up.
    pub door: OnceLock<Door>,
}

impl Job<'_> {
    /// Runs the drill. There is always a report; the code is its exit code.
    pub async fn run(&self) -> Result<Done> {
        let run = hex::encode(random_bytes::<8>()?);
        let mut record = Record::begin(Redactor::new(self.redact.0, self.redact.1));
        record.rto_budget = self.drill.max_restore;
        let title = format!("drill {}", self.entry.manifest.backup_id);
        self.progress.event(Event::Started { title, total: Some(self.entry.manifest.stored_bytes()) });
        let (checks, late) = self.standing.judge(&self.entry.manifest, record.started_at);
        record.checks.extend(checks);
        record.errors.extend(late);
        if let Err(e) = self.steps(&mut record).await {
            record.errors.push(e);
        }
        self.progress.event(Event::Finished);
        record.report(self.entry, run, self.required)
    }

    async fn steps(&self, record: &mut Record) -> Result<()> {
        let (configured, plain) = (self.drill.deadline, self.entry.manifest.plain_bytes());
        let limit = deadline::of(configured, plain);
        let began = record.began;
        let Ok(work) = tokio::time::timeout(limit, self.prepare(record)).await else {
            return Err(deadline::passed(limit, configured.is_some(), None, Stage::Scratch));
        };
        let work = work?;
        let mut instance = None;
        let left = limit.saturating_sub(began.elapsed());
        let done = {
            let mut proving = Box::pin(async {
                tokio::select! {
                    done = self.prove(&work, &mut instance, record) => done,
                    full = work.watch() => Err(full),
                    who = work.scratch.meetings().until_stranger() => Err(elsewhere(&who)),
                }
            });
            match tokio::time::timeout(left, proving.as_mut()).await {
                Ok(done) => Ok(done),
                Err(_) => Err(deadline::busy(work.door.get()).await),
            }
        };
        let done = done.unwrap_or_else(|busy| {
            let at = if record.reached < ProofLevel::Booted { Stage::Restore } else { Stage::Checks };
            Err(deadline::passed(limit, configured.is_some(), busy, at))
        });
        // Whatever came of it, everything is taken down, and looked at.
        let began = Instant::now();
        let level = work.jail.level;
        // A check may have met it last, and told it as a failure of its own.
        record.add_probes(probe::stranger(work.scratch.meetings(), level).into_iter().collect());
        let trace = record.trace.take().unwrap_or_else(|| Trace::of(&work.scratch, instance.as_ref()));
        let teardown = work.scratch.teardown(instance).await;
        record.stage("teardown", began);
        record.probes.push(probe::gone(&teardown, &trace, level).await);
        record.teardown = Some(teardown);
        done
    }

    /// Everything that can be known before anything is restored.
    async fn prepare(&self, record: &mut Record) -> Result<Work<'_>> {
        let m = &self.entry.manifest;
        let fetch = Instant::now();
        let looked = verify::backup(&self.reading, self.entry, &verify::Depth::default(), &self.progress).await?;
        if let Some(e) = looked.errors.into_iter().next() {
            return Err(e);
        }
        let streams = m.streams.len().min(self.jobs + 1);
        let opened = Opened::open(&self.reading.store, self.entry, &self.identities, streams).await?;
        record.timings.fetch = record.stage("fetch", fetch);
        record.redactor.learn(&opened.facts)?;
        let history = history::load(&self.reading, &m.source).await;
        record.believed = Some(objectives::reports(&history));
        let history = history.unwrap_or_default();
        record.history = history.past;
        record.exposures = history.exposures;
        let known = recipients::Known { since: self.standing.sealed_for.clone(), proven: history.proven };
        let (store, all, now) = (&self.reading.store, self.all_recipients, record.started_at);
        let tried = recipients::prove(store, &opened, &self.identities, all, &known, now).await?;
        record.recipients = tried.proofs;
        record.checks.extend(tried.checks);

        let jail = Jail::detect(&self.scratch.user).await.map_err(could_not_run)?.limited(limits(self.scratch));
        record.isolation = Some((jail.level, jail.reasons.clone()));
        record.min_isolation = self.drill.min_isolation.unwrap_or(Isolation::I2);
        let near = host::look(self.source, &m.pg.system_identifier).await;
        let required = required::decide(self.drill.min_isolation, &near)?;
        record.min_isolation = required.least;
        record.probes.push(required::probe(jail.level, &required));
        required::enough(&jail, &required)?;
        let bin = PgBin::find(self.pg_bindir.as_deref(), m.pg.version_num.major()).await.map_err(could_not_run)?;
        let known = &opened.facts.server.settings;
        let preload = Preload::find(&self.drill.preload, bin.dir(), |name| known.get(name).cloned())?;
        // Before the space is looked at: they may be what fills it.
        self.sweep(&jail).await;
        let room = Room::of(self.scratch);
        room.as_ref().map_or(Ok(()), |room| room.fits(m.plain_bytes()))?;
        let scratch = Scratch::create(&self.scratch.dir, &jail, &m.source).await.map_err(could_not_run)?;
        let jail = scratch.jail().clone();
        Ok(Work { job: self, opened, bin, jail, room, preload, scratch, door: OnceLock::new() })
    }

    /// Removes what killed runs left in the scratch directory. What cannot be
    /// removed is told, and stops nothing.
    async fn sweep(&self, jail: &Jail) {
        let dir = self.scratch.dir.clone();
        let owners = leftovers::owners(jail.user()).await;
        let swept = tokio::task::spawn_blocking(move || {
            let all = leftovers::find(&dir, &owners).into_iter();
            all.map(|l| (leftovers::remove(&l, &owners), l.path)).collect::<Vec<_>>()
        });
        for (done, path) in swept.await.unwrap_or_default() {
            self.progress.event(if done.is_clean() {
                Event::Note(format!("removed {}, which a killed drill had left", path.display()))
            } else if path.exists() {
                let why = done.detail.unwrap_or_default();
                Event::Warning {
                    text: format!("a killed drill left {}, which cannot be removed: {why}", path.display()),
                    hint: Some("Remove it by hand: it holds restored data.".to_owned()),
                }
            } else {
                // Another drill was quicker.
                continue;
            });
        }
    }

    async fn prove(&self, work: &Work<'_>, slot: &mut Option<Instance>, record: &mut Record) -> Result<()> {
        match self.entry.manifest.kind {
            Kind::Logical => Box::pin(logical::prove(work, slot, record)).await,
            Kind::Physical => Box::pin(physical::prove(work, slot, record)).await,
        }
    }
}

impl Work<'_> {
    /// Ends only when the drill takes more of the disk than it may.
    async fn watch(&self) -> Error {
        match &self.room {
            Some(room) => room.watch(self.scratch.path(), self.jail.uid()).await,
            None => std::future::pending().await,
        }
    }

    /// Starts the scratch server, sealed.
    pub(super) async fn start(&self, origin: Origin) -> Result<Instance> {
        let options = StartOptions {
            bindir: self.bin.dir().to_path_buf(),
            superuser: superuser(&self.opened.facts).to_owned(),
            origin,
            deadline: self.job.drill.deadline.unwrap_or(START),
            preload: self.preload.clone(),
        };
        let instance = self.scratch.start(&options).await?;
        // Of more than one the first would do, but there is one.
        let _ = self.door.set(instance.door().clone());
        Ok(instance)
    }

    /// Runs every check that fits, and the budget.
    pub(super) async fn check(&self, instance: &Instance, record: &mut Record) {
        let began = Instant::now();
        if self.job.entry.manifest.kind == Kind::Physical
            && let Err(e) = checks::steady::open_closed(instance).await
        {
            tracing::debug!(error = %e, "databases that accept no connections stay closed");
        }
        let facts = checks::steady::in_the_copy(instance, &self.opened.facts).await;
        let subject = Subject {
            instance,
            facts: &facts,
            bindir: self.bin.dir(),
            jail: &self.jail,
            jobs: self.job.jobs,
            taken_at: self.job.entry.manifest.started_at,
        };
        let kind = self.job.entry.manifest.kind;
        let checked = Box::pin(checks::run(&subject, kind, self.job.drill)).await;
        record.checks.extend(checked.results);
        record.tables.extend(checked.tables);
        record.checks.extend(record.believed.take());
        let (wanted, rto) = (self.job.drill, objectives::rto(record.timings));
        let plain = self.job.entry.manifest.plain_bytes();
        record.checks.push(objectives::budget(wanted.max_restore, rto));
        record.checks.push(objectives::trend(wanted.max_slowdown, &record.history, kind, plain, rto));
        record.checks.push(objectives::age(wanted.max_rpo, &self.job.standing, record.rpo_s(self.job.entry)));
        record.timings.checks = record.stage("checks", began);
    }

    /// Proves the sealing of the running instance; `watched` is what was seen of
    /// the programs beside it.
    ///
    /// # Errors
    /// A failed probe: nothing more is done with the instance.
    pub(super) async fn probe(&self, instance: &Instance, watched: Sightings, record: &mut Record) -> Result<()> {
        let began = Instant::now();
        // It may be stopped before the teardown.
        record.trace.get_or_insert_with(|| Trace::of(&self.scratch, Some(instance)));
        let session = instance.connect_any().await?;
        let mut probes = probe::run(instance, session.client(), self.jail.level, &self.job.outside).await;
        probes.push(probe::tools(&self.jail, watched).await);
        probes.push(probe::peer(instance, self.jail.level).await);
        let failed = probe::any_failed(&probes);
        record.add_probes(probes);
        record.stage("probes", began);
        if failed {
            return Err(Error::new(
                Code::Exposure,
                Stage::Scratch,
                "an isolation probe failed: the instance was stopped at once",
            )
            .hint("Do not drill on this host until the failed probe is understood."));
        }
        Ok(())
    }
}

/// Whom to enter a copy as: the bootstrap superuser, or another one where a base backup's
/// may not log in, as hardening guides ask for. A cluster of our own has the bootstrap's.
fn superuser(facts: &Facts) -> &str {
    let bootstrap = facts.server.bootstrap_superuser.as_str();
    let locked = |name: &str| facts.roles.iter().any(|r| r.name == name && !r.login);
    let other = facts.roles.iter().find(|r| r.superuser && r.login);
    match other {
        Some(other) if facts.physical.is_some() && locked(bootstrap) => &other.name,
        _ => bootstrap,
    }
}

/// Something else than the scratch server answered, or was in its socket's place.
fn elsewhere(who: &str) -> Error {
    Error::new(
        Code::Exposure,
        Stage::Scratch,
        format!("the scratch server's socket led elsewhere, and everything was stopped at once: {who}"),
    )
    .hint("Treat the backup's functions and triggers as hostile, and see what else they do.")
}

/// Least default of `scratch.max_memory`: a server works with less on no host.
const MEMORY: u64 = 1 << 30;

/// What each process may use: by default half of the host's memory, so that one
/// that runs away meets its limit before the host does.
fn limits(scratch: &schema::Scratch) -> Limits {
    let usual = || crate::sys::half_of_the_host().max(MEMORY);
    Limits { memory: Some(scratch.max_memory.unwrap_or_else(usual)), processes: Some(scratch.max_processes) }
}

/// A fault of this host says nothing about the backup.
pub(super) fn could_not_run(e: Error) -> Error {
    match e.code() {
        Code::Signal(_) | Code::Internal | Code::CouldNotRun => e,
        _ => e.with_code(Code::CouldNotRun),
    }
}
