//! A dump of the restored copy beside the backup's own.

use crate::checks::toc::{self, Dumps};
use crate::checks::{CheckResult, guarded};
use crate::error::Result;
use crate::restore::{LogicalTarget, Opened};
use crate::source::facts::DatabaseFacts;

/// Dumps every database once more, and where that is not the backup's dump, what the
/// backup's schema alone makes, too.
pub(super) async fn compare(target: &LogicalTarget<'_>, opened: &Opened) -> CheckResult {
    let mut dumps = Vec::new();
    let mut error = None;
    for facts in &opened.facts.databases {
        match guarded(one(target, opened, facts)).await {
            Ok(dump) => dumps.push(dump),
            Err(e) => error = Some(e),
        }
    }
    toc::of(&dumps, error.as_ref())
}

async fn one<'a>(target: &LogicalTarget<'_>, opened: &Opened, facts: &'a DatabaseFacts) -> Result<Dumps<'a>> {
    let sealed = target.sealed_entries(opened, facts).await?;
    let copy = target.dumped_entries(&facts.name).await?;
    let reference =
        if toc::equal(&sealed, &copy) { None } else { Some(target.reference_entries(opened, facts).await?) };
    Ok(Dumps { database: &facts.name, sealed, copy, reference })
}
