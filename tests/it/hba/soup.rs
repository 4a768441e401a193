//! Anything may be fed in: nothing panics, everything has its limit.

use std::time::{Duration, Instant};

use pgseal::hba::{Captured, Files, Wanted, evaluate, parse, parse_ident};
use proptest::prelude::*;

use crate::hba::random::people;

/// Pieces that mean something, so that soup gets past the first word.
const PIECES: &[&str] = &[
    "local",
    "host",
    "hostssl",
    "hostgssenc",
    "all",
    "sameuser",
    "replication",
    "samerole",
    "+staff",
    "\"all\"",
    "alice",
    "db1",
    "10.0.0.0/8",
    "::/0",
    "127.1",
    "255.0.255.0",
    "samenet",
    ".x",
    "h",
    "trust",
    "reject",
    "md5",
    "cert",
    "ldap",
    "radius",
    "map=m",
    "clientcert=1",
    "ldapbindpasswd=x",
    "radiussecrets=\"\"a,\"",
    "include",
    "include_dir",
    "@f",
    "@g",
    "include_if_exists",
    "\n",
    "\\\n",
    "\r\n",
    "\0",
    ",",
    " ",
    " ",
    " ",
    "\t",
    "\"",
    "#",
    "/^a.*$",
    "/(",
    "/",
    "+",
    "@",
    "%",
    "=",
];

fn soup() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::sample::select(PIECES).prop_map(|p| p.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(piece, 0..120).prop_map(|p| p.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn soup_is_read_and_evaluated(main in soup(), f in soup(), g in soup(), major in 13u32..19) {
        let files = Files::new("/d/hba", Captured::bytes(&main))
            .with("/d/f", Captured::bytes(&f))
            .with("/d/g", Captured::bytes(&g));
        let config = parse(&files, major);
        let people = people();
        let world = people.world(true, None, major);
        let matrix = evaluate(&config, &world);
        prop_assert_eq!(matrix.is_whole(), config.errors.is_empty() && config.is_complete());
        matrix.entry_rows(&world);
        for (at, rule) in config.rules.iter().enumerate() {
            prop_assert_eq!(rule.number, at + 1);
            let debug = format!("{rule:?}");
            prop_assert!(!debug.contains("ldapbindpasswd\", \"x"));
            // What is shown means the same.
            let again = parse(&Files::of_text("hba", &rule.text()), major);
            let damaged = rule.text().contains(['\n', '@', '\r', '\0', '\\']);
            if !damaged && rule.options.is_empty() {
                prop_assert_eq!(again.rules.len(), 1, "{:?} {:?}", rule.text(), again);
                prop_assert_eq!(again.rules[0].canonical(), rule.canonical());
            }
        }
        let maps = parse_ident(&files, major);
        for name in maps.maps.keys() {
            maps.roles_of(name, &world);
        }
    }
}

#[test]
fn files_that_include_each_other_come_to_an_end() {
    let begun = Instant::now();
    // Each file names the next one many times: without a limit 40^10 words.
    let mut files = Files::of_text("/d/hba", "host all @f0 all trust\n");
    for n in 0..10 {
        files = files.with(&format!("/d/f{n}"), Captured::Text(format!("@f{}\n", n + 1).repeat(40)));
    }
    let config = parse(&files.with("/d/f10", Captured::Text("x ".repeat(1000))), 16);
    assert!(config.rules.is_empty() && !config.errors.is_empty());
    let looped = Files::of_text("/d/hba", "include hba\nlocal all all trust\n");
    let config = parse(&looped, 16);
    assert!(config.errors.iter().any(|e| e.message.contains("deep")), "{:?}", config.errors);
    assert!(!config.loadable());
    let looped = parse(&Files::of_text("/d/hba", "local all @hba trust\n"), 15);
    assert_eq!(looped.errors.len(), 1, "{looped:?}");
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn more_than_the_limits_is_refused_and_not_cut() {
    let many = "local all all trust\n".repeat(100_001);
    let config = parse(&Files::of_text("hba", &many), 15);
    assert!(config.errors.iter().any(|e| e.message.contains("too many lines")));
    assert!(!config.loadable());
    let large = Files::of_text("hba", &"#".repeat((8 << 20) + 1));
    let config = parse(&large, 15);
    assert!(config.rules.is_empty() && !config.is_complete(), "{config:?}");
    // Files that are fine each, and too large together.
    let half = "#".repeat(5 << 20);
    let files = Files::of_text("/d/hba", "include a\ninclude b\nlocal all all trust\n");
    let config = parse(&files.with("/d/a", Captured::Text(half.clone())).with("/d/b", Captured::Text(half)), 16);
    assert!(!config.loadable() && config.errors[0].message.contains("too large"), "{config:?}");
}

#[test]
fn a_resolver_is_asked_a_bounded_number_of_times() {
    let mut asked = 0;
    let files = Files::gather("/d/hba", Captured::Text("include_dir x\n".into()), 16, |wanted: &Wanted| {
        asked += 1;
        if wanted.directory {
            Captured::Names((0..5000).map(|n| format!("{n:05}.conf")).collect())
        } else {
            Captured::Text(format!("include sub{asked}\n"))
        }
    });
    assert!(asked < 1100, "{asked}");
    assert!(!parse(&files, 16).is_complete());
}
