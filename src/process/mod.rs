//! Children: pg_dump, pg_basebackup, pg_restore, psql, initdb, postgres.
//!
//! The model, so that the code can be checked against it:
//!
//! * A child gets **exactly the environment it is given** ([`Tool`]): nothing
//!   is inherited, so no `AWS_*`, `PG*` or key variable leaks into it, and no
//!   argument ever holds a secret or a database name.
//! * A child starts in its **own process group**. A terminal's Ctrl-C therefore
//!   reaches pgseal alone, which ends its children itself; under cron and as
//!   PID 1 the same code runs.
//! * A child is spawned from **one thread that lives as long as the program**,
//!   because the parent-death signal follows the forking thread: when pgseal is
//!   killed with -9, so is the child.
//! * stderr is drained for as long as the child lives and only a bounded
//!   **tail** is kept, so a child that floods it neither blocks nor fills memory.
//!   Its **warnings** ([`Warnings`]) are picked out as they pass.
//! * Success is a value: [`Finished`] exists only after exit status 0, and the
//!   manifest cannot be built without it. A stream that ended is not a dump
//!   that finished.
//! * A directory of ours carries a **lease** ([`lease`]): what a killed run left
//!   is known by it, and nothing else is ever removed.
//! * Dropping a [`Running`] child kills its group and reaps it. Interrupting a
//!   command is dropping its future; nothing else has to remember children.

pub mod alive;
mod child;
pub mod lease;
mod private;
mod spawner;
mod stderr;
mod tool;
mod under;
mod warned;

pub use child::{Exit, Finished, Running};
pub use private::private_dir;
pub use stderr::Tail;
pub use tool::{Stdin, Stdout, Tool};
pub use under::{Filter, Under};
pub use warned::{Speaker, Warning, Warnings};
