//! EXP-RLS-008: policies that believe what the client says of itself.

use std::collections::HashMap;

use super::{none, policies, secured};
use crate::checks::Severity;
use crate::exposure::look::{Blind, Check, Look};
use crate::exposure::sql_text::{Token, inside, split, tokens};
use crate::exposure::words::few;
use crate::exposure::{About, Database, Found, Plane, Seen};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-RLS-008",
        title: "no policy believes a setting that the client can set",
        severity: Severity::Medium,
        planes: &[Plane::Live, Plane::Copy],
        guide: &[12, 21],
        refs: &["CIS 4.7"],
        why: "Settings with a dot in their name can be set by every session: SET app.tenant = '7' is all that it takes to \
              be tenant 7. Such a policy protects from a forgotten WHERE, and not from injected SQL or a stolen login.",
        inspects: "Policies on tables with row security that read such a setting by current_setting, themselves or in a \
                   function that they call.",
        remedy: "Give tenants roles of their own and compare with current_user; or let a SECURITY DEFINER function \
                 look the tenant up from a token that the client cannot make (a signature that it checks).",
        false_positives: "A pooler or API server that sets the setting before each request and lets no SQL of clients \
                          through. Waive the policy with the name of that component as reason.",
        source: "PostgreSQL manual, \"Customized Options\", \"CREATE POLICY\"",
    },
    look: Look::Database(|db| Box::pin(look(db))),
};

/// Functions that policies call, with their texts.
const CALLED: &str = "\
    SELECT d.objid, p.polrelid, quote_ident(p.polname), left(f.prosrc, 100000) FROM pg_policy p \
    JOIN pg_depend d ON d.classid = 'pg_policy'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_proc'::regclass \
    JOIN pg_proc f ON f.oid = d.refobjid WHERE strpos(lower(f.prosrc), 'current_setting') > 0";

async fn look(db: &Database<'_>) -> Result<Seen, Blind> {
    let relations = db.relations().await?;
    let policies = policies::read(db).await?;
    let mut called: HashMap<(u32, String), Vec<String>> = HashMap::new();
    for row in db.rows("the functions of policies", CALLED, &[]).await? {
        called.entry((row.get(1), row.get(2))).or_default().extend(settings(row.get(3)));
    }
    let mut seen = Seen::default();
    for table in secured(relations) {
        for policy in policies.get(&table.oid).into_iter().flatten() {
            seen.merge(Seen::all_of(1));
            let own = [&policy.using, &policy.check].into_iter().flatten().flat_map(|text| settings(text));
            let mut read: Vec<String> = own.collect();
            read.extend(called.get(&(table.oid, policy.name.clone())).into_iter().flatten().cloned());
            read.sort();
            read.dedup();
            if !read.is_empty() {
                let object = db.object(&format!("policy {} on {}", policy.name, table.name));
                seen.add(Found::new(object, format!("it believes a setting that any session can set: {}", few(&read))));
            }
        }
    }
    Ok(if seen.present == 0 { none(db, "policy in force") } else { seen })
}

/// Settings that every session can set and that the text reads.
fn settings(text: &str) -> Vec<String> {
    let t = tokens(text);
    let mut found = Vec::new();
    for (at, _) in t.iter().enumerate().filter(|(_, t)| t.is("current_setting")) {
        let rest = &t[at + 1..];
        let mut depth = 0;
        let end = rest.iter().position(|t| {
            depth += crate::exposure::sql_text::nesting(t);
            depth <= 0
        });
        let Some(arguments) = end.and_then(|end| inside(&rest[..=end])) else { continue };
        let first = split(arguments, |t| t.is_sign(",")).first().copied().unwrap_or_default();
        let name = match first {
            [] => continue,
            [Token::Text(name)] => name,
            [Token::Text(name), cast, _] if cast.is_sign("::") => name,
            _ => "one whose name is computed",
        };
        if name.contains('.') || name.contains(' ') {
            found.push(name.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::settings;

    #[test]
    fn only_settings_of_clients_count() {
        assert_eq!(settings("(t = (current_setting('app.tenant'::text, true))::integer)"), ["app.tenant"]);
        assert_eq!(settings("current_setting('request.' || x)"), ["one whose name is computed"]);
        for no in [
            "current_setting('role'::text)",
            "'current_setting(''a.b'')'",
            "-- current_setting('a.b')",
            "current_setting",
        ] {
            assert!(settings(no).is_empty(), "{no}");
        }
    }
}
