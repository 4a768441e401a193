//! Random rules, roles and databases, told apart by a seed.

use std::fmt::Write as _;

use pgseal::hba::{Membership, RoleInfo, World};

/// The seed of this run: given, or new each time.
pub fn seed() -> u64 {
    let given = std::env::var("PGSEAL_HBA_SEED").ok().map(|s| s.parse().expect("PGSEAL_HBA_SEED is a number"));
    given.unwrap_or_else(|| fastrand::u64(..))
}

/// Names the seed when the test ends by a panic.
pub struct Replay(pub u64);

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("replay with PGSEAL_HBA_SEED={}", self.0);
        }
    }
}

/// Roles, memberships and databases, owned.
pub struct People {
    pub roles: Vec<RoleInfo>,
    pub memberships: Vec<Membership>,
    pub databases: Vec<String>,
}

impl People {
    pub fn world(&self, ssl: bool, gss: Option<bool>, major: u32) -> World<'_> {
        World { roles: &self.roles, memberships: &self.memberships, databases: &self.databases, ssl, gss, major }
    }

    pub fn place(&self, role: &str) -> usize {
        self.roles.iter().position(|r| r.name == role).unwrap()
    }
}

pub fn role(name: &str, login: bool, superuser: bool, replication: bool) -> RoleInfo {
    RoleInfo { name: name.into(), login, superuser, replication }
}

/// A small world in which every kind of word means something: nested groups,
/// a superuser inside and outside of groups, names that are keywords.
pub fn people() -> People {
    let roles = vec![
        role("postgres", true, true, true),
        role("alice", true, false, false),
        role("bob", true, false, false),
        role("carol", true, true, false),
        role("dave", true, false, true),
        role("db1", true, false, false),
        role("all", true, false, false),
        role("+staff", true, false, false),
        role("staff", false, false, false),
        role("inner", false, false, false),
        role("db2", false, false, false),
        role("/x", true, false, false),
    ];
    let place = |name: &str| roles.iter().position(|r| r.name == name).unwrap();
    let member = |member: &str, group: &str| Membership { member: place(member), group: place(group) };
    let memberships =
        vec![member("inner", "staff"), member("alice", "inner"), member("dave", "staff"), member("bob", "db2")];
    let databases = ["postgres", "db1", "db2", "alice", "all", "replication", "sameuser"];
    People { memberships, databases: databases.map(String::from).to_vec(), roles }
}

const USERS: &[&str] = &[
    "all",
    "all",
    "alice",
    "bob",
    "carol",
    "dave",
    "db1",
    "\"all\"",
    "+staff",
    "+inner",
    "+db2",
    "\"+staff\"",
    "+alice",
    "postgres",
    "nobody",
    "+nowhere",
    "alice,+db2",
    "bob,dave",
    "+staff,carol",
];

const DATABASES: &[&str] = &[
    "all",
    "all",
    "all",
    "db1",
    "db2",
    "alice",
    "\"all\"",
    "sameuser",
    "samerole",
    "samegroup",
    "replication",
    "\"replication\"",
    "\"sameuser\"",
    "postgres",
    "nowhere",
    "db1,db2",
    "all,replication",
    "sameuser,postgres",
];

const PATTERNS: &[&str] = &["/^a", "/^(alice|bob)$", "/^db.*$", "\"/^db[12]$\"", "/^a.*,bob", "/b"];

/// Networks inside of 127.0.0.0/8 that nest, and some around it.
pub fn network(rng: &mut fastrand::Rng) -> String {
    match rng.u8(..20) {
        0 | 7 => "all".into(),
        1 => "0.0.0.0/0".into(),
        2 => "::/0".into(),
        3 => "::1/128".into(),
        4 => "127.0.0.1 255.255.255.255".into(),
        5 => "127.0.0.0 255.128.0.0".into(),
        6 => "10.0.0.0/8".into(),
        8..11 => "127.0.0.0/8".into(),
        _ => {
            let length = *rng.choice(&[8u8, 9, 10, 12, 15, 16, 17, 24, 25, 30, 31, 32]).unwrap();
            format!("127.{}.{}.{}/{length}", rng.u8(..4) * 40, rng.u8(..3), rng.u8(..4))
        }
    }
}

/// A word that fits often, a pattern or any other.
fn words(rng: &mut fastrand::Rng, from: &[&str], patterns: bool) -> String {
    match rng.u8(..9) {
        0..3 => "all",
        3 if patterns => rng.choice(PATTERNS).unwrap(),
        _ => rng.choice(from).unwrap(),
    }
    .to_owned()
}

/// A file of rules that a server loads; `methods` for the socket and for TCP.
pub fn rules(rng: &mut fastrand::Rng, count: usize, major: u32, socket: &[&str], tcp: &[&str]) -> String {
    let mut text = String::from("# random rules\n");
    for _ in 0..count {
        let database = words(rng, DATABASES, major >= 16);
        let user = words(rng, USERS, major >= 16);
        let kinds = ["local", "local", "host", "host", "host", "hostssl", "hostnossl", "hostnogssenc", "hostgssenc"];
        let kind = *rng.choice(&kinds).unwrap();
        if kind == "local" {
            writeln!(text, "local {database} {user} {}", rng.choice(socket).unwrap()).unwrap();
        } else {
            writeln!(text, "{kind}\t{database} {user} {} {}", network(rng), rng.choice(tcp).unwrap()).unwrap();
        }
        if rng.u8(..8) == 0 {
            text.push_str("\n  # a comment\n");
        }
    }
    text
}
