//! The whole way from layers to configuration.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::schema::{Checksums, Databases, Expected, Isolation, Token};
use super::{Inputs, Loaded, Origin, Override, load};
use crate::error::{Code, Error};
use crate::types::Kind;

#[path = "file_tests.rs"]
mod file;

/// The example of the design, whole.
const FULL: &str = r#"
[repository]
url = "s3://acme-backups/pg"
s3 = { endpoint = "https://s3.example.org", region = "eu-central-1", path_style = false, object_lock = "compliance:35d" }

[keys]
recipients = ["age1one", "age1two"]
signing_key = "/etc/pgseal/signer"
allowed_signers = "trust/allowed_signers"
identity = "/run/credentials/pgseal/drill"

[tools]
pg_bindir = "/usr/lib/postgresql/15/bin"

[state]
dir = "/var/lib/pgseal"

[scratch]
dir = "/var/tmp"
max_memory = "2GiB"

[source.shop]
kind = "logical"
connection = "service=shop"
databases = ["shop"]
jobs = 2
compression = 3
next_due = "26h"

[source.shop.retention]
keep_within = "7d"
keep_daily = 14
keep_weekly = 8
keep_monthly = 12
keep_proven = 2

[source.shop.drill]
min_isolation = "I2"
max_restore = "30m"
[[source.shop.drill.sql]]
name = "orders are recent"
query = "select max(created_at) > now() - interval '2 days' from orders"
expect = true
"#;

struct Bench {
    dir: TempDir,
    inputs: Inputs,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("home");
        let inputs = Inputs {
            config: None,
            overrides: Vec::new(),
            env: BTreeMap::from([("HOME".to_owned(), home.display().to_string())]),
            cwd: dir.path().join("cwd"),
            root: false,
            system_file: dir.path().join("etc/pgseal.toml"),
        };
        Self { dir, inputs }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        path
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.inputs.env.insert(name.into(), value.into());
        self
    }

    fn load(&self) -> Result<Loaded, Error> {
        load(&self.inputs)
    }
}

pub(super) fn parse(text: &str) -> Result<Loaded, Error> {
    let bench = Bench::new();
    bench.write("cwd/pgseal.toml", text);
    bench.load()
}

fn origin<'a>(loaded: &'a Loaded, key: &str) -> (&'a str, &'a Origin) {
    let found = loaded.origins.iter().find(|(k, ..)| k == key).unwrap_or_else(|| panic!("{key}"));
    (&found.1, &found.2)
}

#[test]
fn the_full_example_parses() {
    let bench = Bench::new();
    let file = bench.write("cwd/pgseal.toml", FULL);
    let loaded = bench.load().unwrap();
    assert_eq!(loaded.file.as_deref(), Some(file.as_path()));
    let c = &loaded.config;
    assert_eq!(c.repository.url, "s3://acme-backups/pg");
    assert_eq!(c.repository.s3.endpoint.as_deref(), Some("https://s3.example.org"));
    assert!(c.repository.s3.object_lock.is_some_and(|l| l.compliance));
    assert_eq!(c.repository.s3.checksums, Checksums::Auto);
    assert_eq!(c.keys.recipients, ["age1one", "age1two"]);
    assert_eq!(c.keys.allowed_signers, Some(file.parent().unwrap().join("trust/allowed_signers")));
    assert_eq!(c.pg_bindir.as_deref(), Some(Path::new("/usr/lib/postgresql/15/bin")));
    assert_eq!(c.scratch.max_memory, Some(2 << 30));
    let shop = c.source("shop").unwrap();
    assert_eq!((shop.kind, shop.jobs, shop.compression, shop.part_bytes), (Kind::Logical, 2, 3, 8 << 20));
    assert_eq!(shop.databases, Databases::Named(vec!["shop".into()]));
    assert_eq!(shop.next_due, Some(Duration::from_hours(26)));
    assert_eq!(shop.retention.as_ref().unwrap().keep_daily, Some(14));
    assert_eq!(shop.drill.min_isolation, Some(Isolation::I2));
    assert_eq!(shop.drill.sql[0].expected, Expected::Text("t".into()));
    assert_eq!(shop.drill.sql[0].question.timeout, Duration::from_mins(10));
    assert_eq!(shop.drill.canary, None);
    assert_eq!(origin(&loaded, "source.shop.jobs"), ("2", &Origin::File { path: file.clone(), line: 26 }));
    assert_eq!(origin(&loaded, "source.shop.lock_wait"), ("60s", &Origin::Default));
    assert_eq!(origin(&loaded, "repository.url").1.to_string(), format!("{}:3", file.display()));
}

#[test]
fn exposure_has_thresholds_and_files() {
    let text = "[source.a]\n[source.b.exposure]\nfail_on = \"low\"\ndeclarations = [\"x.toml\", \"/y.toml\"]\n";
    let loaded = parse(text).unwrap();
    assert_eq!(loaded.config.source("a").unwrap().exposure, super::schema::Exposure::default());
    let b = &loaded.config.source("b").unwrap().exposure;
    assert_eq!((b.fail_on.name(), b.declarations[1].as_path()), ("low", Path::new("/y.toml")));
    assert!(b.declarations[0].is_absolute() && b.declarations[0].ends_with("cwd/x.toml"));
    assert_eq!(origin(&loaded, "source.a.exposure.fail_on"), ("high", &Origin::Default));
}

#[test]
fn nothing_at_all_gives_defaults() {
    let bench = Bench::new();
    let loaded = bench.load().unwrap();
    assert!(loaded.file.is_none() && loaded.config.repository.url.is_empty());
    assert_eq!(loaded.config.scratch.dir, Path::new("/var/tmp"));
    let s = &loaded.config.scratch;
    assert_eq!((s.max_memory, s.max_processes, s.max_disk, s.keep_free), (None, 1024, None, None));
    assert_eq!(loaded.config.state_dir, bench.dir.path().join("home/.local/state/pgseal"));
    let mut root = Bench::new();
    root.inputs.root = true;
    assert_eq!(root.load().unwrap().config.state_dir, Path::new("/var/lib/pgseal"));
    let xdg = Bench::new().env("XDG_STATE_HOME", "/x/state");
    assert_eq!(xdg.load().unwrap().config.state_dir, Path::new("/x/state/pgseal"));
    let mut homeless = Bench::new();
    homeless.inputs.env.clear();
    assert!(homeless.load().unwrap_err().to_string().contains("no home directory"));
}

#[test]
fn the_search_path_is_followed_in_order() {
    let mut bench = Bench::new();
    let url = |n: u32| format!("[repository]\nurl = \"file:///{n}\"\n");
    let seen = |b: &Bench| b.load().unwrap().config.repository.url;
    bench.write("etc/pgseal.toml", &url(4));
    assert_eq!(seen(&bench), "file:///4");
    bench.write("home/.config/pgseal/pgseal.toml", &url(3));
    assert_eq!(seen(&bench), "file:///3");
    bench.write("cwd/pgseal.toml", &url(2));
    assert_eq!(seen(&bench), "file:///2");
    bench.write("named.toml", &url(1));
    bench.inputs.config = Some("../named.toml".into());
    std::fs::create_dir_all(&bench.inputs.cwd).unwrap();
    assert_eq!(seen(&bench), "file:///1");
    bench.inputs.config = Some("none.toml".into());
    assert!(bench.load().unwrap_err().to_string().contains("no such file"));
}

#[test]
fn flag_beats_variable_beats_file_beats_default() {
    let key = "scratch.user";
    let plain = Bench::new();
    assert_eq!(origin(&plain.load().unwrap(), key), ("postgres", &Origin::Default));
    let mut bench = Bench::new();
    bench.write("cwd/pgseal.toml", "[scratch]\nuser = \"file\"\n");
    assert_eq!(origin(&bench.load().unwrap(), key).0, "file");
    bench = bench.env("PGSEAL_SCRATCH_USER", "variable");
    assert_eq!(origin(&bench.load().unwrap(), key), ("variable", &Origin::Variable("PGSEAL_SCRATCH_USER".into())));
    bench.inputs.overrides.push(Override { key: "scratch.user", flag: "--scratch-user", value: "flag".into() });
    assert_eq!(origin(&bench.load().unwrap(), key), ("flag", &Origin::Flag("--scratch-user")));
    assert_eq!(bench.load().unwrap().config.scratch.user, "flag");
}

#[test]
fn every_documented_variable_works() {
    let bench = Bench::new()
        .env("PGSEAL_REPOSITORY_URL", "file:///r")
        .env("PGSEAL_KEYS_IDENTITY", "id")
        .env("PGSEAL_KEYS_SIGNING_KEY", "/k/signer")
        .env("PGSEAL_KEYS_ALLOWED_SIGNERS", "/k/allowed")
        .env("PGSEAL_KEYS_RECIPIENTS", "age1a, age1b")
        .env("PGSEAL_TOOLS_PG_BINDIR", "/pg/bin")
        .env("PGSEAL_STATE_DIR", "/s")
        .env("PGSEAL_SCRATCH_DIR", "/t")
        .env("PGSEAL_REPOSITORY_S3_PATH_STYLE", "true")
        .env("PGSEAL_PORT", "tcp://10.0.0.1:80");
    let c = bench.load().unwrap().config;
    assert_eq!(c.repository.url, "file:///r");
    assert_eq!(c.keys.identity, Some(bench.inputs.cwd.join("id")));
    assert_eq!(c.keys.signing_key.as_deref(), Some(Path::new("/k/signer")));
    assert_eq!(c.keys.allowed_signers.as_deref(), Some(Path::new("/k/allowed")));
    assert_eq!(c.keys.recipients, ["age1a", "age1b"]);
    assert_eq!(c.pg_bindir.as_deref(), Some(Path::new("/pg/bin")));
    assert_eq!((c.state_dir, c.scratch.dir), ("/s".into(), "/t".into()));
    assert!(c.repository.s3.path_style);
}

#[test]
fn wrong_variables_are_errors() {
    let e = Bench::new().env("PGSEAL_KEYS_IDENTIY", "/x").load().unwrap_err();
    assert_eq!(e.next_step(), Some("Did you mean PGSEAL_KEYS_IDENTITY?"));
    let e = Bench::new().env("PGSEAL_STATE_DIR", "").load().unwrap_err();
    assert_eq!((e.object(), e.text().as_str()), (Some("PGSEAL_STATE_DIR"), "the variable is set but empty"));
    let e = Bench::new().env("PGSEAL_REPOSITORY_S3_PATH_STYLE", "yes").load().unwrap_err();
    assert!(e.text().contains("true or false"));
}

#[test]
fn every_error_names_its_line() {
    let source = |line: &str| format!("[source.shop]\n{line}\n");
    let drill = |line: &str| format!("[[source.shop.drill.sql]]\n{line}\n");
    let canary = |line: &str| format!("[source.shop.drill.canary]\n{line}\n");
    let sql = "name = \"n\"\nquery = \"select 1\"\nexpect = 1\n";
    for (text, line, what) in [
        ("[repository]\nurl = \"/x\"\n".to_owned(), 2, "a URL is expected"),
        ("[repository]\n\nurll = \"x\"\n".to_owned(), 3, "unknown key repository.urll"),
        ("[repositroy]\n".to_owned(), 1, "unknown key repositroy"),
        ("repository = 1\n".to_owned(), 1, "repository is not a table"),
        ("[repository]\nurl = 1\n".to_owned(), 2, "text in quotes"),
        ("[repository]\nurl = \n".to_owned(), 2, "not valid TOML"),
        ("[repository]\nretry_for = \"0s\"\n".to_owned(), 2, "not within"),
        ("[repository.s3]\nchecksums = \"x\"\n".to_owned(), 2, "when-required"),
        ("[repository.s3]\npath_style = \"true\"\n".to_owned(), 2, "true or false"),
        ("[repository.s3]\nobject_lock = \"x\"\n".to_owned(), 2, "compliance:35d"),
        ("[repository.s3]\nendpoint = \"x\"\n".to_owned(), 2, "an endpoint is a URL"),
        ("[keys]\nrecipients = \"age1\"\n".to_owned(), 2, "a list of texts"),
        ("[keys]\nrecipients = [1]\n".to_owned(), 2, "a list of texts"),
        ("[keys]\nidentity = \"~/id\"\n".to_owned(), 2, "~ is not expanded"),
        ("[keys]\nidentity = \"\"\n".to_owned(), 2, "a path is expected"),
        ("[keys]\nrevoked_keys = \"x\"\n".to_owned(), 2, "needs allowed_signers"),
        ("[scratch]\nuser = \"\"\n".to_owned(), 2, "it is empty"),
        ("[source]\nshop = 1\n".to_owned(), 2, "source.shop is not a table"),
        ("[source.Shop]\n".to_owned(), 1, "source name"),
        (source("[source.shop.exposure]\nfail_on = \"severe\""), 3, "not one of info, low"),
        (source("[source.shop.exposure]\nrequired = [\"EXP-*\"]"), 3, "not like"),
        (source("[source.shop.exposure]\ndeclarations = [\"~/x\"]"), 3, "~ is not expanded"),
        (source("kind = \"full\""), 2, "neither \"logical\" nor"),
        (source("jobs = 0"), 2, "not within 1 and 64"),
        (source("jobs = 65"), 2, "not within 1 and 64"),
        (source("jobs = \"two\""), 2, "not a whole number"),
        (source("jobs = -1"), 2, "whole number"),
        (source("jobs = 1.5"), 2, "whole number"),
        (source("compression = 20"), 2, "not within 1 and 19"),
        (source("part_bytes = \"63KiB\""), 2, "not within 65536 and 268435456"),
        (source("part_bytes = \"1GiB\""), 2, "not within"),
        (source("next_due = \"soon\""), 2, "not a duration"),
        (source("idle_timeout = \"0s\""), 2, "not within"),
        (source("connection = \"host=h password=x\""), 2, "holds a password"),
        (source("databases = []"), 2, "nothing would be backed up"),
        (source("databases = \"some\""), 2, "list of database names"),
        (source("databases = [1]"), 2, "list of database names"),
        (source("databases = [\"\"]"), 2, "not empty"),
        (source("databases = [\"a\", \"a\"]"), 2, "listed twice"),
        (source("kind = \"physical\"\ndatabases = \"all\""), 3, "the whole cluster"),
        (source("manifest_checksums = \"sha256\""), 2, "only a physical backup"),
        (source("kind = \"physical\"\nmanifest_checksums = \"none\""), 3, "neither \"sha256\" nor"),
        (source("retnetion = 1"), 2, "unknown key"),
        (source("retention = 1"), 2, "not a table"),
        ("[source.shop.retention]\nkeep_daily = 0\n".to_owned(), 2, "not within 1 and 10000"),
        ("[source.shop.retention]\nkeep_dayly = 3\n".to_owned(), 2, "unknown key"),
        ("[source.shop.drill]\nmin_isolation = \"5\"\n".to_owned(), 2, "not one of I0"),
        ("[source.shop.drill]\ndeadline = \"0s\"\n".to_owned(), 2, "not within"),
        ("[scratch]\nmax_memory = \"100MiB\"\n".to_owned(), 2, "not within"),
        ("[scratch]\nkeep_free = \"much\"\n".to_owned(), 2, "not a size"),
        ("[source.shop.drill]\nsql = 1\n".to_owned(), 2, "not an array of tables"),
        (drill("name = \"n\""), 1, "no query"),
        (drill("query = \"n\"\nexpect = 1"), 1, "no name"),
        (drill("name = \"n\"\nquery = \"q\""), 1, "no expect"),
        (drill(&format!("{sql}min = 1")), 1, "more than one of expect"),
        (drill(&format!("{sql}max_age = \"1d\"")), 1, "more than one of expect"),
        (drill("name = \"n\"\nquery = \"q\"\nexpect = \"x\"\ntolerance = 1"), 1, "wants a number as expect"),
        (drill(&format!("{sql}tolerance = -1")), 1, "from 0 on"),
        (drill("name = \"n\"\nquery = \"q\"\nmin = 1\ntolerance = 1"), 1, "tolerance wants expect"),
        (drill("name = \"n\"\nquery = \"q\"\nmin = 2\nmax = 1"), 1, "min is larger than max"),
        (drill("name = \"n\"\nquery = \"q\"\nmin = \"2\""), 4, "a number is expected"),
        (drill("name = \"n\"\nquery = \"q\"\nmax = inf"), 4, "a finite number"),
        (drill("name = \"n\"\nquery = \"q\"\nmax_age = \"soon\""), 4, "not a duration"),
        (drill(&format!("{sql}timeout = \"0s\"")), 5, "not within"),
        (drill(&format!("{sql}role = \"\"")), 5, "it is empty"),
        (drill(&format!("{sql}rol = \"x\"")), 5, "unknown key"),
        (canary("query = \"q\""), 2, "needs one of them"),
        (canary("file = \"f\""), 1, "the canary has no query"),
        (canary("query = \"q\"\nsha256 = \"x\""), 3, "64 lower-case hexadecimal digits"),
        (canary("query = \"q\"\ntoken = \"x\""), 2, "needs one of them"),
        (canary(&format!("query = \"q\"\nfile = \"f\"\nsha256 = \"{}\"", "0".repeat(64))), 3, "both sha256 and file"),
        (drill("name = \"n\"\nquery = \"q\"\nexpect = [1]"), 4, "true, false, a number"),
        (format!("{}{}", drill(sql), drill(sql)), 6, "another check of this name"),
    ] {
        let e = parse(&text).unwrap_err();
        assert_eq!(e.code(), Code::Usage, "{text}");
        assert!(e.object().unwrap_or_default().ends_with(&format!("pgseal.toml:{line}")), "{text}: {e:?}");
        assert!(e.text().contains(what), "{text}: {e:?}");
    }
    let e = parse("[source.shop.retention]\n").unwrap_err();
    assert!(e.text().contains("source.shop.retention keeps nothing"), "{e:?}");
}

#[test]
fn hints_name_the_nearest_key_and_secrets_stay_hidden() {
    assert_eq!(parse("[repositroy]\n").unwrap_err().next_step(), Some("Did you mean \"repository\"?"));
    assert_eq!(parse("[source.a]\nretnetion = 1\n").unwrap_err().next_step(), Some("Did you mean \"retention\"?"));
    assert!(parse("[state]\nzzz = 1\n").unwrap_err().next_step().unwrap().contains("Known here: dir"));
    let e = parse("[source.a]\nconnection = \"password=hunter2\"\n").unwrap_err();
    assert!(!format!("{e:?}").contains("hunter2"));
    let loaded = parse("[keys]\nrecipients = [\"AGE-SECRET-KEY-1XYZ\"]\n").unwrap();
    assert_eq!(origin(&loaded, "keys.recipients").0, "****");
}

#[test]
fn own_checks_have_their_ways_to_expect() {
    let loaded = parse(
        "[[source.a.drill.sql]]\nname = \"near\"\nquery = \"q\"\nexpect = 1_000\ntolerance = 0.5\nrole = \"app\"\n\
         [[source.a.drill.sql]]\nname = \"between\"\nquery = \"q\"\nmax = 2.5\ntimeout = \"5s\"\ndatabase = \"d\"\n\
         [[source.a.drill.sql]]\nname = \"newer\"\nquery = \"q\"\nmax_age = \"2d\"\n\
         [source.a.drill.canary]\nquery = \"c\"\nfile = \"token\"\n",
    )
    .unwrap();
    let drill = &loaded.config.source("a").unwrap().drill;
    let expected: Vec<&Expected> = drill.sql.iter().map(|s| &s.expected).collect();
    let days = Expected::Newer(Duration::from_hours(48));
    assert_eq!(expected, [&Expected::Near(1000.0, 0.5), &Expected::Between(None, Some(2.5)), &days]);
    assert_eq!(drill.sql[0].question.role.as_deref(), Some("app"));
    assert_eq!(drill.sql[1].question.timeout, Duration::from_secs(5));
    assert_eq!(drill.sql[1].question.database.as_deref(), Some("d"));
    let Token::File(path) = &drill.canary.as_ref().unwrap().token else { panic!("{drill:?}") };
    assert!(path.is_absolute() && path.ends_with("token"));
    assert_eq!(drill.canary.as_ref().unwrap().question.query, "c");
}

#[test]
fn sources_are_found_by_name() {
    let c = parse("[source.shop]\n[source.crm]\n").unwrap().config;
    assert!(c.source("shop").is_ok());
    assert_eq!(c.source("shpo").unwrap_err().next_step(), Some("Did you mean \"shop\"?"));
    assert_eq!(c.source("warehouse").unwrap_err().next_step(), Some("Configured are: crm, shop."));
    assert!(parse("").unwrap().config.source("x").unwrap_err().next_step().unwrap().contains("no source"));
}
