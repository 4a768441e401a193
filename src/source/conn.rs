//! Connection parameters, resolved the way libpq resolves them.
//!
//! Order: the connection text, the service, `PG*` variables, defaults
//! (PostgreSQL manual, "Parameter Key Words" and "Environment Variables").

use std::ffi::OsString;
use std::fmt;
use std::io::Write as _;
use std::net::IpAddr;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::breach::Rules;
use super::conninfo::{KNOWN, Options, Use, parse};
use super::pinned::{Purpose, options, pinned};
use super::{Peer, passfile, service};
use crate::error::{Error, Result};
use crate::types::Secret;

/// Socket directories that packages compile in: Debian's and upstream's.
const SOCKET_DIRS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// Time to connect where none is given: an unattended run must not hang.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// `sslmode` (PostgreSQL manual, "SSL Mode Descriptions").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum SslMode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl SslMode {
    /// libpq's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }

    fn read(word: &str) -> Result<Self> {
        [Self::Disable, Self::Prefer, Self::Require, Self::VerifyCa, Self::VerifyFull]
            .into_iter()
            .find(|m| m.name() == word)
            .ok_or_else(|| {
                Error::usage("is not supported")
                    .on(format!("sslmode={word}"))
                    .hint("Use disable, prefer, require, verify-ca or verify-full.")
            })
    }
}

/// Where a server is and as whom to log in. `Debug` and `Display` show no secret.
#[derive(Clone)]
pub struct ConnParams {
    /// Host name, address, or the directory of a unix socket (starts with `/`).
    pub host: Option<String>,
    /// Address to connect to instead of looking `host` up.
    pub hostaddr: Option<IpAddr>,
    /// Port.
    pub port: u16,
    /// Role.
    pub user: String,
    /// Database.
    pub dbname: String,
    /// `sslmode`; has no effect on unix sockets.
    pub sslmode: SslMode,
    /// Trusted certificates in PEM form, or `system`.
    pub sslrootcert: Option<PathBuf>,
    /// Client certificate.
    pub sslcert: Option<PathBuf>,
    /// Its key.
    pub sslkey: Option<PathBuf>,
    /// How long connecting may take, all in all.
    pub connect_timeout: Duration,
    password: Option<Secret>,
    settings: Vec<(String, String)>,
    pub(super) major: Option<u32>,
    pub(super) peer: Option<Arc<Peer>>,
    pub(super) rules: Rules,
}

impl ConnParams {
    /// Resolves a URI, a `key=value` list or the empty text.
    ///
    /// `env` gives environment variables, also `HOME`.
    ///
    /// # Errors
    /// Usage (2): bad syntax, several hosts, a parameter that pgseal does not
    /// honour, an unfit password file.
    pub fn resolve(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let mut options = parse(text)?;
        let home = env("HOME").filter(|h| !h.is_empty()).map(PathBuf::from).or_else(|| passwd_entry().map(|p| p.1));
        if let Some(name) = options.remove("service").or_else(|| env("PGSERVICE")) {
            let file = options.remove("servicefile").or_else(|| env("PGSERVICEFILE")).map(PathBuf::from);
            let system = env("PGSYSCONFDIR").map(PathBuf::from);
            service::apply(&name, file.as_deref(), home.as_deref(), system.as_deref(), &mut options)?;
        }
        for (name, variable, _) in KNOWN.iter().filter(|k| !k.1.is_empty()) {
            if !options.contains_key(*name)
                && let Some(value) = env(variable)
            {
                options.insert((*name).to_owned(), value);
            }
        }
        refuse_what_is_not_honoured(&options)?;
        Self::complete(&options, home.as_deref())
    }

    fn complete(options: &Options, home: Option<&Path>) -> Result<Self> {
        let get = |name: &str| options.get(name).map(String::as_str).filter(|v| !v.is_empty());
        let in_home = |file: &str| home.map(|h| h.join(".postgresql").join(file)).filter(|p| p.exists());
        let host = get("host").map(str::to_owned);
        let hostaddr = match get("hostaddr") {
            Some(a) => Some(a.parse().map_err(|_| Error::usage("is not an address").on("hostaddr"))?),
            None => None,
        };
        if host.as_deref().is_some_and(|h| h.starts_with('@')) {
            return Err(Error::usage("sockets in the abstract namespace are not supported").on("host"));
        }
        let port = match get("port") {
            Some(p) => p.trim().parse().ok().filter(|p| *p != 0).ok_or_else(|| {
                Error::usage("is not a port number").on("port").hint("Use one number from 1 to 65535.")
            })?,
            None => 5432,
        };
        let user = match get("user") {
            Some(u) => u.to_owned(),
            None => passwd_entry().map(|p| p.0).ok_or_else(|| {
                Error::usage("no role is given, and the operating system has no name for this user").on("user")
            })?,
        };
        let dbname = get("dbname").unwrap_or(&user).to_owned();
        if [&user, &dbname].iter().any(|s| s.contains('\0')) || host.as_deref().is_some_and(|h| h.contains('\0')) {
            return Err(Error::usage("a NUL byte is in the connection parameters"));
        }
        let default_host = || SOCKET_DIRS.iter().find(|d| Path::new(d).is_dir()).unwrap_or(&"/tmp").to_string();
        let explicit = get("passfile").map(PathBuf::from);
        let password = match get("password") {
            Some(p) => Some(Secret::new(p.to_owned())),
            None => match explicit.clone().or_else(|| home.map(|h| h.join(".pgpass"))) {
                Some(file) => {
                    let addr = hostaddr.map(|a: IpAddr| a.to_string());
                    let wanted = match host.as_deref().or(addr.as_deref()) {
                        Some(h) if !SOCKET_DIRS[..1].contains(&h) => h,
                        _ => "localhost",
                    };
                    passfile::find(&file, explicit.is_some(), wanted, port, &dbname, &user)?
                }
                None => None,
            },
        };
        let sslrootcert = get("sslrootcert").map(PathBuf::from).or_else(|| in_home("root.crt"));
        let mut sslmode = get("sslmode").map_or(Ok(SslMode::Prefer), SslMode::read)?;
        if sslrootcert.as_deref() == Some(Path::new("system")) {
            match get("sslmode") {
                None => sslmode = SslMode::VerifyFull,
                Some("verify-full") => (),
                Some(_) => return Err(Error::usage("sslrootcert=system needs sslmode=verify-full").on("sslmode")),
            }
        }
        if sslmode >= SslMode::Require && in_home("root.crl").is_some() {
            return Err(Error::usage("certificate revocation lists are not supported").on("~/.postgresql/root.crl"));
        }
        let connect_timeout = match get("connect_timeout") {
            Some(t) => match t.trim().parse::<i64>() {
                Ok(n) if n > 0 => Duration::from_secs(n.unsigned_abs()),
                Ok(_) => CONNECT_TIMEOUT,
                Err(_) => return Err(Error::usage("is not a number of seconds").on("connect_timeout")),
            },
            None => CONNECT_TIMEOUT,
        };
        Ok(Self {
            host: host.or_else(|| hostaddr.is_none().then(default_host)),
            hostaddr,
            port,
            user,
            dbname,
            sslmode,
            sslrootcert,
            sslcert: get("sslcert").map(PathBuf::from).or_else(|| in_home("postgresql.crt")),
            sslkey: get("sslkey").map(PathBuf::from).or_else(|| in_home("postgresql.key")),
            connect_timeout,
            password,
            settings: Vec::new(),
            major: None,
            peer: None,
            rules: Rules::default(),
        })
    }

    /// For a server on a unix socket, without a password.
    pub fn for_socket(dir: &Path, port: u16, user: &str, db: &str) -> Self {
        Self {
            host: Some(dir.to_string_lossy().into_owned()),
            hostaddr: None,
            port,
            user: user.to_owned(),
            dbname: db.to_owned(),
            sslmode: SslMode::Disable,
            sslrootcert: None,
            sslcert: None,
            sslkey: None,
            connect_timeout: CONNECT_TIMEOUT,
            password: None,
            settings: Vec::new(),
            major: None,
            peer: None,
            rules: Rules::default(),
        }
    }

    /// The same, in another database.
    #[must_use]
    pub fn with_database(&self, name: &str) -> Self {
        Self { dbname: name.to_owned(), ..self.clone() }
    }

    /// The same, as another role; the password belongs to the first role and is dropped.
    #[must_use]
    pub fn with_user(&self, name: &str) -> Self {
        Self { user: name.to_owned(), password: None, ..self.clone() }
    }

    /// The same, with a server setting in the startup packet, where it outranks
    /// role and database settings (`session_preload_libraries=''` of a scratch server, say).
    #[must_use]
    pub fn with_setting(&self, name: &str, value: &str) -> Self {
        let mut new = self.clone();
        new.settings.push((name.to_owned(), value.to_owned()));
        new
    }

    /// The same, of a server whose major is known: settings that older ones do
    /// not know are pinned, too.
    #[must_use]
    pub fn with_major(&self, major: u32) -> Self {
        Self { major: Some(major), ..self.clone() }
    }

    /// Directory of the unix socket, if it is one.
    pub fn socket_dir(&self) -> Option<&Path> {
        self.host.as_deref().filter(|h| h.starts_with('/') && self.hostaddr.is_none()).map(Path::new)
    }

    pub(super) fn password(&self) -> Option<&Secret> {
        self.password.as_ref()
    }

    /// The `options` of the startup packet: what is pinned, then what was asked for.
    pub(super) fn startup_options(&self, purpose: Purpose) -> String {
        let own = self.settings.iter().map(|(k, v)| (k.as_str(), v.as_str()));
        options(pinned(purpose, self.major).chain(own))
    }

    /// The environment that makes a PostgreSQL program connect here, and only here.
    ///
    /// The password goes into a file of mode 0600 in `private_dir`, which must
    /// be a directory of mode 0700 that the caller removes. No `search_path`: the
    /// programs set their own once they are connected, and a login event trigger
    /// or a function of an extension needs the database's until then.
    pub fn child_env(&self, private_dir: &Path, purpose: Purpose) -> Result<Vec<(OsString, OsString)>> {
        let mut vars: Vec<(OsString, OsString)> = Vec::new();
        let mut set = |name: &str, value: OsString| vars.push((name.into(), value));
        if let Some(host) = &self.host {
            set("PGHOST", host.into());
        }
        if let Some(addr) = self.hostaddr {
            set("PGHOSTADDR", addr.to_string().into());
        }
        set("PGPORT", self.port.to_string().into());
        set("PGUSER", self.user.clone().into());
        set("PGDATABASE", self.dbname.clone().into());
        set("PGSSLMODE", self.sslmode.name().into());
        for (name, path) in
            [("PGSSLROOTCERT", &self.sslrootcert), ("PGSSLCERT", &self.sslcert), ("PGSSLKEY", &self.sslkey)]
        {
            if let Some(path) = path {
                set(name, path.clone().into());
            }
        }
        set("PGGSSENCMODE", "disable".into());
        if let Some(peer) = &self.peer {
            set("PGREQUIREPEER", peer.user().into());
        }
        set("PGCONNECT_TIMEOUT", self.connect_timeout.as_secs().max(2).to_string().into());
        set("PGAPPNAME", "pgseal".into());
        set("PGOPTIONS", self.startup_options(purpose).into());
        // Without a password the name of a file that does not exist, so that no other file is read.
        let file = private_dir.join(format!("pgpass-{}", hex::encode(crate::types::ids::random_bytes::<8>()?)));
        if let Some(password) = &self.password {
            let addr = self.hostaddr.map(|a| a.to_string());
            let host = match self.host.as_deref().or(addr.as_deref()) {
                Some(h) if !SOCKET_DIRS.contains(&h) => h,
                // Which directory counts as "localhost" is compiled into the child's libpq.
                _ => "*",
            };
            let line = passfile::line(host, self.port, &self.user, password)?;
            let fault = |e: std::io::Error| {
                Error::usage("cannot write the password file of a child").on(file.display().to_string()).because(e)
            };
            if std::fs::metadata(private_dir).map_err(fault)?.mode() & 0o077 != 0 {
                return Err(Error::internal("the directory for a child's password file is not private"));
            }
            let mut out =
                std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file).map_err(fault)?;
            out.write_all(line.as_bytes()).map_err(fault)?;
        }
        set("PGPASSFILE", file.into());
        Ok(vars)
    }
}

impl fmt::Display for ConnParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!(
            "host={} port={} user={} dbname={} sslmode={}",
            self.host.clone().or(self.hostaddr.map(|a| a.to_string())).unwrap_or_default(),
            self.port,
            self.user,
            self.dbname,
            self.sslmode.name()
        );
        f.write_str(&crate::types::shown(&text))
    }
}

impl fmt::Debug for ConnParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnParams({self}{})", if self.password.is_some() { " password=****" } else { "" })
    }
}

fn refuse_what_is_not_honoured(options: &Options) -> Result<()> {
    for name in ["host", "hostaddr", "port"] {
        if options.get(name).is_some_and(|v| v.contains(',')) {
            return Err(Error::usage("several hosts in one connection are not supported")
                .on(name)
                .hint("Name the one server that is to be backed up: two may hold different data."));
        }
    }
    for (name, variable, how) in KNOWN {
        if let (Use::Only(allowed), Some(value)) = (how, options.get(*name))
            && !value.is_empty()
            && !allowed.contains(&value.as_str())
        {
            let hint = if variable.is_empty() {
                format!("Remove {name} from the connection.")
            } else {
                format!("Remove {name} from the connection and {variable} from the environment.")
            };
            return Err(Error::usage("pgseal does not honour this connection parameter").on(*name).hint(hint));
        }
    }
    Ok(())
}

/// Name and home of the effective user, from `/etc/passwd`.
fn passwd_entry() -> Option<(String, PathBuf)> {
    let uid = rustix::process::geteuid().as_raw().to_string();
    let text = std::fs::read_to_string("/etc/passwd").ok()?;
    text.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        (fields.len() >= 6 && fields[2] == uid).then(|| (fields[0].to_owned(), PathBuf::from(fields[5])))
    })
}
