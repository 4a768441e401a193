//! Credentials by their shape.

use base64ct::{Base64UrlUnpadded, Encoding as _};

use super::sample;
use super::secret::{Kind, Secret};

/// Longest private key that is looked at for its end, bytes.
const LONGEST_KEY: usize = 16 * 1024;
/// How far behind the id of an AWS key its secret is looked for, bytes.
const BESIDE: usize = 200;

/// Tokens that are a prefix and so many characters of a set.
struct Prefixed {
    prefix: &'static str,
    kind: Kind,
    least: usize,
    most: usize,
    set: fn(u8) -> bool,
}

const fn prefixed(prefix: &'static str, kind: Kind, least: usize, most: usize, set: fn(u8) -> bool) -> Prefixed {
    Prefixed { prefix, kind, least, most, set }
}

const PREFIXED: &[Prefixed] = &[
    prefixed("AGE-SECRET-KEY-1", Kind::AgeIdentity, 58, 58, is_bech32),
    prefixed("AGE-SECRET-KEY-PQ-1", Kind::AgeIdentity, 58, 128, is_bech32),
    prefixed("AKIA", Kind::AwsKeyId, 16, 16, is_base32),
    prefixed("ASIA", Kind::AwsKeyId, 16, 16, is_base32),
    prefixed("ghp_", Kind::GithubToken, 36, 255, is_word),
    prefixed("gho_", Kind::GithubToken, 36, 255, is_word),
    prefixed("ghu_", Kind::GithubToken, 36, 255, is_word),
    prefixed("ghs_", Kind::GithubToken, 36, 255, is_word),
    prefixed("ghr_", Kind::GithubToken, 36, 255, is_word),
    prefixed("github_pat_", Kind::GithubToken, 40, 255, is_word),
    prefixed("glpat-", Kind::GitlabToken, 20, 64, is_url_safe),
    prefixed("xoxa-", Kind::SlackToken, 20, 255, is_url_safe),
    prefixed("xoxb-", Kind::SlackToken, 20, 255, is_url_safe),
    prefixed("xoxe-", Kind::SlackToken, 20, 255, is_url_safe),
    prefixed("xoxp-", Kind::SlackToken, 20, 255, is_url_safe),
    prefixed("xoxr-", Kind::SlackToken, 20, 255, is_url_safe),
    prefixed("xoxs-", Kind::SlackToken, 20, 255, is_url_safe),
    prefixed("xapp-", Kind::SlackToken, 20, 255, is_url_safe),
    prefixed("sk_live_", Kind::StripeKey, 16, 255, is_alphanumeric),
    prefixed("rk_live_", Kind::StripeKey, 16, 255, is_alphanumeric),
    prefixed("AIza", Kind::GoogleKey, 35, 35, is_url_safe),
    prefixed("md5", Kind::Md5Verifier, 32, 32, is_lower_hex),
    prefixed("$2a$", Kind::Bcrypt, 56, 56, is_bcrypt),
    prefixed("$2b$", Kind::Bcrypt, 56, 56, is_bcrypt),
    prefixed("$2y$", Kind::Bcrypt, 56, 56, is_bcrypt),
];

/// Adds the credentials that begin at this byte.
pub(super) fn at(text: &str, at: usize, found: &mut Vec<Secret>) {
    let bytes = text.as_bytes();
    if !matches!(bytes[at], b'-' | b'A' | b'S' | b'a' | b'e' | b'g' | b'm' | b'r' | b's' | b'x' | b'$') {
        return;
    }
    if bytes[at] == b'-' {
        found.extend(private_key(text, at));
        return;
    }
    // In the middle of a longer word no token begins.
    if at > 0 && bytes[at] != b'$' && is_alphanumeric(bytes[at - 1]) {
        return;
    }
    let rest = &bytes[at..];
    for p in PREFIXED {
        if let Some(body) = rest.strip_prefix(p.prefix.as_bytes()) {
            let length = body.iter().take(p.most + 1).take_while(|b| (p.set)(**b)).count();
            if (p.least..=p.most).contains(&length) {
                let end = at + p.prefix.len() + length;
                found.push(Secret::new(p.kind, at..end, sample::is_published(&text[at..end])));
                if p.kind == Kind::AwsKeyId {
                    found.extend(aws_secret(text, end));
                }
                return;
            }
        }
    }
    found.extend(jwt(text, at).or_else(|| scram(text, at)).or_else(|| argon2(text, at)));
}

/// `-----BEGIN … PRIVATE KEY-----` with something of a key behind it.
fn private_key(text: &str, at: usize) -> Option<Secret> {
    let rest = text[at..].strip_prefix("-----BEGIN ")?;
    let label_end = rest.as_bytes().iter().take(64).position(|b| *b == b'-')?;
    let label = &rest[..label_end];
    if !(label.ends_with("PRIVATE KEY") || label == "PGP PRIVATE KEY BLOCK") {
        return None;
    }
    let body = rest[label_end..].strip_prefix("-----")?;
    let body = &body[..body.floor_char_boundary(LONGEST_KEY)];
    let ends = body.find("-----END ");
    let body = &body[..ends.unwrap_or(body.len())];
    // A mention has no body. Line ends may be written out (`\n` in JSON).
    if body.bytes().take(256).filter(|b| is_base64(*b)).count() < 24 {
        return None;
    }
    let encrypted = label.starts_with("ENCRYPTED")
        || body.contains("Proc-Type: 4,ENCRYPTED")
        || (label.starts_with("OPENSSH") && !openssh_is_open(body));
    let kind = if encrypted { Kind::EncryptedPrivateKey } else { Kind::PrivateKey };
    let end = text.len() - rest.len() + label_end + "-----".len() + body.len();
    Some(Secret::new(kind, at..end, sample::is_published(body)))
}

/// Whether OpenSSH's own format says that no passphrase protects the key: the name
/// of its cipher is `none` (openssh, PROTOCOL.key).
fn openssh_is_open(body: &str) -> bool {
    let first: String = body.replace("\\n", "").chars().filter(|c| is_base64(*c as u8)).take(40).collect();
    let Ok(raw) = base64ct::Base64::decode_vec(&first) else { return true };
    raw.get(15..23).is_none_or(|cipher| cipher == b"\0\0\0\x04none")
}

/// The secret that belongs to an AWS key id: 40 characters close behind it.
fn aws_secret(text: &str, from: usize) -> Option<Secret> {
    let near = &text.as_bytes()[from..(from + BESIDE).min(text.len())];
    let mut at = 0;
    while at < near.len() {
        let length = near[at..].iter().take_while(|b| is_base64(**b) && **b != b'=').count();
        let word = &near[at..at + length];
        if is_aws_secret(word) {
            let range = from + at..from + at + length;
            let example = sample::is_published(&text[range.clone()]);
            return Some(Secret::new(Kind::AwsSecretKey, range, example));
        }
        at += length + 1;
    }
    None
}

/// 40 characters of base64 in which all sorts occur.
pub(super) fn is_aws_secret(word: &[u8]) -> bool {
    word.len() == 40
        && word.iter().all(|b| is_base64(*b) && *b != b'=')
        && word.iter().any(u8::is_ascii_uppercase)
        && word.iter().any(u8::is_ascii_lowercase)
        && word.iter().any(u8::is_ascii_digit)
}

/// Three parts of base64url, the first of which is JSON with `alg`.
fn jwt(text: &str, at: usize) -> Option<Secret> {
    let rest = text.get(at..)?.as_bytes();
    if !rest.starts_with(b"eyJ") {
        return None;
    }
    let part = |from: usize| rest[from..].iter().take(8192).take_while(|b| is_url_safe(**b)).count();
    let header = part(0);
    let payload = (rest.get(header) == Some(&b'.')).then(|| part(header + 1)).filter(|n| *n > 0)?;
    let dot = header + 1 + payload;
    let signature = (rest.get(dot) == Some(&b'.')).then(|| part(dot + 1)).filter(|n| *n > 0)?;
    let json = Base64UrlUnpadded::decode_vec(&text[at..at + header]).ok()?;
    let json: serde_json::Value = serde_json::from_slice(&json).ok()?;
    json.get("alg")?.as_str()?;
    let end = at + dot + 1 + signature;
    Some(Secret::new(Kind::Jwt, at..end, sample::is_published(&text[at..end])))
}

/// `SCRAM-SHA-256$4096:salt$stored:server`.
fn scram(text: &str, at: usize) -> Option<Secret> {
    let rest = text.get(at..)?.strip_prefix("SCRAM-SHA-256$")?;
    let end = rest.bytes().take(512).take_while(|b| is_base64(*b) || matches!(b, b':' | b'$')).count();
    let (iterations, keys) = rest[..end].split_once(':')?;
    let (salt, keys) = keys.split_once('$')?;
    let (stored, server) = keys.split_once(':')?;
    let is_key = |k: &str| k.len() == 44 && k.bytes().all(is_base64);
    let shaped = iterations.parse::<u32>().is_ok() && !salt.is_empty() && is_key(stored) && is_key(server);
    let start = text.len() - rest.len();
    shaped.then(|| Secret::new(Kind::ScramVerifier, at..start + end, false))
}

/// `$argon2id$v=19$m=…,t=…,p=…$salt$hash`.
fn argon2(text: &str, at: usize) -> Option<Secret> {
    let rest = text.get(at..)?;
    if !rest.starts_with("$argon2") {
        return None;
    }
    let end = rest.bytes().take(512).take_while(|b| is_base64(*b) || matches!(b, b'$' | b',')).count();
    let parts = rest[..end].split('$').count();
    (parts >= 5 && rest[..end].contains("m=")).then(|| Secret::new(Kind::Argon2, at..at + end, false))
}

pub(super) fn is_alphanumeric(b: u8) -> bool {
    b.is_ascii_alphanumeric()
}

pub(super) fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

fn is_url_safe(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b == b'-'
}

fn is_base64(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=')
}

fn is_base32(b: u8) -> bool {
    b.is_ascii_uppercase() || b.is_ascii_digit()
}

fn is_lower_hex(b: u8) -> bool {
    matches!(b, b'0'..=b'9' | b'a'..=b'f')
}

fn is_bcrypt(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/' | b'$')
}

/// The alphabet of bech32 (BIP 173), in capitals.
fn is_bech32(b: u8) -> bool {
    b"QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L".contains(&b)
}
