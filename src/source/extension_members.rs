//! What belongs to extensions: their objects as they are, not as their scripts
//! made them.
//!
//! pg_dump writes `CREATE EXTENSION` and nothing of its objects (PostgreSQL manual,
//! "Packaging Related Objects into an Extension"). What users changed of them, or
//! attached with `ALTER EXTENSION … ADD`, is in no dump, and only a comparison of
//! the copy with the source can tell.

use std::collections::{BTreeMap, HashMap};

use super::ask::{Ask, rows};
use super::inventory::{Address, Objects, VERSION, address, limit, names};
use super::schema::MEMBERS_SCOPE as SCOPE;
use super::{deparsed, rights, schema};
use crate::error::Result;

/// The part of an extension that is its version.
pub const EXTENSION_VERSION: &str = "version of the extension";

/// The objects of each extension, by its name, with what belongs to its tables, and
/// the extension itself, which has an owner.
///
/// # Errors
/// Those of the session; 44 where there are more than two million parts.
pub(super) async fn read(session: &impl Ask, major: u32) -> Result<BTreeMap<String, Objects>> {
    let list = rows(session, "the objects of extensions", &schema::members(), &[]).await?;
    let members: HashMap<Address, String> = list.iter().map(|r| (address(r), r.get(2))).collect();
    let mut out = BTreeMap::new();
    if members.is_empty() {
        return Ok(out);
    }
    let mut parts = Vec::new();
    let kinds = schema::kinds(major, VERSION).into_iter().map(|(what, sql)| (what, format!("WITH {SCOPE} {sql}")));
    let versions = format!(
        "SELECT 'pg_extension'::regclass::oid, oid, '{EXTENSION_VERSION}', extversion, false FROM pg_extension"
    );
    let more = [("the policies", rights::row_security(SCOPE)), ("the extensions", versions)];
    for (what, sql) in kinds.chain(more) {
        parts.extend(rows(session, what, &schema::of_members(&sql), &[]).await?);
        limit(parts.len())?;
    }
    let owners = format!(
        "{} UNION ALL SELECT 'pg_extension'::regclass, oid, pg_get_userbyid(extowner)::text FROM pg_extension",
        schema::of_members(&rights::owners(VERSION, SCOPE))
    );
    let owners = rows(session, "the owners", &owners, &[]).await?;
    let named = names(session, members.keys().copied().collect()).await?;
    let place = |row| Some((members.get(&address(row))?, named.get(&address(row))?));
    for row in &parts {
        if let Some((extension, name)) = place(row) {
            let (part, text): (String, String) = (row.get(2), row.get(3));
            let objects: &mut Objects = out.entry(extension.clone()).or_default();
            objects.entry(name.clone()).or_default().parts.insert(part, deparsed::fingerprint(&text, row.get(4)));
        }
    }
    for row in &owners {
        if let Some((extension, name)) = place(row) {
            out.entry(extension.clone()).or_default().entry(name.clone()).or_default().owner = Some(row.get(2));
        }
    }
    Ok(out)
}
