//! Settings: the server's, those of roles and databases, and who may change them.

use std::collections::BTreeMap;

use super::read::Reading;
use super::{ParameterGrant, RoleSetting, SettingFacts};
use crate::detect::{self, Weight};
use crate::source::{Ask, probe};

/// Extensions whose settings hold no secrets: those that checks ask for.
const OPEN: [&str; 6] = ["auth_delay", "auto_explain", "credcheck", "pg_stat_statements", "pgaudit", "plpgsql"];

pub(super) async fn all(reading: &Reading<'_, impl Ask>) -> Result<BTreeMap<String, SettingFacts>, String> {
    let rows = reading
        .rows(
            "the settings",
            "SELECT name, setting, unit, source, setting IS NOT DISTINCT FROM boot_val, vartype FROM pg_settings",
            &[],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|r| {
            let (name, value): (String, Option<String>) = (r.get(0), r.get(1));
            let (value, secret) = kept(&name, value, r.get(5));
            let mut facts = SettingFacts { value, unit: r.get(2), source: r.get(3), is_default: r.get(4), secret };
            if facts.is_own() {
                facts.value = None;
            }
            (name, facts)
        })
        .collect())
}

pub(super) async fn of_roles(reading: &Reading<'_, impl Ask>) -> Result<Vec<RoleSetting>, String> {
    let rows = reading
        .rows(
            "the settings of roles and databases",
            "SELECT r.rolname::text, d.datname::text, c.setting FROM pg_db_role_setting s \
             LEFT JOIN pg_roles r ON r.oid = s.setrole LEFT JOIN pg_database d ON d.oid = s.setdatabase, \
             LATERAL unnest(s.setconfig) WITH ORDINALITY AS c(setting, n) \
             ORDER BY d.datname COLLATE \"C\", r.rolname COLLATE \"C\", c.n",
            &[],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|r| {
            let entry: &str = r.get(2);
            let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
            let (value, secret) = kept(name, Some(value.to_owned()), "string");
            RoleSetting { role: r.get(0), database: r.get(1), name: name.to_owned(), value, secret }
        })
        .collect())
}

/// Without those of the bootstrap superuser, to whom all settings belong.
/// Before 15 there are no such privileges.
pub(super) async fn grants(reading: &Reading<'_, impl Ask>) -> Result<Vec<ParameterGrant>, String> {
    if reading.me.major < 15 {
        return Ok(Vec::new());
    }
    let rows = reading
        .rows(
            "the privileges on settings",
            "SELECT p.parname, CASE WHEN x.grantee <> 0 THEN pg_get_userbyid(x.grantee)::text END AS role, \
                    x.privilege_type, x.is_grantable \
             FROM pg_parameter_acl p, LATERAL aclexplode(p.paracl) x WHERE x.grantee <> 10 \
             ORDER BY p.parname COLLATE \"C\", 2, 3",
            &[],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|r| ParameterGrant { parameter: r.get(0), role: r.get(1), privilege: r.get(2), grantable: r.get(3) })
        .collect())
}

/// The value, where it may be kept, and the kind of secret in it.
fn kept(name: &str, value: Option<String>, vartype: &str) -> (Option<String>, Option<String>) {
    let nothing_to_hide = value.as_deref().is_none_or(|v| v.is_empty() || v == "(disabled)");
    // What an extension keeps in a text of its own nobody knows.
    let foreign = name.split_once('.').is_some_and(|(extension, _)| !OPEN.contains(&extension)) && vartype == "string";
    // A switch or a number holds none, whatever it is called (log_replication_commands).
    let suspicious = vartype == "string" && (foreign || probe::names_a_secret(name));
    let secrets = match value.as_deref() {
        // The name of a setting of PostgreSQL itself makes nothing a secret (password_encryption).
        Some(text) if suspicious => detect::secrets_of(name, text),
        Some(text) => detect::secrets(text),
        None => Vec::new(),
    };
    let may = nothing_to_hide || (secrets.is_empty() && !suspicious);
    let worst = secrets.into_iter().filter(|s| s.weight > Weight::Example).max_by_key(|s| s.weight);
    (value.filter(|_| may), worst.map(|s| s.kind.name().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_may_hold_secrets_are_not_kept() {
        let kept = |name: &str, value: &str, vartype: &str| kept(name, Some(value.into()), vartype).0;
        for name in ["archive_command", "primary_conninfo", "ssl_passphrase_command", "app.jwt_secret", "myext.key"] {
            assert_eq!(kept(name, "x", "string"), None, "{name}");
        }
        assert_eq!(kept("archive_command", "(disabled)", "string"), Some("(disabled)".into()));
        assert_eq!(kept("primary_conninfo", "", "string"), Some(String::new()));
        for name in ["pgaudit.log", "log_line_prefix", "password_encryption"] {
            assert_eq!(kept(name, "x", "string"), Some("x".into()), "{name}");
        }
        assert_eq!(kept("myext.on", "on", "bool"), Some("on".into()));
        assert_eq!(kept("log_replication_commands", "off", "bool"), Some("off".into()));
        let url = "postgresql://app:Tr0ub4dor3@db/shop";
        assert_eq!(
            super::kept("log_line_prefix", Some(url.into()), "string"),
            (None, Some("password in a url".into()))
        );
    }
}
