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
use std::net::IpAddr;
use std::sync::OnceLock;

use super::{KNOWN, LEFT_OUT, Redactor};
use crate::checks::Finding;
use crate::error::Result;
use crate::exposure::{Exposure, Plane, catalogue};
use crate::report::exposure::about;
use crate::types::Redaction;

/// Words of a locator after which a name follows.
const KINDS: [&str; 25] = [
    "role",
    "user",
    "database",
    "schema",
    "table",
    "view",
    "sequence",
    "index",
    "function",
    "procedure",
    "aggregate",
    "routine",
    "column",
    "policy",
    "trigger",
    "type",
    "domain",
    "server",
    "publication",
    "subscription",
    "wrapper",
    "slot",
    "owner",
    "constraint",
    "language",
];
/// Words after which a name may follow, with a kind before it or none.
const JOINTS: [&str; 7] = ["of", "on", "in", "for", "to", "by", "from"];
/// Words that begin an access rule.
const RULES: [&str; 6] = ["local", "host", "hostssl", "hostnossl", "hostgssenc", "hostnogssenc"];
/// Other words of locators, rules and of our own texts that look like names and are none.
const WORDS: &str = "mapping mappings foreign event user password setting rule line file member membership grant \
    comment large object extension access method any everybody public all sameuser samerole samegroup replication \
    samehost samenet trust reject scram sha 1 256 384 512 sha1 sha256 sha512 md5 gss sspi ident peer ldap radius cert \
    pam bsd oauth map clientcert clientname verify full ca socket loopback private global internet network ipv4 ipv6 \
    address addresses the local link cgnat ula tlsv1 x509 utf8 base64 aes128 aes256 integer bigint smallint text \
    boolean numeric real double precision bytea json jsonb uuid date time timestamp timestamptz with without zone \
    interval inet cidr void record anyelement regclass oid name character varying varchar char select insert update \
    exp hba net tls auth rls priv func ext secr conf repl ver sto bkp gov waiver delete truncate references usage create execute connect temporary maintain set option admin inherit \
    ldapserver ldapport ldapscheme ldaptls ldapprefix ldapsuffix ldapbasedn ldapbinddn ldapbindpasswd ldapurl \
    ldapsearchattribute ldapsearchfilter radiusservers radiussecrets radiusports radiusidentifiers krb_realm \
    include_realm compat_realm upn_username pamservice pam_use_hostname issuer scope validator delegate_ident_mapping";
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
        for c in e.checks.iter().filter(|c| !is_ours(&c.id)) {
            for f in &c.findings {
                if is_rule(&f.object) {
                    self.learn_rule(&f.object);
                } else {
                    self.learn_locator(&f.object);
                }
                self.learn_prose(&f.message);
                if !is_static(&c.id, f) {
                    self.learn_prose(&f.remedy);
                }
            }
            c.reason.iter().for_each(|why| self.learn_prose(why));
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

    /// Words of a sentence that look like names.
    fn learn_prose(&mut self, text: &str) {
        for word in text.split_whitespace().filter(|w| !is_address(w)).flat_map(tokens) {
            if word.starts_with('"') || is_odd(word) {
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
            // A setting's name is the system's.
            let setting = piece == object && object.starts_with("setting ");
            for chunk in piece.split_inclusive(char::is_whitespace) {
                if is_address(chunk.trim_end()) || setting {
                    out += chunk;
                    continue;
                }
                let mut from = 0;
                for token in tokens(chunk) {
                    // Tokens are parts of the chunk, in its order.
                    let at = from + chunk[from..].find(token).unwrap_or(0);
                    out += &chunk[from..at];
                    from = at + token.len();
                    let lower = token.to_lowercase();
                    let ours = !token.contains(|c: char| c == '_' || c.is_alphanumeric())
                        || token.bytes().all(|b| b.is_ascii_digit())
                        || [&KNOWN[..], &KINDS, &JOINTS, &RULES].iter().any(|l| l.contains(&lower.as_str()))
                        || is_word(token);
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

/// Whether this is a word of ours: of the lists above, or of the catalogue's texts.
fn is_word(word: &str) -> bool {
    static ALL: OnceLock<HashSet<String>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let told = catalogue::all().map(|c| &c.about);
        let texts = told.flat_map(|a| [a.title, a.why, a.inspects, a.false_positives, a.source]);
        texts.chain([WORDS]).flat_map(tokens).map(str::to_lowercase).collect()
    });
    all.contains(&word.to_lowercase())
}

/// Whether a word looks like the name of something: an underscore, a digit among
/// letters, a capital within, another script. Not a number with its unit.
fn is_odd(word: &str) -> bool {
    let first = word.chars().next().is_some_and(|c| !c.is_ascii_digit());
    let digit = word.bytes().any(|b| b.is_ascii_digit()) && word.chars().any(char::is_alphabetic);
    let lower = word.chars().any(char::is_lowercase);
    let capital = lower && word.chars().skip(1).any(char::is_uppercase);
    first && (word.contains('_') || digit || capital || !word.is_ascii())
}

fn is_address(word: &str) -> bool {
    let word = word.trim_matches(|c: char| matches!(c, ',' | ';' | '(' | ')' | '.'));
    let (address, bits) = word.split_once('/').unwrap_or((word, "0"));
    address.parse::<IpAddr>().is_ok() && (bits.parse::<u8>().is_ok() || bits.parse::<IpAddr>().is_ok())
}

fn place(kind: &str) -> usize {
    KINDS.iter().position(|k| *k == kind).unwrap_or_default()
}

/// Words, quoted identifiers, and the signs between them.
fn tokens(text: &str) -> Vec<&str> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || !c.is_ascii();
    let (mut all, mut rest) = (Vec::new(), text);
    while let Some(first) = rest.chars().next() {
        let end = if first == '"' {
            // A doubled quote is part of the name.
            let mut quotes = rest.char_indices().skip(1).filter(|(_, c)| *c == '"').map(|(i, _)| i).peekable();
            let mut end = rest.len();
            while let Some(at) = quotes.next() {
                if quotes.next_if_eq(&(at + 1)).is_none() {
                    end = at + 1;
                    break;
                }
            }
            end
        } else if is_part(first) {
            rest.find(|c| !is_part(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (token, after) = rest.split_at(end);
        if !first.is_whitespace() {
            all.push(token);
        }
        rest = after;
    }
    all
}

#[cfg(test)]
mod tests;
