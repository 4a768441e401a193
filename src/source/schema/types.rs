//! Types that users made.

use super::parts;

pub(super) fn types() -> String {
    parts(
        "pg_type",
        "t.oid",
        &[
            ("'kind'", "t.typtype", false),
            (
                "'labels'",
                "(SELECT string_agg(quote_literal(e.enumlabel), ',' ORDER BY e.enumsortorder) FROM pg_enum e \
                  WHERE e.enumtypid = t.oid)",
                false,
            ),
            ("'base type'", "CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END", false),
            ("'default'", "COALESCE(pg_get_expr(t.typdefaultbin, 0), t.typdefault)", true),
            ("'not null'", "CASE WHEN t.typnotnull THEN 'yes' END", false),
            (
                "'collation'",
                "CASE WHEN t.typtype = 'd' AND t.typcollation <> 0 THEN t.typcollation::regcollation END",
                false,
            ),
            (
                "'range'",
                "(SELECT concat_ws(' ', format_type(r.rngsubtype, NULL), r.rngcollation::regcollation, \
                  (SELECT opcname FROM pg_opclass o WHERE o.oid = r.rngsubopc), r.rngcanonical, r.rngsubdiff) \
                  FROM pg_range r WHERE r.rngtypid = t.oid)",
                false,
            ),
            (
                "'functions'",
                "CASE WHEN t.typtype = 'b' THEN concat_ws(' ', t.typinput, t.typoutput, t.typreceive, t.typsend, t.typlen, \
                  t.typalign, t.typstorage, t.typcategory, t.typdelim) END",
                false,
            ),
        ],
        "typ t",
    )
}
