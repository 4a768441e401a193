//! PHY-WAL: the write-ahead log was replayed to the end of the backup.

use super::subject::{RESTORE_AGAIN, query};
use super::{CheckResult, Rule, Severity, Subject};
use crate::error::{Code, Error};
use crate::scratch::failure;
use crate::types::Lsn;

/// The check.
pub const RULE: Rule =
    Rule { id: "PHY-WAL", title: "the write-ahead log was replayed to the backup's end", severity: Severity::Critical };

/// Compares the checkpoint that ends recovery with the end that the backup's
/// own manifest gives.
///
/// The control file of a base backup is copied before its end, so a checkpoint
/// at or behind that end can only be the one that the server writes once replay
/// is done, behind the last record that it replayed. Of the same timeline, because
/// nothing in a drill begins a new one.
pub async fn run(subject: &Subject<'_>) -> CheckResult {
    let Some(want) = &subject.facts.physical else {
        return RULE.not_evaluated(1, "the backup holds no end of its write-ahead log");
    };
    let read = async {
        let session = subject.instance.connect_any().await?;
        let sql = "select checkpoint_lsn::text, timeline_id, pg_is_in_recovery() from pg_control_checkpoint()";
        query(session.client(), sql, &[]).await
    };
    let rows = match read.await {
        Ok(rows) => rows,
        Err(e) => return RULE.error(1, 0, &e),
    };
    let Some((reached, timeline, recovering)) = rows.first().and_then(|r| {
        let lsn: Lsn = r.get::<_, String>(0).parse().ok()?;
        Some((lsn, r.get::<_, i32>(1).unsigned_abs(), r.get::<_, bool>(2)))
    }) else {
        return RULE.error(
            1,
            0,
            &Error::new(Code::CouldNotRun, crate::Stage::Checks, "the control data make no sense"),
        );
    };
    let message = if recovering {
        "the server is still in recovery".to_owned()
    } else if reached < want.stop_lsn {
        format!("replay ended before {reached}, the backup needs it up to {}", want.stop_lsn)
    } else if timeline != want.timeline {
        format!("the copy is on timeline {timeline}, the backup on {}", want.timeline)
    } else {
        let mut result = RULE.judged(1, 1, Vec::new());
        result.reason = Some(format!(
            "replay went from {} past the backup's end at {}; its last checkpoint is at {reached}",
            want.start_lsn, want.stop_lsn
        ));
        return result;
    };
    RULE.judged(1, 1, vec![RULE.finding("pg_wal", message, RESTORE_AGAIN)])
}

/// What a start that failed says of the log: a finding where the server did not
/// find it whole.
pub fn of_failed_start(e: &Error) -> Option<CheckResult> {
    let short = e.code() == Code::RestoreFailed && e.object() == Some(failure::LOG);
    short.then(|| RULE.judged(1, 1, vec![RULE.finding(failure::LOG, e.text(), RESTORE_AGAIN)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Stage;
    use crate::checks::Outcome;

    #[test]
    fn a_start_that_lacks_log_is_a_finding_and_any_other_is_none() {
        let start = |log: &str| failure::explain(log).into_error();
        let c = of_failed_start(&start("pgseal:XX000:FATAL:  WAL ends before end of online backup\n")).unwrap();
        assert_eq!((c.outcome, c.findings.len()), (Outcome::Finding, 1));
        assert!(of_failed_start(&start("pgseal:53100:PANIC:  could not write: No space left on device\n")).is_none());
        assert!(of_failed_start(&Error::new(Code::RestoreFailed, Stage::Scratch, "other")).is_none());
    }
}
