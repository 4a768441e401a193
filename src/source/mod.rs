//! Where bytes come from: the server, its facts, and the streams that
//! PostgreSQL's own programs make.
//!
//! | file | holds |
//! |---|---|
//! | [`conninfo`], [`service`], [`passfile`] | libpq's ways to say where a server is, read by libpq's rules |
//! | [`conn`], [`tls`] | the resolved parameters, encryption of the connection |
//! | [`pinned`] | the one list of settings that every session of ours and of the children has |
//! | [`session`] | one SQL session with pinned settings |
//! | [`dial`], [`guard`], [`breach`] | its socket, bounded until the session begins; what a server may send after that |
//! | [`peer`] | who answers at the other end of a unix socket |
//! | [`tools`] | PostgreSQL's client programs of the right major |
//! | [`tap`] | what watches a stream as it passes |
//! | [`archive`], [`tar_tap`] | the taps for pg_dump archives and base backups |
//! | [`archive_list`] | an archive's table of contents, to choose from on the way back |
//! | [`stream`] | a child to run and its tap |
//! | [`ask`] | one way to ask a catalogue, of the source and of a restored copy |
//! | [`probe`], [`catalog`], [`snapshot`] | what server and databases say of themselves |
//! | [`inventory`], [`schema`], [`rights`] | every object of a database: what it is, whose it is, who may use it |
//! | [`extension_members`] | what belongs to extensions, which no dump holds |
//! | [`deparsed`] | definitions in a form that survives being restored |
//! | [`posture`] | how the server can be entered: settings, access rules, sessions |
//! | [`builtin`] | what the server came with, which no dump holds |
//! | [`misdumped`] | what pg_dump writes otherwise than it is |
//! | [`left_out`] | what a backup does not hold, and why |
//! | [`warned`] | what the programs' warnings mean |
//! | [`large_objects`] | large objects: number, content, rights |
//! | [`logical`], [`physical`] | the streams of the two kinds of backup |
//! | [`counting`] | rows counted by the server, beside the dump |
//! | [`copy_text`] | rows, size and digest of a table's COPY text |
//! | [`computed`] | values that no dump holds: materialized views, generated columns |
//! | [`coverage`] | whether the streams hold what the catalog had |
//! | [`facts`] | what is sealed beside a backup |
//!
//! Rules of this folder: names never travel on a command line where a program
//! could read them as a connection string, passwords never at all; whatever a
//! role or database setting could change in a dump is pinned by the client.

pub mod archive;
mod archive_input;
pub mod archive_list;
mod archive_toc;
pub mod ask;
mod backup_files;
mod breach;
pub mod builtin;
pub mod catalog;
pub mod computed;
pub mod conn;
pub mod conninfo;
pub mod copy_text;
pub mod counting;
pub mod coverage;
pub mod deparsed;
mod dial;
mod extension_members;
pub mod facts;
mod guard;
pub mod inventory;
pub mod large_objects;
pub mod left_out;
pub mod logical;
pub mod misdumped;
pub mod passfile;
pub mod peer;
pub mod physical;
pub mod pinned;
pub mod posture;
pub mod probe;
pub mod rights;
pub mod schema;
pub mod service;
pub mod session;
pub mod snapshot;
pub mod stream;
pub mod tap;
pub mod tar_tap;
pub mod tls;
pub mod tools;
pub mod warned;

pub use archive::{ArchiveContents, ArchiveTap, ArchivedTable};
pub use ask::Ask;
pub use conn::{ConnParams, SslMode};
pub use facts::Facts;
pub use inventory::Inventory;
pub use left_out::LeftOut;
pub use peer::{Meetings, Peer};
pub use pinned::Purpose;
pub use posture::Posture;
pub use session::Session;
pub use snapshot::Snapshot;
pub use stream::{DumpStream, StreamRole};
pub use tap::{GlobalsTap, Tap, Tapped};
pub use tar_tap::BaseTap;
pub use tools::PgBin;
