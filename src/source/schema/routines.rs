//! Functions, procedures and aggregates.

use super::{own, parts, within};

pub(super) fn routines(major: u32) -> String {
    let sql_body = if major >= 14 { "pg_get_function_sqlbody(f.oid)" } else { "NULL" };
    parts(
        "pg_proc",
        "f.oid",
        &[
            ("'arguments'", "pg_get_function_arguments(f.oid)", true),
            ("'result'", "pg_get_function_result(f.oid)", false),
            ("'language'", "(SELECT lanname FROM pg_language l WHERE l.oid = f.prolang)", false),
            ("'body'", "f.prosrc", false),
            ("'SQL body'", sql_body, true),
            ("'library'", "f.probin", false),
            ("'security'", "CASE WHEN f.prosecdef THEN 'definer' ELSE 'invoker' END", false),
            (
                "'attributes'",
                "concat_ws(' ', f.prokind, f.provolatile, f.proisstrict, f.proleakproof, f.proretset, f.proparallel, \
                  f.procost, f.prorows, NULLIF(f.prosupport::oid, 0)::regproc)",
                false,
            ),
            ("'settings'", "(SELECT string_agg(s, ',' ORDER BY s) FROM unnest(f.proconfig) s)", false),
            (
                "'aggregate'",
                "(SELECT concat_ws(' ', a.aggkind, a.aggtransfn::regproc, a.aggfinalfn::regproc, a.aggcombinefn::regproc, \
                  a.aggserialfn::regproc, a.aggdeserialfn::regproc, a.aggmtransfn::regproc, a.aggminvtransfn::regproc, \
                  a.aggmfinalfn::regproc, a.aggsortop::regoperator, format_type(a.aggtranstype, NULL), a.agginitval, \
                  a.aggminitval) FROM pg_aggregate a WHERE a.aggfnoid = f.oid)",
                false,
            ),
        ],
        &format!("(SELECT * FROM pg_proc o WHERE {} AND {}) f", within("pronamespace"), own("pg_proc", "o.oid")),
    )
}
