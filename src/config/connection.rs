//! Connection strings: a libpq URI or conninfo (PostgreSQL documentation,
//! "Connection Strings"), never with a secret in them.

use crate::error::{Error, Result};

/// Connection parameters that hold secrets (libpq of PostgreSQL 18).
const SECRETS: [&str; 5] = ["password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"];

/// Checks a connection string; the error never repeats it.
pub fn check(text: &str) -> std::result::Result<String, String> {
    if text.contains('\0') {
        return Err("a connection string cannot hold a NUL".into());
    }
    let secret = match text.strip_prefix("postgresql://").or_else(|| text.strip_prefix("postgres://")) {
        Some(rest) => uri_secret(rest)?,
        None => conninfo_secret(text)?,
    };
    match secret {
        Some(what) => Err(format!(
            "the connection string holds a {what}; put it into a passfile (~/.pgpass) or a service file that only \
             this user can read"
        )),
        None => Ok(text.to_owned()),
    }
}

/// Checks a connection string of the command line, which every user of the host can read (`ps`).
///
/// # Errors
/// Usage (2) for one that holds a secret, which is not repeated.
pub fn argument(text: &str) -> Result<&str> {
    check(text).map(|_| text).map_err(|e| Error::usage(e).on("--connection"))
}

fn named_secret(key: &str) -> Option<String> {
    SECRETS.iter().find(|s| key.eq_ignore_ascii_case(s)).map(|s| (*s).to_owned())
}

fn uri_secret(rest: &str) -> std::result::Result<Option<String>, String> {
    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    // A password with an unescaped '/' or '@' must not slip through either.
    if let Some((user, _)) = before.rsplit_once('@')
        && user.contains(':')
    {
        return Ok(Some("password".into()));
    }
    for pair in query.split('&').filter(|p| !p.is_empty()) {
        let key = pair.split('=').next().unwrap_or_default();
        let key = percent_encoding::percent_decode_str(key)
            .decode_utf8()
            .map_err(|_| "a parameter of the connection URI is not UTF-8".to_owned())?;
        if let Some(found) = named_secret(&key) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Reads `key = value` pairs with libpq's quoting (`conninfo_parse`).
fn conninfo_secret(text: &str) -> std::result::Result<Option<String>, String> {
    let mut chars = text.chars().peekable();
    let mut secret = None;
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        if chars.peek().is_none() {
            return Ok(secret);
        }
        let mut key = String::new();
        while let Some(c) = chars.next_if(|c| *c != '=' && !c.is_whitespace()) {
            key.push(c);
        }
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        if chars.next() != Some('=') || key.is_empty() {
            return Err(
                "not a connection string: write \"key=value …\" (for example \"service=shop\") or postgresql://…"
                    .into(),
            );
        }
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        let quoted = chars.next_if_eq(&'\'').is_some();
        loop {
            match chars.next() {
                Some('\\') => {
                    chars.next();
                }
                Some('\'') if quoted => break,
                None if quoted => return Err("a quote in the connection string is not closed".into()),
                None => break,
                Some(c) if !quoted && c.is_whitespace() => break,
                Some(_) => {}
            }
        }
        secret = secret.or_else(|| named_secret(&key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_without_a_secret_pass() {
        for good in [
            "",
            "service=shop",
            "host=/run/postgresql dbname='my password' user = a",
            "host=h passfile=/etc/pgseal/pass",
            "dbname='it\\'s' port=5432",
            "postgresql:///shop?host=/run/postgresql",
            "postgresql://backup@db1,db2:5433/shop?sslmode=verify-full",
            "postgres://db:5432/shop",
        ] {
            assert_eq!(check(good).unwrap(), good);
        }
    }

    #[test]
    fn secrets_are_found_and_not_repeated() {
        for bad in [
            "host=h password=hunter2",
            "host=h password = 'hunter2'",
            "PASSWORD=hunter2",
            "sslpassword=hunter2",
            "oauth_client_secret=hunter2",
            "dbname='x' password='hunter2'",
            "postgresql://u:hunter2@h/d",
            "postgres://u:hun/ter2@h/d",
            "postgres://u:@h/d",
            "postgresql://h/d?password=hunter2",
            "postgresql://h/d?sslmode=require&pass%77ord=hunter2",
        ] {
            let e = check(bad).unwrap_err();
            assert!(e.contains("passfile") && !e.contains("hun"), "{bad}: {e}");
        }
    }

    #[test]
    fn what_is_no_connection_string_is_refused() {
        for bad in ["shop", "host", "=x", "host='h", "a\0b", "postgresql://h/?%ff=1"] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
    }
}
