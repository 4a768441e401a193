//! `pgseal keygen`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use serde_json::json;
use zeroize::Zeroizing;

use crate::cli::output::Ui;
use crate::error::{Code, Result};
use crate::keys::{Identities, Signer, allowed, write_new};
use crate::types::SourceName;

/// Options of `keygen`.
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_long_help = "EXAMPLES:\n  \
    pgseal keygen identity -o recovery.key\n  \
    pgseal keygen signer -o /etc/pgseal/signer --source shop\n  \
    pgseal keygen allow /etc/pgseal/signer --role drill"
)]
pub struct Args {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Debug, Subcommand)]
enum Kind {
    /// Make an age identity, which opens backups
    ///
    /// Writes the secret identity to FILE (mode 0600, never overwriting) and prints its public recipient, which belongs
    /// into keys.recipients. Keep the identity away from the database host, and a second one in a safe: without one,
    /// backups cannot be opened by anybody.
    #[command(after_long_help = "EXAMPLES:\n  \
        pgseal keygen identity -o recovery.key\n  \
        pgseal keygen identity -o drill.key >> recipients.txt")]
    Identity {
        /// Where the secret goes
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Make an OpenSSH Ed25519 key, which signs backups or reports
    ///
    /// Writes the secret key to FILE (mode 0600, no passphrase, never overwriting) and prints its line for an
    /// allowed_signers file, to be pinned on every host that verifies.
    #[command(after_long_help = "EXAMPLES:\n  \
        pgseal keygen signer -o /etc/pgseal/signer --source shop --source crm\n  \
        pgseal keygen signer -o report.key --role drill")]
    Signer {
        /// Where the secret goes
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        /// Sources the key may sign for; repeatable [default: all]
        #[arg(long, value_name = "NAME")]
        source: Vec<SourceName>,
        /// What the key may sign
        #[arg(long, value_enum, default_value_t)]
        role: Role,
    },
    /// Print the allowed_signers line of a key that exists
    ///
    /// Makes nothing. For a key that is to sign more than before: `--role both` for backups and reports, `--role drill` for
    /// a line about reports alone, to be added to allowed_signers beside the one that is there.
    #[command(after_long_help = "EXAMPLES:\n  \
        pgseal keygen allow /etc/pgseal/signer --role drill --source shop >> /etc/pgseal/allowed_signers")]
    Allow {
        /// The secret key
        key: PathBuf,
        /// Sources the key may sign for; repeatable [default: all]
        #[arg(long, value_name = "NAME")]
        source: Vec<SourceName>,
        /// What the key may sign
        #[arg(long, value_enum)]
        role: Role,
    },
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Role {
    /// Manifests of backups
    #[default]
    Backup,
    /// Reports of drills
    Drill,
    /// Manifests and reports
    Both,
}

impl Role {
    fn namespaces(self) -> &'static str {
        match self {
            Self::Backup => "manifest@pgseal",
            Self::Drill => "report@pgseal",
            Self::Both => "manifest@pgseal,report@pgseal",
        }
    }

    fn comment(self) -> &'static str {
        match self {
            Self::Backup => "pgseal-backup",
            Self::Drill => "pgseal-drill",
            Self::Both => "pgseal",
        }
    }
}

/// Runs it.
pub fn run(args: &Args, ui: &Ui) -> Result<Code> {
    match &args.kind {
        Kind::Identity { output } => identity(output, ui)?,
        Kind::Signer { output, source, role } => signer(output, source, *role, ui)?,
        Kind::Allow { key, source, role } => allow(key, source, *role, ui)?,
    }
    Ok(Code::Done)
}

fn identity(file: &Path, ui: &Ui) -> Result<()> {
    let (secret, recipient) = Identities::generate();
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut text = Zeroizing::new(String::with_capacity(512));
    let _ = writeln!(text, "# created: {now}\n# public key: {recipient}\n{}", *secret);
    write_new(file, text.as_bytes(), 0o600)?;
    ui.say(&format!("wrote the identity to {}; it opens every backup sealed for its recipient", file.display()));
    ui.out.either(|| json!({ "file": file.display().to_string(), "recipient": recipient }), || recipient.clone())
}

fn signer(file: &Path, sources: &[SourceName], role: Role, ui: &Ui) -> Result<()> {
    let (secret, public) = Signer::generate(role.comment())?;
    let line = allowed::line(sources, role.namespaces(), &public);
    write_new(file, secret.as_bytes(), 0o600)?;
    ui.say(&format!("wrote the signing key to {}; pin the printed line in keys.allowed_signers", file.display()));
    if role == Role::Backup {
        ui.say("it signs backups only; a drill signs its report with a key of its own: `pgseal keygen signer --role drill`");
    }
    ui.out.either(
        || json!({ "file": file.display().to_string(), "public_key": public, "allowed_signers": line }),
        || line.clone(),
    )
}

fn allow(key: &Path, sources: &[SourceName], role: Role, ui: &Ui) -> Result<()> {
    let signer = Signer::load(key)?;
    let line = allowed::line(sources, role.namespaces(), signer.public_line());
    ui.out.either(|| json!({ "public_key": signer.public_line(), "allowed_signers": line }), || line.clone())
}
