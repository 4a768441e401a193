//! A host with keys, a configuration and a store in a directory.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use pgseal::keys::{Identities, Signer};

use crate::restore::pg::PgServer;

pub struct Host {
    dir: tempfile::TempDir,
}

/// What a run said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Host {
    /// A repository with the sources `shop` (logical, all databases) and `cluster` (physical) of `server`.
    pub fn new(server: &PgServer) -> Self {
        let host = Self { dir: tempfile::Builder::new().prefix("pgt").tempdir_in("/tmp").unwrap() };
        let (secret, recipient) = Identities::generate();
        host.write("identity", &secret);
        host.write("other-identity", &Identities::generate().0);
        let (private, public) = Signer::generate("test").unwrap();
        host.write("signer", &private);
        host.write(
            "allowed",
            &format!("shop,cluster,tables namespaces=\"manifest@pgseal,report@pgseal,repo@pgseal\" {public}\n"),
        );
        for name in ["home", "store"] {
            std::fs::create_dir(host.path(name)).unwrap();
        }
        let connection = server.conninfo();
        host.write(
            "pgseal.toml",
            &format!(
                "[repository]\nurl = \"file://{store}\"\n[keys]\nrecipients = [\"{recipient}\"]\nsigning_key = \"signer\"\n\
                 allowed_signers = \"allowed\"\nidentity = \"identity\"\n[state]\ndir = \"state\"\n\
                 [source.shop]\nkind = \"logical\"\nconnection = \"{connection}\"\ndatabases = \"all\"\n\
                 [source.tables]\nkind = \"logical\"\nconnection = \"{connection}\"\ndatabases = [\"shop\"]\njobs = 3\npart_bytes = \"64KiB\"\n\
                 [source.cluster]\nkind = \"physical\"\nconnection = \"{connection}\"\n",
                store = host.path("store").display()
            ),
        );
        let store = format!("file://{}", host.path("store").display());
        host.ok(&["init", "--repo", &store]);
        host
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Changes the configuration.
    pub fn configure(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path("pgseal.toml")).unwrap();
        assert!(text.contains(from), "{from}");
        self.write("pgseal.toml", &text.replace(from, to));
    }

    /// pgseal, with nothing of the caller's environment.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pgseal"));
        command
            .env_clear()
            .env("PATH", crate::restore::pg::search_path())
            .env("LC_ALL", "C.UTF-8")
            .env("HOME", self.path("home"))
            .current_dir(self.dir.path())
            .args(["--config", "pgseal.toml"])
            .args(args)
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Said {
        said(&mut self.command(args))
    }

    pub fn ok(&self, args: &[&str]) -> Said {
        let said = self.run(args);
        assert_eq!(said.code, 0, "{args:?}: {said:?}");
        said
    }

    /// A restore command that goes to `server`.
    pub fn restore_command(&self, server: &PgServer, args: &[&str]) -> Command {
        let mut command = self.command(&["restore"]);
        command.args(args).env("PGHOST", server.socket_dir()).env("PGUSER", "postgres");
        command.env("PGPORT", server.port().to_string());
        command
    }

    pub fn restore(&self, server: &PgServer, args: &[&str]) -> Said {
        said(&mut self.restore_command(server, args))
    }
}

pub fn said(command: &mut Command) -> Said {
    let out = command.output().unwrap();
    Said {
        code: out.status.code().unwrap_or(-1),
        out: String::from_utf8(out.stdout).unwrap(),
        err: String::from_utf8(out.stderr).unwrap(),
    }
}

impl Said {
    /// Asserts the exit code and words of the message.
    #[track_caller]
    pub fn is(&self, code: i32, words: &[&str]) -> &Self {
        assert_eq!(self.code, code, "{self:?}");
        for word in words {
            assert!(self.err.contains(word) || self.out.contains(word), "{word:?} is not in {self:?}");
        }
        self
    }
}

/// The lines of a dump in an order of their own: rows have none.
pub fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}
