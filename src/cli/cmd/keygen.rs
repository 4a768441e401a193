//! `pgseal keygen`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use serde_json::json;
use zeroize::Zeroizing;

use crate::cli::output::Ui;
use crate::error::{Code, Result};
use crate::keys::{Identities, Signer, write_new};
use crate::types::SourceName;

/// Options of `keygen`.
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_long_help = "EXAMPLES:\n  \
    pgseal keygen identity -o recovery.key\n  \
    pgseal keygen signer -o /etc/pgseal/signer --source shop"
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
    let principals = match sources {
        [] => "*".to_owned(),
        some => some.iter().map(SourceName::as_str).collect::<Vec<_>>().join(","),
    };
    let line = format!("{principals} namespaces=\"{}\" {public}", role.namespaces());
    write_new(file, secret.as_bytes(), 0o600)?;
    ui.say(&format!("wrote the signing key to {}; pin the printed line in keys.allowed_signers", file.display()));
    ui.out.either(
        || json!({ "file": file.display().to_string(), "public_key": public, "allowed_signers": line }),
        || line.clone(),
    )
}
