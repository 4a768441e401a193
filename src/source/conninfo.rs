//! Connection strings: `postgresql://` URIs and `key=value` lists.
//!
//! The grammar is libpq's (PostgreSQL manual, "Connection Strings"), with its
//! quirks, because the same text is also read by the operator's psql.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use crate::error::{Error, Result};

/// Parameter names and their values, as written.
pub type Options = BTreeMap<String, String>;

/// How pgseal treats a parameter of libpq.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It is honoured.
    Honoured,
    /// It changes nothing that matters to a backup and is passed over.
    Harmless,
    /// Only these values are what pgseal does anyway; others are refused.
    Only(&'static [&'static str]),
}

/// Every parameter that libpq 18 knows, with its environment variable.
pub const KNOWN: &[(&str, &str, Use)] = &[
    ("host", "PGHOST", Use::Honoured),
    ("hostaddr", "PGHOSTADDR", Use::Honoured),
    ("port", "PGPORT", Use::Honoured),
    ("dbname", "PGDATABASE", Use::Honoured),
    ("user", "PGUSER", Use::Honoured),
    ("password", "PGPASSWORD", Use::Honoured),
    ("passfile", "PGPASSFILE", Use::Honoured),
    ("service", "PGSERVICE", Use::Honoured),
    ("connect_timeout", "PGCONNECT_TIMEOUT", Use::Honoured),
    ("sslmode", "PGSSLMODE", Use::Honoured),
    ("sslrootcert", "PGSSLROOTCERT", Use::Honoured),
    ("sslcert", "PGSSLCERT", Use::Honoured),
    ("sslkey", "PGSSLKEY", Use::Honoured),
    ("application_name", "PGAPPNAME", Use::Harmless),
    ("fallback_application_name", "", Use::Harmless),
    ("client_encoding", "PGCLIENTENCODING", Use::Harmless),
    ("keepalives", "", Use::Harmless),
    ("keepalives_idle", "", Use::Harmless),
    ("keepalives_interval", "", Use::Harmless),
    ("keepalives_count", "", Use::Harmless),
    ("tcp_user_timeout", "", Use::Harmless),
    ("sslcompression", "PGSSLCOMPRESSION", Use::Harmless),
    ("sslsni", "PGSSLSNI", Use::Only(&["1"])),
    ("sslcertmode", "PGSSLCERTMODE", Use::Only(&["allow"])),
    ("sslnegotiation", "PGSSLNEGOTIATION", Use::Only(&["postgres"])),
    ("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION", Use::Only(&["TLSv1.2", "TLSv1", "TLSv1.1"])),
    ("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION", Use::Only(&["TLSv1.3"])),
    ("channel_binding", "PGCHANNELBINDING", Use::Only(&["prefer", "disable"])),
    ("target_session_attrs", "PGTARGETSESSIONATTRS", Use::Only(&["any"])),
    ("load_balance_hosts", "PGLOADBALANCEHOSTS", Use::Only(&["disable"])),
    ("gssencmode", "PGGSSENCMODE", Use::Only(&["disable", "prefer"])),
    ("gssdelegation", "PGGSSDELEGATION", Use::Only(&["0"])),
    ("krbsrvname", "PGKRBSRVNAME", Use::Only(&["postgres"])),
    ("gsslib", "PGGSSLIB", Use::Only(&[])),
    ("replication", "", Use::Only(&["false", "off", "no", "0"])),
    ("options", "PGOPTIONS", Use::Only(&[])),
    ("sslpassword", "", Use::Only(&[])),
    ("sslcrl", "PGSSLCRL", Use::Only(&[])),
    ("sslcrldir", "PGSSLCRLDIR", Use::Only(&[])),
    ("requirepeer", "PGREQUIREPEER", Use::Only(&[])),
    ("require_auth", "PGREQUIREAUTH", Use::Only(&[])),
    ("min_protocol_version", "PGMINPROTOCOLVERSION", Use::Only(&["3.0"])),
    ("max_protocol_version", "PGMAXPROTOCOLVERSION", Use::Only(&["3.0", "3.2", "latest"])),
    ("sslkeylogfile", "", Use::Only(&[])),
    ("servicefile", "PGSERVICEFILE", Use::Honoured),
    ("oauth_issuer", "", Use::Only(&[])),
    ("oauth_client_id", "", Use::Only(&[])),
    ("oauth_client_secret", "", Use::Only(&[])),
    ("oauth_scope", "", Use::Only(&[])),
    ("scram_client_key", "", Use::Only(&[])),
    ("scram_server_key", "", Use::Only(&[])),
];

/// A value of a `key=value` list, always in quotes.
pub(super) fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Whether libpq knows a parameter of this name.
pub fn is_known(name: &str) -> bool {
    KNOWN.iter().any(|k| k.0 == name)
}

/// Reads a URI or a `key=value` list; the empty text has no parameters.
///
/// # Errors
/// Usage (2) for bad syntax and unknown parameters. Values are never repeated
/// in messages: one of them may be the password.
pub fn parse(text: &str) -> Result<Options> {
    let rest = text.strip_prefix("postgresql://").or_else(|| text.strip_prefix("postgres://"));
    let options = match rest {
        Some(rest) => uri(rest)?,
        None if text.contains("://") => {
            return Err(bad("the scheme of a connection URI is postgresql:// or postgres://"));
        }
        None => pairs(text)?,
    };
    if let Some(name) = options.keys().find(|k| !is_known(k)) {
        return Err(bad(format!("there is no connection parameter \"{name}\"")));
    }
    Ok(options)
}

fn bad(what: impl Into<String>) -> Error {
    Error::usage(what).on("connection").hint("See \"Connection Strings\" in the PostgreSQL manual.")
}

/// `key = value key='va\'lue'`. As in libpq, blanks after `=` are skipped and
/// a backslash takes the next character literally.
fn pairs(text: &str) -> Result<Options> {
    let mut out = Options::new();
    let mut chars = text.chars().peekable();
    loop {
        while chars.next_if(|c| is_space(*c)).is_some() {}
        if chars.peek().is_none() {
            return Ok(out);
        }
        let mut name = String::new();
        while let Some(c) = chars.next_if(|c| *c != '=' && !is_space(*c)) {
            name.push(c);
        }
        while chars.next_if(|c| is_space(*c)).is_some() {}
        if chars.next() != Some('=') {
            // The word may be a password that was not quoted.
            let what = if is_known(&name) { format!("after \"{name}\"") } else { "after a word".into() };
            return Err(bad(format!("\"=\" is missing {what}")));
        }
        while chars.next_if(|c| is_space(*c)).is_some() {}
        let mut value = String::new();
        if chars.next_if_eq(&'\'').is_some() {
            loop {
                match chars.next() {
                    None => return Err(bad("a quoted value does not end")),
                    Some('\'') => break,
                    Some('\\') => value.extend(chars.next()),
                    Some(c) => value.push(c),
                }
            }
        } else {
            while let Some(c) = chars.next_if(|c| !is_space(*c)) {
                if c == '\\' {
                    value.extend(chars.next());
                } else {
                    value.push(c);
                }
            }
        }
        out.insert(name, value);
    }
}

/// C's `isspace` in the "C" locale.
pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}')
}

/// What follows the scheme: `[user[:password]@][host][:port][,…][/db][?k=v&…]`.
fn uri(text: &str) -> Result<Options> {
    let mut out = Options::new();
    let mut set = |name: &str, raw: &str| -> Result<()> {
        if !raw.is_empty() {
            out.insert(name.to_owned(), decode(raw)?);
        }
        Ok(())
    };
    let mut rest = text;
    // As libpq does it: user information ends at the first "@" before any "/".
    let authority = &text[..text.find('/').unwrap_or(text.len())];
    if let Some((info, _)) = authority.split_once('@') {
        let (user, password) = info.split_once(':').unwrap_or((info, ""));
        set("user", user)?;
        set("password", password)?;
        rest = &text[info.len() + 1..];
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (hosts, tail) = rest.split_at(end);
    let mut host_list = Vec::new();
    let mut port_list = Vec::new();
    for one in hosts.split(',') {
        let (host, port) = host_port(one)?;
        host_list.push(host);
        port_list.push(port);
    }
    if host_list.iter().any(|h| !h.is_empty()) {
        set("host", &host_list.join(","))?;
    }
    if port_list.iter().any(|p| !p.is_empty()) {
        set("port", &port_list.join(","))?;
    }
    let (path, query) = match tail.split_once('?') {
        Some((p, q)) => (p, Some(q)),
        None => (tail, None),
    };
    set("dbname", path.strip_prefix('/').unwrap_or(path))?;
    for pair in query.unwrap_or("").split('&').filter(|p| !p.is_empty()) {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(bad("a parameter of the URI has no \"=\""));
        };
        if value.contains('=') {
            return Err(bad("a parameter of the URI has more than one \"=\""));
        }
        let (mut name, mut value) = (decode(name)?, decode(value)?);
        if name == "ssl" && value == "true" {
            (name, value) = ("sslmode".into(), "require".into());
        }
        out.insert(name, value);
    }
    Ok(out)
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`.
fn host_port(text: &str) -> Result<(&str, &str)> {
    if let Some(inner) = text.strip_prefix('[') {
        let Some((host, after)) = inner.split_once(']') else {
            return Err(bad("\"]\" is missing after an IPv6 address"));
        };
        return match (host.is_empty(), after.strip_prefix(':'), after.is_empty()) {
            (true, ..) => Err(bad("an IPv6 address is empty")),
            (_, Some(port), _) => Ok((host, port)),
            (_, None, true) => Ok((host, "")),
            (_, None, false) => Err(bad("unexpected text after an IPv6 address")),
        };
    }
    Ok(text.split_once(':').unwrap_or((text, "")))
}

/// Percent-decoding as libpq does it: malformed escapes and `%00` are errors.
fn decode(raw: &str) -> Result<String> {
    let b = raw.as_bytes();
    for (i, _) in raw.match_indices('%') {
        let hex = b.get(i + 1..i + 3).is_some_and(|h| h.iter().all(u8::is_ascii_hexdigit));
        if !hex || &b[i + 1..i + 3] == b"00" {
            return Err(bad("a percent escape in the URI is malformed"));
        }
    }
    let text = percent_decode_str(raw).decode_utf8().map_err(|_| bad("the URI is not UTF-8 when decoded"))?;
    Ok(text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match parse(text) {
            Ok(o) => o.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join("|"),
            Err(e) => format!("! {}", e.text()),
        }
    }

    #[test]
    fn key_value_lists_follow_libpq() {
        assert_eq!(shown(""), "");
        assert_eq!(shown(" host = /tmp  port=5 "), "host=/tmp|port=5");
        assert_eq!(shown(r"password='a \'b\' \\' user=x\ y"), r"password=a 'b' \|user=x y");
        // libpq skips blanks after "=", too.
        assert_eq!(shown("host= port=5"), "host=port=5");
        assert_eq!(shown("user=''"), "user=");
        assert_eq!(shown("host"), "! \"=\" is missing after \"host\"");
        assert_eq!(shown("user='x"), "! a quoted value does not end");
        assert_eq!(shown("hots=x"), "! there is no connection parameter \"hots\"");
    }

    #[test]
    fn a_stray_word_is_not_repeated() {
        assert_eq!(shown("password=correct horse"), "! \"=\" is missing after a word");
    }

    #[test]
    fn uris_follow_libpq() {
        assert_eq!(shown("postgresql://"), "");
        assert_eq!(
            shown("postgres://u:p%40@h:5/d?sslmode=require"),
            "dbname=d|host=h|password=p@|port=5|sslmode=require|user=u"
        );
        assert_eq!(shown("postgresql://[::1]:5/"), "host=::1|port=5");
        assert_eq!(shown("postgresql://%2Ftmp/d%20b"), "dbname=d b|host=/tmp");
        assert_eq!(shown("postgresql:///d?host=/tmp&ssl=true"), "dbname=d|host=/tmp|sslmode=require");
        assert_eq!(shown("postgresql://a,b:1/"), "host=a,b|port=,1");
        assert_eq!(shown("postgresql://h?user=x"), "host=h|user=x");
        for bad in [
            "postgresql://%zz/",
            "postgresql://h/%00",
            "postgresql://[::1",
            "postgresql://[::1]x",
            "postgresql://h?a",
            "mysql://h/",
            "postgresql://h?user=a=b",
        ] {
            assert!(shown(bad).starts_with('!'), "{bad}");
        }
    }
}
