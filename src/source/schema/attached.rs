//! What belongs to a table: constraints, indexes, triggers, rules.

use super::parts;

/// Whether a constraint is validated is not said here, that is a fact of its own.
/// Foreign keys that partitions got from their parents have names that depend on
/// the order of things; not null stands with the columns.
pub(super) fn constraints() -> String {
    parts(
        "pg_constraint",
        "k.oid",
        &[("'definition'", "regexp_replace(pg_get_constraintdef(k.oid), ' NOT VALID$', '')", true)],
        "(SELECT k.* FROM pg_constraint k WHERE (k.conrelid IN (SELECT oid FROM rel) OR k.contypid IN (SELECT oid FROM typ)) \
          AND k.contype NOT IN ('t', 'n') AND NOT (k.contype = 'f' AND k.conparentid <> 0)) k",
    )
}

/// pg_dump leaves invalid indexes out, but for those of partitioned tables.
pub(super) fn indexes() -> String {
    parts(
        "pg_class",
        "i.indexrelid",
        &[
            ("'definition'", "pg_get_indexdef(i.indexrelid)", true),
            ("'clustered'", "CASE WHEN i.indisclustered THEN 'yes' END", false),
            ("'replica identity'", "CASE WHEN i.indisreplident THEN 'yes' END", false),
        ],
        "(SELECT i.* FROM pg_index i JOIN rel c ON c.oid = i.indexrelid WHERE i.indrelid IN (SELECT oid FROM rel) \
          AND (i.indisvalid AND i.indisready OR c.relkind = 'I')) i",
    )
}

/// Triggers and rules. Clones of triggers on partitions follow their parents.
pub(super) fn triggers() -> String {
    let triggers = parts(
        "pg_trigger",
        "g.oid",
        &[("'definition'", "pg_get_triggerdef(g.oid)", true), ("'state'", "g.tgenabled", false)],
        "(SELECT * FROM pg_trigger WHERE NOT tgisinternal AND tgparentid = 0 AND tgrelid IN (SELECT oid FROM rel)) g",
    );
    let rules = parts(
        "pg_rewrite",
        "w.oid",
        &[("'definition'", "pg_get_ruledef(w.oid)", true), ("'state'", "w.ev_enabled", false)],
        "(SELECT * FROM pg_rewrite WHERE rulename <> '_RETURN' AND ev_class IN (SELECT oid FROM rel)) w",
    );
    format!("{triggers} UNION ALL {rules}")
}
