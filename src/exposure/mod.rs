//! Exposure: what a server, its copies and the way to them give away.
//!
//! Gathering and judging are apart. What is gathered is data with "not known"
//! in its type ([`crate::types::Known`]); what judges is mostly a function of that data, so
//! that a live server, the posture sealed at backup time and a restored copy are
//! judged by the same code. A check is one constant in one file: what it is,
//! why it matters, how to mend it, and the function that looks.
//!
//! | file | holds |
//! |---|---|
//! | [`about`] | what is told of a check: id, severity, planes, why, remedy, guide sections |
//! | [`look`] | the seven ways to look |
//! | [`seen`] | what a look saw, and what follows from it |
//! | [`catalogue`] | all checks |
//! | [`server`] | a server, as the checks see it |
//! | [`gather`] | how that is had: live, from a backup, from a copy |
//! | [`powers`] | what roles can become, and do |
//! | [`access`] | who can enter it, by its access rules |
//! | [`database`] | one database of a live server or a copy |
//! | [`collect`] | credentials and reach, beside findings |
//! | [`acl`], [`place`], [`relations`] | privileges, and what has them: the database, schemas, tables, views |
//! | [`reach`] | who can read and write what |
//! | [`sql_text`], [`words`] | SQL that is judged by its words · lists in sentences |
//! | [`contents`] | what first bytes say a file is |
//! | [`releases`] | PostgreSQL's releases, and holes of its programs |
//! | [`policy`] | what the operator declared: intent, waivers, thresholds |
//! | [`run`] | runs the checks of a plane |
//! | [`outcome`] | what came of it, as reports hold it |
//! | [`assemble`](mod@assemble) | puts that together |
//! | [`sections`](mod@sections), [`verdict`](mod@verdict) | grades, and what ends a run |
//! | [`pages`] | a page for each check |
//!
//! | family | checks |
//! |---|---|
//! | [`entry`] | HBA, NET, TLS: who can come in, from where, how |
//! | [`roles`] | ROLE, AUTH: what they can do then, and their passwords |
//! | [`settings`] | LOG, CONF, REPL, VER: what is logged, how it is run |
//! | [`privileges`] | PRIV, RLS: what may be touched |
//! | [`code`] | FUNC, EXT: functions, languages, extensions |
//! | [`secrets`] | SECR, DATA: what lies in the data |
//! | [`trail`] | STO, BKP, MAN, KEY: the backups themselves |
//! | [`house`] | TOOL, LEFT, KEY, VER: our own house |
//! | [`drift`] | DRIFT and ages: what changed since the last look |
//!
//! `GUIDE.md` beside this file has the table from the guide's sections to the checks,
//! `pages/` a page for each of them.

pub mod about;
pub mod access;
pub mod acl;
pub mod assemble;
pub mod catalogue;
pub mod code;
pub mod collect;
pub mod contents;
pub mod database;
pub mod drift;
pub mod entry;
pub mod gather;
pub mod house;
pub mod look;
pub mod outcome;
pub mod pages;
pub mod place;
pub mod policy;
pub mod powers;
pub mod privileges;
pub mod reach;
pub mod relations;
pub mod releases;
pub mod roles;
pub mod run;
pub mod secrets;
pub mod sections;
pub mod seen;
pub mod server;
pub mod settings;
pub mod sql_text;
pub mod trail;
pub mod verdict;
pub mod words;

pub use about::{About, Plane};
pub use assemble::{Looked, assemble};
pub use collect::Collector;
pub use database::Database;
pub use look::{Blind, Check, Look, Looking};
pub use outcome::Exposure;
pub use policy::Policy;
pub use sections::sections;
pub use seen::{Found, Seen};
pub use server::Server;
pub use verdict::{Verdict, verdict};

pub use crate::checks::Severity;
