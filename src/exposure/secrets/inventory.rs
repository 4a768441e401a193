//! EXP-SECR-008: what to rotate if a backup leaks.

use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::{About, Blind, Database, Found, Plane, Seen, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-SECR-008",
        title: "no credentials leave with the backup",
        severity: Severity::Info,
        planes: &[Plane::Copy],
        guide: &[11, 25],
        refs: &[],
        why: "On the day a backup leaks there is one question: what must be rotated, and who is told? A list that is \
              made at every drill answers it before it is asked.",
        inspects: "Counts the credentials that the other checks saw in each database of the copy, with settings of \
                   roles and databases and the stored passwords of roles. The report lists each with an HMAC under a key \
                   of this host, so that two drills tell whether it was changed, and nobody else learns anything of it.",
        remedy: "Work through the list of credentials in the report: remove those that need not be in the database, \
                 and keep the list with the plan for incidents.",
        false_positives: "None: it is an inventory. A credential that no detector knows is not in it.",
        source: "pgseal's own detectors (src/detect)",
    },
    look: Look::Database(look),
};

/// Settings of this database and, in each database again, of roles everywhere.
const SQL: &str = "SELECT coalesce(pg_get_userbyid(nullif(s.setrole, 0)), '')::text, s.setdatabase <> 0, c \
     FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = s.setdatabase, LATERAL unnest(s.setconfig) c \
     WHERE s.setdatabase = 0 OR d.datname = current_database() ORDER BY 1, 2, 3";

fn look<'a>(db: &'a Database<'a>) -> Looking<'a> {
    Box::pin(see(db))
}

async fn see(db: &Database<'_>) -> Result<Seen, Blind> {
    let Some(collector) = db.collector else {
        return Ok(Seen::not_evaluated("no inventory is kept in this run"));
    };
    for row in db.rows("settings of roles and databases", SQL, &[]).await? {
        let (role, here, setting): (String, bool, String) = (row.get(0), row.get(1), row.get(2));
        let Some((name, value)) = setting.split_once('=') else { continue };
        let spotted = super::Spotted::in_value(name, value, Some(collector.key()));
        let object = match (role.as_str(), here) {
            ("", true) => db.object(&format!("setting {name}")),
            ("", false) => format!("setting {name} of all roles"),
            (role, true) => db.object(&format!("setting {name} of role {role}")),
            (role, false) => format!("setting {name} of role {role}"),
        };
        spotted.collect(&object, Some(collector));
    }
    collector.verifiers(db.server);
    let here = collector.count(&db.object(""));
    let roles = collector.count("password of role ");
    let mut seen = Seen::all_of(1);
    if here > 0 {
        seen.add(Found::new(db.object("credentials"), format!("{here} credentials leave with every backup of it")));
    }
    if db.lacks.subscriptions > 0 {
        let why = format!("the passwords of {} subscriptions, which drills do not restore", db.lacks.subscriptions);
        seen.open.push(db.object(&why));
    }
    seen.note = Some(match db.server.verifiers.get() {
        Ok(_) => format!("{roles} stored passwords of roles leave with the backup, too"),
        Err(why) => format!("stored passwords of roles are not in the list: {why}"),
    });
    Ok(seen)
}
