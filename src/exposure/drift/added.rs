//! EXP-DRIFT-003: no new code, hook or link to another server.

use std::collections::BTreeSet;

use super::History;
use super::pairs::{Said, pairs};
use crate::exposure::{About, Check, Look, Plane, Policy, Seen, Server, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-DRIFT-003",
        title: "no extension, language, hook or link to another server was added since the last drill",
        severity: Severity::Medium,
        planes: &[Plane::Posture],
        guide: &[14, 24],
        refs: &["SRG-APP-000381"],
        why: "Each of these runs code in the server, or sends data out of it: an extension, an untrusted language, a library \
              that is loaded with every session, an event trigger, a foreign server, a publication, a subscription.",
        inspects: "What this backup has and the backup drilled before had not: databases, extensions, languages, event \
                   triggers, foreign-data wrappers and servers by name; publications and subscriptions by number; libraries \
                   in shared_, session_ and local_preload_libraries. Declared extensions are no finding.",
        remedy: "Find out who added it. If it is not needed: DROP it, or take it out of the setting. If it is, declare the \
                 extension in [expect]; the rest counts as known from the next drill on.",
        false_positives: "A release that needed it.",
        source: "PostgreSQL manual, \"Shared Library Preloading\", \"CREATE EVENT TRIGGER\"",
    },
    look: Look::History(look),
};

const PRELOAD: [&str; 3] = ["shared_preload_libraries", "session_preload_libraries", "local_preload_libraries"];
const KINDS: [&str; 4] = ["language: ", "event trigger: ", "foreign-data wrapper: ", "server: "];

fn look(history: &History<'_>, policy: &Policy) -> Seen {
    let all = match pairs(history) {
        Ok(all) => all,
        Err(why) => return Seen::not_evaluated(why),
    };
    let mut seen = Seen::default();
    let mut said = Said::default();
    if let (Ok(before), Ok(now)) = (history.before.get(), history.databases.get()) {
        for database in *now {
            if !before.databases.iter().any(|d| d.name == database.name) {
                said.add(format!("database {}", database.name), "it is new in the backup");
            }
        }
        libraries(&before.server, history.now, &mut seen, &mut said);
    }
    let expected = |name: &str| policy.expect.extensions.as_ref().is_some_and(|all| all.iter().any(|e| e == name));
    for pair in &all {
        let had: BTreeSet<&str> = pair.then.extensions.iter().map(|e| e.name.as_str()).collect();
        seen.present += 1;
        for e in pair.now.extensions.iter().filter(|e| !had.contains(e.name.as_str()) && !expected(&e.name)) {
            said.add(
                format!("database {}: extension {}", pair.name, e.name),
                format!("version {} was added", e.version),
            );
        }
        for kind in ["publication", "subscription"] {
            let count = |counts: &std::collections::BTreeMap<String, u64>| counts.get(kind).copied().unwrap_or(0);
            let (was, is) = (count(&pair.then.object_counts), count(&pair.now.object_counts));
            if is > was {
                said.add(format!("database {}: {kind}s", pair.name), format!("there are {is}, there were {was}"));
            }
        }
        match pair.inventories() {
            Err(why) => seen.open.push(why),
            Ok((then, now)) => {
                seen.examined += 1;
                for key in now.objects.keys().filter(|k| KINDS.iter().any(|kind| k.starts_with(kind))) {
                    if !then.objects.contains_key(key) {
                        said.add(pair.object(key), "it was added");
                    }
                }
            }
        }
    }
    said.into(&mut seen);
    seen
}

fn libraries(then: &Server, now: &Server, seen: &mut Seen, said: &mut Said) {
    for name in PRELOAD {
        seen.present += 1;
        let list = |server: &Server| -> Result<BTreeSet<String>, String> {
            let libraries = server.value(name)?.split(',').map(|l| l.trim().trim_matches('"').to_owned());
            Ok(libraries.filter(|l| !l.is_empty()).collect())
        };
        match (list(then), list(now)) {
            (Ok(was), Ok(is)) => {
                seen.examined += 1;
                let new: Vec<&str> = is.difference(&was).map(String::as_str).collect();
                if !new.is_empty() {
                    said.add(format!("setting {name}"), format!("it now loads {}", new.join(", ")));
                }
            }
            (Err(why), _) => seen.open.push(format!("{name} then: {why}")),
            (_, Err(why)) => seen.open.push(format!("{name} now: {why}")),
        }
    }
}
