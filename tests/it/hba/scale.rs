//! Large files over large clusters: done in seconds, or refused as a whole.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use pgseal::hba::{Files, Membership, evaluate, parse};

use crate::hba::random::{People, role};

/// Generous: other tests run beside this one.
const AT_MOST: Duration = Duration::from_mins(3);

fn people(roles: usize, groups: usize, databases: usize) -> People {
    let mut rng = fastrand::Rng::with_seed(1);
    let roles: Vec<_> = (0..roles).map(|n| role(&format!("r{n}"), n >= groups, n % 997 == 996, n % 499 == 0)).collect();
    let memberships = (0..roles.len()).map(|member| Membership { member, group: rng.usize(..groups) }).collect();
    People { roles, memberships, databases: (0..databases).map(|n| format!("d{n}")).collect() }
}

fn timed(name: &str, text: &str, people: &People) -> pgseal::hba::Matrix {
    let begun = Instant::now();
    let config = parse(&Files::of_text("hba", text), 16);
    assert_eq!(config.errors, []);
    let read = begun.elapsed();
    let matrix = evaluate(&config, &people.world(true, Some(true), 16));
    let rows = matrix.entry_rows(&people.world(true, Some(true), 16)).len();
    let all = begun.elapsed();
    eprintln!(
        "{name}: read {read:?}, all {all:?}, {} cells, {rows} rows, {} dead",
        matrix.cells.len(),
        matrix.dead.len()
    );
    assert!(all < AT_MOST, "{all:?}");
    matrix
}

#[test]
fn two_thousand_rules_over_ten_thousand_roles() {
    let people = people(10_000, 100, 200);
    let mut rng = fastrand::Rng::with_seed(2);
    let mut text = String::from("local all r5000 peer\n");
    for _ in 0..2000 {
        let user = match rng.u8(..10) {
            0 => "all".into(),
            1..4 => format!("+r{}", rng.usize(..100)),
            _ => format!("r{},r{}", rng.usize(..10_000), rng.usize(..10_000)),
        };
        let database = match rng.u8(..4) {
            0 => "all".into(),
            1 => "replication".into(),
            _ => format!("d{},d{}", rng.usize(..200), rng.usize(..200)),
        };
        let length = *rng.choice(&[16, 20, 24, 28, 32]).unwrap();
        let kind = *rng.choice(&["host", "host", "hostssl", "hostnossl"]).unwrap();
        let net = format!("10.{}.{}.{}", rng.u8(..8), rng.u8(..), rng.u8(..));
        writeln!(text, "{kind} {database} {user} {net}/{length} scram-sha-256").unwrap();
    }
    let matrix = timed("2,000 rules x 10,000 roles x 200 databases", &text, &people);
    assert!(matrix.is_whole() && !matrix.cells.is_empty());
}

#[test]
fn a_tenant_each() {
    let people = people(3000, 10, 3000);
    let mut text = String::new();
    for n in 0..2000 {
        writeln!(text, "hostssl d{n} r{n} 10.{}.{}.0/24 scram-sha-256", n / 256, n % 256).unwrap();
    }
    text.push_str("host sameuser all 192.168.0.0/16 md5\nhost all all all reject\n");
    let matrix = timed("a rule for each of 2,000 tenants", &text, &people);
    assert!(matrix.cells.len() > 2000);
}

#[test]
fn what_is_beyond_all_measure_is_refused_as_a_whole() {
    let people = people(2000, 10, 2000);
    let mut text = String::new();
    // What is left for the last rule is different for each role and each database.
    for n in 0..1990 {
        writeln!(text, "host d{n} all 10.0.{}.{}/32 trust", n / 256, n % 256).unwrap();
        writeln!(text, "host all r{} 10.1.{}.{}/32 trust", n + 10, n / 256, n % 256).unwrap();
    }
    text.push_str("host all all all scram-sha-256\n");
    let matrix = timed("four million different boxes", &text, &people);
    assert!(!matrix.is_whole() && matrix.cells.is_empty() && matrix.dead.is_empty(), "half a matrix");
}
