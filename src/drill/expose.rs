//! What the backup exposes: its restored copy and its sealed posture, judged
//! together, beside what earlier drills saw.

use std::time::Instant;

use jiff::Timestamp;

use super::record::Record;
use super::run::Work;
use crate::checks::guarded;
use crate::error::Result;
use crate::exposure::collect::Collector;
use crate::exposure::database::Lacks;
use crate::exposure::drift::{Before, History, Past, Telling};
use crate::exposure::roles::passwords::verifier::Guessing;
use crate::exposure::run::Sightings;
use crate::exposure::secrets::Files;
use crate::exposure::{Database, Exposure, Looked, Plane, Server, assemble};
use crate::restore::Opened;
use crate::scratch::Instance;
use crate::types::{Kind, Known};

/// Earlier looks that are compared with.
const PAST: usize = 20;

impl Work<'_> {
    /// Looks at what is exposed. What goes wrong is told, and leaves the exposure
    /// without evidence, which is no pass.
    pub(super) async fn expose(&self, instance: &Instance, record: &mut Record) {
        let began = Instant::now();
        match guarded(self.look(instance, record)).await {
            Ok(exposure) => record.exposure = Some(exposure),
            Err(e) => record.errors.push(super::run::could_not_run(e)),
        }
        record.stage("exposure", began);
    }

    async fn look(&self, instance: &Instance, record: &Record) -> Result<Exposure> {
        let (facts, policy, source) = (&self.opened.facts, &self.job.policy, &self.job.entry.manifest.source);
        let (key, now) = (self.job.redact.1, Timestamp::now());
        let session = instance.connect_any().await?;
        let guessing = if policy.guess_passwords { Guessing::Try } else { Guessing::Skip };
        let server = Server::copy(facts, &session, &key, guessing).await?;
        let collector = Collector::new(key, now);
        let mut sightings = Sightings::default();
        sightings.server(&server, policy);
        // Sessions and the like are in no copy: what was sealed of them is judged.
        sightings.rest(&Server::sealed(facts), policy);
        let logical = self.job.entry.manifest.kind == Kind::Logical;
        for database in &facts.databases {
            match instance.connect(&database.name).await {
                Ok(session) => {
                    let lacks = if logical { Lacks::of(database) } else { Lacks::default() };
                    let database = Database::new(&session, &database.name, Plane::Copy, &server, policy);
                    sightings.database(&database.collecting(&collector).lacking(lacks)).await;
                }
                Err(e) => sightings.closed(Plane::Copy, &database.name, &e.text()),
            }
        }
        if !logical {
            let files = Files {
                data_dir: instance.data_dir(),
                evidence_dir: &self.scratch.evidence_dir(),
                server: &server,
                policy,
                now,
                collector: Some(&collector),
            };
            sightings.files(&files).await;
        }
        collector.verifiers(&server);
        if let Ok(access) = server.access() {
            collector.entry(access.picture(&server));
        }
        let pictures = collector.into_pictures();

        let planes = vec![Plane::Posture, Plane::Copy];
        let posture_at = facts.posture.as_ref().map(|p| p.taken_at);
        let telling = Telling::new(&key);
        let earlier = record.exposures.iter().rev().take(PAST).rev();
        let past: Vec<Past> =
            earlier.filter_map(|(at, redaction, exposure)| Past::of(exposure, *redaction, *at, &telling)).collect();
        let before = self.before(record).await;
        let history = History {
            now: &server,
            databases: Known::Yes(facts.databases.as_slice()),
            before: match &before {
                Known::Yes(before) => Known::Yes(before),
                Known::No(why) => Known::no(why),
            },
            past: &past,
            reach: &pictures.reach,
            telling,
            at: now,
        };
        for plane in [Plane::Posture, Plane::Copy] {
            sightings.history(plane, &history, policy);
        }
        let looked = Looked { planes, posture_at, results: sightings.results(Some(source)), pictures };
        Ok(assemble(looked, policy, source, &past, &telling, now))
    }

    /// The backup that was drilled before this one, as its facts tell.
    async fn before(&self, record: &Record) -> Known<Before> {
        let this = &self.job.entry.manifest.backup_id;
        let Some(last) = record.history.iter().rev().find(|p| p.backup_id != *this) else {
            return Known::no("no other backup of this source was drilled before");
        };
        let Some(entry) = self.job.catalog.iter().find(|e| e.manifest.backup_id == last.backup_id) else {
            return Known::no(format!(
                "backup {}, which was drilled before, is in the history no more",
                last.backup_id
            ));
        };
        match Opened::open(&self.job.reading.store, entry, &self.job.identities, 1).await {
            Ok(opened) => Known::Yes(Before::of(opened.facts, entry.manifest.started_at)),
            Err(e) => Known::no(format!("the facts of backup {} cannot be read: {}", last.backup_id, e.text())),
        }
    }
}
