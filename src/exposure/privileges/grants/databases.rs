//! EXP-PRIV-004: who may come into a database.

use crate::checks::Severity;
use crate::exposure::look::{Check, Look};
use crate::exposure::{About, Found, Plane, Policy, Seen, Server};
use crate::types::text::quote_ident;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-PRIV-004",
        title: "databases admit only the roles that work in them",
        severity: Severity::Medium,
        planes: &[Plane::Live, Plane::Posture],
        guide: &[7, 8],
        refs: &["CIS 4.6"],
        why: "PostgreSQL lets every login connect to every database, and make temporary tables there. A login of one \
              application then stands in the other's database, sees all its names and settings, and needs one careless \
              grant more to see the rows.",
        inspects: "CONNECT, TEMPORARY and CREATE of PUBLIC on databases that are no templates and can be connected to. \
                   CREATE is high (every role may make schemas); the database postgres, where nothing should be, is low.",
        remedy: "REVOKE CONNECT, TEMPORARY ON DATABASE … FROM PUBLIC; GRANT CONNECT ON DATABASE … TO the roles that \
                 work in it, those of backup and monitoring included.",
        false_positives: "It is PostgreSQL's default: a cluster for one application loses little by it.",
        source: "PostgreSQL manual, \"Privileges\", table of default privileges",
    },
    look: Look::Server(look),
};

fn look(server: &Server, _: &Policy) -> Seen {
    let databases = match server.posture.databases.get() {
        Ok(all) => all,
        Err(why) => return Seen::not_evaluated(why),
    };
    let mut judged: Vec<_> = databases.iter().filter(|d| !d.template && d.connectable).collect();
    judged.sort_by(|a, b| a.name.cmp(&b.name));
    let mut seen = Seen::all_of(judged.len());
    for database in judged {
        let public = |p: &str| database.grants.iter().any(|(role, it)| role.is_none() && it == p);
        let mut may: Vec<&str> = Vec::new();
        may.extend(public("CONNECT").then_some("connect"));
        may.extend((public("TEMPORARY") || public("TEMP")).then_some("make temporary tables"));
        may.extend(public("CREATE").then_some("create schemas"));
        if may.is_empty() {
            continue;
        }
        let found = Found::new(format!("database {}", database.name), format!("any role may {}", may.join(" and ")))
            .mend(format!("REVOKE ALL ON DATABASE {} FROM PUBLIC;", quote_ident(&database.name)));
        seen.add(match database.name.as_str() {
            _ if public("CREATE") => found.at(Severity::High),
            "postgres" => found.at(Severity::Low),
            _ => found,
        });
    }
    seen
}
