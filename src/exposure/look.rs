//! The ways to look, and the check that has one of them.

use std::pin::Pin;

use super::drift::History;
use super::house::House;
use super::policy::{Declared, Policy};
use super::secrets::Files;
use super::trail::Trail;
use super::{About, Database, Seen, Server};
use crate::error::Error;

/// One check of the catalogue.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// What is told of it.
    pub about: About,
    /// How it looks.
    pub look: Look,
}

/// A look that waits for something.
pub type Looking<'a> = Pin<Box<dyn Future<Output = Result<Seen, Blind>> + Send + 'a>>;

/// How a check looks. A check that needs two of these is two checks.
#[derive(Debug, Clone, Copy)]
pub enum Look {
    /// At what was gathered of a server. Pure.
    Server(fn(&Server, &Policy) -> Seen),
    /// At one database; done for each, and added up.
    Database(for<'a> fn(&'a Database<'a>) -> Looking<'a>),
    /// At the files of a restored physical copy.
    Files(for<'a> fn(&'a Files<'a>) -> Looking<'a>),
    /// At the store.
    Trail(for<'a> fn(&'a Trail<'a>) -> Looking<'a>),
    /// At this host and pgseal's own configuration.
    House(for<'a> fn(&'a House<'a>) -> Looking<'a>),
    /// At what earlier looks saw. Pure.
    History(fn(&History<'_>, &Policy) -> Seen),
    /// At the declarations, beside what all others saw. Pure.
    Declarations(fn(&Declared<'_>) -> Seen),
}

/// Why nothing could be seen. Neither is a pass.
#[derive(Debug)]
pub enum Blind {
    /// Not allowed, or not there to be asked: the check was not evaluated.
    Denied(String),
    /// It went wrong: the check itself failed.
    Failed(Error),
}

impl From<Error> for Blind {
    fn from(e: Error) -> Self {
        Self::Failed(e)
    }
}
