//! ISO-006: ways out, tried from inside.
//!
//! Anything but our own canaries is dialled only once the host has seen that
//! the network namespace is empty (ISO-005): a probe must not be what reaches
//! production.

use std::net::IpAddr;
use std::time::Duration;

use super::canary::Canary;
use super::inside::Answers;
use super::{Rule, Seen, Target};
use crate::config::schema::Isolation;

/// ISO-006.
pub const RULE: Rule = Rule { id: "ISO-006", title: "nothing can be dialled from inside", from: Isolation::I2 };

/// How long the source's name may take to be looked up, on the host.
const LOOK_UP: Duration = Duration::from_secs(1);

/// Most addresses of the source that are dialled.
const ADDRESSES: usize = 4;

/// Where cloud hosts give out credentials; an address of TEST-NET-1 (RFC 5737)
/// and of its IPv6 sibling (RFC 3849), which stand for every public one.
const FAR: [(&str, u16); 3] = [("169.254.169.254", 80), ("192.0.2.1", 443), ("2001:db8::1", 443)];

/// A name that exists (RFC 2606): that it cannot be found means that nobody was asked.
const NAME: &str = "example.com";

/// What `psql` says of a connection that was never made.
const NO_WAY: [&str; 8] = [
    "Network is unreachable",
    "No route to host",
    "Cannot assign requested address",
    "Address family not supported",
    "Permission denied",
    "Operation not permitted",
    "No such file or directory",
    "could not translate host name",
];

/// One way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    label: String,
    host: String,
    port: u16,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A canary in the network namespace.
    Canary,
    /// The canary's socket file, which is not ISO-006's business but ISO-007's.
    File,
    /// Something else: who refuses there was reached.
    Far,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    NoWay,
    Through,
    Unknown,
}

impl Way {
    fn new(label: impl Into<String>, host: impl Into<String>, port: u16, kind: Kind) -> Self {
        Self { label: label.into(), host: host.into(), port, kind }
    }

    /// What `psql` is given; the database comes from the environment. Not an address of libpq's own choice, no TLS first:
    /// one attempt an address.
    pub(super) fn conninfo(&self) -> String {
        let key = if self.host.parse::<IpAddr>().is_ok() { "hostaddr" } else { "host" };
        let host = self.host.replace('\\', "\\\\").replace('\'', "\\'");
        format!("{key}='{host}' port={} user=pgseal connect_timeout=2 sslmode=disable gssencmode=disable", self.port)
    }

    fn came(&self, code: i32, said: &str) -> Came {
        let attempts: Vec<&str> =
            said.split("could not connect to server").flat_map(|s| s.split("connection to server")).skip(1).collect();
        // Inside, loopback is the namespace's own: whoever refuses there is not the host.
        let loopback = self.host.parse::<IpAddr>().map_or(self.host == "localhost", |a| a.is_loopback());
        let near = self.kind != Kind::Far || loopback;
        let no_way = |s: &str| NO_WAY.iter().any(|n| s.contains(n)) || (near && s.contains("Connection refused"));
        let unnamed = attempts.is_empty() && said.contains("could not translate host name");
        match code {
            2 if unnamed || (!attempts.is_empty() && attempts.iter().all(|a| no_way(a))) => Came::NoWay,
            // Whoever answers, refuses or keeps us waiting can be reached.
            0..=2 if code == 0 || !attempts.is_empty() => Came::Through,
            _ => Came::Unknown,
        }
    }
}

/// What is to be dialled from inside.
pub(super) async fn ways(t: Target<'_>, apart: bool, canary: Option<&Canary>) -> Vec<Way> {
    let mut ways = Vec::new();
    for perch in canary.into_iter().flat_map(Canary::perches) {
        let kind = if perch.host.starts_with('/') { Kind::File } else { Kind::Canary };
        // Before 14, libpq takes an abstract name for a host's.
        if t.level >= RULE.from && !(perch.host.starts_with('@') && t.major < 14) || kind == Kind::File {
            ways.push(Way::new(&perch.label, &perch.host, perch.port, kind));
        }
    }
    if !apart || t.level < RULE.from {
        return ways;
    }
    ways.extend(FAR.iter().map(|(host, port)| Way::new(*host, *host, *port, Kind::Far)));
    ways.push(Way::new(format!("the name {NAME}"), NAME, 443, Kind::Far));
    if let Some((host, port)) = t.outside.source.as_ref().filter(|s| !s.0.starts_with(['/', '@'])) {
        ways.push(Way::new(format!("the source {host}:{port}"), host, *port, Kind::Far));
        // Inside, a name may only be unknown: its addresses are dialled, too.
        if host.parse::<IpAddr>().is_err()
            && let Ok(Ok(found)) = tokio::time::timeout(LOOK_UP, tokio::net::lookup_host((host.as_str(), *port))).await
        {
            let address =
                |a: std::net::SocketAddr| Way::new(format!("the source {a}"), a.ip().to_string(), *port, Kind::Far);
            ways.extend(found.take(ADDRESSES).map(address));
        }
    }
    ways
}

pub(super) fn judge(
    t: Target<'_>,
    apart: bool,
    ways: &[Way],
    canary: &Result<Canary, String>,
    answers: &Result<Answers, String>,
) -> Seen {
    if t.level < RULE.from {
        return Seen::Blind(format!("isolation {} does not promise it: dial-outs would be real", t.level.name()));
    }
    let canary = match canary {
        Ok(canary) => canary,
        Err(why) => return Seen::blind(why),
    };
    // Whatever was said inside: it was there.
    let heard = canary.heard(false);
    if heard > 0 && answers.is_err() {
        return Seen::Bad(format!("the canary heard {heard}"));
    }
    let answers = match answers {
        Ok(answers) => answers,
        Err(why) => return Seen::blind(why),
    };
    let came: Vec<(&Way, Came)> = ways
        .iter()
        .zip(&answers.dials)
        .filter(|(w, _)| w.kind != Kind::File)
        .map(|(w, (code, said))| (w, w.came(*code, said)))
        .collect();
    let those = |which: Came| -> Vec<&str> {
        came.iter().filter(|(_, c)| *c == which).map(|(w, _)| w.label.as_str()).collect()
    };
    let (through, unknown) = (those(Came::Through), those(Came::Unknown));
    if heard > 0 || !through.is_empty() {
        return Seen::Bad(format!("the canary heard {heard}; reached from inside: {}", through.join(", ")));
    }
    if !unknown.is_empty() || came.is_empty() {
        return Seen::Blind(format!("psql could not be used inside to dial {}", unknown.join(", ")));
    }
    if !apart {
        return Seen::blind("the network namespace is not empty: only the canary was dialled");
    }
    let source = if t.outside.source.is_some() { "" } else { " (the source's address is not known)" };
    Seen::Good(format!("the canary heard nobody; no way to {}{source}", those(Came::NoWay).join(", ")))
}

/// Whether the canary's socket file was reached; `None` where nobody tried.
pub(super) fn socket_file(ways: &[Way], answers: &Answers) -> Option<bool> {
    let (way, (code, said)) = ways.iter().zip(&answers.dials).find(|(w, _)| w.kind == Kind::File)?;
    match way.came(*code, said) {
        Came::NoWay => Some(false),
        Came::Through => Some(true),
        Came::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_psql_says_is_told_apart() {
        let at = |said: &str| format!("psql: error: connection to server at \"h\", port 1 failed: {said}");
        let far = Way::new("f", "192.0.2.1", 1, Kind::Far);
        let (here, local) = (Way::new("h", "127.0.0.1", 1, Kind::Far), Way::new("l", "localhost", 1, Kind::Far));
        let near = Way::new("n", "127.0.0.1", 1, Kind::Canary);
        for (way, code, said, came) in [
            (&far, 2, at("Network is unreachable"), Came::NoWay),
            (&far, 2, at("Connection refused"), Came::Through),
            (&near, 2, at("Connection refused"), Came::NoWay),
            (&far, 2, at("timeout expired"), Came::Through),
            (&here, 2, at("Connection refused"), Came::NoWay),
            (&local, 2, at("Connection refused"), Came::NoWay),
            (&here, 2, at("timeout expired"), Came::Through),
            (&near, 2, at("server closed the connection unexpectedly"), Came::Through),
            (&far, 2, at("FATAL: no pg_hba.conf entry"), Came::Through),
            (&far, 0, String::new(), Came::Through),
            (&far, 2, at("Network is unreachable") + " " + &at("Connection refused"), Came::Through),
            (&far, 2, "psql: error: could not connect to server: Network is unreachable".into(), Came::NoWay),
            (
                &far,
                2,
                "psql: error: could not translate host name \"x\" to address: Temporary failure".into(),
                Came::NoWay,
            ),
            (&far, 127, String::new(), Came::Unknown),
            (&far, 126, "Permission denied".into(), Came::Unknown),
            (&far, 1, "psql: error: invalid connection option".into(), Came::Unknown),
            (&far, 2, "something else".into(), Came::Unknown),
        ] {
            assert_eq!(way.came(code, &said), came, "{said}");
        }
    }

    #[test]
    fn names_and_addresses_are_written_for_psql() {
        let text = Way::new("l", "o'db\\1", 5433, Kind::Far).conninfo();
        assert!(text.starts_with("host='o\\'db\\\\1' port=5433 "), "{text}");
        assert!(Way::new("l", "::1", 1, Kind::Far).conninfo().starts_with("hostaddr='::1'"));
    }
}
