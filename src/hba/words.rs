//! The parts of a rule: connection types, databases, users, addresses.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::address::Prefix;
use super::pattern::Pattern;

/// First word of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConnType {
    /// `local`: the unix socket.
    Local,
    /// `host`: TCP, whether encrypted or not.
    Host,
    /// `hostssl`
    HostSsl,
    /// `hostnossl`: plain TCP, and TCP inside of GSSAPI.
    HostNoSsl,
    /// `hostgssenc`
    HostGssEnc,
    /// `hostnogssenc`: plain TCP and TLS.
    HostNoGssEnc,
}

impl ConnType {
    /// As written in the file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Host => "host",
            Self::HostSsl => "hostssl",
            Self::HostNoSsl => "hostnossl",
            Self::HostGssEnc => "hostgssenc",
            Self::HostNoGssEnc => "hostnogssenc",
        }
    }

    /// The word's meaning.
    pub fn read(word: &str) -> Option<Self> {
        [Self::Local, Self::Host, Self::HostSsl, Self::HostNoSsl, Self::HostGssEnc, Self::HostNoGssEnc]
            .into_iter()
            .find(|t| t.word() == word)
    }

    /// Whether connections of this kind are asked.
    pub fn covers(self, transport: Transport) -> bool {
        match (self, transport) {
            (Self::Local, t) => t == Transport::Socket,
            (_, Transport::Socket) => false,
            (Self::Host, _) => true,
            (Self::HostSsl, t) => t == Transport::Tls,
            (Self::HostNoSsl, t) => t != Transport::Tls,
            (Self::HostGssEnc, t) => t == Transport::Gss,
            (Self::HostNoGssEnc, t) => t != Transport::Gss,
        }
    }
}

/// How a connection arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// The unix socket.
    Socket,
    /// TCP, readable by the network.
    Plain,
    /// TCP inside of TLS.
    Tls,
    /// TCP inside of GSSAPI encryption.
    Gss,
}

impl Transport {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Socket, Self::Plain, Self::Tls, Self::Gss];

    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Socket => "socket",
            Self::Plain => "plain TCP",
            Self::Tls => "TLS",
            Self::Gss => "GSS encryption",
        }
    }
}

/// One word of the database field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DbToken {
    /// `all`: every database, but no physical replication.
    All,
    /// `sameuser`: the database that is called like the role.
    SameUser,
    /// `samerole` (or `samegroup`): databases called like a role that the role is a member of.
    SameRole,
    /// `replication`: physical replication.
    Replication,
    /// A database's name.
    Name(String),
    /// `/…`, since 16.
    Regex(Pattern),
    /// `@…`: a file that was not captured. It may name anything.
    AtFile(String),
}

/// One word of the user field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UserToken {
    /// `all`
    All,
    /// A role's name.
    Name(String),
    /// `+…`: members of a role, directly or not, and the role itself.
    Group(String),
    /// `/…`, since 16.
    Regex(Pattern),
    /// `@…`: a file that was not captured. It may name anything.
    AtFile(String),
}

/// Where a connection may come from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// A `local` rule has none.
    None,
    /// `all`: every address of both families.
    All,
    /// A network; host bits are cleared.
    Cidr(Prefix),
    /// An address with a mask that is no prefix.
    Mask {
        /// The address.
        address: IpAddr,
        /// The mask, of the same family.
        mask: IpAddr,
    },
    /// `samehost`: any address of the server itself.
    SameHost,
    /// `samenet`: any address of a network that the server is part of.
    SameNet,
    /// A host's name.
    Host(String),
    /// `.…`: the end of a host's name, with its dot.
    Suffix(String),
}

impl Address {
    /// Whether it is written as addresses, and not as a name or as whatever
    /// networks the server has.
    pub fn is_fixed(&self) -> bool {
        !matches!(self, Self::Host(_) | Self::Suffix(_) | Self::SameHost | Self::SameNet)
    }

    /// Whether only the server itself can tell which addresses these are.
    pub fn is_maybe(&self) -> bool {
        matches!(self, Self::SameHost | Self::SameNet | Self::Host(_) | Self::Suffix(_) | Self::Mask { .. })
    }

    /// As in a rule, masks as prefixes.
    pub fn text(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::All => "all".into(),
            Self::Cidr(prefix) => prefix.to_string(),
            Self::Mask { address, mask } => format!("{address} {mask}"),
            Self::SameHost => "samehost".into(),
            Self::SameNet => "samenet".into(),
            Self::Host(name) | Self::Suffix(name) => quoted(name, &["all", "samehost", "samenet"], &[]),
        }
    }
}

impl DbToken {
    /// As in a rule.
    pub fn text(&self) -> String {
        match self {
            Self::All => "all".into(),
            Self::SameUser => "sameuser".into(),
            Self::SameRole => "samerole".into(),
            Self::Replication => "replication".into(),
            Self::Name(name) => quoted(name, &["all", "sameuser", "samerole", "samegroup", "replication"], &['@', '/']),
            Self::Regex(pattern) => quoted(&format!("/{}", pattern.source()), &[], &[]),
            Self::AtFile(path) => format!("@{}", quoted(path, &[], &[])),
        }
    }
}

impl UserToken {
    /// As in a rule.
    pub fn text(&self) -> String {
        match self {
            Self::All => "all".into(),
            Self::Name(name) => quoted(name, &["all"], &['@', '/', '+']),
            Self::Group(name) => format!("+{}", quoted(name, &[], &[])),
            Self::Regex(pattern) => quoted(&format!("/{}", pattern.source()), &[], &[]),
            Self::AtFile(path) => format!("@{}", quoted(path, &[], &[])),
        }
    }
}

/// `word`, in quotes where it would otherwise mean something else.
pub(super) fn quoted(word: &str, keywords: &[&str], first: &[char]) -> String {
    let plain = !word.is_empty()
        && !keywords.contains(&word)
        && !word.starts_with(first)
        && !word.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, ',' | '#' | '"' | '\\'));
    if plain {
        return word.to_owned();
    }
    let mut out = String::with_capacity(word.len() + 2);
    let _ = write!(out, "\"{}\"", word.replace('"', "\"\""));
    out
}
