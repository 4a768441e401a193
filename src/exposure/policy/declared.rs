//! Reads the declarations. Strict: a typo in a waiver must not make it wider, and
//! one in an intent must not lose it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use toml::de::{DeTable, DeValue};

use super::glob::Glob;
use super::network::Network;
use super::waiver::{Target, Which};
use super::{Expect, WaiverRule, unwaivable};
use crate::config::Inputs;
use crate::config::origin::{Origin, nearest, refused};
use crate::config::reader::{Layers, Section};
use crate::config::values::some_text;
use crate::error::{Code, Error, Result, Stage};
use crate::exposure::catalogue;
use crate::keys::read_public;
use crate::types::{Digest, shown};

/// Largest file: 1 MiB.
const LIMIT: u64 = 1024 * 1024;

/// Most waivers of all files: each is held against every finding.
const MOST: usize = 2_000;

/// Longest text of a waiver in bytes.
const LONGEST: usize = 4_096;

/// What the files say.
#[derive(Debug, Clone, Default)]
pub struct Declarations {
    /// Waivers of all files.
    pub waivers: Vec<WaiverRule>,
    /// Intent: of each key what the last file says that has it.
    pub expect: Expect,
    /// SHA-256 of the files one after the other; `None` where there are none.
    pub digest: Option<Digest>,
}

/// Reads all files, in order. Each must be the caller's or root's, and closed to
/// writers: whoever can change them decides what is waived.
///
/// # Errors
/// 2 where one is missing, unsafe, too large or wrong.
pub fn read(paths: &[PathBuf]) -> Result<Declarations> {
    let mut all = Declarations::default();
    let mut bytes = Vec::new();
    for path in paths {
        let file = read_public(path, LIMIT).map_err(|e| {
            let e = e.at(Stage::Config);
            let gone = e.text() == "there is no such file";
            if gone { e.hint("Check source.NAME.exposure.declarations in the configuration.") } else { e }
        })?;
        let text = std::str::from_utf8(&file).map_err(|_| {
            Error::new(Code::Usage, Stage::Config, "the declarations are not UTF-8 text").on(path.display().to_string())
        })?;
        parse(path, text, &mut all)?;
        bytes.extend_from_slice(&file);
    }
    all.digest = (!paths.is_empty()).then(|| Digest::of(&bytes));
    Ok(all)
}

/// Adds what one file says.
///
/// # Errors
/// 2, with the line.
pub fn parse(path: &Path, text: &str, into: &mut Declarations) -> Result<()> {
    let inputs = Inputs::none();
    let layers = Layers::new(&inputs, Some((path, text)));
    let table = DeTable::parse(text).map_err(|e| layers.syntax(&e))?;
    let top = layers.top(Some(table.get_ref()));
    for (origin, section) in top.array("waiver")? {
        if into.waivers.len() == MOST {
            return Err(refused(&origin, format!("there are more than {MOST} waivers")));
        }
        into.waivers.push(waiver(&origin, &section)?);
    }
    let section = top.sub("expect")?;
    let new = expect(&section)?;
    top.finish()?;
    let old = std::mem::take(&mut into.expect);
    into.expect = Expect {
        admins: new.admins.or(old.admins),
        dump_role: new.dump_role.or(old.dump_role),
        services: new.services.or(old.services),
        extensions: new.extensions.or(old.extensions),
        replicas: new.replicas.or(old.replicas),
    };
    Ok(())
}

fn waiver(origin: &Origin, section: &Section<'_>) -> Result<WaiverRule> {
    let missing = |what: &str| {
        refused(origin, format!("the waiver has no {what}"))
            .hint("A waiver has check with match, or fp; and reason, owner and expires.")
    };
    let check = section.text("check", check)?;
    let print = section.text("fp", fingerprint)?;
    let has_match = section.has("match");
    let which = which(&section.sub("match")?)?;
    let which = match (print, which) {
        (Some(_), _) if has_match => {
            return Err(section.wrong("match", "a fingerprint is of one finding already: give fp or match"));
        }
        (Some(print), _) => Which::Fingerprint(print),
        (None, Some(which)) if check.is_some() => which,
        (None, Some(_)) => return Err(missing("check")),
        (None, None) if check.is_some() => return Err(missing("match: a whole check is never waived")),
        (None, None) => return Err(missing("check and no fp")),
    };
    let rule = WaiverRule {
        target: Target { check, which },
        reason: section.text("reason", bounded)?.ok_or_else(|| missing("reason"))?,
        owner: section
            .text("owner", |t| Ok(Some(t.trim().to_owned()).filter(|t| !t.is_empty() && t.len() <= LONGEST)))?
            .flatten(),
        ticket: section.text("ticket", bounded)?,
        expires: section.any("expires", date)?.ok_or_else(|| missing("end: expires = 2027-01-31"))?,
    };
    section.finish()?;
    Ok(rule)
}

/// Text that says something.
fn bounded(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("it is empty".into()),
        t if t.len() > LONGEST => Err(format!("it is longer than {LONGEST} bytes")),
        t => Ok(t.to_owned()),
    }
}

/// The id of one check that there is, and whose findings can be waived.
fn check(id: &str) -> Result<String, String> {
    if let Some(why) = unwaivable(id) {
        return Err(format!("{id}: {why}"));
    }
    if catalogue::find(id).is_some() {
        return Ok(id.to_owned());
    }
    if id.contains('*') {
        return Err(format!("{:?} is not one check: a waiver is never for a family", shown(id)));
    }
    let near = nearest(id, catalogue::all().map(|c| c.about.id)).map(|n| format!("; is {n} meant?"));
    Err(format!("there is no check {:?}{}", shown(id), near.unwrap_or_default()))
}

/// `x1:` and 16 hexadecimal digits, as reports show it, redacted or not.
fn fingerprint(text: &str) -> Result<String, String> {
    let fits = text
        .strip_prefix("x1:")
        .is_some_and(|digits| digits.len() == 16 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
    if fits { Ok(text.to_owned()) } else { Err(format!("{:?} is not a fingerprint as reports show it", shown(text))) }
}

fn which(section: &Section<'_>) -> Result<Option<Which>> {
    let object = section.text("object", some_text)?;
    let glob = section.text("glob", Glob::new)?;
    section.finish()?;
    match (object, glob) {
        (Some(_), Some(_)) => Err(section.wrong("glob", "give the object or a pattern, not both")),
        (object, glob) => Ok(object.map(Which::Object).or(glob.map(Which::Glob))),
    }
}

fn date(value: &DeValue<'_>) -> Result<(Date, String), String> {
    let wrong = "a date is expected here, without quotes: 2027-01-31";
    let DeValue::Datetime(at) = value else { return Err(wrong.into()) };
    let (Some(date), None, None) = (at.date, at.time, at.offset) else { return Err(wrong.into()) };
    let month = i8::try_from(date.month).map_err(|_| wrong)?;
    let day = i8::try_from(date.day).map_err(|_| wrong)?;
    let year = i16::try_from(date.year).map_err(|_| wrong)?;
    let date = Date::new(year, month, day).map_err(|_| wrong)?;
    Ok((date, date.to_string()))
}

fn expect(section: &Section<'_>) -> Result<Expect> {
    let names = |key| {
        let Some(list) = section.list(key)? else { return Ok(None) };
        let twice = list.iter().collect::<BTreeSet<_>>().len() != list.len();
        if list.iter().any(|n| n.is_empty() || n.contains('\0')) || twice {
            return Err(section.wrong(key, "a name is not empty, and stands here once"));
        }
        Ok(Some(list))
    };
    let expect = Expect {
        admins: names("admins")?,
        dump_role: section.text("dump_role", some_text)?,
        services: names("services")?,
        extensions: names("extensions")?,
        replicas: names("replicas")?,
    };
    for replica in expect.replicas.iter().flatten() {
        replica.parse::<Network>().map_err(|e| section.wrong("replicas", &e))?;
    }
    section.finish()?;
    Ok(expect)
}
