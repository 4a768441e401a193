//! Global options and the list of commands.

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use super::cmd;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Sealed PostgreSQL backups, proven restores
#[derive(Debug, Parser)]
#[command(
    name = "pgseal",
    version,
    styles = STYLES,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    long_about = "Sealed PostgreSQL backups, proven restores.\n\n\
        pgseal takes a backup, encrypts it on its way out so that the database host cannot read it back, signs what \
        it stored, and keeps proving that it restores.",
    after_long_help = "Exit codes: 0 done, 1 defect of pgseal, 2 usage or configuration, 3 done with warnings, \
        10-13 refused before work, 20-22 source, 30-33 store, 40-44 integrity, 50-53 restore and drill, \
        124 deadline, 128+n signal n.\n\n\
        EXAMPLES:\n  \
        pgseal keygen identity -o recovery.key\n  \
        pgseal init --repo file:///var/lib/pgseal/repo\n  \
        pgseal backup shop\n  \
        pgseal list\n  \
        pgseal restore shop@latest --target-db shop_restored\n  \
        pgseal drill shop --report-dir reports"
)]
pub struct Cli {
    /// For every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Configuration file [default: ./pgseal.toml, $XDG_CONFIG_HOME/pgseal/pgseal.toml, /etc/pgseal/pgseal.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Say nothing but warnings and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more; twice for still more
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Form of talk, progress and logs on stderr
    #[arg(long, global = true, value_name = "FORM", value_enum, default_value_t)]
    pub log_format: LogFormat,
    /// Data on stdout as JSON, errors too
    #[arg(long, global = true)]
    pub json: bool,
}

/// `--log-format`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

/// All commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a repository, and a configuration where there is none
    ///
    /// Creates repo.json at the repository's place, reads it back, and proves with canaries that the store keeps its
    /// promises. Where no configuration is found, a commented one
    /// is written (--config FILE, else the user's or, for root, /etc/pgseal/pgseal.toml); one that exists is never
    /// touched. Running it again changes nothing. Prints the repository's id.
    Init(cmd::init::Args),
    /// Make keys
    Keygen(cmd::keygen::Args),
    /// Look at the configuration
    Config(cmd::config::Args),
    /// Make one backup of a source
    ///
    /// Dumps (or copies) the source, compresses, encrypts and stores it in parallel, then signs and commits the manifest
    /// and reads it back. Until the manifest is stored there is no backup. Prints the backup's id.
    Backup(cmd::backup::Args),
    /// List backups, and when each was last proven
    ///
    /// Only backups whose manifest has a good signature by a pinned key are listed. Where the history around them is not
    /// whole, the listing is printed and the command fails.
    List(cmd::list::Args),
    /// Show everything that is known of one backup without opening it
    Show(cmd::show::Args),
    /// Check signatures, history and stored bytes
    ///
    /// Says for every backup how many objects it has and how many of them were looked at, how deep.
    Verify(cmd::verify::Args),
    /// Restore a backup by hand
    ///
    /// Nothing reaches a decoder, pg_restore or a file before its hash was checked against the signed manifest.
    Restore(cmd::restore::Args),
    /// Restore a backup into a sealed scratch instance, check it, report, tear it down
    ///
    /// Drills the newest backup of a source, or the one that is named; never an older one instead. The verdict and how
    /// far the proof goes are separate; what could not be looked at is never passed.
    Drill(cmd::drill::Args),
    /// Look at what server, backups and this host expose, without a restore
    ///
    /// Checks who can enter and do what, what is logged, whether the store is open to others, and whether keys, dumps or
    /// copies lie about. Drills do the same in the restored copy, and see more.
    Audit(cmd::audit::Args),
    /// Check, show and convert the reports of drills and audits
    Report(cmd::report::Args),
    /// Look at the store itself
    Store(cmd::store::Args),
    /// Remove what killed runs left behind
    ///
    /// Scratch instances with their directories, directories for password files and, where asked for, unfinished
    /// databases. Touched is only what carries pgseal's mark and whose run is dead: by process id and start time, or by
    /// the server's session.
    Sweep(cmd::sweep::Args),
    /// Print a completion script for a shell
    Completions(cmd::completions::Args),
    /// Print the manual page, or write all of them
    Man(cmd::man::Args),
}
