//! EXP-DATA-002: secrets that are stored as they are.

use super::sample::{Form, Sample};
use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::{About, Blind, Database, Found, Plane, Seen, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-DATA-002",
        title: "columns of passwords hold hashes",
        severity: Severity::High,
        planes: &[Plane::Copy],
        guide: &[10, 17],
        refs: &[],
        why: "A password in the clear is read by every role that reads the table and by whoever gets a backup, and it \
              is the same one that its owner uses elsewhere.",
        inspects: "Columns (and elements of json documents) whose name speaks of a password, secret or key in four \
                   languages, and which hold text: a finding where six in ten of the sampled values have no shape of a \
                   stored hash (crypt, bcrypt, argon2, PBKDF2, LDAP schemes, SCRAM, md5, so many hexadecimal digits). \
                   High for passwords that people type, medium for tokens and keys.",
        remedy: "Store passwords with a slow hash (argon2id; pgcrypto: crypt(x, gen_salt('bf', 12))) and tokens as \
                 their SHA-256; hash what is there in one UPDATE, VACUUM FULL the table, and let old backups expire.",
        false_positives: "A reference to a secret that is kept elsewhere, encrypted values in a form of your own: name \
                          the column …_ref or …_encrypted, or waive it. A token that is 32 random hexadecimal digits \
                          looks like a hash and is not found.",
        source: "OWASP Password Storage Cheat Sheet",
    },
    look: Look::Database(look),
};

/// Part of the values that makes a finding.
const RATIO: f64 = 0.6;

fn look<'a>(db: &'a Database<'a>) -> Looking<'a> {
    Box::pin(see(db))
}

async fn see(db: &Database<'_>) -> Result<Seen, Blind> {
    let sample = Sample::of(db).await?;
    if sample.present == 0 {
        return Ok(Seen::not_applicable("there are no tables"));
    }
    let mut seen = Seen {
        present: sample.present,
        examined: sample.tables.len() as u64,
        open: sample.open.clone(),
        ..Seen::default()
    };
    for table in &sample.tables {
        for column in table.columns.iter().filter(|c| matches!(c.form, Form::Text | Form::Json)) {
            let clear = column.parts.iter().filter_map(|part| {
                let clear = part.in_the_clear().filter(|n| *n > 0)?;
                (f64::from(clear) >= RATIO * f64::from(part.values())).then_some((clear, part))
            });
            let Some((clear, part)) = clear.max_by_key(|(clear, part)| (part.is_password(), *clear)) else { continue };
            let object = db.object(&format!("table column {}.{}", table.identity, column.name.1));
            let whose =
                if column.form == Form::Json { "an element of its documents is named like a secret: " } else { "" };
            let message = format!("{whose}{clear} of {} sampled values are stored as they are", part.values());
            let severity = if part.is_password() { Severity::High } else { Severity::Medium };
            seen.add(Found::new(object, message).at(severity));
        }
    }
    Ok(seen)
}
