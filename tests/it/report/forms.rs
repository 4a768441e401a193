//! The files of a real drill, read by what they were made for.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::report::pg::{self, PgServer};
use crate::report::world::World;

const EXTENSIONS: [&str; 9] = ["html", "intoto.jsonl", "json", "json.sig", "md", "prom", "sarif", "txt", "xml"];

/// What DSSE's reference implementation and pyca/cryptography say of a bundle.
const PYTHON: &str = r"
import base64, json, sys
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey
key = load_pem_public_key(open(sys.argv[1], 'rb').read())
for line in open(sys.argv[2]):
    raw = json.loads(line)
    envelope = Envelope.from_dict(json.loads(line))
    keyid = raw['signatures'][0]['keyid']
    envelope.verify([SSlibKey.from_crypto(key, keyid=keyid)], 1)
    key.verify(base64.b64decode(raw['signatures'][0]['sig']), envelope.pae())
    print(json.dumps(json.loads(envelope.payload)))
";

fn tool(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/ci").join(path);
    assert!(path.exists(), "{} is missing: run scripts/setup --test", path.display());
    path
}

fn accepted(command: &mut Command, stdin: &[u8]) -> (bool, String) {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a tool is missing");
    // A program that has seen enough may stop reading.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    let out = child.wait_with_output().unwrap();
    let text = [out.stdout, out.stderr].concat();
    (out.status.success(), String::from_utf8(text).unwrap())
}

fn valid(schema: &str, value: &Value) {
    let validator =
        jsonschema::options().should_validate_formats(true).build(&serde_json::from_str(schema).unwrap()).unwrap();
    let wrong: Vec<String> = validator.iter_errors(value).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(wrong.is_empty(), "{wrong:#?}\n{value:#}");
}

/// Looks at all files of the one run in `dir`; gives the report.
fn accepted_by_their_readers(world: &World, dir: &str, pem: &Path) -> Value {
    let mut files: Vec<PathBuf> = std::fs::read_dir(world.path(dir)).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let json = files.iter().find(|f| f.extension().is_some_and(|e| e == "json")).unwrap();
    let report: Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    let stem = format!("{}-{}-{}", report["source"].as_str().unwrap(), report["seq"], report["run"].as_str().unwrap());
    let names: Vec<String> = files.iter().map(|f| f.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(names, EXTENSIONS.map(|e| format!("{stem}.{e}")));
    for file in &files {
        let meta = std::fs::metadata(file).unwrap();
        assert_eq!(meta.permissions().mode() & 0o7777, 0o600, "{}", file.display());
        assert!(meta.len() > 0 && meta.len() < 1024 * 1024, "{}", file.display());
    }
    let file = |e: &str| world.path(dir).join(format!("{stem}.{e}"));
    let read = |e: &str| std::fs::read(file(e)).unwrap();

    valid(pgseal::report::schema::DRILL_REPORT, &report);
    let slip = "^[a-zA-Z]{2}|^[a-zA-Z]{2}-[a-zA-Z]{2}]?$";
    let sarif = include_str!("../../data/sarif-2.1.0.schema.json").replace(slip, "^[a-zA-Z]{2}$");
    valid(&sarif, &serde_json::from_slice(&read("sarif")).unwrap());

    let xsd = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/junit-10.xsd");
    let mut lint = Command::new("xmllint");
    lint.args(["--noout", "--nonet", "--schema"]).arg(xsd).arg("-");
    let (good, said) = accepted(&mut lint, &read("xml"));
    assert!(good, "{said}");

    // promtool also warns of bad habits, on the same exit code.
    let mut promtool = Command::new(tool("prometheus/promtool"));
    let (good, said) = accepted(promtool.args(["check", "metrics"]), &read("prom"));
    assert!(good && said.is_empty(), "{said}");

    let verify = |bundle: &Path| {
        let mut python = Command::new(tool("python/bin/python"));
        accepted(python.args(["-I", "-c", PYTHON]).arg(pem).arg(bundle), b"")
    };
    let (good, said) = verify(&file("intoto.jsonl"));
    assert!(good, "{said}");
    let statements: Vec<Value> = said.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(statements[0]["predicateType"], "https://in-toto.io/attestation/test-result/v0.1");
    // What the tests' servers expose is below the threshold, and told.
    let exposed = report["exposure"]["checks"].as_array().unwrap().iter().any(|c| c["outcome"] == "finding");
    let result = match report["verdict"].as_str() {
        Some("passed") if exposed => "WARNED",
        Some("passed") => "PASSED",
        _ => "FAILED",
    };
    assert_eq!(statements[0]["predicate"]["result"], result);
    assert_eq!(statements[0]["subject"][0]["digest"]["sha256"], report["manifest_sha256"]);
    assert_eq!(statements[1]["predicate"]["report"], report);
    // One other character of the payload or the signature, and nobody accepts it.
    let bundle = String::from_utf8(read("intoto.jsonl")).unwrap();
    for field in ["\"payload\":\"", "\"sig\":\""] {
        let at = bundle.find(field).unwrap() + field.len() + 10;
        let other = if bundle.as_bytes()[at] == b'A' { "B" } else { "A" };
        let forged = world.path("forged.jsonl");
        std::fs::write(&forged, [&bundle[..at], other, &bundle[at + 1..]].concat()).unwrap();
        let (good, said) = verify(&forged);
        assert!(!good, "{field}: {said}");
    }
    report
}

#[test]
fn every_file_of_a_drill_is_accepted_by_what_it_was_made_for() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "create database shop");
    server.psql("shop", "create table orders as select generate_series(1, 100) id");
    let world = World::new(&server);
    let pem = world.path("key.pem");
    std::fs::write(&pem, world.ok(&["report", "key"]).out).unwrap();
    world.ok(&["backup", "shop"]);
    let metrics = world.path("shop.prom").display().to_string();
    let said = world.ok(&["drill", "shop", "--report-dir", "good", "--metrics", &metrics, "--format", "md"]);
    assert!(said.out.starts_with("## ✅ Drill of shop: PASSED"), "{}", said.out);
    let report = accepted_by_their_readers(&world, "good", &pem);
    assert_eq!(report["redaction"], "none");
    // Another user collects the metrics.
    assert_eq!(std::fs::metadata(&metrics).unwrap().permissions().mode() & 0o777, 0o644);
    assert!(std::fs::read_to_string(&metrics).unwrap().contains("verdict=\"passed\"} 1"));

    // One that fails, with findings, after one that passed; under pseudonyms.
    world.configure(
        "[report]\nredact = \"names\"\n",
        "[source.NAME.drill]\nmax_rpo = \"1s\"\nmax_restore = \"1s\"\n[[source.NAME.drill.sql]]\nname = \"never\"\n\
         database = \"shop\"\nquery = \"select count(*) from orders\"\nexpect = 101\n",
    );
    let said = world.pgseal(&["drill", "shop", "--report-dir", "bad", "--metrics", &metrics]);
    assert_eq!(said.code, 51, "{said:?}");
    let report = accepted_by_their_readers(&world, "bad", &pem);
    let outcome = |id: &str| crate::report::world::outcome(&report, id).to_owned();
    assert_eq!(
        (outcome("RPO-BUDGET"), outcome("USR-SQL"), outcome("HIS-REPORTS")),
        ("finding".into(), "finding".into(), "pass".into())
    );
    assert_eq!(outcome("RTO-TREND"), "pass");
    assert_eq!(report["history"].as_array().unwrap().len(), 1);
    assert_eq!((&report["history"][0]["verdict"], &report["redaction"]), (&"passed".into(), &"names".into()));
    let metrics = std::fs::read_to_string(&metrics).unwrap();
    assert!(
        metrics.contains("verdict=\"failed\"} 1") && metrics.contains("last_success_timestamp_seconds"),
        "{metrics}"
    );
    world.nothing_left();
}
