//! A rule.

use super::words::{Address, ConnType, DbToken, UserToken, quoted};

/// How a connection proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// Not at all.
    Trust,
    /// Nobody enters.
    Reject,
    /// `scram-sha-256`
    Scram,
    /// `md5`: SCRAM where the role stores a SCRAM verifier.
    Md5,
    /// `password`: clear text.
    Password,
    /// `gss`
    Gss,
    /// `sspi`, of servers on Windows.
    Sspi,
    /// `ident`, over TCP.
    Ident,
    /// `peer`; also what `ident` means on the socket.
    Peer,
    /// `ldap`
    Ldap,
    /// `radius`
    Radius,
    /// `cert`
    Cert,
    /// `pam`
    Pam,
    /// `bsd`, of servers on OpenBSD.
    Bsd,
    /// `oauth`, since 18.
    OAuth,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Trust,
        Self::Reject,
        Self::Scram,
        Self::Md5,
        Self::Password,
        Self::Gss,
        Self::Sspi,
        Self::Ident,
        Self::Peer,
        Self::Ldap,
        Self::Radius,
        Self::Cert,
        Self::Pam,
        Self::Bsd,
        Self::OAuth,
    ];

    /// As written in the file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Trust => "trust",
            Self::Reject => "reject",
            Self::Scram => "scram-sha-256",
            Self::Md5 => "md5",
            Self::Password => "password",
            Self::Gss => "gss",
            Self::Sspi => "sspi",
            Self::Ident => "ident",
            Self::Peer => "peer",
            Self::Ldap => "ldap",
            Self::Radius => "radius",
            Self::Cert => "cert",
            Self::Pam => "pam",
            Self::Bsd => "bsd",
            Self::OAuth => "oauth",
        }
    }

    /// The word's meaning in a major version: `oauth` came with 18, `radius` went with 19.
    pub fn read(word: &str, major: u32) -> Option<Self> {
        let known = |m: Self| match m {
            Self::OAuth => major >= 18,
            Self::Radius => major < 19,
            _ => true,
        };
        Self::ALL.into_iter().find(|m| m.word() == word && known(*m))
    }

    /// Whether anybody can enter by it.
    pub fn accepts(self) -> bool {
        self != Self::Reject
    }

    /// Whether it sends the password itself, so that only the transport hides it.
    pub fn clear_text(self) -> bool {
        matches!(self, Self::Password | Self::Ldap | Self::Radius | Self::Pam | Self::Bsd)
    }
}

/// What stands in [`Rule::options`] instead of a secret.
pub const SECRET: &str = "(secret)";

/// One line that the server takes as a rule.
///
/// Passwords among its options are gone: their values are [`SECRET`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Order in which rules are asked, from 1 (`rule_number` of `pg_hba_file_rules`).
    pub number: usize,
    /// Path of the file it stands in.
    pub file: String,
    /// Its first line there, from 1.
    pub line: u32,
    /// Connection type.
    pub transport: ConnType,
    /// Databases: one of them must fit.
    pub databases: Vec<DbToken>,
    /// Users: one of them must fit.
    pub users: Vec<UserToken>,
    /// Where the connection comes from.
    pub address: Address,
    /// What is asked for.
    pub method: Method,
    /// Options of the method, as written, in order.
    pub options: Vec<(String, String)>,
}

impl Rule {
    /// An option's value; the last one counts, as in the server.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().rev().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The user name map that the method asks.
    pub fn map(&self) -> Option<&str> {
        self.option("map").filter(|m| !m.is_empty())
    }

    /// The rule on one line, as it could stand in the file. Whoever shows it escapes it.
    pub fn text(&self) -> String {
        let options = self.options.iter().map(|(n, v)| quoted(&format!("{n}={v}"), &[], &['@'])).collect();
        self.fields(self.databases.iter().map(DbToken::text), self.users.iter().map(UserToken::text), options)
    }

    /// The rule without what changes nothing (place, order of names and
    /// options, repetitions): equal for rules that say the same.
    pub fn canonical(&self) -> String {
        let set = |words: Vec<String>| {
            let mut words = words;
            words.sort_unstable();
            words.dedup();
            words.into_iter()
        };
        let mut names: Vec<&String> = self.options.iter().map(|(n, _)| n).collect();
        names.sort_unstable();
        names.dedup();
        let options = names
            .into_iter()
            .map(|n| quoted(&format!("{n}={}", self.option(n).unwrap_or_default()), &[], &['@']))
            .collect();
        self.fields(
            set(self.databases.iter().map(DbToken::text).collect()),
            set(self.users.iter().map(UserToken::text).collect()),
            options,
        )
    }

    fn fields(
        &self,
        databases: impl Iterator<Item = String>,
        users: impl Iterator<Item = String>,
        options: Vec<String>,
    ) -> String {
        let mut parts = vec![
            self.transport.word().to_owned(),
            databases.collect::<Vec<_>>().join(","),
            users.collect::<Vec<_>>().join(","),
        ];
        if self.address != Address::None {
            parts.push(self.address.text());
        }
        parts.push(self.method.word().to_owned());
        parts.extend(options);
        parts.join(" ")
    }
}
