//! ISO-016: whom the drill's own sessions talked to.
//!
//! Each session proves it before its first statement ([`crate::source::peer`]).
//! Here it is told, and the socket that programs beside the server connect to
//! is compared with the one that was made at the start.

use super::{Probe, Rule, Seen};
use crate::config::schema::Isolation;
use crate::scratch::Instance;
use crate::source::Meetings;

/// ISO-016.
pub const RULE: Rule =
    Rule { id: "ISO-016", title: "every session is with the scratch server itself", from: Isolation::I1 };

/// ISO-016 of a running instance.
pub fn peer(instance: &Instance, level: Isolation) -> Probe {
    let meetings = instance.door().peer().meetings();
    let seen = match (meetings.stranger(), instance.socket_is_unchanged(), meetings.proven()) {
        (Some(who), ..) => Seen::Bad(who),
        (None, false, _) => Seen::Bad("the socket that programs connect to was replaced".to_owned()),
        (None, true, 0) => Seen::blind("no session was opened"),
        (None, true, n) => Seen::Good(format!(
            "{n} sessions: each with the server's own process, by the kernel's word, and with the mark of this run; \
             the socket is the one made at the start"
        )),
    };
    RULE.probe(level, seen)
}

/// ISO-016 where something else was met; nothing where nothing was.
pub fn stranger(meetings: &Meetings, level: Isolation) -> Option<Probe> {
    meetings.stranger().map(|who| RULE.probe(level, Seen::Bad(who)))
}
