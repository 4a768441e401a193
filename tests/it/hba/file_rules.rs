//! What the server itself reads in files, line by line, good and bad.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;

use pgseal::hba::pattern::Pattern;
use pgseal::hba::{Address, DbToken, Files, Rule, UserToken, parse, parse_ident};
use serde_json::Value;

use crate::hba::pg::{PgServer, bindir, major, own};
use crate::hba::random::{Replay, seed};

const KINDS: &[&str] = &[
    "local",
    "local",
    "host",
    "host",
    "host",
    "hostssl",
    "hostnossl",
    "hostgssenc",
    "hostnogssenc",
    "\"host\"",
    "Host",
    "host,local",
    "include",
    "x",
];

const WORDS: &[&str] = &[
    "all",
    "sameuser",
    "samerole",
    "samegroup",
    "replication",
    "\"all\"",
    "a",
    "a,b",
    "a, b",
    "a ,b",
    "+g",
    "\"+g\"",
    "+",
    "\"\"",
    "\"a b\"",
    "a\"b,c\"d",
    "\"a\"\"b\"",
    "@list",
    "\"@list\"",
    "@\"li\"st",
    "@",
    "@empty",
    "@gone",
    "x@list",
    "/^a$",
    "\"/^(a|b)$\"",
    "/(",
    "/",
    "a#b",
    "A",
    "ü",
    ",",
    "all,all",
    "a,@list,b",
    "\\1",
    "\"a",
];

const ADDRESSES: &[&str] = &[
    "all",
    "samehost",
    "samenet",
    "\"all\"",
    "10.0.0.0/8",
    "10.1.2.3/8",
    "10.0.0.1/32",
    "10.0.0.1",
    "10/8",
    "127.1/32",
    "0x0a.1/16",
    "010.0.0.0/8",
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0.0/-0",
    "10.0.0.0/+8",
    "\"10.0.0.0/ 8\"",
    "10.0.0.0/8x",
    "10.0.0.0 255.0.0.0",
    "10.0.0.0 255.0.255.0",
    "10.0.0.0 ::",
    "10.0.0.0 h",
    "::1/128",
    "::/0",
    "fe80::1/10",
    "::1 ffff::",
    "::ffff:1.2.3.4/96",
    "::1/129",
    "example.com",
    ".example.com",
    "example.com/8",
    "1.2.3.4.5",
    "256.0.0.0/8",
    "1..2/8",
    "10.0.0.0/8,11.0.0.0/8",
    "0/0",
    "/8",
    "\"\"",
    "10.0.0.0/8/9",
    "08.0.0.0/8",
    "4294967295/32",
];

const METHODS: &[&str] = &[
    "trust",
    "reject",
    "scram-sha-256",
    "md5",
    "password",
    "peer",
    "ident",
    "cert",
    "ldap ldapserver=l ldapbasedn=b",
    "ldap ldapprefix=p ldapsuffix=s",
    "ldap ldapserver=l",
    "ldap ldapprefix=p ldapbasedn=b",
    "radius radiusservers=127.0.0.1 radiussecrets=x",
    "radius radiusservers=127.0.0.1",
    "radius radiusservers=\"127.0.0.1,127.0.0.2\" radiussecrets=\"a,b\" radiusports=1,2",
    "radius radiusservers=\"127.0.0.1,127.0.0.2\" radiussecrets=\"a,b,c\"",
    "radius radiusservers=127.0.0.1 radiussecrets=x radiusports=y",
    "pam",
    "pam pamservice=p",
    "gss",
    "gss include_realm=0 krb_realm=R",
    "gss compat_realm=1",
    "nonsense",
    "\"trust\"",
    "trust,md5",
    "cert map=m",
    "cert clientcert=verify-ca",
    "cert clientcert=verify-full",
    "md5 clientcert=verify-ca",
    "md5 clientcert=1",
    "md5 clientcert=nonsense",
    "cert clientname=DN",
    "cert clientname=x",
    "peer map=m",
    "md5 map=m",
    "ident map=m",
    "trust x=y",
    "trust x",
    "trust map",
    "ldap ldapurl=ldap://h/dc=x",
    "ldap ldapurl=http://h/",
    "ldap ldapprefix=p ldapport=x",
    "ldap ldapprefix=p ldaptls=1",
    "peer map=",
    "md5 # comment",
    "oauth",
    "oauth scope=s",
    "",
];

fn files(rng: &mut fastrand::Rng) -> String {
    let mut text = String::new();
    for _ in 0..rng.usize(1..40) {
        let mut pick = |from: &[&'static str]| *rng.choice(from).unwrap();
        let kind = pick(KINDS);
        let mut line = format!("{kind} {} {}", pick(WORDS), pick(WORDS));
        if !kind.contains("local") || pick(&["", "", "", "x"]) == "x" {
            write!(line, " {}", pick(ADDRESSES)).unwrap();
        }
        write!(line, "{}{}", pick(&[" ", "\t", "  ", " \\\n ", " \\\n\\\n"]), pick(METHODS)).unwrap();
        let end = pick(&["\n", "\n", "\n", "\r\n", " \n", "\n\n", "\n#x\n", " # \"x\n", "\\\n\n"]);
        text.push_str(&line);
        text.push_str(end);
    }
    text
}

/// A rule as the server's view shows it.
fn shown(rule: &Rule) -> (String, Vec<String>, Vec<String>, String, String) {
    let databases = rule.databases.iter().map(|t| match t {
        DbToken::All => "all".into(),
        DbToken::SameUser => "sameuser".into(),
        DbToken::SameRole => "samerole".into(),
        DbToken::Replication => "replication".into(),
        DbToken::Name(name) => name.clone(),
        DbToken::Regex(p) => format!("/{}", p.source()),
        DbToken::AtFile(path) => panic!("{path}"),
    });
    let users = rule.users.iter().map(|t| match t {
        UserToken::All => "all".into(),
        UserToken::Name(name) => name.clone(),
        UserToken::Group(name) => format!("+{name}"),
        UserToken::Regex(p) => format!("/{}", p.source()),
        UserToken::AtFile(path) => panic!("{path}"),
    });
    let address = match &rule.address {
        Address::Cidr(prefix) => prefix.to_string(),
        Address::Mask { address, mask } => format!("{address} {mask}"),
        Address::Host(name) | Address::Suffix(name) => name.clone(),
        other => other.text(),
    };
    (rule.transport.word().into(), databases.collect(), users.collect(), address, rule.method.word().into())
}

fn of_view(row: &Value) -> (String, Vec<String>, Vec<String>, String, String) {
    let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let list = |name: &str, rename: bool| {
        let all = row[name].as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned());
        // The old name of `samerole`, quoted or not: the view does not tell.
        all.map(|n| if rename && n == "samegroup" { "samerole".into() } else { n }).collect()
    };
    let address = match (text("address"), text("netmask")) {
        (address, mask) if mask.is_empty() => address,
        (address, mask) => {
            let (ip, mask_ip): (IpAddr, IpAddr) = (address.parse().unwrap(), mask.parse().unwrap());
            let bits = match mask_ip {
                IpAddr::V4(m) => (u128::from(u32::from(m)) << 96, 32),
                IpAddr::V6(m) => (u128::from(m), 128),
            };
            let length = bits.0.leading_ones().min(bits.1);
            if bits.0.count_ones() == length {
                pgseal::hba::address::Prefix::new(ip, length).unwrap().to_string()
            } else {
                format!("{address} {mask}")
            }
        }
    };
    (text("type"), list("database", true), list("user_name", false), address, text("auth_method"))
}

fn write(server: &PgServer, name: &str, text: &str) {
    let path = server.data_dir().join(name);
    fs::write(&path, text).unwrap();
    own(&path);
}

const LIST: &str = "one, two # x\n\"all\" +three\nall\n";

#[test]
fn the_server_reads_the_same_rules_and_refuses_the_same_lines() {
    let seed = seed();
    let _replay = Replay(seed);
    let mut rng = fastrand::Rng::with_seed(seed);
    let server = PgServer::start(&bindir(), &[]);
    write(&server, "list", LIST);
    write(&server, "empty", "# nothing\n\n");
    let (mut good, mut bad) = (0, 0);
    for _ in 0..60 {
        let text = files(&mut rng);
        write(&server, "pg_hba.conf", &text);
        let json = server.psql("postgres", "select coalesce(json_agg(r), '[]') from pg_hba_file_rules r");
        let rows: Vec<Value> = serde_json::from_str(&json).unwrap();
        let captured = |t: &str| pgseal::hba::Captured::Text(t.into());
        let files = Files::of_text("/d/pg_hba.conf", &text)
            .with("/d/list", captured(LIST))
            .with("/d/empty", captured("# nothing\n\n"));
        let files = Files::gather_more(files, major(), |_| pgseal::hba::Captured::Absent);
        let config = parse(&files, major());
        assert!(config.is_complete(), "{:?}", config.unresolved);
        let mut ours: BTreeMap<u32, Option<&Rule>> = config.rules.iter().map(|r| (r.line, Some(r))).collect();
        ours.extend(config.errors.iter().filter(|e| e.line > 0).map(|e| (e.line, None)));
        let theirs: BTreeMap<u32, &Value> =
            rows.iter().map(|r| (r["line_number"].as_u64().unwrap() as u32, r)).collect();
        let lines = |n: u32| text.split('\n').skip(n as usize - 1).take(3).collect::<Vec<_>>().join("\n");
        for (line, row) in &theirs {
            let Some(our) = ours.remove(line) else { panic!("line {line} is missing: {}\n{row}", lines(*line)) };
            match our {
                // A line without a type is refused, with or without a word on it.
                None => {
                    assert!(
                        row["type"].is_null(),
                        "we refuse line {line}: {row}\n{}\n{:?}",
                        lines(*line),
                        config.errors
                    );
                    bad += 1;
                }
                Some(rule) => {
                    assert!(row["type"].is_string(), "we take line {line}: {row}\n{}", lines(*line));
                    assert_eq!(shown(rule), of_view(row), "line {line}: {}", lines(*line));
                    good += 1;
                }
            }
        }
        assert!(ours.is_empty(), "{ours:?} are no lines\n{text}");
    }
    eprintln!("{good} good lines, {bad} bad ones");
    assert!(good > 40 && bad > 100, "{good} {bad}");
}

#[test]
fn the_server_reads_the_same_maps() {
    if major() < 15 {
        return; // The view is new in 15.
    }
    let seed = seed();
    let _replay = Replay(seed);
    let mut rng = fastrand::Rng::with_seed(seed);
    let server = PgServer::start(&bindir(), &[]);
    write(&server, "list", LIST);
    write(&server, "empty", "# nothing\n\n");
    for _ in 0..20 {
        let mut text = String::new();
        for _ in 0..rng.usize(1..30) {
            let mut pick = || *rng.choice(WORDS).unwrap();
            writeln!(text, "{} {} {}", pick(), pick(), pick()).unwrap();
        }
        write(&server, "pg_ident.conf", &text);
        let json = server.psql("postgres", "select coalesce(json_agg(r), '[]') from pg_ident_file_mappings r");
        let rows: Vec<Value> = serde_json::from_str(&json).unwrap();
        let captured = |t: &str| pgseal::hba::Captured::Text(t.into());
        let files = Files::of_text("/d/pg_ident.conf", &text)
            .with("/d/list", captured(LIST))
            .with("/d/empty", captured("# nothing\n\n"));
        let files = Files::gather_more(files, major(), |_| pgseal::hba::Captured::Absent);
        let maps = parse_ident(&files, major());
        let mut ours: BTreeMap<u32, Option<String>> = maps.errors.iter().map(|e| (e.line, None)).collect();
        ours.extend(maps.maps.iter().flat_map(|(m, lines)| lines.iter().map(|l| (l.line, Some(m.clone())))));
        let theirs: BTreeMap<u32, Option<String>> = rows
            .iter()
            .map(|r| (r["line_number"].as_u64().unwrap() as u32, r["map_name"].as_str().map(String::from)))
            .collect();
        assert_eq!(ours, theirs, "{text}\n{json}");
    }
}

const PIECES: &[&str] = &[
    "^", "$", "a", "b", "ab", "_", "-", "\\.", ".*", ".+", "|", "(", ")", "(?:", "a|b", "^(", ")$", "\\-", " ", "?",
    "*",
];

const TEXTS: &[&str] = &["", "a", "b", "ab", "ba", "aab", "a.b", "a_b", "a-b", "xaby", "a\nb", "_", "a b", "ü"];

#[test]
fn patterns_that_we_understand_mean_the_same_to_the_server() {
    let seed = seed();
    let _replay = Replay(seed);
    let mut rng = fastrand::Rng::with_seed(seed);
    let server = PgServer::start(&bindir(), &[]);
    let mut sql = String::from(
        "create function fits(t text, p text) returns text language plpgsql as $$ begin \
        return (t collate \"C\" ~ p)::text; exception when others then return 'error'; end $$;\nselect fits(t, p) from (values ",
    );
    let mut expected = Vec::new();
    let mut known = 0;
    for _ in 0..400 {
        let source: String = (0..rng.usize(1..6)).map(|_| *rng.choice(PIECES).unwrap()).collect();
        let text = *rng.choice(TEXTS).unwrap();
        let pattern = Pattern::new(&source);
        known += usize::from(pattern.fits(text).is_some());
        let quote = pgseal::types::text::quote_literal;
        let comma = if expected.is_empty() { "" } else { "," };
        write!(sql, "{comma}({}, {}, {})", expected.len(), quote(text), quote(&source)).unwrap();
        expected.push((source, text, pattern));
    }
    sql.push_str(") v(n, t, p) order by n");
    let out = server.psql("postgres", &sql);
    assert_eq!(out.lines().count(), expected.len());
    for (line, (source, text, pattern)) in out.lines().zip(&expected) {
        if let Some(fits) = pattern.fits(text) {
            assert_eq!(fits.to_string(), line, "{source:?} on {text:?}");
        }
        if pattern.is_catch_all() && !text.is_empty() {
            assert_eq!(line, "true", "{source:?} on {text:?}");
        }
    }
    assert!(known > 80, "{known}");
}
