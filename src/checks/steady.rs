//! What of a physical copy must be as its facts say, see
//! [`crate::source::facts::Steady`]; and what nobody may enter.

use std::borrow::Cow;

use super::subject::{failed, query};
use crate::error::Result;
use crate::scratch::Instance;
use crate::source::Facts;
use crate::source::snapshot::WRITTEN;
use crate::types::text::quote_ident;

/// The facts, with only those databases steady of which the copy has nothing newer than
/// their first reading: what was made and dropped while a base backup ran is in neither.
pub async fn in_the_copy<'a>(instance: &Instance, facts: &'a Facts) -> Cow<'a, Facts> {
    let Some(steady) = facts.physical.as_ref().and_then(|p| p.steady.as_ref()) else { return Cow::Borrowed(facts) };
    let newer = format!("select exists(select from {WRITTEN} where age(writer) <= age($1::text::xid))");
    let mut moved = Vec::new();
    for (name, horizon) in &steady.databases {
        // Without its epoch, as rows have it.
        let xid = (horizon & i64::from(u32::MAX)).to_string();
        let newer = async {
            let session = instance.connect(name).await?;
            let rows = query(session.client(), &newer, &[&xid]).await?;
            Ok::<bool, crate::Error>(rows.first().is_none_or(|r| r.get(0)))
        };
        // One that cannot be asked is told of by the checks.
        if newer.await.unwrap_or(false) {
            moved.push(name);
        }
    }
    let mut facts = Cow::Borrowed(facts);
    if !moved.is_empty()
        && let Some(steady) = facts.to_mut().physical.as_mut().and_then(|p| p.steady.as_mut())
    {
        steady.databases.retain(|name, _| !moved.contains(&name));
    }
    facts
}

/// Lets us into the databases of a physical copy that accept no connections, which are
/// in it like all others.
///
/// # Errors
/// 53 where the copy refuses.
pub async fn open_closed(instance: &Instance) -> Result<()> {
    const CLOSED: &str = "select datname::text from pg_database where not datallowconn and datname <> 'template0' \
         and datconnlimit <> -2";
    let session = match instance.connect_writable("postgres").await {
        Ok(session) => session,
        Err(_) => instance.connect_writable("template1").await?,
    };
    for row in query(session.client(), CLOSED, &[]).await? {
        let open = format!("alter database {} allow_connections true", quote_ident(row.get(0)));
        session.client().batch_execute(&open).await.map_err(|e| failed(&e))?;
    }
    Ok(())
}
