//! Whole matrices, written by hand from PostgreSQL's documentation.

use pgseal::hba::{
    AddressClass, Cell, Certainty, Config, DbSet, Dead, Files, Interval, Matrix, Membership, Method, RoleInfo,
    Transport, World, evaluate, parse,
};

use crate::hba::random::role;

struct Case {
    roles: Vec<RoleInfo>,
    memberships: Vec<Membership>,
    databases: Vec<String>,
    ssl: bool,
    gss: Option<bool>,
    major: u32,
}

impl Case {
    /// `postgres` (superuser), `app`, `repl` (replication) and the group `staff` with `app`; `db` and `app`.
    fn new() -> Self {
        Self {
            roles: vec![
                role("postgres", true, true, true),
                role("app", true, false, false),
                role("repl", true, false, true),
                role("staff", false, false, false),
            ],
            memberships: vec![Membership { member: 1, group: 3 }],
            databases: vec!["db".into(), "app".into()],
            ssl: false,
            gss: Some(false),
            major: 15,
        }
    }

    fn world(&self) -> World<'_> {
        World {
            roles: &self.roles,
            memberships: &self.memberships,
            databases: &self.databases,
            ssl: self.ssl,
            gss: self.gss,
            major: self.major,
        }
    }

    fn run(&self, text: &str) -> (Config, Matrix) {
        let config = parse(&Files::of_text("pg_hba.conf", text), self.major);
        assert_eq!(config.errors, []);
        let matrix = evaluate(&config, &self.world());
        (config, matrix)
    }

    /// One line a cell: rule, transport, databases, roles, addresses, flags.
    fn lines(&self, text: &str) -> Vec<String> {
        let (config, matrix) = self.run(text);
        let all = |places: &[u32], names: &dyn Fn(usize) -> String| {
            places.iter().map(|p| names(*p as usize)).collect::<Vec<_>>().join(",")
        };
        let line = |cell: &Cell| {
            let databases = match &cell.databases {
                DbSet::Replication => "(replication)".into(),
                DbSet::Databases(d) => all(d, &|d| self.databases[d].clone()),
            };
            let addresses = cell.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            format!(
                "{} {:?} {databases} {} [{addresses}]{}{}",
                config.rules[cell.rule].number,
                cell.transport,
                all(&cell.roles, &|r| self.roles[r].name.clone()),
                if cell.maybe { " maybe" } else { "" },
                if cell.contested { " contested" } else { "" }
            )
        };
        matrix.cells.iter().map(line).collect()
    }
}

#[test]
fn the_default_file_lets_in_from_the_host_itself() {
    let text = "local all all peer\nhost all all 127.0.0.1/32 scram-sha-256\nhost all all ::1/128 scram-sha-256\n\
                local replication all peer\nhost replication all 127.0.0.1/32 scram-sha-256\n";
    let expected = [
        "1 Socket db,app postgres,app,repl []",
        "2 Plain db,app postgres,app,repl [127.0.0.1]",
        "3 Plain db,app postgres,app,repl [::1]",
        "4 Socket (replication) postgres,repl []",
        "5 Plain (replication) postgres,repl [127.0.0.1]",
    ];
    assert_eq!(Case::new().lines(text), expected);
}

#[test]
fn the_first_rule_decides_and_no_other_is_asked() {
    let text = "host all postgres 0.0.0.0/0 reject\nhost all all 10.0.0.0/8 md5\nhost db app 10.1.0.0/16 trust\n\
                host all all all scram-sha-256\n";
    let expected = [
        "1 Plain db,app postgres [0.0.0.0/0]",
        "2 Plain db,app app,repl [10.0.0.0/8]",
        // The rest of IPv4 around 10/8, and all of IPv6, for everybody.
        "4 Plain db,app app,repl [0.0.0.0-9.255.255.255 11.0.0.0-255.255.255.255]",
        "4 Plain db,app postgres,app,repl [::/0]",
    ];
    let mut lines = Case::new().lines(text);
    lines.sort();
    assert_eq!(lines, expected);
    let (_, matrix) = Case::new().run(text);
    assert_eq!(matrix.dead.len(), 1);
    assert_eq!(matrix.dead[0].why, Dead::Shadowed(vec![1]));
    assert_eq!((matrix.dead[0].rule, matrix.dead[0].certainty), (2, Certainty::Surely));
}

#[test]
fn transports_are_told_apart() {
    use Transport::{Gss, Plain, Tls};
    let mut case = Case::new();
    (case.ssl, case.gss) = (true, Some(true));
    let of = |case: &Case, kind: &str| {
        let (_, matrix) = case.run(&format!("{kind} all all 10.0.0.0/8 trust\n"));
        matrix.cells.iter().map(|c| c.transport).collect::<Vec<_>>()
    };
    assert_eq!(of(&case, "host"), [Plain, Tls, Gss]);
    assert_eq!(of(&case, "hostssl"), [Tls]);
    assert_eq!(of(&case, "hostnossl"), [Plain, Gss]);
    assert_eq!(of(&case, "hostgssenc"), [Gss]);
    assert_eq!(of(&case, "hostnogssenc"), [Plain, Tls]);
    (case.ssl, case.gss) = (false, Some(false));
    assert_eq!(of(&case, "host"), [Plain]);
    let (_, matrix) = case.run("hostssl all all all trust\nhostgssenc all all all trust\nlocal all all peer\n");
    let why: Vec<_> = matrix.dead.iter().map(|d| (d.rule, d.why.clone())).collect();
    assert_eq!(why, [(0, Dead::NoTransport), (1, Dead::NoTransport)]);
    case.gss = None;
    let (_, matrix) = case.run("host all all 10.0.0.0/8 trust\n");
    assert_eq!(matrix.cells.iter().map(|c| (c.transport, c.maybe)).collect::<Vec<_>>(), [(Plain, false), (Gss, true)]);
}

#[test]
fn groups_hold_members_at_any_depth_but_no_superusers() {
    let mut case = Case::new();
    case.roles.push(role("deep", true, false, false));
    case.roles.push(role("middle", false, false, false));
    case.memberships.push(Membership { member: 4, group: 5 });
    case.memberships.push(Membership { member: 5, group: 3 });
    // A loop, and a membership of nothing.
    case.memberships.push(Membership { member: 3, group: 5 });
    case.memberships.push(Membership { member: 99, group: 0 });
    assert_eq!(case.lines("local db +staff peer\n"), ["1 Socket db app,deep []"]);
    assert_eq!(case.lines("local db +app peer\n"), ["1 Socket db app []"]);
    assert_eq!(case.lines("local db \"+staff\" peer\n"), Vec::<String>::new());
    case.memberships.push(Membership { member: 0, group: 3 });
    assert_eq!(case.lines("local db +staff peer\n"), ["1 Socket db postgres,app,deep []"]);
}

#[test]
fn words_for_databases() {
    let mut case = Case::new();
    assert_eq!(case.lines("local sameuser all peer\n"), ["1 Socket app app []"]);
    case.databases.push("staff".into());
    let mut lines = case.lines("local samerole all peer\n");
    lines.sort();
    assert_eq!(lines, ["1 Socket app,staff app []"]);
    // `all` is not replication, and a quoted word is a name.
    assert_eq!(case.lines("local replication all peer\n"), ["1 Socket (replication) postgres,repl []"]);
    assert_eq!(case.lines("local \"replication\" all peer\n"), Vec::<String>::new());
    case.databases = vec!["all".into(), "replication".into()];
    assert_eq!(case.lines("local \"all\" app peer\n"), ["1 Socket all app []"]);
    assert_eq!(case.lines("local \"replication\" app peer\n"), ["1 Socket replication app []"]);
    case.roles[1].name = "all".into();
    assert_eq!(case.lines("local \"all\" \"all\" peer\n"), ["1 Socket all all []"]);
}

#[test]
fn patterns_are_names_before_16() {
    let mut case = Case::new();
    assert_eq!(case.lines("local /^d all peer\n"), Vec::<String>::new());
    case.major = 16;
    assert_eq!(case.lines("local /^d /^(app|repl)$ peer\n"), ["1 Socket db app,repl []"]);
    assert_eq!(
        case.lines("local db /^a\\w+$ peer\nlocal db app trust\n"),
        ["1 Socket db postgres,app,repl [] maybe", "2 Socket db app [] contested",]
    );
}

#[test]
fn what_is_not_known_hides_nothing() {
    let text = "host all app .corp reject\nhost all app samenet trust\nhost all app 10.0.0.0/8 md5\n";
    let everywhere = "[0.0.0.0/0 ::/0]";
    assert_eq!(
        Case::new().lines(text),
        [
            format!("1 Plain db,app app {everywhere} maybe"),
            format!("2 Plain db,app app {everywhere} maybe contested"),
            "3 Plain db,app app [10.0.0.0/8] contested".into(),
        ]
    );
    let (_, matrix) = Case::new().run(text);
    let dead: Vec<_> = matrix.dead.iter().map(|d| (d.rule, d.certainty, d.why.clone())).collect();
    assert_eq!(
        dead,
        [(1, Certainty::Possibly, Dead::Shadowed(vec![0])), (2, Certainty::Possibly, Dead::Shadowed(vec![0])),]
    );
    // A mask that is no prefix: the smallest network around it.
    let text = "host all app 10.0.5.0 255.0.255.0 md5\nhost all app 10.0.0.0/8 trust\n";
    assert_eq!(
        Case::new().lines(text),
        ["1 Plain db,app app [10.0.0.0/8] maybe", "2 Plain db,app app [10.0.0.0/8] contested",]
    );
}

#[test]
fn several_rules_together_can_hide_one() {
    let text = "host all all 10.0.0.0/9 md5\nhost all all 10.128.0.0/9 trust\nhost all all 10.0.0.0/8 reject\n\
                host all nobody 10.0.0.0/8 trust\nhost nowhere app 10.0.0.0/8 trust\n";
    let (_, matrix) = Case::new().run(text);
    let dead: Vec<_> = matrix.dead.iter().map(|d| (d.rule, d.certainty, d.why.clone())).collect();
    assert_eq!(
        dead,
        [
            (2, Certainty::Surely, Dead::Shadowed(vec![0, 1])),
            (3, Certainty::Surely, Dead::NobodyThere),
            (4, Certainty::Surely, Dead::NobodyThere),
        ]
    );
}

#[test]
fn families_do_not_mix() {
    let lines = Case::new().lines("host all app 0.0.0.0/0 reject\nhost all app ::ffff:0:0/96 trust\n");
    assert_eq!(lines, ["1 Plain db,app app [0.0.0.0/0]", "2 Plain db,app app [::ffff:0.0.0.0/96]"]);
}

#[test]
fn a_matrix_that_is_not_the_whole_truth_says_so() {
    let case = Case::new();
    let gaps = |text: &str, world: &World<'_>| evaluate(&parse(&Files::of_text("hba", text), 16), world).gaps.len();
    assert_eq!(gaps("local all all peer\n", &case.world()), 0);
    assert_eq!(gaps("local all all peer\nnonsense\n", &case.world()), 1);
    assert_eq!(gaps("local all all peer\ninclude x\n", &case.world()), 1);
    assert_eq!(gaps("", &case.world()), 1);
    assert_eq!(gaps("local all all peer\n", &World { databases: &[], ..case.world() }), 1);
    assert_eq!(gaps("local all all peer\n", &World { roles: &case.roles[3..], ..case.world() }), 1);
    // After a file that was not captured everything is in doubt, before it nothing.
    let mut case = Case::new();
    case.major = 16;
    assert_eq!(
        case.lines("local db app peer\ninclude x\nlocal app app peer\n"),
        ["1 Socket db app []", "2 Socket app app [] contested",]
    );
}

#[test]
fn the_most_dangerous_way_in_comes_first() {
    let text = "local all postgres peer\nhost db app 10.0.0.0/8 scram-sha-256\nhost all all 0.0.0.0/0 password\n\
                host replication repl ::/0 trust\nlocal all all trust\n";
    let case = Case::new();
    let (config, matrix) = case.run(text);
    let world = case.world();
    let rows = matrix.entry_rows(&world);
    let order: Vec<_> = rows.iter().map(|r| config.rules[r.rule].number).collect();
    assert_eq!(order[..2], [4, 3], "{rows:#?}");
    assert!(rows.iter().all(|r| r.transports.len() == 1));
    let path = matrix.path_of_least_resistance(&[0]).unwrap();
    assert_eq!((path.method, path.class()), (Method::Password, Some(AddressClass::Global)));
    let app = matrix.path_of_least_resistance(&[1]).unwrap();
    assert_eq!((app.method, app.transport), (Method::Trust, Transport::Socket));
    assert_eq!(matrix.path_of_least_resistance(&[3]), None);
}

#[test]
fn addresses_have_a_class_and_a_count() {
    use AddressClass::{Cgnat, Global, LinkLocal, Loopback, Private, Ula};
    let of = |from: &str, to: &str| {
        let i = Interval { from: from.parse().unwrap(), to: to.parse().unwrap() };
        (i.class(), i.count())
    };
    assert_eq!(of("127.0.0.1", "127.0.0.1"), (Loopback, 1));
    assert_eq!(of("10.0.0.0", "10.255.255.255"), (Private, 1 << 24));
    assert_eq!(of("192.168.0.0", "192.168.255.255"), (Private, 1 << 16));
    assert_eq!(of("172.16.0.0", "172.31.255.255").0, Private);
    assert_eq!(of("172.16.0.0", "172.32.0.0").0, Global);
    assert_eq!(of("9.255.255.255", "10.0.0.0").0, Global);
    assert_eq!(of("100.64.0.0", "100.127.255.255").0, Cgnat);
    assert_eq!(of("169.254.1.1", "169.254.1.1").0, LinkLocal);
    assert_eq!(of("0.0.0.0", "255.255.255.255"), (Global, 1 << 32));
    assert_eq!(of("::1", "::1").0, Loopback);
    assert_eq!(of("::", "::1").0, Global);
    assert_eq!(of("fd00::", "fdff::").0, Ula);
    assert_eq!(of("fe80::", "febf::").0, LinkLocal);
    assert_eq!(of("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), (Global, u128::MAX));
}

#[test]
fn rules_say_the_same_in_any_order() {
    let canonical = |line: &str| {
        let config = parse(&Files::of_text("hba", line), 16);
        assert_eq!(config.errors, [], "{line}");
        config.rules[0].canonical()
    };
    let one = canonical("hostssl b,a,\"all\" +g,x 10.1.2.3/8 cert map=m clientcert=verify-full\n");
    assert_eq!(one, "hostssl \"all\",a,b +g,x 10.0.0.0/8 cert clientcert=verify-full map=m");
    let two =
        canonical("hostssl \"all\",a,b x,+g,x 10.0.0.0 255.0.0.0 cert clientcert=verify-full map=old map=m # same\n");
    assert_eq!(one, two);
    let secret = canonical("host all all all ldap ldapbasedn=x ldapbinddn=y ldapbindpasswd=hunter2\n");
    assert_eq!(secret, "host all all all ldap ldapbasedn=x ldapbinddn=y ldapbindpasswd=(secret)");
}
