//! The pages in a real browser: accessible, silent, whole without scripts and
//! on paper. One start of the browser looks at all of them.
//!
//! `PGSEAL_PICTURES=DIR cargo test --test it html::browser` keeps pictures to look at.

use std::path::{Path, PathBuf};
use std::process::Command;

use pgseal::report::{Document, Format};
use pgseal::types::shown;
use serde::Deserialize;

use crate::html::reports;
use crate::support::exposure;

#[derive(Deserialize)]
struct Seen {
    browser: String,
    pages: Vec<Page>,
}

#[derive(Deserialize)]
struct Page {
    name: String,
    requests: Vec<String>,
    console: Vec<String>,
    schemes: Vec<Look>,
    print: Print,
    without_scripts: WithoutScripts,
}

#[derive(Deserialize)]
struct Look {
    scheme: String,
    title: String,
    text: String,
    canary: String,
    background: String,
    widths: std::collections::BTreeMap<u32, u32>,
    first_focus: Focus,
    axe_passes: Option<usize>,
    violations: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Focus {
    href: Option<String>,
    visible: bool,
}

#[derive(Deserialize)]
struct Print {
    background: String,
    ink: String,
    band: String,
    folds: usize,
    folded: usize,
    pdf: Option<PathBuf>,
}

#[derive(Deserialize)]
struct WithoutScripts {
    text: String,
    opens: Option<bool>,
}

/// A program of this machine. Its absence is a failure, not a reason to skip.
fn program(names: &[&str]) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&path).flat_map(|dir| names.iter().map(move |n| dir.join(n))).find(|p| p.is_file());
    found.unwrap_or_else(|| panic!("{names:?} is missing: run scripts/setup --test"))
}

fn modules() -> PathBuf {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/ci/browser/node_modules");
    assert!(dir.join("playwright-core").is_dir(), "{} is missing: run scripts/setup --test", dir.display());
    dir
}

fn all() -> Vec<(&'static str, Document)> {
    let audit = exposure::audit;
    vec![
        ("passed", reports::passed().into()),
        ("failed", reports::failed().into()),
        ("exposed", reports::open().into()),
        ("inconclusive", reports::inconclusive().into()),
        ("unsafe", reports::exposed().into()),
        ("physical", reports::first_physical().into()),
        ("hostile", reports::hostile().into()),
        ("huge", reports::huge().into()),
        ("audit-exposed", audit(exposure::shop()).into()),
        ("audit-clear", audit(exposure::calm()).into()),
        ("audit-blind", exposure::blind().into()),
        ("audit-hostile", audit(exposure::hostile(&reports::names())).into()),
    ]
}

/// Everything that a report must not be, so that it is known that the test sees it.
const BAD: &str = r#"<!DOCTYPE html><html><head><title>bad</title><style>@media print { p { color: red } }</style></head>
<body><div class="band"></div><p style="color:#ccc;width:3000px">pale and wide</p>
<img src="http://192.0.2.1/pixel.png"><script>window.pwned = 1; console.error("loud")</script>
<p id="s"></p><script>document.getElementById("s").textContent = "written by a script"</script>
<details><summary>fold</summary><div>hidden on paper</div></details></body></html>"#;

fn look(dir: &Path) -> Seen {
    let page = |d: &Document| String::from_utf8(d.render(Format::Html, None).unwrap()).unwrap();
    let rendered = all().into_iter().map(|(name, report)| (name, page(&report)));
    let pages: Vec<serde_json::Value> = rendered
        .chain([("bad", BAD.to_owned())])
        .map(|(name, page)| {
            let file = dir.join(format!("{name}.html"));
            std::fs::write(&file, page).unwrap();
            // The rules look at every element: thousands of equal rows tell nothing new.
            serde_json::json!({ "name": name, "file": file, "axe": name != "huge", "pdf": name == "failed" })
        })
        .collect();
    let pictures = std::env::var_os("PGSEAL_PICTURES").map(PathBuf::from);
    let job = serde_json::json!({ "pages": pages, "out": dir, "pictures": pictures });
    let job_file = dir.join("job.json");
    std::fs::write(&job_file, job.to_string()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/look.cjs");
    let output = Command::new(program(&["node", "nodejs"]))
        .arg(script)
        .arg(program(&["chromium", "chromium-browser", "google-chrome"]))
        .arg(&job_file)
        .env("NODE_PATH", modules())
        .env("HOME", dir)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn every_page_holds_in_a_real_browser() {
    let dir = tempfile::tempdir().unwrap();
    let mut seen = look(dir.path());
    assert!(!seen.browser.is_empty());
    bad_is_seen(&seen.pages.pop().unwrap());
    assert_eq!(seen.pages.len(), all().len());
    for page in &seen.pages {
        let name = &page.name;
        assert_eq!(page.requests, Vec::<String>::new(), "{name} asks for something");
        assert_eq!(page.console, Vec::<String>::new(), "{name} has something in the console");
        for s in &page.schemes {
            let at = format!("{name} in {}", s.scheme);
            assert_eq!(s.canary, "undefined", "{at}: a script of the report ran");
            for (width, content) in &s.widths {
                assert!(content <= width, "{at}: {content} pixels wide in a window of {width}");
            }
            assert!(s.first_focus.visible && s.first_focus.href.as_deref() == Some("#main"), "{at}: skip link");
            let audit = name.starts_with("audit");
            let gaps = if audit { "What was not evaluated, and why" } else { "What was not checked, and why" };
            assert!(s.text.contains(gaps), "{at}: {}", s.text);
            assert!(s.title.contains(if audit { "audit of shop" } else { "drill of shop" }), "{at}: {}", s.title);
            if name != "huge" {
                assert!(s.axe_passes.unwrap() > 15, "{at}: the rules did not run");
                assert_eq!(s.violations.as_deref().unwrap(), Vec::<String>::new(), "{at}");
            }
        }
        assert_ne!(page.schemes[0].background, page.schemes[1].background, "{name}: dark is not dark");
        assert_eq!(page.schemes[0].text, page.without_scripts.text, "{name}: scripts change the page");
        assert_ne!(page.without_scripts.opens, Some(false), "{name}: a fold stays closed without scripts");
        paper(name, &page.print);
    }
    assert_eq!(seen.pages.iter().filter(|p| p.print.pdf.is_some()).count(), 1);
    names_are_text(&seen);
    verdicts_differ_without_colour(&seen);
}

/// What the test asserts is absent elsewhere is found where it is.
fn bad_is_seen(page: &Page) {
    assert_eq!(page.name, "bad");
    assert!(page.requests.iter().any(|r| r == "http://192.0.2.1/pixel.png"), "{:?}", page.requests);
    assert!(page.console.iter().any(|c| c == "error: loud"), "{:?}", page.console);
    for s in &page.schemes {
        assert_eq!(s.canary, "number");
        assert!(s.widths[&390] > 390 && s.widths[&1280] > 1280, "{:?}", s.widths);
        let violations = s.violations.as_deref().unwrap();
        for rule in ["color-contrast", "html-has-lang", "image-alt"] {
            assert!(violations.iter().any(|v| v.starts_with(rule)), "{rule}: {violations:?}");
        }
        assert_ne!(s.first_focus.href.as_deref(), Some("#main"));
    }
    assert_eq!(page.schemes[0].background, page.schemes[1].background);
    assert_ne!(page.schemes[0].text, page.without_scripts.text);
    assert_eq!((page.print.folds, page.print.folded), (1, 1));
}

/// Dark text on white, every fold open, and all of it in the PDF.
fn paper(name: &str, p: &Print) {
    assert_eq!((p.background.as_str(), p.ink.as_str()), ("rgb(255, 255, 255)", "rgb(0, 0, 0)"), "{name} on paper");
    assert_eq!(p.folded, 0, "{name}: {} of {} folds are closed on paper", p.folded, p.folds);
    let Some(pdf) = &p.pdf else { return };
    assert!(p.folds > 0, "{name} has nothing to unfold");
    let text = Command::new(program(&["pdftotext"])).arg("-layout").arg(pdf).arg("-").output().unwrap();
    assert!(text.status.success());
    let text = String::from_utf8(text.stdout).unwrap();
    // The oldest drill is folded on the screen; the command is the foot.
    for words in ["Do not rely on this backup", "30 Oct 2026, 04:00", "pgseal report verify"] {
        assert!(text.contains(words), "{name} on paper does not say {words}\n{text}");
    }
}

fn names_are_text(seen: &Seen) {
    for page in ["hostile", "audit-hostile"] {
        let text = &seen.pages.iter().find(|p| p.name == page).unwrap().schemes[0].text;
        for name in reports::names() {
            let name = shown(&name).split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(text.contains(&name), "{name} is not in the page {page} as text");
        }
    }
}

/// The frame around each verdict has a form of its own on paper.
fn verdicts_differ_without_colour(seen: &Seen) {
    let verdicts = ["passed", "failed", "inconclusive", "unsafe"];
    let bands: std::collections::BTreeSet<&str> =
        seen.pages.iter().filter(|p| verdicts.contains(&p.name.as_str())).map(|p| p.print.band.as_str()).collect();
    assert_eq!(bands.len(), verdicts.len(), "{bands:?}");
}
