//! Waivers, intent, GOV.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::{Date, date};
use pgseal::checks::{CheckResult, Outcome, Severity};
use pgseal::config::schema;
use pgseal::error::Code;
use pgseal::exposure::drift::Telling;
use pgseal::exposure::outcome::{Grade, Pictures};
use pgseal::exposure::policy::baseline::{Terms, baseline};
use pgseal::exposure::{Exposure, Found, Looked, Plane, Policy, Seen, assemble, catalogue, verdict};
use pgseal::types::{Digest, Redaction};

/// A check that has no say in waivers: findings are made up for it.
const ROLES: &str = "EXP-GOV-004";
const TODAY: Date = date(2026, 11, 26);
const HOSTILE: &str = "role \"a'\n\u{1b}]0;x\u{7}<b>\u{202e}\\*";

/// Files of declarations.
struct Files {
    _dir: tempfile::TempDir,
    paths: Vec<PathBuf>,
}

impl Files {
    fn new(texts: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let write = |(n, text): (usize, &&str)| {
            let path = dir.path().join(format!("{n}.toml"));
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
            path
        };
        let paths = texts.iter().enumerate().map(write).collect();
        Self { _dir: dir, paths }
    }

    fn load(&self) -> pgseal::Result<Policy> {
        Policy::load(&schema::Exposure { declarations: self.paths.clone(), ..schema::Exposure::default() })
    }
}

fn policy(text: &str) -> Policy {
    Files::new(&[text]).load().unwrap()
}

fn refused(text: &str) -> pgseal::Error {
    Files::new(&[text]).load().unwrap_err()
}

fn waiver(which: &str, more: &str) -> String {
    format!("[[waiver]]\ncheck = \"{ROLES}\"\n{which}\nreason = \"r\"\n{more}\n")
}

/// One that is in force for an object.
fn good(object: &str) -> String {
    waiver(&format!("match = {{ object = '{object}' }}"), "owner = \"o\"\nexpires = 2026-12-20")
}

/// What one check said, for `shop`.
fn result(id: &str, findings: &[(&str, Severity)]) -> CheckResult {
    let mut seen = Seen::all_of(findings.len().max(1));
    for (object, severity) in findings {
        seen.add(Found::new(*object, format!("{object} is wrong")).at(*severity));
    }
    seen.judged(&catalogue::find(id).unwrap().about, Some(&"shop".parse().unwrap()))
}

/// That something else was looked at.
fn evidence() -> CheckResult {
    result("EXP-DRIFT-001", &[])
}

fn roles(findings: &[(&str, Severity)]) -> CheckResult {
    result(ROLES, findings)
}

fn judged(policy: &Policy, results: Vec<CheckResult>) -> Exposure {
    let looked = Looked { planes: vec![Plane::Live], posture_at: None, results, pictures: Pictures::default() };
    let now: Timestamp = "2026-11-26T23:59:59Z".parse().unwrap();
    assemble(looked, policy, &"shop".parse().unwrap(), &[], &Telling::new(&[7; 32]), now)
}

fn of<'a>(exposure: &'a Exposure, id: &str) -> &'a CheckResult {
    exposure.checks.iter().find(|c| c.id == id).unwrap_or_else(|| panic!("{id} said nothing"))
}

#[track_caller]
fn says(exposure: &Exposure, id: &str, word: &str) {
    let check = of(exposure, id);
    assert_eq!(check.outcome, Outcome::Finding, "{check:#?}");
    assert!(check.findings.iter().any(|f| f.message.contains(word)), "{word}: {check:#?}");
}

#[test]
fn a_waived_finding_keeps_its_severity_and_open_ones_stay() {
    let p = policy(&good("role a"));
    let e = judged(&p, vec![roles(&[("role a", Severity::High), ("role b", Severity::High)])]);
    let check = of(&e, ROLES);
    assert_eq!(check.outcome, Outcome::Finding);
    let waived = check.findings.iter().find(|f| f.object == "role a").unwrap();
    assert_eq!(waived.severity, Some(Severity::High));
    let told = waived.waiver.as_ref().unwrap();
    assert_eq!((told.owner.as_str(), told.expires), ("o", date(2026, 12, 20)));
    assert_eq!(e.open().map(|(_, f, s)| (f.object.as_str(), s)).collect::<Vec<_>>(), [("role b", Severity::High)]);
    assert_eq!(verdict(&e).code(), Code::Exposure);

    let e = judged(&p, vec![roles(&[("role a", Severity::High)])]);
    assert_eq!(of(&e, ROLES).outcome, Outcome::Waived);
    assert_eq!((verdict(&e).code(), e.open().count()), (Code::Done, 0));
    for id in ["EXP-GOV-001", "EXP-GOV-002", "EXP-GOV-003"] {
        assert_eq!((of(&e, id).outcome, of(&e, id).examined), (Outcome::Pass, 1), "{id}");
    }
}

#[test]
fn without_waivers_nothing_is_said_of_them() {
    let e = judged(&Policy::default(), vec![roles(&[])]);
    for id in ["EXP-GOV-001", "EXP-GOV-002", "EXP-GOV-003"] {
        assert_eq!(of(&e, id).outcome, Outcome::NotApplicable, "{id}");
    }
}

#[test]
fn what_a_waived_check_could_not_see_is_not_waived() {
    let p = policy(&waiver("match = { glob = 'role a*' }", "owner = \"o\"\nexpires = 2026-12-20"));
    let mut seen = Seen::all_of(1);
    seen.add(Found::new("role a", "is wrong"));
    seen.open.push("role b may not be seen".to_owned());
    let partly = seen.judged(&catalogue::find(ROLES).unwrap().about, None);
    assert_eq!(of(&judged(&p, vec![partly]), ROLES).outcome, Outcome::NotEvaluated);
    // More findings than are listed: those that nobody sees are not waived.
    let names: Vec<String> = (0..101).map(|n| format!("role a{n}")).collect();
    let many: Vec<(&str, Severity)> = names.iter().map(|n| (n.as_str(), Severity::High)).collect();
    let e = judged(&p, vec![roles(&many)]);
    assert_eq!((of(&e, ROLES).outcome, e.open().count()), (Outcome::Finding, 0));
    assert_eq!(verdict(&e).code(), Code::Exposure);
}

#[test]
fn expired_waivers_waive_nothing() {
    for (end, open) in [("2026-11-25", true), ("2026-11-26", false)] {
        let text = waiver("match = { object = 'role a' }", &format!("owner = \"o\"\nexpires = {end}"));
        let e = judged(&policy(&text), vec![roles(&[("role a", Severity::High)])]);
        assert_eq!(e.open().any(|(c, ..)| c.id == ROLES), open, "{end}");
        if open {
            says(&e, "EXP-GOV-001", "its last day was 2026-11-25");
            assert_eq!(of(&e, "EXP-GOV-001").findings[0].object, format!("waiver {ROLES}: role a"));
        }
        // It is still about something.
        assert_eq!(of(&e, "EXP-GOV-002").outcome, Outcome::Pass);
    }
}

#[test]
fn a_waiver_of_nothing_is_told_only_where_its_check_saw_everything() {
    let p = policy(&good("role gone"));
    says(&judged(&p, vec![roles(&[])]), "EXP-GOV-002", "no finding fits it");
    let blind = Seen::not_evaluated("denied").judged(&catalogue::find(ROLES).unwrap().about, None);
    let e = judged(&p, vec![blind]);
    assert_eq!((of(&e, "EXP-GOV-002").outcome, of(&e, "EXP-GOV-002").examined), (Outcome::NotEvaluated, 0));
    let e = judged(&p, vec![result("EXP-GOV-005", &[])]);
    assert_eq!(of(&e, "EXP-GOV-002").outcome, Outcome::NotApplicable);
}

#[test]
fn improper_waivers_have_no_effect() {
    for (more, said) in [
        ("expires = 2026-12-20", "nobody owns it"),
        ("owner = \" \"\nexpires = 2026-12-20", "nobody owns it"),
        // 180 days from today are 2027-05-25.
        ("owner = \"o\"\nexpires = 2027-05-26", "more than 180 days"),
    ] {
        let e =
            judged(&policy(&waiver("match = { object = 'role a' }", more)), vec![roles(&[("role a", Severity::Low)])]);
        says(&e, "EXP-GOV-003", said);
        assert!(e.open().any(|(c, ..)| c.id == ROLES), "{more}");
    }
    let p = policy(&waiver("match = { object = 'role a' }", "owner = \"o\"\nexpires = 2027-05-25"));
    assert_eq!(of(&judged(&p, vec![roles(&[("role a", Severity::High)])]), ROLES).outcome, Outcome::Waived);
    // What is critical: 30 days, that is 2026-12-26.
    for (end, outcome) in [("2026-12-26", Outcome::Waived), ("2026-12-27", Outcome::Finding)] {
        let p = policy(&waiver("match = { object = 'role a' }", &format!("owner = \"o\"\nexpires = {end}")));
        let e = judged(&p, vec![roles(&[("role a", Severity::Critical)])]);
        assert_eq!(of(&e, ROLES).outcome, outcome, "{end}");
        if outcome == Outcome::Finding {
            says(&e, "EXP-GOV-003", "more than 30 days");
        }
    }
}

#[test]
fn declarations_that_are_wrong_are_refused_with_their_line() {
    let end = "owner = \"o\"\nexpires = 2026-12-20";
    for (text, line, said) in [
        ("[[waver]]\n".to_owned(), 1, "unknown key waver"),
        (waiver("", end), 1, "a whole check is never waived"),
        (waiver("match = { object = 'role a' }", "owner = \"o\""), 1, "no end"),
        (waiver("match = { object = 'role a' }", "owner = \"o\"\nexpires = \"2026-12-20\""), 6, "without quotes"),
        (waiver("match = { object = 'role a' }", "owner = \"o\"\nexpires = 2026-12-20T00:00:00Z"), 6, "a date"),
        (waiver("match = { object = 'role a' }", "owner = \"o\"\nexpires = 2026-02-29"), 6, ""),
        (waiver("match = { glob = '*' }", end), 3, "everything of its kind"),
        (waiver("match = { glob = 'role *' }", end), 3, "everything of its kind"),
        (waiver("match = { object = 'a', glob = 'ab*' }", end), 3, "not both"),
        (waiver("match = { rule = 'a' }", end), 3, "unknown key waiver[0].match.rule"),
        (waiver("match = { object = 'a' }\nfp = 'x1:0123456789abcdef'", end), 3, "give fp or match"),
        (waiver("match = { object = 'a' }\nowners = 'x'", end), 4, "unknown key waiver[0].owners"),
        ("[[waiver]]\nmatch = { object = 'a' }\n".to_owned(), 1, "no check"),
        ("[[waiver]]\nfp = 'x1:0123456789abcdeg'\n".to_owned(), 2, "not a fingerprint"),
        ("[[waiver]]\ncheck = 'EXP-HBA-*'\n".to_owned(), 2, "never for a family"),
        ("[[waiver]]\ncheck = 'EXP-GOV-044'\n".to_owned(), 2, "is EXP-GOV-004 meant?"),
        ("[[waiver]]\ncheck = 'EXP-STO-001'\n".to_owned(), 2, "cannot be waived"),
        ("[[waiver]]\ncheck = 'EXP-BKP-001'\n".to_owned(), 2, "cannot be waived"),
        ("[[waiver]]\ncheck = 'EXP-KEY-001'\n".to_owned(), 2, "cannot be waived"),
        ("[[waiver]]\ncheck = 'ISO-003'\n".to_owned(), 2, "cannot be waived"),
        ("[[waiver]]\ncheck = 'EXP-GOV-001'\n".to_owned(), 2, "are about waivers"),
        ("[expect]\nadmin = ['a']\n".to_owned(), 2, "unknown key expect.admin"),
        ("[expect]\nadmins = ['a', 'a']\n".to_owned(), 2, "stands here once"),
        ("[expect]\nreplicas = ['10.0.0.0/33']\n".to_owned(), 2, "not an address"),
    ] {
        let e = refused(&text);
        assert_eq!(e.code(), Code::Usage, "{text}");
        assert!(e.object().unwrap().ends_with(&format!("0.toml:{line}")), "{text}: {e}");
        assert!(e.text().contains(said), "{text}: {e}");
    }
    assert_eq!(refused("[expect]\nadmin = ['a']\n").next_step(), Some("Did you mean \"admins\"?"));
    assert!(refused("[expect]\nadmins = [").text().contains("not valid TOML"));
}

#[test]
fn files_of_declarations_are_trusted_like_keys() {
    let files = Files::new(&[""]);
    let [path] = files.paths.as_slice() else { unreachable!() };
    for mode in [0o664, 0o646] {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
        assert!(files.load().unwrap_err().text().contains("others can write"), "{mode:o}");
    }
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::write(path, " ".repeat((1 << 20) + 1)).unwrap();
    assert!(files.load().unwrap_err().text().contains("larger than"));
    std::fs::write(path, [0xff]).unwrap();
    assert!(files.load().unwrap_err().text().contains("not UTF-8"));
    std::fs::remove_file(path).unwrap();
    let e = files.load().unwrap_err();
    assert!(e.next_step().unwrap().contains("exposure.declarations"), "{e:?}");
    assert!(Policy::load(&schema::Exposure::default()).unwrap().declarations.is_none());
}

#[test]
fn a_later_file_stands_over_an_earlier_one() {
    let org = format!("{}[expect]\nadmins = ['postgres', 'dba']\nextensions = ['pgcrypto']\n", good("role a"));
    let own = format!("{}[expect]\nadmins = ['postgres']\nreplicas = ['10.1.0.7', '2001:db8::/64']\n", good("role b"));
    let p = Files::new(&[&org, &own]).load().unwrap();
    assert_eq!(p.waivers.len(), 2);
    assert_eq!(p.expect.admins.as_deref(), Some(&["postgres".to_owned()][..]));
    assert_eq!(p.expect.extensions.as_deref(), Some(&["pgcrypto".to_owned()][..]));
    assert_eq!((p.is_admin("dba"), p.expect.dump_role.as_deref()), (Some(false), None));
    // What `cat` of both gives to `sha256sum`.
    assert_eq!(p.declarations, Some(Digest::of(format!("{org}{own}").as_bytes())));
    let e = judged(&p, vec![]);
    assert_eq!(e.declarations, p.declarations);
}

#[test]
fn a_required_check_must_be_known() {
    let load = |required: &str| {
        Policy::load(&schema::Exposure { required: vec![required.to_owned()], ..schema::Exposure::default() })
    };
    assert!(load(ROLES).is_ok() && load("EXP-GOV-*").is_ok());
    let e = load("EXP-GVO-004").unwrap_err();
    assert!(e.code() == Code::Usage && e.next_step().unwrap().contains("EXP-GOV-004"), "{e:?}");
    assert!(load("EXP-NONE-*").is_err());
}

#[test]
fn a_baseline_waives_all_that_may_be_and_can_be_read_again() {
    let hostile = [(HOSTILE, Severity::High), ("role <b>'''\t\u{7f}", Severity::Critical), ("role ok", Severity::Low)];
    let found = || vec![roles(&hostile)];
    let before = judged(&Policy::default(), found());
    let terms = Terms {
        reason: "until \"v2\"\nships",
        owner: "db@example.org",
        ticket: Some("T-1"),
        expires: date(2027, 2, 1),
    };
    for redaction in [Redaction::None, Redaction::Names] {
        let text = baseline(&before, redaction, terms, TODAY).unwrap();
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{7f}', '\t']), "{text}");
        assert_eq!(text.contains("object ="), redaction == Redaction::None);
        let p = policy(&text);
        assert_eq!(p.waivers.len(), 3);
        assert!(p.waivers.iter().all(|w| w.reason == "until \"v2\"\nships" && w.ticket.as_deref() == Some("T-1")));
        let after = judged(&p, found());
        assert_eq!((of(&after, ROLES).outcome, after.open().count()), (Outcome::Waived, 0), "{after:#?}");
        let ends: Vec<Date> = of(&after, ROLES).findings.iter().map(|f| f.waiver.as_ref().unwrap().expires).collect();
        // The critical one comes first and ends sooner.
        assert_eq!(ends, [date(2026, 12, 26), date(2027, 2, 1), date(2027, 2, 1)]);
    }
    // What is waived already is not waived again.
    let p = policy(&baseline(&before, Redaction::None, terms, TODAY).unwrap());
    assert!(policy(&baseline(&judged(&p, found()), Redaction::None, terms, TODAY).unwrap()).waivers.is_empty());
}

#[test]
fn a_baseline_from_a_redacted_report_fits_on_the_host_that_wrote_it() {
    let mut report = judged(&Policy::default(), vec![roles(&[("role a", Severity::High)])]);
    let telling = Telling::new(&[7; 32]);
    for check in &mut report.checks {
        for f in &mut check.findings {
            f.fingerprint = telling.print(&f.fingerprint);
            f.object = "role-3f2a9c01d7e4".to_owned();
        }
    }
    let terms = Terms { reason: "r", owner: "o", ticket: None, expires: date(2027, 2, 1) };
    let p = policy(&baseline(&report, Redaction::Names, terms, TODAY).unwrap());
    let e = judged(&p, vec![roles(&[("role a", Severity::High), ("role b", Severity::High)])]);
    assert_eq!(e.open().map(|(_, f, _)| f.object.as_str()).collect::<Vec<_>>(), ["role b"]);
}

#[test]
fn a_baseline_is_never_silent_or_for_ever() {
    let terms = Terms { reason: "r", owner: "o", ticket: None, expires: date(2027, 2, 1) };
    let mut report = judged(&Policy::default(), vec![roles(&[("role a", Severity::Critical)])]);
    for wrong in [
        Terms { reason: " ", ..terms },
        Terms { owner: "", ..terms },
        Terms { expires: date(2026, 11, 25), ..terms },
        Terms { expires: date(2027, 5, 26), ..terms },
    ] {
        assert_eq!(baseline(&report, Redaction::None, wrong, TODAY).unwrap_err().code(), Code::Usage, "{wrong:?}");
    }
    for check in &mut report.checks {
        if check.id == ROLES {
            check.id = "EXP-STO-001".to_owned();
        }
    }
    let text = baseline(&report, Redaction::None, terms, TODAY).unwrap();
    assert!(text.contains("# Not waived: EXP-STO-001 (role a)") && !text.contains("[[waiver]]"), "{text}");
}

#[test]
fn nothing_evaluated_is_never_done() {
    let code = |results| verdict(&judged(&policy(&good("role a")), results)).code();
    assert_eq!(code(vec![]), Code::CouldNotRun);
    let about = &catalogue::find(ROLES).unwrap().about;
    assert_eq!(code(vec![Seen::not_evaluated("denied").judged(about, None)]), Code::CouldNotRun);
    assert_eq!(code(vec![Seen::not_applicable("none").judged(about, None)]), Code::CouldNotRun);
}

#[test]
fn the_threshold_and_required_checks_end_a_run() {
    let with = |fail_on, required: &[&str]| Policy {
        fail_on,
        required: required.iter().map(|r| (*r).to_owned()).collect(),
        ..Policy::default()
    };
    let seen = |p: &Policy, results| {
        let e = judged(p, results);
        (verdict(&e).code(), e.required_open)
    };
    // Another check looked, so that there is evidence.
    let drift = || evidence();
    let medium = || vec![drift(), roles(&[("role a", Severity::Medium)])];
    assert_eq!(seen(&with(Severity::High, &[]), medium()).0, Code::Done);
    assert_eq!(seen(&with(Severity::Medium, &[]), medium()).0, Code::Exposure);
    let blind = || Seen::not_evaluated("denied").judged(&catalogue::find(ROLES).unwrap().about, None);
    let open = vec![ROLES.to_owned()];
    for required in [ROLES, "EXP-GOV-*"] {
        let (code, list) = seen(&with(Severity::High, &[required]), vec![drift(), blind()]);
        assert_eq!(code, Code::CouldNotRun, "{required}");
        assert!(list.contains(&open[0]), "{list:?}");
    }
    // That it did not look at all is no better.
    assert_eq!(seen(&with(Severity::High, &[ROLES]), vec![drift()]), (Code::CouldNotRun, open));
    // One that is decided on other planes only is not missed here.
    let house: Vec<&str> = catalogue::all().filter(|c| c.about.planes == [Plane::House]).map(|c| c.about.id).collect();
    assert_eq!(seen(&with(Severity::High, &house), vec![drift()]).0, Code::Done);
    // What was found stays found, whatever could not be looked at.
    let both = vec![drift(), roles(&[("role a", Severity::High)])];
    assert_eq!(seen(&with(Severity::High, &["EXP-GOV-005"]), both).0, Code::Exposure);
    let failed = CheckResult { outcome: Outcome::Error, ..roles(&[]) };
    assert_eq!(seen(&with(Severity::High, &[]), vec![drift(), failed]).0, Code::Warnings);
}

#[test]
fn sections_have_the_grade_of_their_worst_open_finding() {
    let grade = |p: &Policy, severity| {
        let e = judged(p, vec![evidence(), roles(&[("role a", severity)])]);
        let section = e.sections.iter().find(|s| s.number == 20).unwrap();
        (section.grade, section.open, section.waived)
    };
    assert_eq!(grade(&Policy::default(), Severity::Critical), (Grade::E, 1, 0));
    assert_eq!(grade(&Policy::default(), Severity::High), (Grade::D, 1, 0));
    let (waived, open, count) = grade(&policy(&good("role a")), Severity::Critical);
    assert!(waived != Grade::E && (open, count) == (0, 1), "{waived:?}");
}

#[test]
fn the_example_of_declarations_is_understood() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/config/exposure.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let p = policy(&text);
    assert!(!p.waivers.is_empty() && p.expect.admins.is_some());
}
