//! Who may enter a server: pg_hba.conf and pg_ident.conf, read and evaluated.
//!
//! Texts come in, data come out; nothing here opens a file or asks a server.
//! The file is evaluated as the server does it: the first rule that fits a
//! connection decides, no later rule is asked, and where none fits the
//! connection is refused. Instead of single connections whole sets of them are
//! looked at, split exactly where the rules split them ([`Matrix`]).
//!
//! What cannot be known here (host names, the server's own networks, regular
//! expressions beyond plain words, files that were not captured) is a *maybe*:
//! it never hides a later rule, and is reported itself.
//!
//! | file | holds |
//! |---|---|
//! | [`files`] | what was captured, and what could not be |
//! | [`lines`], [`expand`] | lines, tokens and fields; files inside of files |
//! | [`blank`](mod@blank) | the texts without their passwords |
//! | [`parse`], [`options`], [`address`] | from fields to rules, with what the server would refuse |
//! | [`rule`], [`words`] | a rule and its parts |
//! | [`pattern`] | regular expressions, as far as they are plain words |
//! | [`ident`] | user name maps |
//! | [`world`] | roles, memberships and databases to evaluate over |
//! | [`interval`] | ranges of addresses, and how far away they are |
//! | [`decide`](mod@decide), [`fit`] | one connection |
//! | [`evaluate`](mod@evaluate) | all of them |
//! | [`classes`], [`networks`], [`parts`], [`set`], [`index`] | rules as boxes of roles, databases and networks |
//! | [`merge`], [`shadows`] | boxes put together to cells; rules that are first nowhere |
//! | [`matrix`], [`rows`] | what came out, and as a table for people |

pub mod address;
pub mod blank;
mod classes;
pub mod decide;
pub mod evaluate;
mod expand;
pub mod files;
mod fit;
pub mod ident;
mod index;
pub mod interval;
mod lines;
pub mod matrix;
mod merge;
mod networks;
mod options;
pub mod parse;
mod parts;
pub mod pattern;
pub mod rows;
pub mod rule;
mod set;
mod shadows;
pub mod words;
pub mod world;

pub use blank::blank;
pub use decide::{Attempt, Decision, decide};
pub use evaluate::evaluate;
pub use files::{Captured, Files, Wanted};
pub use ident::{IdentMaps, parse_ident};
pub use interval::{AddressClass, Interval};
pub use matrix::{Cell, Certainty, DbSet, Dead, DeadRule, Matrix, Places};
pub use parse::{Config, LineError, Unresolved, parse};
pub use rows::EntryRow;
pub use rule::{Method, Rule};
pub use words::{Address, ConnType, DbToken, Transport, UserToken};
pub use world::{Membership, RoleInfo, World};
