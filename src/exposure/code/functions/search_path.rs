//! EXP-FUNC-001: whose objects a SECURITY DEFINER function finds.

use super::definers::{self, Definer, none};
use crate::checks::Severity;
use crate::exposure::acl::Privileges;
use crate::exposure::look::{Blind, Check, Look};
use crate::exposure::place::Place;
use crate::exposure::sql_text::names;
use crate::exposure::words::few;
use crate::exposure::{About, Database, Found, Plane, Seen};
use crate::types::shown;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-FUNC-001",
        title: "SECURITY DEFINER functions find no objects that others can plant",
        severity: Severity::High,
        planes: &[Plane::Live, Plane::Copy],
        guide: &[8, 14],
        refs: &["CIS 4.5", "SRG-APP-000342", "splinter 0011"],
        why: "A SECURITY DEFINER function runs with its owner's rights, and looks names up along search_path. If the caller \
              chooses that path, or can create in a schema on it, the function runs the caller's table, function or \
              operator as its owner. Temporary tables are searched first of all, unless pg_temp is named last.",
        inspects: "SECURITY DEFINER functions that are no extension's: search_path not set; a schema on it in which \
                   somebody else, who is no superuser and cannot become the owner, may create, or that somebody else \
                   may create; pg_temp not named last, where others may make temporary tables. Critical where it is unset \
                   or plantable, the owner is a superuser and PUBLIC may call it. Low for bodies bound at creation (BEGIN \
                   ATOMIC), for functions that nobody else may call, and where only pg_temp is before system schemas.",
        remedy: "ALTER FUNCTION … SET search_path = pg_catalog, the_schema, pg_temp; and REVOKE CREATE ON SCHEMA the_schema \
                 FROM everybody but its owner. REVOKE EXECUTE ON FUNCTION … FROM PUBLIC.",
        false_positives: "A body in which every name, operators too, has its schema in front. That is hard to keep: set \
                          search_path all the same.",
        source: "PostgreSQL manual, \"Writing SECURITY DEFINER Functions Safely\"",
    },
    look: Look::Database(|db| Box::pin(look(db))),
};

/// What is wrong with a function's path, the worst first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    /// The caller's path is used.
    Unset,
    /// Others can create in a schema that is searched.
    Plantable(String),
    /// Others can create a schema that is searched and not there.
    Missing(String),
    /// Temporary tables come before schemas of users.
    TempFirst,
    /// Temporary tables come before the system's schemas only.
    TempBeforeSystem,
}

async fn look(db: &Database<'_>) -> Result<Seen, Blind> {
    let definers = definers::read(db).await?;
    if definers.is_empty() {
        return Ok(none(db));
    }
    let place = db.place().await?;
    let mut seen = Seen::all_of(definers.len());
    for definer in &definers {
        let faults = faults(db, place, definer);
        let Some(worst) = faults.first() else { continue };
        let callers = callers(db, place, definer);
        let superuser = db.server.role(&definer.owner).is_some_and(|r| r.superuser);
        let severity = match worst {
            _ if definer.bound || callers.is_empty() => Severity::Low,
            Fault::TempBeforeSystem => Severity::Low,
            Fault::Missing(_) => Severity::Medium,
            Fault::Unset | Fault::Plantable(_) if superuser && definer.for_all(place) => Severity::Critical,
            _ => Severity::High,
        };
        let told: Vec<String> = faults.iter().map(tell).collect();
        let callers = if callers.is_empty() { "nobody else".to_owned() } else { few(&callers) };
        let who = format!("it runs as {}{}", shown(&definer.owner), if superuser { ", a superuser" } else { "" });
        let message = format!("{}; {who}; {callers} may call it", told.join("; "));
        seen.add(Found::new(db.object(&definer.locator), message).at(severity));
    }
    Ok(seen)
}

fn tell(fault: &Fault) -> String {
    match fault {
        Fault::Unset => "search_path is not set, so the caller's is used".to_owned(),
        Fault::Plantable(what) | Fault::Missing(what) => what.clone(),
        Fault::TempFirst => "pg_temp is not named last, so temporary tables are found first".to_owned(),
        Fault::TempBeforeSystem => "pg_temp is not named, so temporary tables hide the system's".to_owned(),
    }
}

/// Others who may call it.
fn callers(db: &Database<'_>, place: &Place, definer: &Definer) -> Vec<String> {
    place.strangers(db.server, &definer.acl, &definer.owner, Privileges::EXECUTE, &definer.owner)
}

fn faults(db: &Database<'_>, place: &Place, definer: &Definer) -> Vec<Fault> {
    let Some(text) = &definer.search_path else { return vec![Fault::Unset] };
    let owner = definer.owner.as_str();
    let others = |acl: &_, of: &str, what| place.strangers(db.server, acl, of, what, owner);
    let mut faults = Vec::new();
    let path = names(text);
    for name in &path {
        let name = if name == "$user" { owner } else { name.as_str() };
        if name.is_empty() || name == "pg_temp" {
            continue;
        }
        if let Some(schema) = place.schema(name) {
            let who = others(&schema.acl, &schema.owner, Privileges::CREATE);
            if !who.is_empty() {
                faults.push(Fault::Plantable(format!("{} may create in schema {}", few(&who), shown(name))));
            }
        } else {
            let who = others(&place.acl, &place.owner, Privileges::CREATE);
            if !who.is_empty() {
                faults.push(Fault::Missing(format!(
                    "{} may create schema {}, which is not there",
                    few(&who),
                    shown(name)
                )));
            }
        }
    }
    let temp_last = path.iter().position(|n| n == "pg_temp").is_some_and(|at| at + 1 == path.len());
    if !temp_last && !others(&place.acl, &place.owner, Privileges::TEMPORARY).is_empty() {
        let system = |n: &String| n.is_empty() || n == "pg_catalog" || n == "information_schema";
        faults.push(if path.iter().all(system) { Fault::TempBeforeSystem } else { Fault::TempFirst });
    }
    faults.sort();
    faults
}
