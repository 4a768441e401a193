//! Publications: a drill of a logical backup does not restore them.

/// `class, object, part, value, whether it is an expression`. Flags are those that
/// the version has (`pubgencols` of 18); filters, columns and schemas came with 15.
pub(in crate::source) fn parts(major: u32) -> String {
    let mut sql = format!(
        "SELECT 'pg_publication'::regclass::oid, p.oid, s.part, s.value, false FROM pg_publication p, LATERAL (VALUES \
           ('owner', pg_get_userbyid(p.pubowner)::text), \
           ('flags', (to_jsonb(p) - '{{oid,pubname,pubowner}}'::text[])::text), \
           ('comment', obj_description(p.oid, 'pg_publication')), \
           ('tables', (SELECT string_agg(concat_ws(' ', r.prrelid::regclass, {}), ',' ORDER BY r.prrelid::regclass::text) \
              FROM pg_publication_rel r WHERE r.prpubid = p.oid))) s(part, value) WHERE s.value IS NOT NULL",
        if major >= 15 {
            "pg_get_expr(r.prqual, r.prrelid), (SELECT string_agg(quote_ident(a.attname), ',' ORDER BY a.attnum) \
               FROM pg_attribute a WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs)), to_jsonb(r) -> 'prexcept'"
        } else {
            "''"
        }
    );
    if major >= 15 {
        sql.push_str(
            " UNION ALL SELECT 'pg_publication'::regclass, n.pnpubid, 'schemas', \
               string_agg(n.pnnspid::regnamespace::text, ',' ORDER BY n.pnnspid::regnamespace::text), false \
             FROM pg_publication_namespace n GROUP BY n.pnpubid",
        );
    }
    sql
}
