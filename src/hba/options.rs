//! Options of methods: which of them the server refuses.
//!
//! What only the running server knows is taken as good: whether a RADIUS
//! server's name resolves, which OAuth validators are installed, which methods
//! it was built with.

use super::rule::Method;
use super::words::ConnType;

/// The rule that the options belong to.
pub(super) struct Context {
    pub(super) conn: ConnType,
    pub(super) method: Method,
    pub(super) major: u32,
}

/// Options whose values are secrets.
pub(super) const SECRETS: [&str; 2] = ["ldapbindpasswd", "radiussecrets"];

/// Whether an option's value is a secret.
pub(super) fn is_secret(name: &str) -> bool {
    SECRETS.contains(&name)
}

/// Checks options and what is missing among them.
///
/// # Errors
/// What the server would refuse.
pub(super) fn check(options: &[(String, String)], rule: &Context) -> Result<(), String> {
    for (name, value) in options {
        one(name, value, rule)?;
    }
    let last = |name: &str| options.iter().rev().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    let any = |names: &[&str]| names.iter().any(|n| last(n).is_some());
    match rule.method {
        Method::Ldap => {
            // A URL may name all of the search's parts.
            if any(&["ldapprefix", "ldapsuffix"]) {
                let search = [
                    "ldapbasedn",
                    "ldapbinddn",
                    "ldapbindpasswd",
                    "ldapsearchattribute",
                    "ldapsearchfilter",
                    "ldapurl",
                ];
                if any(&search) {
                    return Err("ldap: options of a simple bind and of a search are mixed".into());
                }
            } else if !any(&["ldapbasedn", "ldapurl"]) {
                return Err("ldap needs ldapbasedn, ldapprefix or ldapsuffix".into());
            }
            if any(&["ldapsearchattribute"]) && any(&["ldapsearchfilter"]) {
                return Err("ldap: ldapsearchattribute and ldapsearchfilter exclude each other".into());
            }
        }
        Method::Radius => {
            let count = |name: &str| last(name).and_then(list).map_or(0, |l| l.len());
            let servers = count("radiusservers");
            if servers == 0 || count("radiussecrets") == 0 {
                return Err("radius needs radiusservers and radiussecrets".into());
            }
            for name in ["radiussecrets", "radiusports", "radiusidentifiers"] {
                if ![0, 1, servers].contains(&count(name)) {
                    return Err(format!("{name} has neither one value nor one for each server"));
                }
            }
        }
        Method::OAuth => {
            if !any(&["scope"]) || !any(&["issuer"]) {
                return Err("oauth needs scope and issuer".into());
            }
            if last("delegate_ident_mapping") == Some("1") && any(&["map"]) {
                return Err("oauth: map and delegate_ident_mapping exclude each other".into());
            }
        }
        _ => {}
    }
    Ok(())
}

fn one(name: &str, value: &str, rule: &Context) -> Result<(), String> {
    let only_of = |methods: &[Method]| {
        if methods.contains(&rule.method) { Ok(()) } else { Err(format!("{name} is no option of this method")) }
    };
    let bad_value = || Err(format!("{name} has a value that is not allowed"));
    match name {
        "map" => only_of(&[Method::Ident, Method::Peer, Method::Gss, Method::Sspi, Method::Cert, Method::OAuth]),
        "clientcert" | "clientname" if name == "clientcert" || rule.major >= 14 => {
            if rule.conn != ConnType::HostSsl {
                return Err(format!("{name} is only for hostssl"));
            }
            let fine = match (name, value) {
                ("clientcert", "verify-full") | ("clientname", "CN" | "DN") => true,
                ("clientcert", "verify-ca") => rule.major < 14 || rule.method != Method::Cert,
                ("clientcert", "1") => rule.major < 14,
                ("clientcert", "0" | "no-verify") => rule.major < 14 && rule.method != Method::Cert,
                _ => false,
            };
            if fine { Ok(()) } else { bad_value() }
        }
        "pamservice" | "pam_use_hostname" => only_of(&[Method::Pam]),
        "ldapurl" => {
            only_of(&[Method::Ldap])?;
            let scheme = value.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
            if matches!(scheme.as_deref(), Some("ldap" | "ldaps")) { Ok(()) } else { bad_value() }
        }
        "ldapport" => {
            only_of(&[Method::Ldap])?;
            if atoi(value) == 0 { bad_value() } else { Ok(()) }
        }
        "ldaptls"
        | "ldapscheme"
        | "ldapserver"
        | "ldapbinddn"
        | "ldapbindpasswd"
        | "ldapsearchattribute"
        | "ldapsearchfilter"
        | "ldapbasedn"
        | "ldapprefix"
        | "ldapsuffix" => only_of(&[Method::Ldap]),
        "krb_realm" | "include_realm" => only_of(&[Method::Gss, Method::Sspi]),
        "compat_realm" | "upn_username" => only_of(&[Method::Sspi]),
        "radiusservers" | "radiusports" | "radiussecrets" | "radiusidentifiers" => {
            only_of(&[Method::Radius])?;
            let Some(values) = list(value) else { return bad_value() };
            if name == "radiusports" && values.iter().any(|v| atoi(v) == 0) { bad_value() } else { Ok(()) }
        }
        "issuer" | "scope" | "validator" | "delegate_ident_mapping" if rule.major >= 18 => only_of(&[Method::OAuth]),
        _ => Err("an option has a name that the server does not know".into()),
    }
}

/// As in C: what is no number is 0.
fn atoi(text: &str) -> i64 {
    let text = text.trim_start();
    let (sign, digits) = match text.as_bytes().first() {
        Some(b'-') => (-1, &text[1..]),
        Some(b'+') => (1, &text[1..]),
        _ => (1, text),
    };
    let mut value = 0i64;
    for digit in digits.bytes().take_while(u8::is_ascii_digit) {
        value = value.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
    }
    sign * value
}

/// A list of words with commas, each possibly in double quotes; `None` where it is malformed.
fn list(text: &str) -> Option<Vec<String>> {
    let mut out = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() || !out.is_empty() {
        let word;
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut text = String::new();
            let mut from = quoted;
            loop {
                let (part, behind) = from.split_once('"')?;
                text.push_str(part);
                from = behind;
                match from.strip_prefix('"') {
                    Some(behind) => {
                        text.push('"');
                        from = behind;
                    }
                    None => break,
                }
            }
            word = text;
            rest = from.trim_start();
        } else {
            let end = rest.find(|c: char| c == ',' || c.is_ascii_whitespace()).unwrap_or(rest.len());
            if end == 0 {
                return None;
            }
            word = rest[..end].to_owned();
            rest = rest[end..].trim_start();
        }
        out.push(word);
        match rest.strip_prefix(',') {
            Some(behind) => rest = behind.trim_start(),
            None if rest.is_empty() => break,
            None => return None,
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(conn: ConnType, method: Method, major: u32, options: &[&str]) -> Result<(), String> {
        let options: Vec<_> =
            options.iter().map(|o| o.split_once('=').map(|(n, v)| (n.to_owned(), v.to_owned())).unwrap()).collect();
        check(&options, &Context { conn, method, major })
    }

    #[test]
    fn options_belong_to_methods() {
        use ConnType::{Host, HostSsl};
        let good: &[(ConnType, Method, u32, &[&str])] = &[
            (HostSsl, Method::Cert, 15, &["map=m", "clientcert=verify-full", "clientname=DN"]),
            (HostSsl, Method::Scram, 15, &["clientcert=verify-ca"]),
            (HostSsl, Method::Scram, 13, &["clientcert=1"]),
            (HostSsl, Method::Scram, 13, &["clientcert=no-verify"]),
            (Host, Method::Ldap, 15, &["ldapserver=l", "ldapprefix=x", "ldapport=389"]),
            (Host, Method::Ldap, 15, &["ldapurl=ldaps://l/dc=x?uid"]),
            (Host, Method::Radius, 15, &["radiusservers=a,b", "radiussecrets=\"x,y\",z", "radiusports=1812"]),
            (Host, Method::OAuth, 18, &["issuer=i", "scope=s"]),
            (Host, Method::Pam, 15, &["pamservice=p"]),
        ];
        for (conn, method, major, options) in good {
            assert_eq!(says(*conn, *method, *major, options), Ok(()), "{options:?}");
        }
        let bad: &[(ConnType, Method, u32, &[&str])] = &[
            (Host, Method::Scram, 15, &["map=m"]),
            (Host, Method::Scram, 15, &["clientcert=verify-ca"]),
            (HostSsl, Method::Cert, 15, &["clientcert=verify-ca"]),
            (HostSsl, Method::Scram, 14, &["clientcert=1"]),
            (HostSsl, Method::Cert, 13, &["clientname=CN"]),
            (HostSsl, Method::Cert, 13, &["clientcert=0"]),
            (Host, Method::Ldap, 15, &["ldapserver=l"]),
            (Host, Method::Ldap, 15, &["ldapprefix=p", "ldapbasedn=b"]),
            (Host, Method::Ldap, 15, &["ldapurl=http://l"]),
            (Host, Method::Ldap, 15, &["ldapprefix=p", "ldapport=x"]),
            (Host, Method::Ldap, 15, &["ldapbasedn=b", "ldapsearchattribute=a", "ldapsearchfilter=f"]),
            (Host, Method::Radius, 15, &["radiusservers=a"]),
            (Host, Method::Radius, 15, &["radiusservers=a,b,c", "radiussecrets=x,y"]),
            (Host, Method::Radius, 15, &["radiusservers=a,", "radiussecrets=x"]),
            (Host, Method::OAuth, 18, &["scope=s"]),
            (Host, Method::OAuth, 18, &["issuer=i", "scope=s", "map=m", "delegate_ident_mapping=1"]),
            (Host, Method::Trust, 17, &["issuer=i"]),
            (Host, Method::Trust, 18, &["nonsense=1"]),
        ];
        for (conn, method, major, options) in bad {
            assert!(says(*conn, *method, *major, options).is_err(), "{method:?} {options:?}");
        }
    }

    #[test]
    fn lists_are_cut_like_settings() {
        assert_eq!(list(" a , \"b,\"\"c\" "), Some(vec!["a".into(), "b,\"c".into()]));
        assert_eq!(list(""), Some(vec![]));
        for bad in ["a,", ",a", "a b", "\"a", "a,,b"] {
            assert_eq!(list(bad), None, "{bad}");
        }
    }
}
