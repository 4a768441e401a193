//! An audit: exposure without a restore.
//!
//! | file | looks at |
//! |---|---|
//! | [`live`] | the server itself, over SQL with the backup role |
//! | [`places`] | the store, and this host |
//!
//! Each plane is looked at by itself: one that cannot be reached is told and keeps
//! the others from nothing. Nothing is changed anywhere but for canaries in the
//! store, which are removed again, and the ledger of audits in the state directory.
//! What changed since the last audit of this host is told from that ledger.

pub mod live;
pub mod places;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::catalog::Reading;
use crate::config::Loaded;
use crate::config::schema;
use crate::error::{Code, Error, Result};
use crate::exposure::collect::Collector;
use crate::exposure::drift::{History, Ledger, Telling};
use crate::exposure::run::Sightings;
use crate::exposure::{Looked, Plane, Policy, Server, assemble};
use crate::keys::Identities;
use crate::report::audit::judge;
use crate::report::{AuditReport, ErrorEntry, ToolRef};
use crate::source::ConnParams;
use crate::types::event::Progress;
use crate::types::ids::random_bytes;
use crate::types::{Event, Known, Redaction, SourceName};

/// Everything that one audit needs.
pub struct Job<'a> {
    /// The source.
    pub name: SourceName,
    /// Its configuration.
    pub source: &'a schema::Source,
    /// The whole configuration, with where it comes from.
    pub loaded: &'a Loaded,
    /// The environment of this process.
    pub env: &'a BTreeMap<String, String>,
    /// What the operator declared.
    pub policy: &'a Policy,
    /// What to look at.
    pub planes: Vec<Plane>,
    /// Where the server is, or why that is not known.
    pub connection: Result<ConnParams>,
    /// Store and trust, or why they cannot be had.
    pub reading: Result<Reading>,
    /// Opens the newest backup's facts, where this host has one that does.
    pub identities: Option<std::sync::Arc<Identities>>,
    /// This host's key: of pseudonyms, and of what tells credentials apart.
    pub key: [u8; 32],
    /// Progress.
    pub progress: Progress,
}

/// What came of it: the report with all names, and the exit code.
#[derive(Debug)]
pub struct Done {
    /// The report.
    pub report: AuditReport,
    /// The audit's exit code.
    pub code: Code,
}

/// What the planes hand over.
#[derive(Default)]
struct Seen {
    sightings: Sightings,
    planes: Vec<Plane>,
    server: Option<Server>,
    errors: Vec<Error>,
}

impl Job<'_> {
    /// Looks. There is always a report.
    ///
    /// # Errors
    /// 1 and 2 where there can be none.
    pub async fn run(&self) -> Result<Done> {
        let (started_at, run) = (Timestamp::now(), hex::encode(random_bytes::<8>()?));
        let collector = Collector::new(self.key, started_at);
        let mut seen = Seen::default();
        for plane in &self.planes {
            self.progress.event(Event::Note(format!("looking at the {}", words(*plane))));
            let looked = match plane {
                Plane::Live => live::look(self, &collector, &mut seen).await,
                Plane::Trail => places::trail(self, &mut seen).await,
                Plane::House => places::house(self, &mut seen, started_at).await,
                Plane::Posture | Plane::Copy => Err(Error::usage("an audit restores nothing: drill the backup")),
            };
            match looked {
                Ok(()) => seen.planes.push(*plane),
                Err(e) => seen.errors.push(e),
            }
        }
        Ok(self.report(seen, collector, started_at, run))
    }

    fn report(&self, mut seen: Seen, collector: Collector, started_at: Timestamp, run: String) -> Done {
        let ledger = Ledger::new(&self.loaded.config.state_dir, &self.name);
        let now = Timestamp::now();
        let telling = Telling::new(&self.key);
        let past = match ledger.read(&telling) {
            Ok(past) => past,
            Err(e) => {
                seen.errors.push(e);
                Vec::new()
            }
        };
        let pictures = collector.into_pictures();
        if let Some(server) = &seen.server {
            let history = History {
                now: server,
                databases: Known::no("a live look has no sealed facts of databases"),
                before: Known::no("an audit opens no earlier backup"),
                past: &past,
                reach: &pictures.reach,
                telling,
                at: now,
            };
            seen.sightings.history(Plane::Live, &history, self.policy);
        }
        let looked = Looked {
            planes: seen.planes,
            posture_at: seen.server.as_ref().map(|s| s.posture.taken_at),
            results: seen.sightings.results(Some(&self.name)),
            pictures,
        };
        let exposure = assemble(looked, self.policy, &self.name, &past, &telling, now);
        let sessions = seen.server.as_ref().and_then(|s| s.posture.sessions.ok()).map(Vec::as_slice);
        if let Err(e) = ledger.add(&exposure, sessions, now, &telling) {
            seen.errors.push(e);
        }
        seen.errors.sort_by_key(|e| e.code().precedence());
        let codes: Vec<Code> = seen.errors.iter().map(Error::code).collect();
        let (code, reasons) = judge(&exposure, &codes);
        let report = AuditReport {
            format: AuditReport::FORMAT.to_owned(),
            version: AuditReport::VERSION,
            run,
            redaction: Redaction::None,
            source: self.name.clone(),
            started_at,
            finished_at: now,
            tool: ToolRef::default(),
            server_major: seen.server.as_ref().map(|s| s.version.major()),
            exposure,
            exit_code: code.number(),
            reasons,
            errors: seen.errors.iter().map(ErrorEntry::from).collect(),
        };
        Done { report, code }
    }
}

/// A plane, for people.
const fn words(plane: Plane) -> &'static str {
    match plane {
        Plane::Live => "live server",
        Plane::Posture => "sealed posture",
        Plane::Copy => "restored copy",
        Plane::Trail => "store and its backups",
        Plane::House => "host and pgseal's own configuration",
    }
}
