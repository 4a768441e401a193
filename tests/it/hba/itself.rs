//! The matrix of all connections says of each what asking rule by rule says.

use std::net::IpAddr;

use pgseal::hba::{Attempt, DbSet, Files, Matrix, Transport, decide, evaluate, parse};

use crate::hba::random::{People, Replay, people, rules, seed};

const METHODS: &[&str] = &["trust", "reject", "scram-sha-256", "md5", "password"];

/// Rules of the cells that hold a connection: the sure one, and the maybes.
fn of_matrix(matrix: &Matrix, people: &People, attempt: &Attempt<'_>) -> (Vec<usize>, Vec<(usize, bool)>) {
    let role = people.place(attempt.role) as u32;
    let database = attempt.database.map(|d| people.databases.iter().position(|n| n == d).unwrap() as u32);
    let (mut sure, mut maybe) = (Vec::new(), Vec::new());
    for cell in matrix.cells.iter().filter(|c| c.transport == attempt.transport && c.roles.contains(&role)) {
        let database = match (&cell.databases, database) {
            (DbSet::Replication, None) => true,
            (DbSet::Databases(all), Some(d)) => all.contains(&d),
            _ => false,
        };
        let address = attempt.address.is_none_or(|ip| cell.addresses.iter().any(|i| i.contains(ip)));
        if database && address {
            if cell.maybe {
                maybe.push((cell.rule, cell.contested));
            } else {
                sure.push(cell.rule);
                maybe.push((cell.rule, cell.contested));
            }
        }
    }
    (sure, maybe)
}

#[test]
fn the_matrix_says_what_asking_rule_by_rule_says() {
    let seed = seed();
    let _replay = Replay(seed);
    let mut rng = fastrand::Rng::with_seed(seed);
    let people = people();
    let (mut compared, mut decided, mut clouded, mut dead) = (0, 0, 0, 0);
    for _ in 0..60 {
        let major = *rng.choice(&[13, 15, 16, 18]).unwrap();
        let count = rng.usize(1..25);
        let mut text = rules(&mut rng, count, major, METHODS, METHODS);
        if rng.bool() {
            // Rules that only the server could decide.
            let at = text.find('\n').unwrap() + 1;
            let odd =
                ["host all alice .example.com md5\n", "host db1 all samenet trust\n", "host all @gone all reject\n"];
            text.insert_str(at, rng.choice(&odd).unwrap());
        }
        let config = parse(&Files::of_text("pg_hba.conf", &text), major);
        assert!(config.errors.is_empty(), "{:?}\n{text}", config.errors);
        let world = people.world(rng.bool(), *rng.choice(&[Some(true), Some(false)]).unwrap(), major);
        let matrix = evaluate(&config, &world);
        for rule in &matrix.dead {
            let sure = rule.certainty == pgseal::hba::Certainty::Surely;
            assert_eq!(sure, !matrix.cells.iter().any(|c| c.rule == rule.rule), "{rule:?}\n{text}");
            dead += 1;
        }
        for rule in 0..config.rules.len() {
            let lives = matrix.cells.iter().any(|c| c.rule == rule);
            assert!(lives || matrix.dead.iter().any(|d| d.rule == rule), "{rule} is neither alive nor dead\n{text}");
        }
        for _ in 0..150 {
            let transport = *rng.choice(&Transport::ALL).unwrap();
            let offered = match transport {
                Transport::Tls => world.ssl,
                Transport::Gss => world.gss == Some(true),
                _ => true,
            };
            let role = rng.choice(&people.roles).unwrap();
            if !offered || !role.login {
                continue;
            }
            let address: Option<IpAddr> = (transport != Transport::Socket).then(|| {
                let v4 = [127, rng.u8(..4) * 40 + rng.u8(..2), rng.u8(..3), rng.u8(..4)];
                [IpAddr::from(v4), "10.1.2.3".parse().unwrap(), "::1".parse().unwrap(), "2001:db8::1".parse().unwrap()]
                    [rng.usize(..8).saturating_sub(4)]
            });
            let replicates = role.replication || role.superuser;
            let database =
                if replicates && rng.u8(..4) == 0 { None } else { rng.choice(&people.databases).map(String::as_str) };
            let attempt = Attempt { transport, address, role: &role.name, database };
            let expected = decide(&config, &world, &attempt);
            let (sure, all) = of_matrix(&matrix, &people, &attempt);
            let context = format!("{attempt:?} {expected:?}\n{text}");
            assert_eq!(sure, expected.surely.into_iter().collect::<Vec<_>>(), "{context}");
            for rule in &expected.maybe {
                assert!(all.iter().any(|(r, _)| r == rule), "maybe {rule} is in no cell: {context}");
                clouded += 1;
            }
            assert_eq!(all.len(), expected.maybe.len() + sure.len(), "{all:?} {context}");
            let first = all.iter().map(|(r, _)| *r).min();
            for (rule, contested) in all {
                assert!(contested || Some(rule) == first, "{rule} is not contested: {context}");
            }
            compared += 1;
            decided += usize::from(expected.surely.is_some());
        }
    }
    assert!(compared > 3000 && decided > 500 && clouded > 50 && dead > 50, "{compared} {decided} {clouded} {dead}");
}
