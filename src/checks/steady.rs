//! What of a physical copy must be as its facts say, see
//! [`crate::source::facts::Steady`]; and what nobody may enter.

use super::subject::{failed, query};
use crate::error::Result;
use crate::scratch::Instance;
use crate::source::Facts;
use crate::types::text::quote_ident;

/// Whether an object was written by this transaction or a later one. What was made and
/// dropped while a base backup ran is in neither reading of its facts.
const NEWER: &str = "select exists(select from ( \
     select xmin from pg_class where relpersistence <> 't' and relkind <> 't' union all select xmin from pg_proc \
     union all select xmin from pg_type where typrelid = 0 and typelem = 0 union all select xmin from pg_namespace \
     union all select xmin from pg_constraint union all select xmin from pg_trigger union all select xmin from pg_rewrite \
     union all select xmin from pg_policy union all select xmin from pg_statistic_ext \
     union all select xmin from pg_extension) o where age(o.xmin) <= age($1::text::xid))";

/// The facts, with only those databases steady of which the copy has nothing newer.
pub async fn in_the_copy(instance: &Instance, facts: &Facts) -> Facts {
    let mut facts = facts.clone();
    let Some(steady) = facts.physical.as_mut().and_then(|p| p.steady.as_mut()) else { return facts };
    let mut moved = Vec::new();
    for (name, horizon) in &steady.databases {
        // Without its epoch, as rows have it.
        let xid = (horizon & i64::from(u32::MAX)).to_string();
        let newer = async {
            let session = instance.connect(name).await?;
            let rows = query(session.client(), NEWER, &[&xid]).await?;
            Ok::<bool, crate::Error>(rows.first().is_none_or(|r| r.get(0)))
        };
        // One that cannot be asked is told of by the checks.
        if newer.await.unwrap_or(false) {
            moved.push(name.clone());
        }
    }
    steady.databases.retain(|name, _| !moved.contains(name));
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
