//! Event triggers of a copy come last.
//!
//! pg_restore makes them before it fills materialized views (`dbObjectTypePriorities`
//! in PostgreSQL's pg_dump_sort.c), so that they fire on that. What they do then
//! changes the copy or stops the restore: they were written for the source. From
//! 17 on the setting `event_triggers` keeps them silent; before, only not being
//! there does.

use crate::source::archive_list::Listed;

/// Numbers of the entries to be restored first, and of the event triggers with
/// what belongs to them; `None` where there is none.
pub(super) fn apart(list: &[Listed]) -> Option<(Vec<i64>, Vec<i64>)> {
    // Their comments and labels are entries of their own.
    let is_trigger = |e: &&Listed| e.desc == "EVENT TRIGGER" || e.tag.starts_with(b"EVENT TRIGGER ");
    let (triggers, rest): (Vec<&Listed>, Vec<&Listed>) = list.iter().partition(is_trigger);
    let ids = |of: &[&Listed]| of.iter().map(|e| e.id).collect();
    (!triggers.is_empty()).then(|| (ids(&rest), ids(&triggers)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triggers_and_what_is_said_of_them_come_apart() {
        let entry = |id, desc: &str, tag: &str| Listed { id, desc: desc.into(), tag: tag.into(), ..Listed::default() };
        let list = [
            entry(1, "INDEX", "EVENT TRIGGERS"),
            entry(2, "EVENT TRIGGER", "e"),
            entry(3, "COMMENT", "EVENT TRIGGER e"),
            entry(4, "MATERIALIZED VIEW DATA", "m"),
        ];
        assert_eq!(apart(&list), Some((vec![1, 4], vec![2, 3])));
        assert_eq!(apart(&list[..1]), None);
    }
}
