//! The ways in as one picture: from how far away (rows), by what proof (columns),
//! as what (cells). The danger of a way is the severity that the catalogue gives to
//! ways of its kind.

use crate::checks::Severity;
use crate::exposure::outcome::EntryRow;

/// How far away a way begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A socket in the file system of the host.
    Socket,
    /// The host's own addresses.
    Loopback,
    /// The same wire.
    Link,
    /// Private networks.
    Private,
    /// What this version has no word for, host names among them.
    Other,
    /// Public addresses.
    Internet,
}

impl Place {
    /// From near to far.
    pub const ALL: [Self; 6] = [Self::Socket, Self::Loopback, Self::Link, Self::Private, Self::Other, Self::Internet];

    /// Where a way begins.
    pub fn of(way: &EntryRow) -> Self {
        if way.transport == "socket" { Self::Socket } else { Self::of_class(&way.class) }
    }

    /// The place of a class of addresses.
    pub fn of_class(class: &str) -> Self {
        match class {
            "socket" | "local" => Self::Socket,
            "loopback" => Self::Loopback,
            "link-local" | "link_local" => Self::Link,
            "private" | "rfc1918" | "ula" | "cgnat" => Self::Private,
            "global" | "public" => Self::Internet,
            _ => Self::Other,
        }
    }

    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Socket => "Socket on the host",
            Self::Loopback => "Loopback",
            Self::Link => "Same wire",
            Self::Private => "Private networks",
            Self::Other => "Other places",
            Self::Internet => "The internet",
        }
    }

    /// Whether one has to be on the host already.
    const fn is_near(self) -> bool {
        matches!(self, Self::Socket | Self::Loopback)
    }

    /// Whether its row stands even where nobody can enter: that is worth seeing.
    const fn always(self) -> bool {
        matches!(self, Self::Socket | Self::Loopback | Self::Private | Self::Internet)
    }
}

/// What has to be shown to enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    /// Nothing.
    Nothing,
    /// A password that can be read or broken on its way, or the client's own word.
    Weak,
    /// What another service says.
    Service,
    /// A password that is not sent.
    Password,
    /// A key, a ticket or the operating system's word.
    Key,
}

impl Proof {
    /// From nothing to much.
    pub const ALL: [Self; 5] = [Self::Nothing, Self::Weak, Self::Service, Self::Password, Self::Key];

    /// What a way asks for.
    pub fn of(way: &EntryRow) -> Self {
        match way.method.as_str() {
            "trust" => Self::Nothing,
            "ldap" | "radius" | "pam" | "bsd" | "oauth" => Self::Service,
            "scram-sha-256" => Self::Password,
            "cert" | "peer" | "gss" | "sspi" => Self::Key,
            // What is not known is not praised.
            _ => Self::Weak,
        }
    }

    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "Nothing asked",
            Self::Weak => "Weak proof",
            Self::Service => "Another service",
            Self::Password => "SCRAM password",
            Self::Key => "Key, ticket or OS",
        }
    }

    /// Its methods.
    pub const fn methods(self) -> &'static str {
        match self {
            Self::Nothing => "trust",
            Self::Weak => "password, md5, ident",
            Self::Service => "ldap, radius, pam, oauth",
            Self::Password => "scram-sha-256",
            Self::Key => "cert, gss, peer",
        }
    }
}

/// Whether what is said on a way can be read by others on it.
pub fn is_plain(way: &EntryRow) -> bool {
    !Place::of(way).is_near() && !matches!(way.transport.as_str(), "tls" | "gss" | "socket")
}

/// How dangerous a way is; [`Severity::Info`] where it is as it should be.
pub fn danger(way: &EntryRow) -> Severity {
    let (place, proof) = (Place::of(way), Proof::of(way));
    let all_of_it = way.superuser || way.databases.iter().any(|d| d == "replication");
    match place {
        _ if place.is_near() => match proof {
            Proof::Nothing if way.superuser => Severity::High,
            Proof::Nothing | Proof::Weak => Severity::Medium,
            Proof::Service | Proof::Password | Proof::Key => Severity::Info,
        },
        _ if proof == Proof::Nothing => Severity::Critical,
        Place::Internet if all_of_it => Severity::Critical,
        Place::Internet => Severity::High,
        _ if way.superuser || is_plain(way) => Severity::High,
        _ if proof == Proof::Weak => Severity::Medium,
        _ => Severity::Info,
    }
}

/// All ways from one place with one proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The worst of them.
    pub danger: Severity,
    /// The most roles that one of them lets in.
    pub roles: u32,
    /// Whether one of them lets a superuser in.
    pub superuser: bool,
    /// Whether one of them is not encrypted.
    pub plain: bool,
    /// Whether all of them depend on what cannot be known.
    pub maybe: bool,
    /// How many there are.
    pub ways: usize,
}

/// All ways from one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The place.
    pub place: Place,
    /// By proof, in the order of [`Proof::ALL`].
    pub cells: [Option<Cell>; 5],
}

impl Line {
    /// The worst of them.
    pub fn danger(&self) -> Option<Severity> {
        self.cells.iter().flatten().map(|c| c.danger).max()
    }
}

/// The picture; empty where no way is known.
pub fn matrix(ways: &[EntryRow]) -> Vec<Line> {
    if ways.is_empty() {
        return Vec::new();
    }
    let cell = |place: Place, proof: Proof| {
        ways.iter().filter(|w| Place::of(w) == place && Proof::of(w) == proof).fold(None, |cell: Option<Cell>, way| {
            let one = Cell {
                danger: danger(way),
                roles: way.role_count,
                superuser: way.superuser,
                plain: is_plain(way),
                maybe: way.maybe,
                ways: 1,
            };
            Some(cell.map_or(one.clone(), |c| Cell {
                danger: c.danger.max(one.danger),
                roles: c.roles.max(one.roles),
                superuser: c.superuser || one.superuser,
                plain: c.plain || one.plain,
                maybe: c.maybe && one.maybe,
                ways: c.ways + 1,
            }))
        })
    };
    let line = |place: Place| Line { place, cells: Proof::ALL.map(|proof| cell(place, proof)) };
    Place::ALL.into_iter().map(line).filter(|l| l.place.always() || l.danger().is_some()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::exposure::sample::sample;

    fn way(class: &str, transport: &str, method: &str, superuser: bool) -> EntryRow {
        EntryRow {
            class: class.into(),
            transport: transport.into(),
            method: method.into(),
            superuser,
            databases: vec!["shop".into()],
            ..sample().entry[1].clone()
        }
    }

    #[test]
    fn danger_is_what_the_catalogue_says_of_ways_of_the_kind() {
        for (class, transport, method, superuser, expected) in [
            ("socket", "socket", "peer", true, Severity::Info),
            ("socket", "socket", "trust", false, Severity::Medium),
            ("socket", "socket", "trust", true, Severity::High),
            ("loopback", "plain", "md5", false, Severity::Medium),
            ("loopback", "plain", "scram-sha-256", true, Severity::Info),
            ("private", "tls", "trust", false, Severity::Critical),
            ("private", "tls", "scram-sha-256", false, Severity::Info),
            ("private", "plain", "scram-sha-256", false, Severity::High),
            ("private", "tls", "scram-sha-256", true, Severity::High),
            ("private", "gss", "md5", false, Severity::Medium),
            ("private", "tls", "cert", false, Severity::Info),
            ("global", "tls", "cert", false, Severity::High),
            ("global", "tls", "scram-sha-256", true, Severity::Critical),
            ("who knows", "tls", "new-method", false, Severity::Medium),
            ("who knows", "carrier pigeon", "scram-sha-256", false, Severity::High),
        ] {
            let w = way(class, transport, method, superuser);
            assert_eq!(danger(&w), expected, "{class} {transport} {method} {superuser}");
        }
        let mut replication = way("global", "tls", "cert", false);
        replication.databases = vec!["replication".into()];
        assert_eq!(danger(&replication), Severity::Critical);
    }

    #[test]
    fn a_cell_says_the_worst_of_its_ways_and_empty_rows_say_nobody() {
        let lines = matrix(&[
            way("private", "tls", "scram-sha-256", false),
            EntryRow { maybe: true, role_count: 30, ..way("private", "plain", "scram-sha-256", true) },
        ]);
        let places: Vec<Place> = lines.iter().map(|l| l.place).collect();
        assert_eq!(places, [Place::Socket, Place::Loopback, Place::Private, Place::Internet]);
        let cell = lines[2].cells[3].clone().unwrap();
        let expected = Cell { danger: Severity::High, roles: 30, superuser: true, plain: true, maybe: false, ways: 2 };
        assert_eq!(cell, expected);
        assert!(lines[3].cells.iter().all(Option::is_none) && lines[3].danger().is_none());
        assert!(matrix(&[]).is_empty(), "not known is not nobody");
        let other = matrix(&[way("odd", "tls", "cert", false)]);
        assert!(other.iter().any(|l| l.place == Place::Other));
    }
}
