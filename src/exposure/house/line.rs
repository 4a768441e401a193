//! A secret in a line of text: a command, a unit, a history. Says what kind it
//! is, and never repeats it.

use crate::detect::arguments;

/// Where in a line it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Among a program's arguments, where every user of the host can read it.
    Argument,
    /// In a variable, for all that a program starts.
    Variable,
}

/// Variables whose value is a secret.
const VARIABLES: &[&str] = &[
    "PGPASSWORD",
    "PGSSLPASSWORD",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AGE_SECRET_KEY",
    "SOPS_AGE_KEY",
    "AGE_IDENTITY",
];

/// Parameters of a connection string whose value is a secret.
const PARAMETERS: &[&str] = &["password", "sslpassword", "scram_client_key", "oauth_client_secret"];

/// Whether a variable of this name and value is a secret in itself.
pub fn variable(name: &str, value: &str) -> Option<&'static str> {
    if value.contains("AGE-SECRET-KEY-1") {
        return Some("an age identity");
    }
    if uri(value) {
        return Some("a connection URI with a password");
    }
    VARIABLES.iter().find(|v| **v == name && literal(value)).copied()
}

/// What secret a line holds.
pub fn secret(line: &str) -> Option<(Place, &'static str)> {
    if line.contains("AGE-SECRET-KEY-1") {
        return Some((Place::Argument, "an age identity"));
    }
    if let Some(name) = assignment(line) {
        return Some((Place::Variable, name));
    }
    if uri(line) {
        return Some((Place::Argument, "a connection URI with a password"));
    }
    if arguments::hold_a_password(line) {
        return Some((Place::Argument, "a user with a password"));
    }
    // A password alone is anybody's; with a host or database it is libpq's.
    let libpq = ["host=", "dbname=", "hostaddr=", "service=", "psql", "pg_dump", "pg_basebackup", "pgseal"];
    let named = PARAMETERS.iter().any(|p| {
        line.match_indices(&format!("{p}=")).any(|(at, m)| {
            let before = line[..at].chars().next_back();
            let alone = before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != '-');
            alone && literal(&line[at + m.len()..])
        })
    });
    (named && libpq.iter().any(|l| line.contains(l))).then_some((Place::Argument, "a conninfo with a password"))
}

/// `PGPASSWORD=x`, also after `export`, `Environment=` and quotes.
fn assignment(line: &str) -> Option<&'static str> {
    VARIABLES.iter().copied().find(|name| {
        line.match_indices(name).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let starts = before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != '$' && c != '{');
            let value = line[at + name.len()..].strip_prefix('=');
            starts && value.is_some_and(literal)
        })
    })
}

/// `postgres://user:secret@host`.
fn uri(text: &str) -> bool {
    ["postgres://", "postgresql://"].iter().any(|scheme| {
        text.match_indices(scheme).any(|(at, _)| {
            let rest = &text[at + scheme.len()..];
            let end =
                rest.find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '?')).unwrap_or(rest.len());
            let password = rest[..end].rsplit_once('@').and_then(|(user, _)| user.split_once(':'));
            password.is_some_and(|(_, p)| literal(p))
        })
    })
}

/// Whether a value is written out: not empty, not taken from a variable, a
/// command or a unit's specifier, and not blanked.
fn literal(value: &str) -> bool {
    let value = value.trim_start_matches(['"', '\'']);
    let first = value.chars().next();
    first.is_some_and(|c| !c.is_whitespace() && !matches!(c, '$' | '`' | '%' | '*' | '<' | '"' | '\'' | '&' | ';'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_from_references() {
        for (line, kind) in [
            ("12 3 * * * postgres PGPASSWORD=geheim pgseal backup shop", Some((Place::Variable, "PGPASSWORD"))),
            ("Environment=\"PGPASSWORD=geheim\"", Some((Place::Variable, "PGPASSWORD"))),
            ("export AWS_SECRET_ACCESS_KEY='abc'", Some((Place::Variable, "AWS_SECRET_ACCESS_KEY"))),
            ("pg_dump postgres://u:geheim@db/shop", Some((Place::Argument, "a connection URI with a password"))),
            ("psql 'host=db password=geheim'", Some((Place::Argument, "a conninfo with a password"))),
            ("curl -u me:geheim https://example.org", Some((Place::Argument, "a user with a password"))),
            ("x AGE-SECRET-KEY-1ABC", Some((Place::Argument, "an age identity"))),
            ("PGPASSWORD=$(cat /run/secret) psql", None),
            ("PGPASSWORD=\"$PW\" psql", None),
            ("echo $PGPASSWORD", None),
            ("psql postgres://u@db/shop", None),
            ("psql postgres://u:$PW@db/shop", None),
            ("psql postgres://u:***@db/shop", None),
            ("mysql --password=geheim", None),
            ("curl -d password=geheim https://example.org", None),
            ("psql host=db sslmode=verify-full passfile=/x", None),
            ("MYPGPASSWORD=geheim", None),
            ("PGPASSWORD= psql", None),
        ] {
            assert_eq!(secret(line), kind, "{line}");
        }
        assert_eq!(variable("PGPASSWORD", "x"), Some("PGPASSWORD"));
        assert_eq!(variable("PGPASSFILE", "/x"), None);
        assert_eq!(variable("DATABASE_URL", "postgres://u:p@h/d"), Some("a connection URI with a password"));
    }
}
