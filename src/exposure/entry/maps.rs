//! EXP-HBA-010: no user name map makes anybody somebody.

use std::collections::BTreeSet;

use super::PLANES;
use crate::exposure::{About, Check, Found, Look, Policy, Seen, Server, Severity};
use crate::hba::ident::{DatabaseUser, SystemUser};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-HBA-010",
        title: "no user name map gives a role to everybody, or a superuser to many",
        severity: Severity::Medium,
        planes: PLANES,
        guide: &[5, 20],
        refs: &["SRG-APP-000177"],
        why: "A map decides which certificate, Kerberos name or system user may be which role. One line with a pattern that \
              fits every name hands the role to all of them.",
        inspects: "Maps that an accepting rule uses: lines whose pattern fits everybody, and patterns that give a role that \
                   is or can become a superuser (high). Also `all` as the role (16+).",
        remedy: "Write one line for each person and role, without patterns; never a pattern for a superuser.",
        false_positives: "`/^(.*)@example\\.com$ \\1` strips a realm; it is no finding as long as it cannot give a superuser.",
        source: "PostgreSQL manual, \"User Name Maps\"",
    },
    look: Look::Server(look),
};

fn look(server: &Server, _: &Policy) -> Seen {
    let access = match server.access() {
        Ok(access) => access,
        Err(why) => return Seen::not_evaluated(why),
    };
    let used: BTreeSet<&str> = access.hits(|_| true).iter().filter_map(|h| h.rule.map()).collect();
    if used.is_empty() {
        return Seen::not_applicable("no rule uses a user name map");
    }
    let ident = match access.ident.get() {
        Ok(ident) if ident.loadable() => ident,
        Ok(_) => return Seen::not_evaluated("pg_ident.conf has errors: the server runs with other maps"),
        Err(why) => return Seen::not_evaluated(format!("pg_ident.conf is not known: {why}")),
    };
    let mut seen = Seen::default();
    if !ident.is_complete() {
        seen.open.push("a file that pg_ident.conf includes was not seen".to_owned());
    }
    for map in used {
        for line in ident.lines(map) {
            seen.present += 1;
            seen.examined += 1;
            let pattern = matches!(line.system, SystemUser::Regex(_));
            let superuser = match &line.database {
                DatabaseUser::Name(name) => server.powers.is_super(name),
                DatabaseUser::All | DatabaseUser::Regex(_) => true,
                DatabaseUser::Captured(_) | DatabaseUser::Group(_) => false,
            };
            let object = || format!("map line {}", line.text(map));
            if line.gives_everybody() {
                let severity = if superuser { Severity::High } else { Severity::Medium };
                seen.add(Found::new(object(), "everybody whom the method knows becomes this role").at(severity));
            } else if matches!(line.database, DatabaseUser::All) {
                seen.add(Found::new(object(), "who is in this line may become any role").at(Severity::High));
            } else if pattern && superuser {
                seen.add(Found::new(object(), "a pattern decides who becomes a superuser").at(Severity::High));
            }
        }
    }
    seen
}
