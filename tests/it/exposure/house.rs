//! TOOL, LEFT, and KEY on this host: real files with real modes, real processes,
//! real servers. What stands in for `/etc` is a directory of the test.

mod leftovers;

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use jiff::Timestamp;
use pgseal::checks::{CheckResult, Outcome, Severity};
use pgseal::config::{self, Inputs, Loaded};
use pgseal::exposure::house::House;
use pgseal::exposure::house::jobs::Jobs;
use pgseal::exposure::house::program::clients::Client;
use pgseal::exposure::run::Sightings;
use pgseal::exposure::{Policy, catalogue};
use pgseal::keys::Identities;
use pgseal::types::{Known, PgVersion};

use crate::exposure::fixture::{found, of, severity, silent};

/// A host on which all is well: a database host with its own signing key.
pub struct Host {
    dir: tempfile::TempDir,
    scratch: tempfile::TempDir,
    env: BTreeMap<String, String>,
    loaded: Loaded,
}

impl Host {
    pub fn new() -> Self {
        Self::with("signing_key = \"signer\"\n", "connection = \"host=db.example.org user=b sslmode=verify-full\"\n")
    }

    /// With these lines of `[keys]` and of `[source.shop]`.
    pub fn with(keys: &str, source: &str) -> Self {
        let dir = tempfile::tempdir_in("/tmp").unwrap();
        let scratch = tempfile::tempdir_in("/dev/shm").unwrap();
        for sub in ["home", "etc/cron.d", "etc/systemd/system", "store", "place", "usr"] {
            std::fs::create_dir_all(dir.path().join(sub)).unwrap();
        }
        let text = format!(
            "[repository]\nurl = \"file://{store}\"\n[keys]\nallowed_signers = \"allowed\"\n{keys}[scratch]\ndir = \"{scratch}\"\n\
             [state]\ndir = \"{state}\"\n[source.shop]\n{source}",
            store = dir.path().join("store").display(),
            scratch = scratch.path().display(),
            state = dir.path().join("state").display(),
        );
        for (name, text) in [("pgseal.toml", text.as_str()), ("signer", "key\n"), ("allowed", "signers\n")] {
            write(&dir.path().join(name), text, 0o600);
        }
        for (name, text) in [
            ("home/.pgpass", "*:*:*:b:geheim\n"),
            ("home/.profile", "export PGPASSFILE=~/.pgpass\n"),
            ("home/.bash_history", "psql service=shop\n"),
            ("etc/cron.d/pgseal", "12 3 * * * postgres pgseal -q backup shop\n"),
            ("etc/systemd/system/pgseal-backup@.service", "[Service]\nExecStart=/usr/bin/pgseal backup %i\n"),
        ] {
            write(&dir.path().join(name), text, 0o600);
        }
        let env = BTreeMap::from([("HOME".to_owned(), dir.path().join("home").display().to_string())]);
        let inputs = Inputs {
            config: Some(dir.path().join("pgseal.toml")),
            overrides: Vec::new(),
            env: env.clone(),
            cwd: dir.path().to_owned(),
            root: true,
            system_file: "/nonexistent".into(),
        };
        let loaded = config::load(&inputs).unwrap();
        Self { dir, scratch, env, loaded }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Everything the checks of a host say. Of all processes only those of
    /// `pids` are looked at: others of this machine are other tests' business.
    pub async fn look(&self, pids: &[u32], change: impl FnOnce(&mut House<'_>)) -> Vec<CheckResult> {
        let policy = Policy::default();
        let now = "2026-11-26T00:00:00Z".parse().unwrap();
        let mut house = House::gather(&self.loaded, &self.env, &policy, now).await;
        house.root = self.dir.path().to_owned();
        house.jobs = Jobs::read(&house.root, house.home.as_deref());
        house.places = vec![self.path("place"), self.scratch.path().to_owned()];
        house.arguments = vec!["pgseal".into(), "audit".into(), "shop".into()];
        house.program = Some("/usr/bin/true".into());
        house.processes.all.retain(|p| pids.contains(&p.pid.cast_unsigned()));
        change(&mut house);
        let mut seen = Sightings::default();
        seen.house(&house).await;
        seen.results(None)
    }
}

pub fn write(path: &Path, text: impl AsRef<[u8]>, mode: u32) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A process with these arguments and variables, that waits until it is killed.
struct Waiting(Child);

impl Waiting {
    fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new("sh");
        // Two commands, so that the shell stays and keeps its arguments.
        command.args(["-c", "echo; read line; :", "sh"]).args(arguments).env_clear().envs(variables.iter().copied());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // It has said something: what it was before exec is over.
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0]).unwrap();
        Self(child)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn file(path: &Path) -> String {
    format!("file {}", path.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_host_passes() {
    let host = Host::new();
    let results = host
        .look(&[std::process::id()], |h| {
            h.uid = 0;
            h.clients =
                Known::Yes(vec![Client { name: "pg_dump", path: "/usr/bin/true".into(), version: PgVersion(150_020) }]);
        })
        .await;
    for id in catalogue::all().filter(|c| c.about.planes == [pgseal::exposure::Plane::House]).map(|c| c.about.id) {
        match id {
            // Tests run as root.
            "EXP-TOOL-005" => {
                found(&results, id, &["user root"]);
                assert_eq!(severity(&results, id, "user root"), Severity::Low);
            }
            // There is nothing in the places yet.
            "EXP-LEFT-002" | "EXP-LEFT-003" => assert_eq!(of(&results, id).outcome, Outcome::NotApplicable, "{id}"),
            _ => silent(&results, id),
        }
    }
    // As a user of its own.
    let own = Host::new();
    for item in
        [own.path(""), own.path("etc"), own.path("etc/cron.d"), own.path("etc/systemd"), own.path("etc/systemd/system")]
    {
        chown(item, Some(12345), None).unwrap();
    }
    let results = own
        .look(&[], |h| {
            h.uid = 12345;
            h.clients =
                Known::Yes(vec![Client { name: "pg_dump", path: "/usr/bin/true".into(), version: PgVersion(150_020) }]);
        })
        .await;
    silent(&results, "EXP-TOOL-005");
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_among_arguments_and_in_environments_are_found() {
    let host = Host::new();
    let loud = Waiting::start(&["postgres://u:geheim@db/shop"], &[]);
    let quiet = Waiting::start(&["x"], &[("PGPASSWORD", "geheim"), ("PGHOST", "db")]);
    let (loud, quiet) = (loud, quiet);
    let cron = host.path("etc/cron.d/other");
    write(
        &cron,
        "# psql 'host=db password=comment'\n1 1 * * * root psql 'host=db password=geheim' -c 'select 1'\n",
        0o600,
    );
    let unit = host.path("etc/systemd/system/pgseal-x.service");
    let (drop_in, vars) = (host.path("etc/systemd/system/pgseal-x.service.d/a.conf"), host.path("etc/default/pgseal"));
    write(&unit, "[Service]\nExecStart=pgseal backup shop\nEnvironmentFile=-/etc/default/pgseal\n", 0o600);
    write(&drop_in, "[Service]\nEnvironment=\"AWS_SECRET_ACCESS_KEY=geheim\"\n", 0o600);
    write(&vars, "PGPASSWORD=geheim\n", 0o600);
    // Of somebody else: not ours to judge.
    write(&host.path("etc/systemd/system/web.service"), "[Service]\nEnvironment=PGPASSWORD=geheim\n", 0o600);
    let history = host.path("home/.bash_history");
    write(&history, "PGPASSWORD=geheim psql\npsql postgres://u:geheim@h/d\n", 0o600);
    let profile = host.path("home/.bashrc");
    write(&profile, "export PGPASSWORD=geheim\nexport PGUSER=$PW\n", 0o600);
    let results = host
        .look(&[loud.0.id(), quiet.0.id()], |h| {
            h.arguments.push("--connection=host=db password=geheim".into());
        })
        .await;
    found(&results, "EXP-TOOL-001", &["arguments of this run", "process sh", &file(&cron), &file(&history)]);
    found(
        &results,
        "EXP-TOOL-002",
        &["process sh: variable PGPASSWORD", &file(&drop_in), &file(&vars), &file(&profile)],
    );
    assert!(!format!("{results:?}").contains("geheim"), "a secret was repeated");
    // What cannot be listed is no pass.
    drop((loud, quiet));
    let clean = Host::new();
    std::fs::remove_file(clean.path("etc/cron.d/pgseal")).unwrap();
    std::fs::remove_dir(clean.path("etc/cron.d")).unwrap();
    write(&clean.path("etc/cron.d"), "", 0o600);
    let results = clean.look(&[], |h| h.processes.closed = Some("hidden".into())).await;
    for id in ["EXP-TOOL-001", "EXP-TOOL-002", "EXP-KEY-006", "EXP-LEFT-001"] {
        assert_eq!(of(&results, id).outcome, Outcome::NotEvaluated, "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_others_may_read_or_change_are_found() {
    let host = Host::new();
    let (pass, services) = (host.path("home/.pgpass"), host.path("home/.pg_service.conf"));
    let (aws, allowed, config) = (host.path("home/.aws/credentials"), host.path("allowed"), host.path("pgseal.toml"));
    write(&pass, "x", 0o640);
    write(&services, "[shop]\nhost=db\npassword=geheim\n", 0o644);
    write(&aws, "[default]\n", 0o600);
    chown(&aws, Some(12345), None).unwrap();
    std::fs::set_permissions(&allowed, std::fs::Permissions::from_mode(0o666)).unwrap();
    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o644)).unwrap();
    let results = host.look(&[], |_| ()).await;
    found(&results, "EXP-TOOL-003", &[&file(&pass), &file(&services), &file(&aws), &file(&allowed)]);
    // A service file without a password may be read.
    write(&services, "[shop]\nhost=db\n", 0o644);
    std::fs::set_permissions(host.path("home"), std::fs::Permissions::from_mode(0o777)).unwrap();
    let results = host.look(&[], |_| ()).await;
    let above = of(&results, "EXP-TOOL-003").findings.iter().filter(|f| f.message.contains("put another file"));
    let above: Vec<&str> = above.map(|f| f.object.as_str()).collect();
    assert!(above.contains(&file(&services).as_str()) && above.contains(&file(&pass).as_str()), "{above:?}");
    // An access list shows in no mode but the group's.
    write(&pass, "x", 0o600);
    std::fs::set_permissions(host.path("home"), std::fs::Permissions::from_mode(0o700)).unwrap();
    acl(&pass);
    chown(&aws, Some(0), None).unwrap();
    std::fs::set_permissions(&allowed, std::fs::Permissions::from_mode(0o644)).unwrap();
    let results = host.look(&[], |_| ()).await;
    found(&results, "EXP-TOOL-003", &[&file(&pass)]);
    assert!(of(&results, "EXP-TOOL-003").findings[0].message.contains("access list"));
}

/// Lets user 12345 read a file, by an access list (`linux/posix_acl_xattr.h`).
fn acl(path: &Path) {
    let mut value = 2u32.to_le_bytes().to_vec();
    for (tag, perm, id) in
        [(0x01u16, 6u16, u32::MAX), (0x02, 4, 12345), (0x04, 0, u32::MAX), (0x10, 4, u32::MAX), (0x20, 0, u32::MAX)]
    {
        value.extend(tag.to_le_bytes());
        value.extend(perm.to_le_bytes());
        value.extend(id.to_le_bytes());
    }
    rustix::fs::setxattr(path, "system.posix_acl_access", &value, rustix::fs::XattrFlags::empty()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_lie_wrong_are_found() {
    let (secret, _) = Identities::generate();
    let local = "connection = \"host=/run/postgresql user=b\"\n";
    let host = Host::with("signing_key = \"signer\"\nidentity = \"identity\"\n", local);
    let (identity, signer) = (host.path("identity"), host.path("signer"));
    write(&identity, format!("# created\n{}\n", *secret), 0o640);
    std::fs::create_dir(host.path(".git")).unwrap();
    let stray = host.path("home/.config/age/keys.txt");
    write(&stray, secret.as_bytes(), 0o600);
    let beside = host.path("store/key");
    write(&beside, secret.as_bytes(), 0o600);
    let cron = host.path("etc/cron.d/pgseal");
    write(&cron, format!("AGE={} pgseal", *secret), 0o600);
    let results = host.look(&[], |_| ()).await;
    found(&results, "EXP-KEY-002", &[&file(&identity), &file(&signer)]);
    found(&results, "EXP-KEY-005", &[&file(&identity)]);
    let all = [file(&identity), file(&stray), file(&beside), file(&cron)];
    found(&results, "EXP-KEY-006", &all.each_ref().map(String::as_str));
    assert_eq!(severity(&results, "EXP-KEY-006", &all[0]), Severity::Critical);
    assert!(!format!("{results:?}").contains(&secret[20..40]), "a key was repeated");

    // On a host that only drills the identity is where it belongs; a copy of it is not.
    let drills = Host::with("identity = \"identity\"\n", local);
    write(&drills.path("identity"), secret.as_bytes(), 0o600);
    let results = drills.look(&[], |_| ()).await;
    for id in ["EXP-KEY-002", "EXP-KEY-005", "EXP-KEY-006"] {
        silent(&results, id);
    }
    write(&drills.path("home/identity"), secret.as_bytes(), 0o600);
    let results = drills.look(&[], |_| ()).await;
    found(&results, "EXP-KEY-006", &[&file(&drills.path("home/identity"))]);
    assert_eq!(severity(&results, "EXP-KEY-006", &file(&drills.path("home/identity"))), Severity::Medium);
    // A key that is configured and not there is no pass.
    std::fs::remove_file(drills.path("identity")).unwrap();
    let results = drills.look(&[], |_| ()).await;
    assert_eq!(of(&results, "EXP-KEY-002").outcome, Outcome::NotEvaluated);

    // Signers that lie in the store are whose can write there.
    let pinned = Host::with("signing_key = \"signer\"\n", local);
    let inside = pinned.path("store/allowed");
    std::fs::rename(pinned.path("allowed"), &inside).unwrap();
    std::os::unix::fs::symlink(&inside, pinned.path("allowed")).unwrap();
    let results = pinned.look(&[], |_| ()).await;
    found(&results, "EXP-KEY-005", &[&file(&pinned.path("allowed"))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn how_pgseal_is_run_is_judged() {
    let host =
        Host::with("signing_key = \"signer\"\n", "connection = \"host=db.example.org user=b sslmode=require\"\n");
    let program = host.path("usr/pgseal");
    write(&program, "x", 0o775);
    let unit = host.path("etc/systemd/system/pgseal-backup@.service");
    std::fs::set_permissions(&unit, std::fs::Permissions::from_mode(0o666)).unwrap();
    let report = host.path("reports/shop.json");
    write(&report, "{}", 0o644);
    write(&host.path("reports/shop.html"), "", 0o640);
    let old = |major: u32, minor: u32, name| Client {
        name,
        path: "/usr/bin/true".into(),
        version: PgVersion(major * 10_000 + minor),
    };
    let results = host
        .look(&[], |h| {
            h.program = Some(program.clone());
            h.report_dirs = vec![host.path("reports")];
            h.now = "2027-02-21T00:00:00Z".parse::<Timestamp>().unwrap();
            h.clients = Known::Yes(vec![
                old(15, 18, "pg_dump"),
                old(15, 18, "pg_restore"),
                old(18, 7, "pg_dump"),
                old(13, 23, "pg_basebackup"),
            ]);
        })
        .await;
    found(&results, "EXP-TOOL-005", &["user root", &file(&program), &file(&unit)]);
    found(&results, "EXP-TOOL-006", &[&file(&report)]);
    found(&results, "EXP-TLS-005", &["source shop"]);
    found(
        &results,
        "EXP-VER-003",
        &[
            "PostgreSQL 13 programs: CVE-2026-6475",
            "PostgreSQL 15 programs: CVE-2026-116314",
            "PostgreSQL 15 programs: CVE-2026-18408",
        ],
    );
    found(&results, "EXP-VER-004", &["table of releases"]);
    // The programs of this machine, as they say themselves.
    let results = host.look(&[], |h| assert!(!h.clients.get().unwrap().is_empty())).await;
    assert_ne!(of(&results, "EXP-VER-003").outcome, Outcome::NotEvaluated);
    // A major that nobody knows yet is no pass, nor is a host without programs.
    for clients in [Known::Yes(vec![old(99, 0, "pg_dump")]), Known::no("none")] {
        let results = host.look(&[], |h| h.clients = clients).await;
        assert_eq!(of(&results, "EXP-VER-003").outcome, Outcome::NotEvaluated);
    }
    // A service that is not there leaves open how we would connect.
    let lost = Host::with("", "connection = \"service=nowhere\"\n");
    let results = lost.look(&[], |_| ()).await;
    assert_eq!(of(&results, "EXP-TLS-005").outcome, Outcome::NotEvaluated);
}
