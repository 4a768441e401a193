//! Runs the checks and collects what they saw.

use std::collections::BTreeMap;

use super::drift::History;
use super::house::House;
use super::look::{Blind, Check, Look};
use super::secrets::Files;
use super::trail::Trail;
use super::{Database, Plane, Policy, Seen, Server, catalogue, seen};
use crate::checks::CheckResult;
use crate::types::SourceName;

/// What was seen so far, by check. Databases and planes add up: a check has one
/// result however often it looked.
#[derive(Debug, Default)]
pub struct Sightings {
    all: BTreeMap<&'static str, Result<Seen, Blind>>,
}

impl Sightings {
    /// Adds one look. An error of a check stands, whatever it sees elsewhere.
    pub fn add(&mut self, check: &'static Check, looked: Result<Seen, Blind>) {
        let now = match (self.all.remove(check.about.id), looked) {
            (None, first) => first,
            (Some(Ok(mut before)), Ok(seen)) => {
                before.merge(seen);
                Ok(before)
            }
            (Some(Ok(mut before)), Err(Blind::Denied(why))) => {
                before.open.push(why);
                Ok(before)
            }
            (Some(Err(Blind::Denied(why))), Ok(mut seen)) => {
                seen.open.push(why);
                Ok(seen)
            }
            (Some(Err(before @ Blind::Failed(_))), _) => Err(before),
            (Some(_), Err(e)) => Err(e),
        };
        self.all.insert(check.about.id, now);
    }

    /// Looks at a server.
    pub fn server(&mut self, server: &Server, policy: &Policy) {
        for check in on(server.plane) {
            if let Look::Server(look) = check.look {
                self.add(check, Ok(look(server, policy)));
            }
        }
    }

    /// Looks at a server for what the checks so far did not look at.
    pub fn rest(&mut self, server: &Server, policy: &Policy) {
        for check in on(server.plane) {
            if let Look::Server(look) = check.look
                && !self.all.contains_key(check.about.id)
            {
                self.add(check, Ok(look(server, policy)));
            }
        }
    }

    /// Looks at one database.
    pub async fn database(&mut self, database: &Database<'_>) {
        for check in on(database.plane) {
            if let Look::Database(look) = check.look {
                let looked = look(database).await;
                self.add(check, looked);
            }
        }
    }

    /// A database that could not be looked at: no check of databases passes.
    pub fn closed(&mut self, plane: Plane, database: &str, why: &str) {
        for check in on(plane).filter(|c| matches!(c.look, Look::Database(_))) {
            self.add(check, Ok(Seen::not_evaluated(format!("database {database}: {why}"))));
        }
    }

    /// Looks at the files of a restored physical copy.
    pub async fn files(&mut self, files: &Files<'_>) {
        for check in on(Plane::Copy) {
            if let Look::Files(look) = check.look {
                let looked = look(files).await;
                self.add(check, looked);
            }
        }
    }

    /// Looks at the store.
    pub async fn trail(&mut self, trail: &Trail<'_>) {
        for check in on(Plane::Trail) {
            if let Look::Trail(look) = check.look {
                let looked = look(trail).await;
                self.add(check, looked);
            }
        }
    }

    /// Looks at this host.
    pub async fn house(&mut self, house: &House<'_>) {
        for check in on(Plane::House) {
            if let Look::House(look) = check.look {
                let looked = look(house).await;
                self.add(check, looked);
            }
        }
    }

    /// Compares with earlier looks.
    pub fn history(&mut self, plane: Plane, history: &History<'_>, policy: &Policy) {
        for check in on(plane) {
            if let Look::History(look) = check.look {
                self.add(check, Ok(look(history, policy)));
            }
        }
    }

    /// The results so far, in the order of the catalogue.
    pub fn results(&self, source: Option<&SourceName>) -> Vec<CheckResult> {
        let looked = |c: &'static Check| self.all.get(c.about.id).map(|l| seen::result(l, &c.about, source));
        catalogue::all().filter_map(looked).collect()
    }
}

/// Checks that can be decided on this plane.
fn on(plane: Plane) -> impl Iterator<Item = &'static Check> {
    catalogue::all().filter(move |c| c.about.planes.contains(&plane))
}
