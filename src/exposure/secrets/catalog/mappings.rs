//! EXP-SECR-001: passwords of user mappings and foreign servers.

use crate::detect::is_secret_name;
use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::secrets::Spotted;
use crate::exposure::{About, Blind, Database, Found, Plane, Seen, Severity};

/// Options whose value is secret by what they are (postgres_fdw, libpq).
const SECRET: [&str; 4] = ["password", "passcode", "sslpassword", "scram_client_key"];

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-SECR-001",
        title: "no user mapping or foreign server stores a password",
        severity: Severity::High,
        planes: &[Plane::Copy],
        guide: &[10, 25],
        refs: &["SRG-APP-000172"],
        why: "The options of user mappings are stored as they were typed. They are in every backup, every role with \
              pg_read_all_data reads them, and options of servers are readable for every login.",
        inspects: "The options of all user mappings (pg_user_mapping) and foreign servers of the copy: options named \
                   password, passcode, sslpassword and the like, and values that have the shape of a credential. A \
                   mapping for PUBLIC is critical: every role enters the other server with it.",
        remedy: "Let the other server know this one by certificate, GSSAPI or a passfile of the server's OS user, then \
                 ALTER USER MAPPING FOR app SERVER peer OPTIONS (DROP password). Change the password on the other \
                 server: it is in the backups that exist.",
        false_positives: "A mapping to a throw-away server. postgres_fdw insists on a password for roles that are no \
                          superusers unless password_required is false: then waive it, with the reach of that password \
                          as the reason.",
        source: "PostgreSQL manual, pg_user_mapping and postgres_fdw",
    },
    look: Look::Database(look),
};

const SQL: &str = "SELECT s.srvname::text, pg_get_userbyid(u.umuser)::text, u.umuser = 0, u.umoptions \
     FROM pg_user_mapping u JOIN pg_foreign_server s ON s.oid = u.umserver \
     UNION ALL SELECT s.srvname::text, NULL, false, s.srvoptions FROM pg_foreign_server s ORDER BY 1, 2";

fn look<'a>(db: &'a Database<'a>) -> Looking<'a> {
    Box::pin(see(db))
}

/// Without an encoding, what is stored may be no text.
fn unreadable(_: tokio_postgres::Error) -> Blind {
    Blind::Denied("the options of a user mapping are no text".to_owned())
}

async fn see(db: &Database<'_>) -> Result<Seen, Blind> {
    let rows = db.rows("user mappings", SQL, &[]).await?;
    if rows.is_empty() {
        return Ok(Seen::not_applicable("there is no foreign server"));
    }
    let mut seen = Seen::all_of(rows.len());
    for row in &rows {
        let (server, user, public): (String, Option<String>, bool) = (row.get(0), row.get(1), row.get(2));
        let user = if public { Some("PUBLIC".to_owned()) } else { user };
        let object = db.object(&match &user {
            Some(user) => format!("user mapping of {user} on server {server}"),
            None => format!("foreign server {server}"),
        });
        let key = db.collector.map(crate::exposure::Collector::key);
        let (mut names, mut all) = (Vec::new(), Spotted::default());
        for option in row.try_get::<_, Option<Vec<String>>>(3).map_err(unreadable)?.unwrap_or_default() {
            let Some((name, value)) = option.split_once('=') else { continue };
            let by_place = SECRET.contains(&name) || is_secret_name(name);
            let spotted = if by_place { Spotted::value(value, key) } else { Spotted::in_value(name, value, key) };
            if !spotted.is_empty() {
                names.push(name.to_owned());
                all.merge(spotted);
            }
        }
        if names.is_empty() {
            continue;
        }
        all.collect(&object, db.collector);
        let whose = match (&user, public) {
            (_, true) => "every role uses it",
            (Some(_), _) => "whoever reads a backup, or has pg_read_all_data, has it",
            (None, _) => "options of servers are readable for every login",
        };
        let found = Found::new(object, format!("a secret is stored in the clear ({}): {whose}", names.join(", ")));
        seen.add(if public { found.at(Severity::Critical) } else { found });
    }
    Ok(seen)
}
