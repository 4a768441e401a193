//! What version 2 reads beside: the rest of what pg_dump writes.

use super::others::DEFINED;
use super::{Kind, own, parts, rare, within};

/// All of it. What a part says may be split over two of them: those of version 1
/// stay as they were, so that its backups can be compared.
pub(super) fn kinds(major: u32) -> Vec<Kind> {
    let mut all = vec![
        ("the order of columns", tables()),
        ("the inherited columns", inherited()),
        ("the constraints' triggers", enforcement()),
        ("the attached indexes", indexes()),
        ("the triggers of partitions and of the system", triggers()),
        ("the aggregates", routines()),
        ("the base types", types(major)),
        ("the operators' and members' functions", operators()),
        ("the members of the system's families", strangers()),
        ("the dependences on extensions", dependences()),
        ("the database", database()),
    ];
    if major >= 18 {
        all.push(("the not-null constraints", not_null()));
    }
    all.extend(rare::kinds());
    all
}

/// Children get inherited columns in their parents' order: only those of their
/// own keep it. Partitions are written with all their columns.
fn tables() -> String {
    parts(
        "pg_class",
        "r.oid",
        &[
            (
                "'order of columns'",
                "(SELECT string_agg(quote_ident(a.attname), ',' ORDER BY a.attnum) FROM pg_attribute a \
                  WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped \
                    AND (a.attinhcount = 0 OR r.relispartition))",
                false,
            ),
            (
                "'toast options'",
                "(SELECT string_agg(o, ',' ORDER BY o) FROM pg_class t, unnest(t.reloptions) o WHERE t.oid = r.reltoastrelid)",
                false,
            ),
        ],
        "(SELECT * FROM rel WHERE relkind IN ('r', 'p', 'm', 'f', 'c')) r",
    )
}

/// What a child declares itself is kept when its parent's goes.
fn inherited() -> String {
    let columns = parts(
        "pg_class",
        "a.attrelid",
        &[("'column ' || quote_ident(a.attname) || ': declared by the child'", "a.attislocal", false)],
        "(SELECT a.* FROM pg_attribute a JOIN rel r ON r.oid = a.attrelid WHERE r.relkind IN ('r', 'f') \
           AND NOT r.relispartition AND a.attinhcount > 0 AND a.attnum > 0 AND NOT a.attisdropped) a",
    );
    let constraints = parts(
        "pg_constraint",
        "k.oid",
        &[("'declared by the child'", "k.conislocal", false)],
        "(SELECT k.* FROM pg_constraint k JOIN rel r ON r.oid = k.conrelid WHERE NOT r.relispartition \
           AND k.contype = 'c' AND k.coninhcount > 0) k",
    );
    format!("{columns} UNION ALL {constraints}")
}

/// Names of not-null constraints are kept since 18, with `NO INHERIT`.
fn not_null() -> String {
    parts(
        "pg_constraint",
        "k.oid",
        &[("'definition'", "regexp_replace(pg_get_constraintdef(k.oid), ' NOT VALID$', '')", false)],
        "(SELECT k.* FROM pg_constraint k WHERE k.contype = 'n' \
           AND (k.conrelid IN (SELECT oid FROM rel) OR k.contypid IN (SELECT oid FROM typ))) k",
    )
}

/// The part that says which of the server's own triggers, which enforce keys, are off.
/// No dump can turn one off: a copy in which they are on again is right.
pub const ENFORCEMENT: &str = "enforcement of keys";

fn enforcement() -> String {
    parts(
        "pg_class",
        "r.oid",
        &[(
            &format!("'{ENFORCEMENT}'"),
            "(SELECT string_agg(f, ',' ORDER BY f) FROM (SELECT concat_ws(' ', g.tgfoid::regproc, g.tgenabled, count(*)) AS f \
               FROM pg_trigger g WHERE g.tgrelid = r.oid AND g.tgisinternal AND g.tgenabled <> 'O' \
               GROUP BY g.tgfoid, g.tgenabled) x)",
            false,
        )],
        "(SELECT * FROM rel WHERE relkind IN ('r', 'p')) r",
    )
}

fn indexes() -> String {
    parts(
        "pg_class",
        "i.indexrelid",
        &[
            (
                "'parent'",
                "(SELECT string_agg(p.inhparent::regclass::text, ',' ORDER BY p.inhseqno) FROM pg_inherits p \
                  WHERE p.inhrelid = i.indexrelid)",
                false,
            ),
            (
                "'statistics targets'",
                "(SELECT string_agg(concat_ws(' ', a.attnum, a.attstattarget), ',' ORDER BY a.attnum) FROM pg_attribute a \
                  WHERE a.attrelid = i.indexrelid AND a.attstattarget >= 0)",
                false,
            ),
        ],
        "(SELECT i.* FROM pg_index i JOIN rel c ON c.oid = i.indexrelid WHERE i.indrelid IN (SELECT oid FROM rel) \
          AND (i.indisvalid AND i.indisready OR c.relkind = 'I')) i",
    )
}

/// A partition's trigger follows its parent's, but for its state. Triggers and
/// rules of the system's own relations are written by no dump.
fn triggers() -> String {
    let clones = parts(
        "pg_trigger",
        "g.oid",
        &[("'state'", "g.tgenabled", false)],
        "(SELECT g.* FROM pg_trigger g JOIN pg_trigger p ON p.oid = g.tgparentid \
           WHERE g.tgenabled <> p.tgenabled AND g.tgname = p.tgname AND g.tgrelid IN (SELECT oid FROM rel)) g",
    );
    let triggers = parts(
        "pg_trigger",
        "g.oid",
        &[("'definition'", "pg_get_triggerdef(g.oid)", false)],
        "(SELECT * FROM pg_trigger WHERE tgrelid < 16384 AND oid >= 16384) g",
    );
    let rules = parts(
        "pg_rewrite",
        "w.oid",
        &[("'definition'", "pg_get_ruledef(w.oid)", false)],
        "(SELECT * FROM pg_rewrite WHERE ev_class < 16384 AND oid >= 16384) w",
    );
    format!("{clones} UNION ALL {triggers} UNION ALL {rules}")
}

fn routines() -> String {
    parts(
        "pg_proc",
        "f.oid",
        &[
            (
                "'transforms'",
                "(SELECT string_agg(format_type(t, NULL), ',' ORDER BY n) FROM unnest(f.protrftypes) WITH ORDINALITY u(t, n))",
                false,
            ),
            (
                "'aggregate state'",
                "(SELECT jsonb_build_array(a.aggnumdirectargs, a.aggfinalextra, a.aggmfinalextra, a.aggfinalmodify, a.aggmfinalmodify, \
                    a.aggtransspace, a.aggmtransspace, format_type(a.aggmtranstype, NULL), a.agginitval, a.aggminitval) \
                  FROM pg_aggregate a WHERE a.aggfnoid = f.oid)",
                false,
            ),
        ],
        &format!("(SELECT * FROM pg_proc o WHERE {} AND {}) f", within("pronamespace"), own("pg_proc", "o.oid")),
    )
}

fn types(major: u32) -> String {
    let subscript = if major >= 14 { "t.typsubscript" } else { "NULL" };
    let multirange = if major >= 14 {
        "(SELECT format_type(r.rngmultitypid, NULL) FROM pg_range r WHERE r.rngtypid = t.oid)"
    } else {
        "NULL"
    };
    parts(
        "pg_type",
        "t.oid",
        &[
            (
                "'more functions'",
                &format!(
                    "CASE WHEN t.typtype = 'b' THEN jsonb_build_array(t.typmodin, t.typmodout, t.typanalyze, {subscript}, \
                       t.typispreferred, format_type(NULLIF(t.typelem, 0), NULL), t.typbyval, t.typcollation::regcollation) END"
                ),
                false,
            ),
            ("'multirange'", multirange, false),
        ],
        "typ t",
    )
}

/// Functions with their arguments: `::regproc` is the same for all of one name.
fn operators() -> String {
    let operators = parts(
        "pg_operator",
        "o.oid",
        &[("'function'", "o.oprcode::oid::regprocedure", false)],
        &format!(
            "(SELECT * FROM pg_operator o WHERE {} AND {} AND {DEFINED}) o",
            within("oprnamespace"),
            own("pg_operator", "o.oid")
        ),
    );
    let families = parts(
        "pg_opfamily",
        "o.oid",
        &[(
            "'operands'",
            "concat_ws(' ', 'operators', (SELECT string_agg(concat_ws(':', format_type(a.amoplefttype, NULL), \
                format_type(a.amoprighttype, NULL), a.amopstrategy, a.amoppurpose, a.amopopr::regoperator, \
                (SELECT concat_ws('.', quote_ident(n.nspname), quote_ident(s.opfname)) FROM pg_opfamily s \
                   JOIN pg_namespace n ON n.oid = s.opfnamespace WHERE s.oid = a.amopsortfamily)), ',' \
                ORDER BY a.amopstrategy, a.amopopr::regoperator::text) FROM pg_amop a WHERE a.amopfamily = o.oid), \
              'functions', (SELECT string_agg(concat_ws(':', format_type(a.amproclefttype, NULL), \
                format_type(a.amprocrighttype, NULL), a.amprocnum, a.amproc::oid::regprocedure), ',' \
                ORDER BY a.amprocnum, a.amproc::oid::regprocedure::text, a.amproclefttype::regtype::text, a.amprocrighttype::regtype::text) \
                FROM pg_amproc a WHERE a.amprocfamily = o.oid))",
            false,
        )],
        &format!(
            "(SELECT * FROM pg_opfamily o WHERE {} AND {}) o",
            within("opfnamespace"),
            own("pg_opfamily", "o.oid")
        ),
    );
    format!("{operators} UNION ALL {families}")
}

/// `ALTER OPERATOR FAMILY integer_ops … ADD`: written only where an operator class
/// brought it.
fn strangers() -> String {
    let operators = parts(
        "pg_amop",
        "a.oid",
        &[("'operator'", "a.amopopr::regoperator", false)],
        &format!(
            "(SELECT * FROM pg_amop a WHERE a.oid >= 16384 AND a.amopfamily < 16384 AND {}) a",
            own("pg_operator", "a.amopopr")
        ),
    );
    let functions = parts(
        "pg_amproc",
        "a.oid",
        &[("'function'", "a.amproc::oid::regprocedure", false)],
        &format!(
            "(SELECT * FROM pg_amproc a WHERE a.oid >= 16384 AND a.amprocfamily < 16384 AND {}) a",
            own("pg_proc", "a.amproc")
        ),
    );
    format!("{operators} UNION ALL {functions}")
}

/// `ALTER … DEPENDS ON EXTENSION`.
fn dependences() -> String {
    "SELECT d.classid, d.objid, 'depends on extensions', string_agg(e.extname, ',' ORDER BY e.extname), false \
     FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid \
     WHERE d.deptype = 'x' AND d.refclassid = 'pg_extension'::regclass GROUP BY d.classid, d.objid"
        .to_owned()
}

/// Rights, settings and locale are facts of their own.
fn database() -> String {
    parts(
        "pg_database",
        "d.oid",
        &[("'template'", "d.datistemplate", false)],
        "(SELECT * FROM pg_database WHERE datname = current_database()) d",
    )
}
