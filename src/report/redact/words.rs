//! Which words of a text may be names, and which are the system's or our own.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::OnceLock;

/// Words of a locator after which a name follows.
pub(super) const KINDS: [&str; 25] = [
    "role",
    "user",
    "database",
    "schema",
    "table",
    "view",
    "sequence",
    "index",
    "function",
    "procedure",
    "aggregate",
    "routine",
    "column",
    "policy",
    "trigger",
    "type",
    "domain",
    "server",
    "publication",
    "subscription",
    "wrapper",
    "slot",
    "owner",
    "constraint",
    "language",
];
/// Words after which a name may follow, with a kind before it or none.
pub(super) const JOINTS: [&str; 7] = ["of", "on", "in", "for", "to", "by", "from"];
/// Words that begin an access rule.
pub(super) const RULES: [&str; 6] = ["local", "host", "hostssl", "hostnossl", "hostgssenc", "hostnogssenc"];
/// Other words of locators, rules and of our own texts that look like names and are none.
pub(super) const WORDS: &str = "mapping mappings foreign event user password setting rule line file member \
    membership grant \
    comment large object extension access method any everybody public all sameuser samerole samegroup replication \
    samehost samenet trust reject scram sha 1 256 384 512 sha1 sha256 sha512 md5 gss sspi ident peer ldap radius cert \
    pam bsd oauth map clientcert clientname verify full ca socket loopback private global internet network ipv4 ipv6 \
    address addresses the local link cgnat ula tlsv1 x509 utf8 base64 aes128 aes256 integer bigint smallint text \
    boolean numeric real double precision bytea json jsonb uuid date time timestamp timestamptz with without zone \
    interval inet cidr void record anyelement regclass oid name character varying varchar char select insert update \
    delete truncate references usage create execute connect temporary maintain set option admin inherit \
    own login roles connection limit delay rules credentials pgsql newest backup globals posture contents inventory warning \
    bucket default encryption logging old versions unfinished uploads writer replace shorten lock override read list \
    source waiver replica \
    ldapserver ldapport ldapscheme ldaptls ldapprefix ldapsuffix ldapbasedn ldapbinddn ldapbindpasswd ldapurl \
    ldapsearchattribute ldapsearchfilter radiusservers radiussecrets radiusports radiusidentifiers krb_realm \
    include_realm compat_realm upn_username pamservice pam_use_hostname issuer scope validator delegate_ident_mapping";
/// Whether a word stands as the name of a setting, which is the system's. Those
/// that users make up have a dot in them.
pub(super) fn is_setting(before: &str, word: &str, after: Option<&&str>) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    before == "setting" && after != Some(&".") && word.bytes().all(plain)
}

/// Whether this is one of the words above. The catalogue's texts are not asked:
/// they speak of customers and orders, and so do databases.
pub(super) fn is_word(word: &str) -> bool {
    static ALL: OnceLock<HashSet<String>> = OnceLock::new();
    let all = ALL.get_or_init(|| tokens(WORDS).into_iter().map(str::to_lowercase).collect());
    all.contains(&word.to_lowercase())
}

/// Whether a word looks like the name of something: an underscore, a digit among
/// letters, a capital within, another script. Not a number with its unit.
pub(super) fn is_odd(word: &str) -> bool {
    let first = word.chars().next().is_some_and(|c| !c.is_ascii_digit());
    let digit = word.bytes().any(|b| b.is_ascii_digit()) && word.chars().any(char::is_alphabetic);
    let lower = word.chars().any(char::is_lowercase);
    let capital = lower && word.chars().skip(1).any(char::is_uppercase);
    first && (word.contains('_') || digit || capital || !word.is_ascii())
}

pub(super) fn is_address(word: &str) -> bool {
    let word = word.trim_matches(|c: char| matches!(c, ',' | ';' | '(' | ')' | '.'));
    let (address, bits) = word.split_once('/').unwrap_or((word, "0"));
    address.parse::<IpAddr>().is_ok() && (bits.parse::<u8>().is_ok() || bits.parse::<IpAddr>().is_ok())
}

pub(super) fn place(kind: &str) -> usize {
    KINDS.iter().position(|k| *k == kind).unwrap_or_default()
}

/// Words, quoted identifiers, and the signs between them.
pub(super) fn tokens(text: &str) -> Vec<&str> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || !c.is_ascii();
    let (mut all, mut rest) = (Vec::new(), text);
    while let Some(first) = rest.chars().next() {
        let end = if first == '"' {
            // A doubled quote is part of the name.
            let mut quotes = rest.char_indices().skip(1).filter(|(_, c)| *c == '"').map(|(i, _)| i).peekable();
            let mut end = rest.len();
            while let Some(at) = quotes.next() {
                if quotes.next_if_eq(&(at + 1)).is_none() {
                    end = at + 1;
                    break;
                }
            }
            end
        } else if is_part(first) {
            rest.find(|c| !is_part(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (token, after) = rest.split_at(end);
        if !first.is_whitespace() {
            all.push(token);
        }
        rest = after;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_names_are_one_token() {
        assert_eq!(tokens("a.\"b \"\"c\"\" d\"(int)"), ["a", ".", "\"b \"\"c\"\" d\"", "(", "int", ")"]);
        assert_eq!(tokens("\"open"), ["\"open"]);
        for (word, odd) in
            [("a_b", true), ("a1", true), ("aB", true), ("größe", true), ("10s", false), ("PUBLIC", false)]
        {
            assert_eq!(is_odd(word), odd, "{word}");
        }
        for (word, is) in [("10.0.0.0/8", true), ("fd00::/8,", true), ("10.0.0.0/255.0.0.0", true), ("a.b", false)] {
            assert_eq!(is_address(word), is, "{word}");
        }
    }

    #[test]
    fn settings_of_the_system_are_told_from_those_that_users_make_up() {
        assert!(is_setting("setting", "log_connections", None));
        assert!(!is_setting("setting", "myapp", Some(&".")) && !is_setting("role", "log_connections", None));
        assert!(!is_setting("setting", "\"x\"", None));
    }
}
