//! What of a database lies outside its dump: owner, comment, limit, settings and
//! privileges. pg_restore would set these only with `--create`, under the old name.

use std::collections::BTreeSet;

use crate::error::{Code, Error, Result, Stage};
use crate::source::facts::DatabaseFacts;
use crate::types::text::{quote_ident, quote_literal};

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// What it sets, without a value.
    pub label: String,
    /// The statement; a value may be a secret.
    pub sql: String,
    /// The locale that it needs.
    locale: Option<String>,
}

impl Property {
    fn new(label: impl Into<String>, sql: String) -> Self {
        Self { label: label.into(), sql, locale: None }
    }

    /// The error where a scratch server answers with this SQLSTATE.
    pub(super) fn in_scratch(&self, state: &str) -> Error {
        match &self.locale {
            // invalid_parameter_value
            Some(locale) if state == "22023" => Error::new(
                Code::CouldNotRun,
                Stage::Restore,
                format!("a locale of the backup is not installed on this host: {locale}"),
            )
            .hint("Generate the source's locales on this host (locale-gen), and drill again."),
            _ => Error::new(
                Code::RestoreFailed,
                Stage::Restore,
                format!("cannot set a property of the database (SQLSTATE {state})"),
            )
            .with_sqlstate(Some(state)),
        }
    }
}

/// Statements for the settings of the database `name`; with `with_roles` also for
/// those of roles in it.
pub fn settings_sql(f: &DatabaseFacts, name: &str, with_roles: bool) -> Vec<Property> {
    let db = quote_ident(name);
    let set = |whose: String, of: String, setting: &str| {
        let (key, value) = setting.split_once('=')?;
        let sql = format!("alter {whose} set {} to {}", quote_setting(key), setting_value(key, value));
        let locale = key.to_ascii_lowercase().starts_with("lc_").then(|| value.to_owned());
        Some(Property { label: format!("the setting {key} of {of}"), sql, locale })
    };
    let mut all: Vec<Property> =
        f.settings.iter().filter_map(|s| set(format!("database {db}"), "the database".into(), s)).collect();
    if with_roles {
        let roles = f.role_settings.iter();
        all.extend(roles.filter_map(|(role, s)| {
            set(format!("role {} in database {db}", quote_ident(role)), format!("role {role} in the database"), s)
        }));
    }
    all
}

/// Statements that give the database `name` the other properties of `f`: owner and
/// limit would stop whoever is still filling it.
///
/// # Errors
/// Restore failed (50): a privilege that this version does not know.
pub fn properties_sql(f: &DatabaseFacts, name: &str, with_owner: bool) -> Result<Vec<Property>> {
    let db = quote_ident(name);
    let mut all = Vec::new();
    if with_owner {
        all.push(Property::new("the owner", format!("alter database {db} owner to {}", quote_ident(&f.owner))));
    }
    if let Some(comment) = &f.comment {
        all.push(Property::new("the comment", format!("comment on database {db} is {}", quote_literal(comment))));
    }
    if f.connection_limit != -1 {
        let sql = format!("alter database {db} connection limit {}", f.connection_limit);
        all.push(Property::new("the connection limit", sql));
    }
    if let Some(acl) = f.acl.as_ref().filter(|_| with_owner) {
        all.extend(acl_sql(acl, &db, &f.owner)?.into_iter().map(|sql| Property::new("the privileges", sql)));
    }
    Ok(all)
}

/// The roles that the properties of the database name, with owner.
pub(super) fn roles(f: &DatabaseFacts) -> BTreeSet<String> {
    let granted = f.acl.iter().flatten().filter_map(|item| Granted::read(item)).flat_map(|g| [g.to, g.by]);
    let set = f.role_settings.iter().map(|(role, _)| role.clone());
    granted.chain(set).chain([f.owner.clone()]).filter(|r| !r.is_empty()).collect()
}

/// One `aclitem`.
struct Granted {
    /// Empty for PUBLIC.
    to: String,
    letters: String,
    by: String,
}

impl Granted {
    /// Reads `grantee=letters/grantor` (PostgreSQL source, `aclitemout`): names are
    /// in double quotes unless they are of letters, digits and underscores.
    fn read(text: &str) -> Option<Self> {
        let (to, rest) = name(text)?;
        let (letters, by) = rest.strip_prefix('=')?.split_once('/')?;
        let known = letters.chars().all(|l| l == '*' || privilege(Some(l)).is_some());
        let (by, rest) = name(by)?;
        (known && rest.is_empty() && !by.is_empty()).then(|| Self { to, letters: letters.to_owned(), by })
    }
}

/// A name at the beginning, and what follows it.
fn name(text: &str) -> Option<(String, &str)> {
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
        return Some((text[..end].to_owned(), &text[end..]));
    };
    let mut name = String::new();
    loop {
        let (part, after) = rest.split_once('"')?;
        name.push_str(part);
        match after.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, after)),
        }
    }
}

fn privilege(letter: Option<char>) -> Option<&'static str> {
    Some(match letter? {
        'C' => "create",
        'T' => "temporary",
        'c' => "connect",
        _ => return None,
    })
}

/// Statements that make `acl` the privileges on the database: first what the
/// owner gave, because others may have passed that on.
fn acl_sql(acl: &[String], db: &str, owner: &str) -> Result<Vec<String>> {
    let mut items = Vec::with_capacity(acl.len());
    for item in acl {
        items.push(Granted::read(item).ok_or_else(|| {
            Error::new(Code::RestoreFailed, Stage::Restore, "a privilege on the database is not known").on(item.clone())
        })?);
    }
    items.sort_by_key(|i| i.by != owner);
    let mut all = vec![
        format!("revoke all on database {db} from public"),
        format!("revoke all on database {db} from {}", quote_ident(owner)),
    ];
    for item in &items {
        let to = if item.to.is_empty() { "public".to_owned() } else { quote_ident(&item.to) };
        let mut letters = item.letters.chars().peekable();
        while let Some(letter) = letters.next() {
            let Some(what) = privilege(Some(letter)) else { continue };
            let option = if letters.peek() == Some(&'*') { " with grant option" } else { "" };
            // The role in force becomes the grantor.
            let by = quote_ident(&item.by);
            all.push(format!("set role {by}; grant {what} on database {db} to {to}{option}; reset role"));
        }
    }
    Ok(all)
}

/// Settings may be qualified (`app.tenant`): each half is an identifier.
fn quote_setting(key: &str) -> String {
    key.split('.').map(quote_ident).collect::<Vec<_>>().join(".")
}

/// Settings that PostgreSQL stores as lists of identifiers must not be quoted as
/// one string (`variable_is_guc_list_quote()` in PostgreSQL's dumputils.c).
fn setting_value(key: &str, value: &str) -> String {
    const LISTS: [&str; 6] = [
        "local_preload_libraries",
        "search_path",
        "session_preload_libraries",
        "shared_preload_libraries",
        "temp_tablespaces",
        "unix_socket_directories",
    ];
    if !LISTS.contains(&key.to_ascii_lowercase().as_str()) {
        return quote_literal(value);
    }
    // The stored form is a comma separated list of identifiers, quoted where needed.
    let mut items = Vec::new();
    let mut item = String::new();
    let mut quoted = false;
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                item.push('"');
            }
            '"' => quoted = !quoted,
            // Spaces count within quotes only.
            ' ' if !quoted => {}
            ',' if !quoted => items.push(std::mem::take(&mut item)),
            c => item.push(c),
        }
    }
    items.push(item);
    items.iter().map(|i| quote_literal(i)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_settings_are_lists_and_others_are_strings() {
        assert_eq!(setting_value("search_path", "\"$user\", public"), "'$user', 'public'");
        assert_eq!(setting_value("search_path", "\"a,b\", \"c\"\"d\""), "'a,b', 'c\"d'");
        assert_eq!(setting_value("search_path", ""), "''");
        assert_eq!(setting_value("app.x", "a, b"), "'a, b'");
        assert_eq!(quote_setting("app.te\"nant"), "\"app\".\"te\"\"nant\"");
    }

    #[test]
    fn privileges_are_read_as_the_server_writes_them() {
        let item = |t: &str| Granted::read(t).map(|g| (g.to, g.letters, g.by));
        let is = |a: &str, b: &str, c: &str| Some((a.to_owned(), b.to_owned(), c.to_owned()));
        assert_eq!(item("app=c*T/postgres"), is("app", "c*T", "postgres"));
        assert_eq!(item("=Tc/postgres"), is("", "Tc", "postgres"));
        assert_eq!(item("\"we=\"\"ird/x\"=c/\"o o\""), is("we=\"ird/x", "c", "o o"));
        for bad in ["", "app", "app=c", "\"app=c/x", "app=x/postgres", "app=c*x/postgres", "app=c/", "a b=c/x"] {
            assert_eq!(item(bad), None, "{bad}");
        }
    }

    #[test]
    fn grants_replace_the_default_and_the_owner_comes_first() {
        let acl = ["b=c/a", "a=c*/owner", "=T/owner"].map(String::from);
        assert_eq!(
            acl_sql(&acl, "\"db\"", "owner").unwrap(),
            [
                "revoke all on database \"db\" from public",
                "revoke all on database \"db\" from \"owner\"",
                "set role \"owner\"; grant connect on database \"db\" to \"a\" with grant option; reset role",
                "set role \"owner\"; grant temporary on database \"db\" to public; reset role",
                "set role \"a\"; grant connect on database \"db\" to \"b\"; reset role",
            ]
        );
    }
}
