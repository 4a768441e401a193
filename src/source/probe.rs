//! What the server says of itself.

use std::collections::BTreeMap;

use tokio_postgres::Row;

use super::Session;
use super::ask::{Ask, rows};
use super::facts::{MembershipFacts, PasswordKind, RoleExtras, RoleFacts, ServerFacts};
use super::left_out::Why;
use crate::error::{Code, Error, Result, Stage};
use crate::types::PgVersion;

/// Parts of names of settings whose values may hold a secret.
const SECRET_PARTS: [&str; 5] = ["command", "conninfo", "passphrase", "passwd", "secret"];

/// `server_version_num`.
pub async fn version(session: &impl Ask) -> Result<PgVersion> {
    let sql = "SELECT pg_catalog.current_setting('server_version_num')::int4";
    let number: i32 = rows(session, "the server's version", sql, &[]).await?.first().map_or(0, |r| r.get(0));
    Ok(PgVersion(number.unsigned_abs()))
}

/// Version, identity and settings of the server.
///
/// Needs no superuser; the control data functions are open to every role unless revoked.
///
/// # Errors
/// Source unusable (22): older than 13, or a function is not allowed.
pub async fn server(session: &Session) -> Result<ServerFacts> {
    let version_num = version(session).await?;
    if version_num.major() < PgVersion::OLDEST {
        return Err(Error::new(
            Code::SourceUnusable,
            Stage::Source,
            format!("server version {version_num} is too old"),
        )
        .hint(format!("pgseal works with PostgreSQL {} and newer.", PgVersion::OLDEST)));
    }
    let row = session
        .client()
        .query_one(
            "SELECT pg_catalog.version(), s.system_identifier::text, c.timeline_id::int4, \
                    pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('data_checksums') = 'on', \
                    pg_catalog.pg_get_userbyid(10)::text, current_user::text, \
                    pg_catalog.current_setting('shared_preload_libraries', true) \
             FROM pg_catalog.pg_control_system() s, pg_catalog.pg_control_checkpoint() c",
            &[],
        )
        .await
        .map_err(|e| {
            Session::failed("cannot read the server's identity", e).hint(
                "Grant the backup role pg_read_all_settings, and EXECUTE on pg_control_system() and \
                     pg_control_checkpoint(); examples/sql/backup-role.sql shows the least it needs.",
            )
        })?;
    let timeline: i32 = row.get(2);
    let preload: Option<String> = row.get(7);
    Ok(ServerFacts {
        version_num,
        version: row.get(0),
        system_identifier: row.get(1),
        timeline: timeline.unsigned_abs(),
        in_recovery: row.get(3),
        data_checksums: row.get(4),
        bootstrap_superuser: row.get(5),
        settings: settings(session).await?,
        preload_libraries: preload
            .unwrap_or_default()
            .split(',')
            .map(|l| l.trim().trim_matches('"').to_owned())
            .filter(|l| !l.is_empty())
            .collect(),
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        role: row.get(6),
    })
}

/// Who asks, who rules, and whether the server is a standby.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The role of the session.
    pub role: String,
    /// Name of the bootstrap superuser (oid 10).
    pub bootstrap_superuser: String,
    /// Whether it is a standby.
    pub in_recovery: bool,
}

/// Who asks, who rules, and whether the server is a standby.
pub async fn standing(session: &impl Ask) -> Result<Standing> {
    let sql = "SELECT current_user::text, pg_catalog.pg_get_userbyid(10)::text, pg_catalog.pg_is_in_recovery()";
    let list = rows(session, "who rules the server", sql, &[]).await?;
    let row = list.first().ok_or_else(|| Error::internal("the server told no role"))?;
    Ok(Standing { role: row.get(0), bootstrap_superuser: row.get(1), in_recovery: row.get(2) })
}

/// Settings from configuration files and the command line, without secrets:
/// commands and connection strings hold passwords, and what an extension keeps
/// in a setting of its own nobody knows.
async fn settings(session: &Session) -> Result<BTreeMap<String, String>> {
    let rows = session
        .client()
        .query(
            "SELECT name, setting FROM pg_catalog.pg_settings \
             WHERE source IN ('configuration file', 'command line', 'environment variable') \
               AND setting IS DISTINCT FROM boot_val",
            &[],
        )
        .await
        .map_err(|e| Session::failed("cannot read the server's settings", e))?;
    let all = rows.iter().map(|r| (r.get::<_, String>(0), r.get::<_, Option<String>>(1).unwrap_or_default()));
    Ok(all.filter(|(name, _)| may_be_kept(name)).collect())
}

fn may_be_kept(name: &str) -> bool {
    !name.contains('.') && !names_a_secret(name)
}

/// Whether a setting of this name may hold a secret.
pub(super) fn names_a_secret(name: &str) -> bool {
    SECRET_PARTS.iter().any(|part| name.contains(part))
}

/// A database of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Name.
    pub name: String,
    /// Size on disk in bytes; 0 where the role may not ask.
    pub bytes: u64,
    /// Why `databases = "all"` does not mean it; nothing for those that it means.
    pub why: Option<Why>,
}

/// All databases but `template0`, in order of name. Those whose drop was
/// interrupted (`datconnlimit` -2) cannot be read.
pub async fn listed(session: &Session) -> Result<Vec<Listed>> {
    let rows = session
        .client()
        .query(
            "SELECT datname::text, CASE WHEN pg_catalog.has_database_privilege(oid, 'CONNECT') \
                    OR pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') \
                    THEN COALESCE(pg_catalog.pg_database_size(oid), 0) ELSE 0 END, \
                    datconnlimit = -2, NOT datallowconn, datistemplate \
             FROM pg_catalog.pg_database WHERE datallowconn OR datname <> 'template0' ORDER BY datname COLLATE \"C\"",
            &[],
        )
        .await
        .map_err(|e| Session::failed("cannot list the databases", e))?;
    let why = |r: &tokio_postgres::Row| match (r.get(2), r.get(3), r.get(4)) {
        (true, _, _) => Some(Why::Invalid),
        (_, true, _) => Some(Why::NoConnections),
        (_, _, true) => Some(Why::Template),
        (false, false, false) => None,
    };
    Ok(rows.iter().map(|r| Listed { name: r.get(0), bytes: r.get::<_, i64>(1).unsigned_abs(), why: why(r) }).collect())
}

/// All databases by their numbers, which name their directories.
pub async fn oids(session: &Session) -> Result<BTreeMap<u32, String>> {
    let sql = "SELECT oid, datname::text FROM pg_catalog.pg_database";
    let rows = session.client().query(sql, &[]).await;
    let rows = rows.map_err(|e| Session::failed("cannot list the databases", e))?;
    Ok(rows.iter().map(|r| (r.get(0), r.get(1))).collect())
}

/// Names of those that `databases = "all"` means: they accept connections and are no templates.
pub async fn databases(session: &Session) -> Result<Vec<String>> {
    Ok(listed(session).await?.into_iter().filter(|d| d.why.is_none()).map(|d| d.name).collect())
}

/// Whether the database holds nothing that users made: a `template1` as initdb left it.
/// The oids below 16384 are initdb's (PostgreSQL source, `FirstNormalObjectId`).
pub async fn is_pristine(session: &Session) -> Result<bool> {
    let row = session
        .client()
        .query_one(
            "SELECT NOT EXISTS(SELECT FROM pg_class WHERE oid >= 16384) \
                AND NOT EXISTS(SELECT FROM pg_proc WHERE oid >= 16384) \
                AND NOT EXISTS(SELECT FROM pg_type WHERE oid >= 16384) \
                AND NOT EXISTS(SELECT FROM pg_namespace WHERE oid >= 16384) \
                AND NOT EXISTS(SELECT FROM pg_extension WHERE oid >= 16384) \
                AND NOT EXISTS(SELECT FROM pg_largeobject_metadata)",
            &[],
        )
        .await
        .map_err(|e| Session::failed("cannot look into the database", e))?;
    Ok(row.get(0))
}

/// `ALTER ROLE ALL SET`, `name=value`: for every role in every database. pg_dumpall does
/// not write it (`dumpDbRoleConfig()` in PostgreSQL's pg_dumpall.c).
pub async fn settings_of_all(session: &impl Ask) -> Result<Vec<String>> {
    let sql = "SELECT c.setting FROM pg_catalog.pg_db_role_setting s, \
               LATERAL pg_catalog.unnest(s.setconfig) AS c(setting) WHERE s.setdatabase = 0 AND s.setrole = 0";
    Ok(rows(session, "the settings of all roles", sql, &[]).await?.iter().map(|r| r.get(0)).collect())
}

/// Roles in order of name. Those that PostgreSQL predefines (`pg_…`) are left out,
/// but for one that is not as it was predefined: made later, or one that may log in
/// or has an attribute of its own.
pub async fn roles(session: &impl Ask) -> Result<Vec<RoleFacts>> {
    let may = "SELECT pg_catalog.has_column_privilege('pg_catalog.pg_authid', 'rolpassword', 'SELECT')";
    let may = rows(session, "the rights on roles", may, &[]).await?.first().is_some_and(|r| r.get(0));
    let password = if may {
        "(SELECT CASE WHEN a.rolpassword IS NULL THEN 'none' WHEN a.rolpassword ~ '^md5[0-9a-f]{32}$' THEN 'md5' \
                 WHEN a.rolpassword ~ '^SCRAM-SHA-256[$]' THEN 'scram' ELSE 'other' END \
          FROM pg_catalog.pg_authid a WHERE a.oid = r.oid)"
    } else {
        "NULL"
    };
    let list = rows(
        session,
        "the roles",
        &format!(
            "SELECT r.rolname::text, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, \
                    rolreplication, rolbypassrls, rolconnlimit, rolvaliduntil::text, \
                    ARRAY(SELECT DISTINCT g.rolname::text FROM pg_catalog.pg_auth_members m \
                          JOIN pg_catalog.pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid ORDER BY 1), \
                    COALESCE(rolconfig, '{{}}'), {password}, pg_catalog.shobj_description(r.oid, 'pg_authid'), \
                    ARRAY(SELECT u.word FROM pg_catalog.pg_shseclabel l, \
                          LATERAL pg_catalog.unnest(ARRAY[l.provider, l.label]) WITH ORDINALITY AS u(word, n) \
                          WHERE l.classoid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND l.objoid = r.oid \
                          ORDER BY l.provider, u.n) \
             FROM pg_catalog.pg_roles r \
             WHERE r.rolname !~ '^pg_' OR r.oid >= 16384 OR rolsuper OR rolcreaterole OR rolcreatedb OR rolcanlogin \
                OR rolreplication OR rolbypassrls ORDER BY r.rolname COLLATE \"C\""
        ),
        &[],
    )
    .await?;
    Ok(list.iter().map(role).collect())
}

fn role(r: &Row) -> RoleFacts {
    let labels: Vec<String> = r.get(14);
    let password = r.get::<_, Option<String>>(12).map(|kind| match kind.as_str() {
        "none" => PasswordKind::None,
        "md5" => PasswordKind::Md5,
        "scram" => PasswordKind::Scram,
        _ => PasswordKind::Other,
    });
    RoleFacts {
        name: r.get(0),
        superuser: r.get(1),
        inherit: r.get(2),
        create_role: r.get(3),
        create_db: r.get(4),
        login: r.get(5),
        replication: r.get(6),
        bypass_rls: r.get(7),
        connection_limit: r.get(8),
        valid_until: r.get(9),
        member_of: r.get(10),
        settings: r.get(11),
        more: Some(RoleExtras {
            password,
            comment: r.get(13),
            labels: labels.chunks_exact(2).map(|l| (l[0].clone(), l[1].clone())).collect(),
        }),
    }
}

/// Who is a member of which role, and with what options, in order of names.
/// Memberships among PostgreSQL's own roles come with the server.
pub async fn memberships(session: &impl Ask) -> Result<Vec<MembershipFacts>> {
    // 16 and newer have options of each membership, and one for each grantor.
    let options = if version(session).await?.major() >= 16 {
        "bool_or(m.inherit_option), bool_or(m.set_option)"
    } else {
        "NULL::bool, NULL::bool"
    };
    let list = rows(
        session,
        "the memberships",
        &format!(
            "SELECT g.rolname::text, u.rolname::text, bool_or(m.admin_option), {options} \
             FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles g ON g.oid = m.roleid \
             JOIN pg_catalog.pg_roles u ON u.oid = m.member \
             WHERE NOT (g.rolname ~ '^pg_' AND u.rolname ~ '^pg_') GROUP BY g.rolname, u.rolname \
             ORDER BY g.rolname COLLATE \"C\", u.rolname COLLATE \"C\""
        ),
        &[],
    )
    .await?;
    Ok(list
        .iter()
        .map(|r| MembershipFacts {
            role: r.get(0),
            member: r.get(1),
            admin: r.get(2),
            inherit: r.get(3),
            set: r.get(4),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_may_hold_secrets_are_left_out() {
        for secret in ["archive_command", "primary_conninfo", "ssl_passphrase_command", "myext.key", "a.b"] {
            assert!(!may_be_kept(secret), "{secret}");
        }
        for plain in ["shared_buffers", "password_encryption", "archive_mode"] {
            assert!(may_be_kept(plain), "{plain}");
        }
    }
}
