//! EXP-TLS-003: the server's certificate.

use std::path::Path;

use base64ct::{Base64, Encoding as _};
use jiff::{SignedDuration, Timestamp};
use x509_cert::Certificate;
use x509_cert::der::asn1::UintRef;
use x509_cert::der::{Decode as _, Reader as _, SliceReader};

use super::tree::Tree;
use super::{object, on_disk, stray};
use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::secrets::Files;
use crate::exposure::{About, Blind, Found, Plane, Seen, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-TLS-003",
        title: "the server's certificate is valid for a month and more, and strong",
        severity: Severity::Medium,
        planes: &[Plane::Copy],
        guide: &[3],
        refs: &["SRG-APP-000175", "SRG-APP-000176"],
        why: "On the day a certificate expires, clients that check it cannot connect, and someone turns checking off. \
              A short key or a SHA-1 signature can be forged.",
        inspects: "server.crt, or the file that ssl_cert_file names, where it lies in the data directory of the \
                   restored copy: expired or not yet valid (high), less than 30 days left, an RSA key of less than 2048 \
                   bits, signed with SHA-1 or MD5.",
        remedy: "Issue a new certificate (RSA 3072 or ECDSA P-256, SHA-256), put it in place of the old and \
                 SELECT pg_reload_conf(). Let a timer renew it.",
        false_positives: "A certificate that was left behind when ssl_cert_file was moved out of the data directory: \
                          delete it. In a drill of an old backup, one that was renewed since.",
        source: "PostgreSQL manual, \"Secure TCP/IP Connections with SSL\"; NIST SP 800-131A",
    },
    look: Look::Files(look),
};

/// Largest certificate file that is read, bytes.
const LONGEST: u64 = 256 * 1024;
/// What is left when a renewal is due.
const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Smallest RSA modulus, bits.
const LEAST_BITS: usize = 2048;
/// Signatures with SHA-1 or MD5: RSA, DSA, ECDSA.
const WEAK: [&str; 5] =
    ["1.2.840.113549.1.1.4", "1.2.840.113549.1.1.5", "1.2.840.10040.4.3", "1.2.840.10045.4.1", "1.3.14.3.2.29"];
const RSA: &str = "1.2.840.113549.1.1.1";

fn look<'a>(files: &'a Files<'a>) -> Looking<'a> {
    Box::pin(see(files))
}

async fn see(files: &Files<'_>) -> Result<Seen, Blind> {
    let (data, now) = (files.data_dir.to_owned(), files.now);
    let configured = files.server.value("ssl_cert_file").ok().map(str::to_owned);
    let confs = stray::configuration(files, "postgresql.conf");
    on_disk(move || {
        let name =
            configured.or_else(|| confs.iter().find_map(|c| named(c))).unwrap_or_else(|| "server.crt".to_owned());
        // An absolute path into the data directory is one of its files, too.
        let name =
            name.rsplit_once(&format!("{}/", data.display())).map_or(name.clone(), |(_, below)| below.to_owned());
        if name.starts_with('/') {
            return Seen::not_applicable("the server's certificate lies outside the data directory");
        }
        let Ok(tree) = Tree::open(&data) else {
            return Seen::not_evaluated("the data directory could not be opened");
        };
        match tree.text(Path::new(&name), LONGEST) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                Seen::not_applicable("there is no server certificate in the data directory")
            }
            Err(_) => Seen::not_evaluated(format!("{name} could not be read")),
            Ok(text) => match first(&text) {
                None => Seen::not_evaluated(format!("{name} is no certificate that can be read")),
                Some(certificate) => judged(&certificate, &name, now),
            },
        }
    })
    .await
}

/// What `postgresql.conf` says of `ssl_cert_file`.
fn named(conf: &Path) -> Option<String> {
    let tree = Tree::open(conf.parent()?).ok()?;
    let text = tree.text(Path::new(conf.file_name()?), 4 * 1024 * 1024).ok()?;
    let value = text.lines().rev().find_map(|l| l.trim_start().strip_prefix("ssl_cert_file"))?;
    let value = value.trim_start().trim_start_matches('=').trim_start();
    let value =
        value.strip_prefix('\'').map_or_else(|| value.split([' ', '\t', '#']).next(), |v| v.split('\'').next())?;
    (!value.is_empty()).then(|| value.to_owned())
}

/// The first certificate of a PEM file: the server's own.
fn first(pem: &str) -> Option<Certificate> {
    let body = pem.split_once("-----BEGIN CERTIFICATE-----")?.1.split_once("-----END CERTIFICATE-----")?.0;
    let der = Base64::decode_vec(&body.split_ascii_whitespace().collect::<String>()).ok()?;
    Certificate::from_der(&der).ok()
}

fn judged(certificate: &Certificate, name: &str, now: Timestamp) -> Seen {
    let mut seen = Seen::all_of(1);
    let tbs = &certificate.tbs_certificate;
    let time = |t: x509_cert::time::Time| {
        i64::try_from(t.to_unix_duration().as_secs()).ok().and_then(|s| Timestamp::from_second(s).ok())
    };
    let mut wrong = Vec::new();
    let mut severity = Severity::Medium;
    match (time(tbs.validity.not_before), time(tbs.validity.not_after)) {
        (Some(from), Some(until)) => {
            let left = until.duration_since(now);
            if left.is_negative() {
                severity = Severity::High;
                wrong.push(format!("it expired on {}", day(until)));
            } else if now < from {
                severity = Severity::High;
                wrong.push(format!("it is not valid before {}", day(from)));
            } else if left < SOON {
                wrong.push(format!("it expires in {} days", left.as_hours() / 24));
            }
        }
        _ => seen.open.push(format!("{name}: its time of validity cannot be read")),
    }
    if WEAK.contains(&certificate.signature_algorithm.oid.to_string().as_str()) {
        wrong.push("it is signed with SHA-1 or MD5".to_owned());
    }
    let key = &tbs.subject_public_key_info;
    if key.algorithm.oid.to_string() == RSA {
        match key.subject_public_key.as_bytes().and_then(bits) {
            Some(bits) if bits < LEAST_BITS => wrong.push(format!("its RSA key has {bits} bits")),
            Some(_) => {}
            None => seen.open.push(format!("{name}: its key cannot be read")),
        }
    }
    if !wrong.is_empty() {
        seen.add(Found::new(object(name), wrong.join("; ")).at(severity));
    }
    seen
}

/// Bits of the modulus of an RSA public key.
fn bits(key: &[u8]) -> Option<usize> {
    let mut reader = SliceReader::new(key).ok()?;
    let modulus = reader
        .sequence(|r| {
            let modulus = UintRef::decode(r)?;
            UintRef::decode(r)?;
            Ok(modulus.as_bytes().to_vec())
        })
        .ok()?;
    let first = modulus.first()?;
    Some(modulus.len() * 8 - first.leading_zeros() as usize)
}

fn day(at: Timestamp) -> jiff::civil::Date {
    jiff::tz::TimeZone::UTC.to_datetime(at).date()
}
