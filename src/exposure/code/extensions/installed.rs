//! Extensions, as the catalogue has them.

use crate::exposure::{Blind, Database};

/// One of them.
#[derive(Debug, Clone)]
pub struct Extension {
    /// Its name.
    pub name: String,
    /// The version that the database has.
    pub version: String,
    /// The schema of its objects.
    pub schema: u32,
    /// Whether an object that is not its own needs one of it.
    pub used: bool,
}

/// All, in order of their names.
pub async fn read(db: &Database<'_>) -> Result<Vec<Extension>, Blind> {
    let sql = "\
        WITH members AS (SELECT d.refobjid AS ext, d.classid, d.objid FROM pg_depend d \
            WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'), \
        used AS (SELECT DISTINCT m.ext FROM members m \
            JOIN pg_depend d ON d.refclassid = m.classid AND d.refobjid = m.objid AND d.deptype IN ('n', 'a') \
            WHERE d.classid NOT IN ('pg_amop'::regclass, 'pg_amproc'::regclass) \
              AND NOT EXISTS (SELECT FROM members o WHERE o.ext = m.ext AND o.classid = d.classid AND o.objid = d.objid) \
              AND NOT EXISTS (SELECT FROM pg_depend i JOIN members o ON o.ext = m.ext AND o.classid = i.refclassid AND o.objid = i.refobjid \
                              WHERE i.classid = d.classid AND i.objid = d.objid AND i.deptype = 'i') \
            UNION SELECT d.refobjid FROM pg_depend d WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'n') \
        SELECT e.extname::text, e.extversion, e.extnamespace, e.oid IN (SELECT ext FROM used) \
        FROM pg_extension e ORDER BY e.extname COLLATE \"C\"";
    let rows = db.rows("the extensions", sql, &[]).await?;
    Ok(rows.iter().map(|r| Extension { name: r.get(0), version: r.get(1), schema: r.get(2), used: r.get(3) }).collect())
}
