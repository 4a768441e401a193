//! EXP-TOOL-005: nobody else can change what is run, and it runs with no more
//! rights than it needs.

use std::path::Path;

use crate::exposure::house::House;
use crate::exposure::house::modes::{Limit, judge};
use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::{About, Found, Plane, Seen, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-TOOL-005",
        title: "no other user can change the program or its jobs, and it does not run as root",
        severity: Severity::Medium,
        planes: &[Plane::House],
        guide: &[6, 7],
        refs: &["SRG-APP-000133"],
        why: "Who can write the program, its unit or its cron table runs as its user the next night. As root that is \
              the whole host.",
        inspects: "The program that runs now, PostgreSQL's programs that it would start, the units and cron tables that \
                   name pgseal: owner, mode and the directories above. Whether pgseal runs as root (low: drills as \
                   root change to scratch.user).",
        remedy: "chown root: FILE; chmod go-w FILE. Run backups as a user of their own (User= in the unit), see \
                 examples/systemd.",
        false_positives: "A program that was just built and runs from a work tree.",
        source: "systemd.exec(5), \"User and Group Identity\".",
    },
    look: Look::House(look),
};

fn look<'a>(house: &'a House<'a>) -> Looking<'a> {
    Box::pin(std::future::ready(Ok(judged(house))))
}

fn judged(house: &House<'_>) -> Seen {
    let mut seen = Seen::all_of(1);
    if house.uid == 0 {
        seen.add(Found::new("user root", "pgseal runs as root").at(Severity::Low));
    }
    match &house.program {
        Some(program) => look_at(program, house.uid, &mut seen),
        None => seen.open.push("the program that runs cannot be told".into()),
    }
    match house.clients.get() {
        Ok(clients) => {
            for client in clients {
                look_at(&client.path, house.uid, &mut seen);
            }
        }
        Err(why) => seen.open.push(why.to_owned()),
    }
    for t in house.jobs.running_pgseal() {
        look_at(&t.path, house.uid, &mut seen);
    }
    seen.open.extend(house.jobs.closed.iter().cloned());
    seen
}

fn look_at(path: &Path, uid: u32, seen: &mut Seen) {
    if !judge(path, Limit::Readable, uid, &[], seen) {
        seen.present += 1;
        seen.open.push(format!("{} is gone", path.display()));
    }
}
