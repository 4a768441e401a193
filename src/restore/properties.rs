//! What of a database lies outside its dump: owner, comment, limit, settings and
//! privileges. pg_restore would set these only with `--create`, under the old name.

use crate::error::{Code, Error, Result, Stage};
use crate::source::facts::DatabaseFacts;
use crate::types::text::{quote_ident, quote_literal};

/// Statements that give the database `name` the properties of `f`.
///
/// # Errors
/// Restore failed (50): a privilege that this version does not know.
pub fn properties_sql(f: &DatabaseFacts, name: &str, with_owner: bool) -> Result<Vec<String>> {
    let db = quote_ident(name);
    let mut all = Vec::new();
    if with_owner {
        all.push(format!("alter database {db} owner to {}", quote_ident(&f.owner)));
    }
    if let Some(comment) = &f.comment {
        all.push(format!("comment on database {db} is {}", quote_literal(comment)));
    }
    if f.connection_limit != -1 {
        all.push(format!("alter database {db} connection limit {}", f.connection_limit));
    }
    for setting in &f.settings {
        if let Some((key, value)) = setting.split_once('=') {
            all.push(format!("alter database {db} set {} to {}", quote_setting(key), setting_value(key, value)));
        }
    }
    if with_owner {
        for (role, setting) in &f.role_settings {
            if let Some((key, value)) = setting.split_once('=') {
                all.push(format!(
                    "alter role {} in database {db} set {} to {}",
                    quote_ident(role),
                    quote_setting(key),
                    setting_value(key, value)
                ));
            }
        }
        if let Some(acl) = &f.acl {
            all.extend(acl_sql(acl, &db, &f.owner)?);
        }
    }
    Ok(all)
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
