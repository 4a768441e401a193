//! EXP-TLS-001 and EXP-TLS-002: TLS is on where it is needed, and strong.

use super::PLANES;
use crate::exposure::access::Listens;
use crate::exposure::{About, Check, Found, Look, Policy, Seen, Server, Severity};

/// TLS is on.
pub const ON: Check = Check {
    about: About {
        id: "EXP-TLS-001",
        title: "TLS is on where clients come over the network",
        severity: Severity::High,
        planes: PLANES,
        guide: &[3],
        refs: &["CIS 6.8", "SRG-APP-000442"],
        why: "Without TLS every statement and every row crosses the network readable, and nothing tells a client that it \
              talks to the right server.",
        inspects: "ssl = off while an access rule lets somebody in from beyond loopback and the server listens there.",
        remedy: "Set ssl_cert_file and ssl_key_file, then ALTER SYSTEM SET ssl = on and SELECT pg_reload_conf().",
        false_positives: "A proxy on the same host ends TLS: let the server listen at loopback only, and it is no finding.",
        source: "PostgreSQL manual, \"Secure TCP/IP Connections with SSL\"",
    },
    look: Look::Server(on),
};

/// TLS is strong.
pub const STRENGTH: Check = Check {
    about: About {
        id: "EXP-TLS-002",
        title: "TLS takes no old protocol and no weak cipher",
        severity: Severity::Medium,
        planes: PLANES,
        guide: &[3],
        refs: &["CIS 6.10", "SRG-APP-000179"],
        why: "TLS before 1.2 and ciphers without forward secrecy or with broken primitives can be read later, or now, by \
              who records the traffic.",
        inspects: "ssl_min_protocol_version below TLSv1.2 (or empty); ssl_ciphers that name NULL, anonymous, EXPORT, RC4, DES, \
                   3DES, MD5 or LOW or MEDIUM ciphers without excluding them; ssl_prefer_server_ciphers = off. Not where \
                   ssl = off.",
        remedy: "ALTER SYSTEM SET ssl_min_protocol_version = 'TLSv1.2'; ALTER SYSTEM SET ssl_ciphers = 'HIGH:!aNULL:!MD5:!3DES';",
        false_positives: "Old clients that know nothing newer: waive with the date on which they end.",
        source: "PostgreSQL manual, \"SSL\" settings; RFC 8996 (TLS 1.0 and 1.1 deprecated)",
    },
    look: Look::Server(strength),
};

fn on(server: &Server, _: &Policy) -> Seen {
    match server.is_on("ssl") {
        Ok(true) => return Seen::all_of(1),
        Ok(false) => {}
        Err(why) => return Seen::not_evaluated(why),
    }
    let access = match server.access() {
        Ok(access) => access,
        Err(why) => return Seen::not_evaluated(why),
    };
    if matches!(access.listens(), Listens::Nowhere | Listens::Loopback) {
        return Seen::not_applicable("the server listens at loopback or nowhere");
    }
    let hits = access.hits(|cell| access.is_remote(cell));
    let roles: std::collections::BTreeSet<&str> = hits.iter().flat_map(|h| h.roles.iter().copied()).collect();
    let mut seen = Seen::one((!hits.is_empty()).then(|| {
        Found::new("setting ssl", format!("TLS is off, and {} roles can enter over the network", roles.len()))
    }));
    seen.open.extend(access.matrix.gaps.iter().cloned());
    seen
}

fn strength(server: &Server, _: &Policy) -> Seen {
    match server.is_on("ssl") {
        Ok(true) => {}
        Ok(false) => return Seen::not_applicable("TLS is off: see EXP-TLS-001"),
        Err(why) => return Seen::not_evaluated(why),
    }
    let mut seen = Seen::default();
    let mut judge = |name: &str, wrong: &dyn Fn(&str) -> Option<String>| match server.value(name) {
        Ok(value) => seen.merge(Seen::one(wrong(value).map(|m| Found::new(format!("setting {name}"), m)))),
        Err(why) => seen.open.push(why),
    };
    judge("ssl_min_protocol_version", &|value| {
        let old = !matches!(value, "TLSv1.2" | "TLSv1.3");
        old.then(|| format!("protocols from {} on are taken", if value.is_empty() { "the oldest" } else { value }))
    });
    judge("ssl_ciphers", &|value| {
        let weak = weak_ciphers(value);
        (!weak.is_empty()).then(|| format!("weak ciphers are taken: {}", weak.join(", ")))
    });
    judge("ssl_prefer_server_ciphers", &|value| {
        (value != "on").then(|| "the client chooses the cipher, the weakest it likes".to_owned())
    });
    seen
}

/// Words of an OpenSSL cipher list that let weak ciphers in. `HIGH` does not
/// hold them; the default `HIGH:MEDIUM:+3DES:!aNULL` does.
fn weak_ciphers(list: &str) -> Vec<&str> {
    const WEAK: [&str; 13] = [
        "ALL",
        "LOW",
        "MEDIUM",
        "EXPORT",
        "EXP",
        "NULL",
        "eNULL",
        "aNULL",
        "RC4",
        "DES",
        "3DES",
        "MD5",
        "COMPLEMENTOFALL",
    ];
    let words: Vec<&str> = list.split([':', ',', ' ']).filter(|w| !w.is_empty()).collect();
    let excluded = |word: &str| words.iter().any(|w| w.strip_prefix(['!', '-']) == Some(word));
    // `+X` moves what is there to the end and adds nothing.
    let named = words.iter().copied().filter(|w| !w.starts_with(['!', '-', '+', '@']));
    named.filter(|w| w.split('+').any(|part| WEAK.contains(&part)) && !excluded(w)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cipher_lists() {
        assert_eq!(weak_ciphers("HIGH:MEDIUM:+3DES:!aNULL"), ["MEDIUM"]);
        assert_eq!(weak_ciphers("HIGH:!aNULL:!MD5:!3DES"), [""; 0]);
        assert_eq!(weak_ciphers("HIGH:MEDIUM:!MEDIUM"), [""; 0]);
        assert_eq!(weak_ciphers("ECDHE-RSA-AES256-GCM-SHA384"), [""; 0]);
        assert_eq!(weak_ciphers("ALL:RC4"), ["ALL", "RC4"]);
    }
}
