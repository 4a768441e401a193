//! EXP-VER-004: the table of releases that versions are held against is not old.

use jiff::SignedDuration;
use jiff::tz::TimeZone;

use crate::exposure::house::House;
use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::releases::AS_OF;
use crate::exposure::{About, Found, Plane, Seen, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-VER-004",
        title: "the built-in table of PostgreSQL releases is younger than 100 days",
        severity: Severity::Info,
        planes: &[Plane::House],
        guide: &[15],
        refs: &[],
        why: "pgseal asks nobody for versions: it knows the releases and holes of the day it was made. PostgreSQL \
              releases every quarter; with an older table a version looks newer than it is.",
        inspects: "The date of the built-in table against this host's clock.",
        remedy: "Update pgseal.",
        false_positives: "A host whose clock is ahead.",
        source: "https://www.postgresql.org/developer/roadmap/",
    },
    look: Look::House(look),
};

/// A quarter and some days.
const OLD: SignedDuration = SignedDuration::from_hours(100 * 24);

fn look<'a>(house: &'a House<'a>) -> Looking<'a> {
    Box::pin(std::future::ready(Ok(judge(house))))
}

fn judge(house: &House<'_>) -> Seen {
    let today = TimeZone::UTC.to_datetime(house.now).date();
    let old = today.duration_since(AS_OF) > OLD;
    Seen::one(old.then(|| {
        Found::new("table of releases", format!("its data is of {AS_OF}: what is said of versions may be too good"))
    }))
}
