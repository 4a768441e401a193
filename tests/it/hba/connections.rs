//! Real connections to a real server: the same verdict, and the same line.

use std::fs;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use pgseal::hba::{Attempt, Config, Files, Method, Rule, Transport, decide, parse};

use crate::hba::knock::{Answer, knock, tcp, unix};
use crate::hba::pg::{PgServer, bindir, done, free_port, major, own};
use crate::hba::random::{People, Replay, people, rules, seed};

/// A role whose password is stored in the old way.
const OLD: &str = "bob";

/// Methods of TCP rules. Most ask for a password: only then does every server say which line it was.
const TCP: &[&str] = &["password", "md5", "scram-sha-256", "password", "md5", "scram-sha-256", "trust", "reject"];
const SOCKET: &[&str] = &["password", "md5", "scram-sha-256", "peer", "peer", "trust", "reject"];

struct Door {
    server: PgServer,
    people: People,
    port: u16,
    v6: bool,
    ssl: bool,
    read: usize,
}

impl Door {
    fn open(ssl: bool) -> Self {
        let v6 = TcpListener::bind("[::1]:0").is_ok();
        let port = free_port();
        let port_text = port.to_string();
        let mut settings = vec![
            ("port", port_text.as_str()),
            ("listen_addresses", if v6 { "127.0.0.1,::1" } else { "127.0.0.1" }),
            ("log_connections", "on"),
        ];
        if ssl {
            settings.push(("ssl", "on"));
        }
        let server = PgServer::start_with(&bindir(), &settings, &[], |data| {
            if ssl {
                certificate(data);
            }
        });
        let people = people();
        let mut sql = String::from("set client_min_messages = error;\n");
        let quote = |name: &str| format!("\"{name}\"");
        for r in people.roles.iter().filter(|r| r.name != "postgres") {
            let of = |is: bool, word: &str| if is { format!(" {word}") } else { format!(" no{word}") };
            let encryption = if r.name == OLD { "md5" } else { "scram-sha-256" };
            sql += &format!(
                "set password_encryption = '{encryption}'; create role {} password 'right'{}{}{};\n",
                quote(&r.name),
                of(r.login, "login"),
                of(r.superuser, "superuser"),
                of(r.replication, "replication")
            );
        }
        sql += "set password_encryption = 'scram-sha-256'; alter role postgres password 'right';\n";
        for m in &people.memberships {
            sql +=
                &format!("grant {} to {};\n", quote(&people.roles[m.group].name), quote(&people.roles[m.member].name));
        }
        server.psql("postgres", &sql);
        // No connection gets as far as its database: they need not be there.
        Self { server, people, port, v6, ssl, read: 0 }
    }

    /// What was logged since the last time.
    fn news(&mut self) -> String {
        let log = self.server.log();
        let news = log.get(self.read..).unwrap_or_default().to_owned();
        self.read = log.len();
        news
    }

    /// Has the server load these rules.
    fn load(&mut self, text: &str) {
        let path = self.server.data_dir().join("pg_hba.conf");
        fs::write(&path, text).unwrap();
        own(&path);
        self.news();
        let pid = fs::read_to_string(self.server.data_dir().join("postmaster.pid")).unwrap();
        let pid = rustix::process::Pid::from_raw(pid.lines().next().unwrap().parse().unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
        let give_up = Instant::now() + Duration::from_secs(20);
        let mut said = String::new();
        // The same process accepts connections, after it is done with the file.
        while !said.contains("reloading configuration files") {
            assert!(Instant::now() < give_up, "the server does not reload");
            std::thread::sleep(Duration::from_millis(1));
            said += &self.news();
        }
    }

    fn knock(&self, attempt: &Attempt<'_>) -> Answer {
        match attempt.address {
            None => knock(&mut unix(self.server.socket_dir(), self.port), attempt.role, attempt.database),
            Some(from) => {
                let to = if from.is_ipv6() { "::1" } else { "127.0.0.1" }.parse().unwrap();
                knock(&mut tcp(from, SocketAddr::new(to, self.port)), attempt.role, attempt.database)
            }
        }
    }

    fn attempt(&self, rng: &mut fastrand::Rng) -> Attempt<'_> {
        let role = loop {
            let role = rng.choice(&self.people.roles).unwrap();
            if role.login {
                break role;
            }
        };
        // Only who may replicate gets past the rules and no further error.
        let replicates = role.replication || role.superuser;
        let database =
            if replicates && rng.u8(..4) == 0 { None } else { rng.choice(&self.people.databases).map(String::as_str) };
        let address = match rng.u8(..8) {
            0..3 => None,
            3 if self.v6 => Some("::1".parse().unwrap()),
            _ => Some(IpAddr::from([127, rng.u8(..4) * 40 + rng.u8(..2), rng.u8(..3), rng.u8(1..4)])),
        };
        let transport = if address.is_some() { Transport::Plain } else { Transport::Socket };
        Attempt { transport, address, role: &role.name, database }
    }
}

/// A certificate that the server trusts itself with.
fn certificate(data: &Path) {
    let (key, cert) = (data.join("server.key"), data.join("server.crt"));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]);
    done(openssl.args(["-subj", "/CN=localhost", "-keyout"]).arg(&key).arg("-out").arg(&cert), "openssl");
    fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    own(&key);
    own(&cert);
}

/// What the server should do, by the rule that decides.
fn expected(rule: Option<&Rule>, who: &str) -> Answer {
    match rule.map(|r| r.method) {
        None => Answer::NoRule,
        Some(Method::Reject) => Answer::Rejected,
        Some(Method::Trust) => Answer::Entered,
        Some(Method::Password) => Answer::ClearText,
        Some(Method::Md5) if who == OLD => Answer::Md5,
        Some(Method::Md5 | Method::Scram) => Answer::Scram,
        // We are no user of the system that is called like a role.
        Some(Method::Peer) => Answer::NotPeer,
        other => panic!("{other:?}"),
    }
}

/// The line that the log names; not all do.
fn logged_line(log: &str) -> Option<u32> {
    // "… matched pg_hba.conf line 7: …" before 16, "… matched file "…" line 7: …" since.
    // And since 17 of those that enter without being asked, "… method=trust (…/pg_hba.conf:7)".
    if let Some(rest) = log.split(" method=trust (").nth(1) {
        return rest.split(')').next()?.rsplit(':').next()?.parse().ok();
    }
    let rest = log.split("Connection matched").nth(1)?;
    let number = rest.split(" line ").nth(1)?;
    number.split(':').next()?.parse().ok()
}

/// The rules that may decide: one, but for patterns that only the server understands.
fn rules_of<'a>(config: &'a Config, people: &People, ssl: bool, attempt: &Attempt<'_>) -> Vec<Option<&'a Rule>> {
    let decision = decide(config, &people.world(ssl, Some(false), major()), attempt);
    assert!(!decision.unknown && (major() >= 16 || decision.maybe.is_empty()));
    let maybe = decision.maybe.iter().map(|at| Some(&config.rules[*at]));
    maybe.chain([decision.surely.map(|at| &config.rules[at])]).collect()
}

/// The line in the log, if there is one, is one of these rules'. Whether there is.
fn same_line(log: &str, rules: &[Option<&Rule>], context: &str) -> bool {
    let Some(line) = logged_line(log) else { return false };
    assert!(rules.iter().flatten().any(|r| r.line == line), "line {line}: {context}\n{log}");
    true
}

#[test]
fn the_server_decides_as_we_say() {
    let seed = seed();
    let _replay = Replay(seed);
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut door = Door::open(false);
    let (mut compared, mut lines, mut entered, mut none) = (0, 0, 0, 0);
    while compared < 300 {
        let count = rng.usize(3..25);
        let mut text = rules(&mut rng, count, major(), SOCKET, TCP);
        if rng.bool() {
            text.push_str("local all all trust\nhost all all all trust\n");
        }
        let config = parse(&Files::of_text("pg_hba.conf", &text), major());
        assert!(config.loadable(), "{:?}\n{text}", config.errors);
        door.load(&text);
        for _ in 0..20 {
            let attempt = door.attempt(&mut rng);
            let rules = rules_of(&config, &door.people, false, &attempt);
            let wanted: Vec<Answer> = rules.iter().map(|r| expected(*r, attempt.role)).collect();
            let got = door.knock(&attempt);
            let context = format!("{attempt:?} {rules:?}\n{text}");
            assert!(wanted.contains(&got), "{got:?} {context}");
            compared += 1;
            entered += usize::from(got == Answer::Entered);
            none += usize::from(got == Answer::NoRule);
            lines += usize::from(same_line(&door.news(), &rules, &context));
        }
    }
    eprintln!("{compared} connections, {lines} with the line in the log, {entered} entered, {none} without a rule");
    assert!(lines > 60 && entered > 0 && none > 0, "{compared} {lines} {entered} {none}");
}

#[test]
fn the_server_decides_as_we_say_inside_of_tls() {
    let seed = seed();
    let _replay = Replay(seed);
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut door = Door::open(true);
    assert!(door.ssl);
    let mut verdicts = std::collections::BTreeSet::new();
    for _ in 0..8 {
        let count = rng.usize(1..16);
        let mut text = rules(&mut rng, count, major(), SOCKET, TCP);
        text.push_str("hostssl all alice 127.0.0.0/8 password\nhostnossl all all all reject\n");
        let config = parse(&Files::of_text("pg_hba.conf", &text), major());
        door.load(&text);
        for tls in [true, true, true, false] {
            let (role, database) = loop {
                let attempt = door.attempt(&mut rng);
                if let Some(database) = attempt.database {
                    break (attempt.role.to_owned(), database.to_owned());
                }
            };
            let address = Some(IpAddr::from([127, 0, 0, 1]));
            let transport = if tls { Transport::Tls } else { Transport::Plain };
            let attempt = Attempt { transport, address, role: &role, database: Some(&database) };
            let rules = rules_of(&config, &door.people, true, &attempt);
            let mut psql = door.server.client("psql", "postgres");
            psql.env("PGHOST", "127.0.0.1")
                .env("PGUSER", &role)
                .env("PGDATABASE", &database)
                .env("PGPASSWORD", "wrong");
            psql.env("PGSSLMODE", if tls { "require" } else { "disable" }).args(["-XAtqc", "select 1"]);
            let out = psql.output().unwrap();
            let said = String::from_utf8_lossy(&out.stderr).into_owned();
            let wanted = |rule: Option<&Rule>| match expected(rule, &role) {
                // Entered, and only then told that the database is not there.
                Answer::Entered if database != "postgres" => "does not exist",
                Answer::Entered => "",
                Answer::NoRule => "no pg_hba.conf entry",
                Answer::Rejected => "pg_hba.conf rejects",
                _ => "password authentication failed",
            };
            let context = format!("{transport:?} {role} {database} {rules:?}\n{said}\n{text}");
            let fits = |wanted: &str| out.status.success() == wanted.is_empty() && said.contains(wanted);
            let Some(got) = rules.iter().copied().map(wanted).find(|w| fits(w)) else { panic!("{context}") };
            same_line(&door.news(), &rules, &context);
            verdicts.insert((tls, got));
        }
    }
    assert!(verdicts.len() >= 3, "{verdicts:?}");
}
