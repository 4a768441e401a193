//! EXP-FUNC-005: what runs at everybody's DDL and login.

use crate::checks::Severity;
use crate::exposure::look::{Blind, Check, Look};
use crate::exposure::words::ident;
use crate::exposure::{About, Database, Found, Plane, Seen};
use crate::types::shown;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-FUNC-005",
        title: "event triggers run code of superusers only, and none at login",
        severity: Severity::Medium,
        planes: &[Plane::Live, Plane::Copy],
        guide: &[14, 24],
        refs: &["SRG-APP-000233"],
        why: "An event trigger runs in the session of whoever does DDL, with that role's rights. Who can replace its \
              function waits for a superuser's next CREATE and is one. Since 17 one can run at every login, a \
              superuser's included; a broken one locks everybody out.",
        inspects: "Event triggers that are not disabled and belong to no extension. High where the trigger or its function \
                   belongs to a role that is neither a superuser nor a declared admin; medium for each at login \
                   (17 and newer), whoever owns it.",
        remedy: "ALTER FUNCTION … OWNER TO a superuser that cannot log in, or DROP EVENT TRIGGER …. One that locks out: \
                 start a session with event_triggers = off (17), or the server in single-user mode.",
        false_positives: "A login trigger that you wrote: read it, then waive it by name.",
        source: "PostgreSQL manual, \"Event Triggers\"",
    },
    look: Look::Database(|db| Box::pin(look(db))),
};

const SQL: &str = "\
    SELECT t.evtname::text, t.evtevent::text, pg_get_userbyid(t.evtowner)::text, p.oid::regprocedure::text, pg_get_userbyid(p.proowner)::text \
    FROM pg_event_trigger t JOIN pg_proc p ON p.oid = t.evtfoid \
    WHERE t.evtenabled <> 'D' \
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_event_trigger'::regclass AND d.objid = t.oid AND d.deptype = 'e') \
    ORDER BY t.evtname";

async fn look(db: &Database<'_>) -> Result<Seen, Blind> {
    let rows = db.rows("the event triggers", SQL, &[]).await?;
    if rows.is_empty() {
        return Ok(Seen::not_applicable(format!("database {} has no event trigger of its own", db.name)));
    }
    let mut seen = Seen::all_of(rows.len());
    for row in rows {
        let (name, event, owner): (&str, &str, &str) = (row.get(0), row.get(1), row.get(2));
        let (function, function_owner): (&str, &str) = (row.get(3), row.get(4));
        let object = db.object(&format!("event trigger {}", ident(name)));
        let trusted =
            |role: &str| db.server.role(role).is_some_and(|r| r.superuser) || db.policy.is_admin(role) == Some(true);
        let whose = [owner, function_owner].into_iter().find(|r| !trusted(r));
        if let Some(role) = whose {
            let message =
                format!("at {event} it runs {}, and {} can change what that does", shown(function), shown(role));
            seen.add(Found::new(object, message).at(Severity::High));
        } else if event == "login" {
            seen.add(Found::new(object, format!("it runs {} at every login", shown(function))));
        }
    }
    Ok(seen)
}
