//! What a run collects, and the report made of it.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::objectives;
use super::run::Done;
use crate::catalog::Entry;
use crate::checks::CheckResult;
use crate::config::schema::Isolation;
use crate::error::{Code, Error, Result};
use crate::exposure::Exposure;
use crate::report::Redactor;
use crate::report::model::{
    ErrorEntry, IsolationReport, PastDrill, ProofLevel, RecipientProof, Report, Span, TableProof, Timings, ToolRef,
};
use crate::report::verdict::{Evidence, Judgement, judge};
use crate::scratch::probe::Trace;
use crate::scratch::{Probe, Teardown};
use crate::types::Redaction;

/// Grows while the drill runs.
#[derive(Debug)]
pub struct Record {
    /// When it began, by the wall clock.
    pub started_at: Timestamp,
    /// When it began, for durations.
    pub began: Instant,
    /// How far it got.
    pub reached: ProofLevel,
    /// What went wrong.
    pub errors: Vec<Error>,
    /// Level and what could not be had.
    pub isolation: Option<(Isolation, Vec<String>)>,
    /// The least level that is needed.
    pub min_isolation: Isolation,
    /// Proofs of the isolation.
    pub probes: Vec<Probe>,
    /// How the instance is recognised once it is gone.
    pub trace: Option<Trace>,
    /// Checks.
    pub checks: Vec<CheckResult>,
    /// Rows of each table.
    pub tables: Vec<TableProof>,
    /// How long things took.
    pub timings: Timings,
    /// What the operator allows for fetch, restore and start.
    pub rto_budget: Option<Duration>,
    /// What was done when.
    pub stages: Vec<Span>,
    /// Earlier drills.
    pub history: Vec<PastDrill>,
    /// What earlier drills saw of exposure, oldest first.
    pub exposures: Vec<(Timestamp, Redaction, Exposure)>,
    /// Whether their reports can be believed: a check, told with the others.
    pub believed: Option<CheckResult>,
    /// Takes the names out of the report.
    pub redactor: Redactor,
    /// Who can open the backup.
    pub recipients: Vec<RecipientProof>,
    /// Whether everything is gone.
    pub teardown: Option<Teardown>,
    /// What the source and its copy give away, where that was looked at.
    pub exposure: Option<Exposure>,
}

impl Record {
    /// A drill that begins now.
    pub fn begin(redactor: Redactor) -> Self {
        Self {
            started_at: Timestamp::now(),
            began: Instant::now(),
            reached: ProofLevel::None,
            errors: Vec::new(),
            isolation: None,
            min_isolation: Isolation::I2,
            probes: Vec::new(),
            trace: None,
            checks: Vec::new(),
            tables: Vec::new(),
            timings: Timings::default(),
            rto_budget: None,
            stages: Vec::new(),
            history: Vec::new(),
            exposures: Vec::new(),
            believed: None,
            redactor,
            recipients: Vec::new(),
            teardown: None,
            exposure: None,
        }
    }

    /// Notes that stage `name` went from `since` to now; tells its seconds.
    pub fn stage(&mut self, name: &str, since: Instant) -> f64 {
        let took = seconds(since);
        let to_s = seconds(self.began);
        self.stages.push(Span { name: name.to_owned(), from_s: (to_s - took).max(0.0), to_s });
        took
    }

    /// Adds probes of a second look: the worse outcome of the two stands.
    pub fn add_probes(&mut self, again: Vec<Probe>) {
        for probe in again {
            match self.probes.iter_mut().find(|p| p.id == probe.id) {
                Some(before) => before.and_then(probe),
                None => self.probes.push(probe),
            }
        }
    }

    /// Seconds from the backup's snapshot to the start of the drill, by the signed
    /// manifest.
    pub fn rpo_s(&self, entry: &Entry) -> u64 {
        self.age(entry.manifest.started_at)
    }

    fn age(&self, since: Timestamp) -> u64 {
        u64::try_from(self.started_at.duration_since(since).as_secs()).unwrap_or(0)
    }

    /// Judges and writes the report.
    ///
    /// # Errors
    /// 1 where its names cannot be taken out.
    pub fn report(mut self, entry: &Entry, run: String, required: ProofLevel) -> Result<Done> {
        self.probes.sort_by(|a, b| a.id.cmp(&b.id));
        self.errors.sort_by_key(|e| e.code().precedence());
        let codes: Vec<Code> = self.errors.iter().map(Error::code).collect();
        let judgement: Judgement = judge(Evidence {
            reached: self.reached,
            required,
            errors: &codes,
            isolation: self.isolation.as_ref().map(|i| i.0),
            min_isolation: self.min_isolation,
            probes: &self.probes,
            checks: &self.checks,
            teardown: self.teardown.as_ref(),
            exposure: self.exposure.as_ref(),
        });
        self.timings.total = self.began.elapsed().as_secs_f64();
        let t = self.timings;
        let m = &entry.manifest;
        let (rpo_s, backup_age_s) = (self.rpo_s(entry), self.age(m.finished_at));
        let mut report = Report {
            format: Report::FORMAT.to_owned(),
            version: Report::VERSION,
            run,
            redaction: Redaction::None,
            source: m.source.clone(),
            backup_id: m.backup_id.clone(),
            seq: m.seq,
            kind: m.kind,
            manifest_sha256: entry.digest,
            signer: Some(entry.signer.clone()),
            started_at: self.started_at,
            finished_at: Timestamp::now(),
            verdict: judgement.verdict,
            proof_level: judgement.level,
            proven: judgement.proven,
            exit_code: judgement.code.number(),
            reasons: judgement.reasons,
            plain_bytes: m.plain_bytes(),
            stored_bytes: m.stored_bytes(),
            isolation: self.isolation.map(|(level, reasons)| IsolationReport {
                level: level.name().to_owned(),
                required: self.min_isolation.name().to_owned(),
                reasons,
                probes: self.probes,
            }),
            checks: self.checks,
            tables: self.tables,
            timings_s: t,
            stages: self.stages,
            history: self.history,
            recipients: self.recipients,
            rpo_s,
            rto_s: (self.reached >= ProofLevel::Booted).then_some(objectives::rto(t)),
            rto_budget_s: self.rto_budget.map(|d| d.as_secs_f64()),
            backup_age_s,
            teardown: self.teardown,
            tool: ToolRef::default(),
            server_major: m.pg.version_num.major(),
            errors: self.errors.iter().map(ErrorEntry::from).collect(),
            exposure: self.exposure,
        };
        self.redactor.apply(&mut report)?;
        let names = self.redactor.meanings().into_iter().map(|(p, n)| (p.to_owned(), n.to_owned())).collect();
        Ok(Done { report, code: judgement.code, names })
    }
}

/// Seconds since `since`.
pub fn seconds(since: Instant) -> f64 {
    let d: Duration = since.elapsed();
    d.as_secs_f64()
}
