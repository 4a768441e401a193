//! What a text is: a credential, a card number, an address. Pure functions;
//! what they looked at never leaves them: a result names a kind and a place,
//! its `Debug` shows no text, and the only thing that can be had of a secret is
//! its HMAC ([`Secret::tag`]).
//!
//! Time is linear in the text (every detector looks at a bounded piece behind
//! its anchor), and at most [`MOST`] secrets are told of one text. How much of a
//! file or a table is read is the caller's to bound, and to tell.
//!
//! | file | holds |
//! |---|---|
//! | [`secret`] | a credential that was found: kind, weight, tag |
//! | [`tokens`] | credentials by their shape: private keys, tokens of services, password verifiers |
//! | [`urls`], [`arguments`] | passwords in URLs, and among the arguments of commands |
//! | [`named`] | values of names like `password`, SQL's `PASSWORD '…'`, libpq's `password=` |
//! | [`sample`] | samples of documentation and placeholders: no secrets |
//! | [`class`] | classes of data, and the sorts of values that belong to them |
//! | [`value`] | the sort of one value: card number, IBAN, e-mail, … |
//! | [`words`] | what the name of a column says, in four languages |
//! | [`column`] | what a column holds, from its name and a sample of values |

pub mod arguments;
pub mod class;
pub mod column;
mod named;
mod sample;
pub mod secret;
mod tokens;
mod urls;
pub mod value;
pub mod words;

pub use class::{Class, Sort};
pub use column::{Column, Holds, Verdict};
pub use named::is_secret_name;
pub use secret::{Kind, Secret, Weight, tag};

/// Most secrets that are told of one text.
pub const MOST: usize = 1000;

/// The credentials in a text, by place.
pub fn secrets(text: &str) -> Vec<Secret> {
    let mut found = Vec::new();
    for at in 0..text.len() {
        if found.len() >= MOST {
            break;
        }
        tokens::at(text, at, &mut found);
        urls::at(text, at, &mut found);
        arguments::at(text, at, &mut found);
        named::at(text, at, &mut found);
    }
    distinct(found)
}

/// The credentials in the value of something that has a name: a setting, an
/// option, a variable. A name like `app.jwt_secret` makes a secret of a value
/// that has no shape of its own.
pub fn secrets_of(name: &str, value: &str) -> Vec<Secret> {
    let mut found = secrets(value);
    if found.is_empty() {
        found.extend(named::value_of(name, value));
    }
    found
}

/// All of a value that its place makes a secret, whatever it looks like: a
/// password option, say. Absent where nothing is said (empty, masked, a parameter).
pub fn secret_value(value: &str) -> Option<Secret> {
    let named = Secret::new(Kind::Named, 0..value.len(), false).for_sure();
    let shaped = secrets(value).into_iter().find(|s| s.is_all_of(value));
    (!sample::is_masked(value)).then(|| shaped.unwrap_or(named))
}

/// Of secrets at the same place the one that says most: a shape before a name,
/// and the first before the next.
fn distinct(mut found: Vec<Secret>) -> Vec<Secret> {
    found.sort_by_key(|s| (s.kind.is_by_name(), s.start()));
    let mut kept: Vec<Secret> = Vec::with_capacity(found.len());
    for secret in found {
        if !kept.iter().any(|k| k.overlaps(&secret)) {
            kept.push(secret);
        }
    }
    kept.sort_by_key(Secret::start);
    kept
}

#[cfg(test)]
mod tests;
