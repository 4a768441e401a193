//! EXP-STO-004: requests to the store go over TLS.

use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::trail::{Trail, ready};
use crate::exposure::{About, Found, Plane, Seen, Severity};
use crate::types::shown;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-STO-004",
        title: "the store is reached over TLS alone",
        severity: Severity::High,
        planes: &[Plane::Trail],
        guide: &[3, 16],
        refs: &["SRG-APP-000441"],
        why: "Over plain http everybody on the way reads keys, sizes and times of all backups, and can answer in the \
              store's place: hide the newest backup, or serve an old one.",
        inspects: "repository.s3.endpoint and repository.s3.allow_plain_http. Certificates are always checked, and \
                   nothing older than TLS 1.2 is spoken: neither can be switched off. Plain http to this machine is \
                   no finding.",
        remedy: "Give the endpoint a certificate, write it with https://, and take allow_plain_http out.",
        false_positives: "A TLS proxy on this machine: name it as http://127.0.0.1:PORT and leave allow_plain_http off.",
        source: "RFC 9110, section 4.2.2; RFC 8446.",
    },
    look: Look::Trail(look),
};

fn look<'a>(trail: &'a Trail<'a>) -> Looking<'a> {
    if trail.directory.is_some() {
        return ready(Seen::not_applicable("the store is a directory"));
    }
    let s3 = &trail.repository.s3;
    let mut seen = Seen::all_of(1);
    let endpoint = s3.endpoint.as_deref();
    let plain = endpoint.is_some_and(|e| e.to_ascii_lowercase().starts_with("http://"));
    if s3.allow_plain_http {
        let what = match endpoint.filter(|_| plain) {
            Some(endpoint) => format!("requests go to {} unencrypted", shown(endpoint)),
            None => "requests may go unencrypted wherever an endpoint says http".to_owned(),
        };
        seen.add(Found::new("setting repository.s3.allow_plain_http", what));
    } else if plain {
        seen.note = Some("plain http, to this machine only: all else is refused".into());
    }
    ready(seen)
}
