//! Names in an exposure. Facts do not hold all of them: functions, policies,
//! foreign servers and the words of access rules are learned from where they
//! stand, then taken out of every text.
//!
//! | part | `names` | `details` |
//! |---|---|---|
//! | objects of findings, reach, credentials; rules | pseudonyms, word by word | left out |
//! | messages, reasons, the waivers' reasons | known names and whatever looks like one are pseudonyms | left out |
//! | roles and databases of ways in | pseudonyms | left out; their number stays |
//! | columns of classified data | pseudonyms | left out; the class stays |
//! | addresses | stay, they are no names | left out; their class and number stay |
//! | remedies of the catalogue, ids, numbers, grades, tags | stay | stay |
//!
//! What the store and the hosts are audited for (keys, paths, ids) is the
//! operator's own and stays at `names`.

use std::collections::HashSet;

use super::words::{JOINTS, KINDS, RULES, is_address, is_odd, is_setting, is_word, place, tokens};
use super::{KNOWN, LEFT_OUT, Redactor};
use crate::checks::Finding;
use crate::error::Result;
use crate::exposure::{Exposure, Plane};
use crate::report::exposure::about;
use crate::types::Redaction;

/// Most names that are learned from one exposure.
const MOST: usize = 200_000;

/// Every text of an exposure in which a pseudonym may stand.
pub(in crate::report) fn texts(e: &mut Exposure, mut each: impl FnMut(&mut String)) {
    for c in &mut e.checks {
        c.reason.iter_mut().for_each(&mut each);
        for f in &mut c.findings {
            [&mut f.object, &mut f.message, &mut f.remedy].into_iter().for_each(&mut each);
            f.waiver.iter_mut().for_each(|w| each(&mut w.reason));
        }
    }
    for row in &mut e.entry {
        row.roles.iter_mut().chain(&mut row.databases).for_each(&mut each);
        [&mut row.from, &mut row.rule].into_iter().for_each(&mut each);
    }
    for row in &mut e.reach {
        row.classes.iter_mut().chain([&mut row.object]).for_each(&mut each);
    }
    e.credentials.iter_mut().for_each(|c| each(&mut c.object));
}

impl Redactor {
    /// Learns the names that stand in an exposure.
    pub(super) fn learn_of(&mut self, e: &Exposure) -> Result<()> {
        for row in &e.entry {
            row.databases.iter().filter(|d| !is_word(d)).for_each(|d| self.add("database", d));
            row.roles.iter().filter(|r| !is_word(r)).for_each(|r| self.add("role", r));
            self.learn_rule(&row.rule);
        }
        for row in &e.reach {
            self.learn_locator(&row.object);
            for column in row.classes.iter().filter_map(|c| c.rsplit_once(": ")) {
                self.add("column", column.0);
            }
        }
        e.credentials.iter().for_each(|c| self.learn_locator(&c.object));
        let settings = settings(e);
        for c in e.checks.iter().filter(|c| !is_ours(&c.id)) {
            for f in &c.findings {
                if is_rule(&f.object) {
                    self.learn_rule(&f.object);
                } else {
                    self.learn_locator(&f.object);
                }
                self.learn_prose(&f.message, &settings);
                if !is_static(&c.id, f) {
                    self.learn_prose(&f.remedy, &settings);
                }
            }
            c.reason.iter().for_each(|why| self.learn_prose(why, &settings));
        }
        self.look_again()
    }

    /// `database shop: function public.f(integer)`: what follows a word of a kind,
    /// and what is quoted, is a name.
    fn learn_locator(&mut self, object: &str) {
        let mut rest = object;
        if let Some((database, more)) = object.strip_prefix("database ").and_then(|r| r.split_once(": ")) {
            self.learn_name("database", database);
            rest = more;
        }
        // A name may hold spaces, and stands as it is.
        if let Some(name) = ["role ", "database "].iter().find_map(|kind| rest.strip_prefix(kind)) {
            if !JOINTS.iter().any(|j| name.contains(&format!(" {j} "))) {
                self.learn_name(&rest[..rest.len() - name.len() - 1], name);
                return;
            }
        }
        let (mut kind, mut here, mut depth) = ("name", false, 0u32);
        let tokens = tokens(rest);
        for (at, token) in tokens.iter().copied().enumerate() {
            match token {
                "(" => depth += 1,
                ")" => depth = depth.saturating_sub(1),
                "." => here = true,
                _ if depth > 0 => {}
                word if KINDS.contains(&word) => (kind, here) = (KINDS[place(word)], true),
                word if JOINTS.contains(&word) => here = true,
                word if at > 0 && is_setting(tokens[at - 1], word, tokens.get(at + 1)) => here = false,
                word if here || word.starts_with('"') || is_odd(word) => {
                    let within = tokens.get(at + 1) == Some(&".");
                    self.learn_name(if within { "schema" } else { kind }, word);
                    here = false;
                }
                _ => here = false,
            }
        }
    }

    /// `host shop,+app "all" 10.0.0.0/8 ldap map=m`
    fn learn_rule(&mut self, rule: &str) {
        let mut fields = rule.split_whitespace();
        fields.next();
        for (kind, field) in ["database", "role"].into_iter().zip(fields.by_ref()) {
            for name in field.split(',').map(|n| n.trim_start_matches(['+', '@', '/'])).filter(|n| !is_word(n)) {
                self.learn_name(kind, name);
            }
        }
        let values = fields.filter(|f| !is_address(f)).filter_map(|f| f.split_once('='));
        values.filter(|(_, v)| !is_word(v)).for_each(|(_, value)| self.learn_name("name", value));
    }

    /// Words of a sentence that look like names and are no settings.
    fn learn_prose(&mut self, text: &str, settings: &HashSet<String>) {
        for word in text.split_whitespace().filter(|w| !is_address(w)).flat_map(tokens) {
            if (word.starts_with('"') || is_odd(word)) && !settings.contains(word) {
                self.learn_name("name", word);
            }
        }
    }

    /// One name, quoted or not.
    fn learn_name(&mut self, kind: &str, name: &str) {
        let bare = name.strip_prefix('"').and_then(|n| n.strip_suffix('"'));
        let plain = bare.map_or_else(|| name.to_owned(), |n| n.replace("\"\"", "\""));
        let word = plain.to_lowercase();
        let known = KNOWN.contains(&word.as_str()) || RULES.contains(&word.as_str()) || is_word(&plain);
        if !known && !plain.starts_with("pg_") && self.names.len() < MOST {
            self.add(kind, &plain);
        }
    }

    /// Takes the names out.
    pub(super) fn exposure(&self, e: &mut Exposure) {
        if self.level == Redaction::Details {
            details(e);
        } else {
            self.names_of(e);
        }
        for f in e.checks.iter_mut().flat_map(|c| &mut c.findings) {
            f.fingerprint = self.fingerprint(&f.fingerprint);
        }
    }

    fn names_of(&self, e: &mut Exposure) {
        for c in &mut e.checks {
            c.reason.iter_mut().for_each(|t| *t = self.text(t));
            for f in &mut c.findings {
                if !is_static(&c.id, f) {
                    f.remedy = self.text(&f.remedy);
                }
                f.object = if is_ours(&c.id) { self.text(&f.object) } else { self.locator(&f.object) };
                f.message = self.text(&f.message);
                f.waiver.iter_mut().for_each(|w| w.reason = self.text(&w.reason));
            }
        }
        for row in &mut e.entry {
            for name in row.roles.iter_mut().chain(&mut row.databases).chain([&mut row.from, &mut row.rule]) {
                *name = self.locator(name);
            }
        }
        for row in &mut e.reach {
            row.object = self.locator(&row.object);
            for class in &mut row.classes {
                *class = class.rsplit_once(": ").map_or_else(
                    || self.locator(class),
                    |(column, class)| format!("{}: {class}", self.pseudonym("column", column)),
                );
            }
        }
        e.credentials.iter_mut().for_each(|c| c.object = self.locator(&c.object));
    }

    /// A locator or a rule: known names, and every word that is none of ours.
    fn locator(&self, object: &str) -> String {
        let mut out = String::with_capacity(object.len());
        for (pseudonym, piece) in self.pieces(object) {
            if let Some(pseudonym) = pseudonym {
                out += pseudonym;
                continue;
            }
            let mut before = "";
            for chunk in piece.split_inclusive(char::is_whitespace) {
                if is_address(chunk.trim_end()) {
                    out += chunk;
                    continue;
                }
                let mut from = 0;
                let tokens = tokens(chunk);
                for (i, token) in tokens.iter().copied().enumerate() {
                    // Tokens are parts of the chunk, in its order.
                    let at = from + chunk[from..].find(token).unwrap_or(0);
                    out += &chunk[from..at];
                    from = at + token.len();
                    let lower = token.to_lowercase();
                    let ours = !token.contains(|c: char| c == '_' || c.is_alphanumeric())
                        || token.bytes().all(|b| b.is_ascii_digit())
                        || [&KNOWN[..], &KINDS, &JOINTS, &RULES].iter().any(|l| l.contains(&lower.as_str()))
                        || is_setting(before, token, tokens.get(i + 1))
                        || is_word(token);
                    before = token;
                    if ours {
                        out += token;
                    } else {
                        out += &self.pseudonym("name", token);
                    }
                }
                out += &chunk[from..];
            }
        }
        out
    }
}

/// Names of settings that findings are about: they are the system's.
fn settings(e: &Exposure) -> HashSet<String> {
    let mut all = HashSet::new();
    for f in e.checks.iter().flat_map(|c| &c.findings) {
        let tokens = tokens(&f.object);
        let named = (1..tokens.len()).filter(|i| is_setting(tokens[i - 1], tokens[*i], tokens.get(i + 1)));
        all.extend(named.map(|i| tokens[i].to_owned()));
    }
    all
}

/// Ids, numbers and grades only.
fn details(e: &mut Exposure) {
    let left_out = |t: &mut String| LEFT_OUT.clone_into(t);
    for c in &mut e.checks {
        c.reason.iter_mut().for_each(left_out);
        for f in &mut c.findings {
            if !is_static(&c.id, f) {
                left_out(&mut f.remedy);
            }
            left_out(&mut f.object);
            left_out(&mut f.message);
            if let Some(w) = &mut f.waiver {
                left_out(&mut w.reason);
                left_out(&mut w.owner);
                w.ticket.iter_mut().for_each(left_out);
            }
        }
    }
    for row in &mut e.entry {
        row.roles.clear();
        row.databases.clear();
        left_out(&mut row.from);
        left_out(&mut row.rule);
    }
    for row in &mut e.reach {
        left_out(&mut row.object);
        for class in &mut row.classes {
            *class = class.rsplit_once(": ").map_or(LEFT_OUT, |(_, class)| class).to_owned();
        }
    }
    e.credentials.iter_mut().for_each(|c| left_out(&mut c.object));
}

/// Whether a check looks at nothing but the store and the hosts.
fn is_ours(id: &str) -> bool {
    about(id).is_some_and(|a| !a.planes.is_empty() && a.planes.iter().all(|p| matches!(p, Plane::Trail | Plane::House)))
}

/// Whether the remedy is the catalogue's, which knows no names.
fn is_static(id: &str, f: &Finding) -> bool {
    about(id).is_some_and(|a| a.remedy == f.remedy)
}

fn is_rule(object: &str) -> bool {
    let first = object.trim_start_matches("rule ").split(' ').next();
    first.is_some_and(|w| RULES.contains(&w)) && object.split(' ').count() > 3
}

#[cfg(test)]
mod tests;
