//! Configuration: TOML in layers, each value with its origin.
//!
//! Precedence is flag > `PGSEAL_*` variable > file > default. The file is the
//! first of `--config FILE`, `./pgseal.toml`, `$XDG_CONFIG_HOME/pgseal/pgseal.toml`
//! (`~/.config` where unset) and `/etc/pgseal/pgseal.toml`. Every key outside
//! `[source.NAME]` has a variable: `repository.url` is `PGSEAL_REPOSITORY_URL`.
//!
//! Unknown keys are errors, a password in a connection string is an error, and
//! nothing here holds a secret: keys are named by path.
//!
//! | file | holds |
//! |---|---|
//! | [`schema`] | the configuration as the rest sees it |
//! | [`inputs`] | what it is made from: flags, environment, file |
//! | [`origin`] | where a value came from |
//! | [`reader`] | typed access to the layers, with origins and known keys |
//! | [`values`] | durations, sizes, expected values |
//! | [`connection`] | connection strings, and passwords in them |
//! | [`load`](mod@load) | builds the schema from the layers |
//! | [`user_checks`] | the operator's own checks of a restored copy |
//! | [`template`] | the commented file that `init` writes |

pub mod connection;
pub mod inputs;
pub mod load;
pub mod origin;
pub mod reader;
pub mod schema;
pub mod template;
pub mod user_checks;
pub mod values;

#[cfg(test)]
mod tests;

pub use inputs::{Inputs, Override};
pub use load::{Loaded, load, load_without_file};
pub use origin::Origin;
pub use schema::Config;
