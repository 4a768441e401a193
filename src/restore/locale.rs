//! Encoding and locale of a database: asked for as they were, and read back. Where
//! they differ, rows and indexes are in another order.

use super::database::failed;
use crate::error::{Code, Error, Result, Stage};
use crate::source::facts::DatabaseFacts;
use crate::source::{Session, catalog, probe};
use crate::types::shown;
use crate::types::text::{quote_ident, quote_literal};

/// The first version in which a database has a provider of its own.
const PROVIDERS: u32 = 15;

/// `CREATE DATABASE` with the encoding and locale of the source (PostgreSQL
/// manual, "CREATE DATABASE"). What is not named comes from template0, and so from
/// whoever made the cluster.
pub(super) fn create_sql(f: &DatabaseFacts, name: &str, major: u32) -> String {
    let mut sql = format!(
        "create database {} template template0 encoding {} lc_collate {} lc_ctype {}",
        quote_ident(name),
        quote_literal(&f.encoding),
        quote_literal(&f.collate),
        quote_literal(&f.ctype)
    );
    match (f.locale_provider.as_str(), &f.locale) {
        ("i", Some(l)) => sql.push_str(&format!(" locale_provider icu icu_locale {}", quote_literal(l))),
        ("b", Some(l)) => sql.push_str(&format!(" locale_provider builtin builtin_locale {}", quote_literal(l))),
        ("c", _) if major >= PROVIDERS => sql.push_str(" locale_provider libc"),
        _ => {}
    }
    if let Some(rules) = &f.icu_rules {
        sql.push_str(&format!(" icu_rules {}", quote_literal(rules)));
    }
    sql
}

/// In what the database `name` of the server differs from `f`: `encoding SQL_ASCII,
/// in the backup UTF8`.
pub(super) async fn differing(session: &Session, f: &DatabaseFacts, name: &str) -> Result<Vec<String>> {
    let major = probe::version(session).await?.major();
    let [provider, locale, rules] = catalog::locale_columns(major);
    let sql = format!(
        "select pg_catalog.pg_encoding_to_char(d.encoding)::text, d.datcollate::text, d.datctype::text, {provider}, \
         {locale}, {rules} from pg_catalog.pg_database d where d.datname = $1"
    );
    let row = session.client().query_one(&sql, &[&name]).await.map_err(failed("cannot read the locale", name))?;
    let is: [Option<String>; 6] = std::array::from_fn(|n| row.get(n));
    let was = [
        Some(f.encoding.clone()),
        Some(f.collate.clone()),
        Some(f.ctype.clone()),
        Some(f.locale_provider.clone()),
        f.locale.clone(),
        f.icu_rules.clone(),
    ];
    let what = ["encoding", "collation", "character classes", "locale provider", "locale", "ICU rules"];
    // From 16 on the server writes the name of an ICU locale in a form of its own.
    let renamed = major >= 16 && f.locale_provider == "i" && is[3] == was[3];
    let same = |n: usize| {
        let set = |value: &Option<String>| value.clone().filter(|v| !v.is_empty());
        set(&is[n]) == set(&was[n]) || (n == 4 && renamed)
    };
    let say = |n: usize, value: &Option<String>| {
        let value = value.as_deref().unwrap_or("none");
        match (n, value) {
            (3, "c") => "libc".to_owned(),
            (3, "i") => "icu".to_owned(),
            (3, "b") => "builtin".to_owned(),
            _ => shown(value).into_owned(),
        }
    };
    Ok((0..what.len())
        .filter(|n| !same(*n))
        .map(|n| format!("{} {}, in the backup {}", what[n], say(n, &is[n]), say(n, &was[n])))
        .collect())
}

/// The server made the database otherwise than it was asked to.
pub(super) fn made_otherwise(name: &str, differing: &[String]) -> Error {
    let text = format!("the server made the database otherwise than in the backup: {}", differing.join("; "));
    Error::new(Code::RestoreFailed, Stage::Restore, text).on(name).hint(
        "Create an empty database by hand as the backup has it, and restore into that: --target-db with its name.",
    )
}

/// That a database which was there before is not as the backup's.
pub(super) fn text_of_existing(name: &str, differing: &[String]) -> String {
    format!(
        "the database {} was there before and is not as in the backup: {}. Text may sort and compare otherwise",
        shown(name),
        differing.join("; ")
    )
}

/// What to do about it.
pub(super) const NEXT_STEP: &str =
    "To have it as it was, restore into a name that does not exist: pgseal creates the database as in the backup.";
