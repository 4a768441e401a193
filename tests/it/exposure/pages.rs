//! The pages about the checks are what the checks tell of themselves.

use std::collections::BTreeSet;
use std::path::Path;

use pgseal::exposure::{catalogue, pages};

/// Set to write the pages anew instead of comparing.
const WRITE: &str = "PGSEAL_WRITE_PAGES";

#[test]
fn pages_are_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/exposure");
    let dir = root.join("pages");
    let mut wanted = BTreeSet::new();
    let mut stale = Vec::new();
    let mut hold = |path: &Path, text: &str| {
        if std::env::var_os(WRITE).is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        } else if std::fs::read_to_string(path).ok().as_deref() != Some(text) {
            stale.push(path.strip_prefix(&root).unwrap().display().to_string());
        }
    };
    for check in catalogue::all() {
        let name = format!("{}.md", check.about.id);
        hold(&dir.join(&name), &pages::page(&check.about, &check.look));
        wanted.insert(name);
    }
    hold(&root.join("GUIDE.md"), &pages::guide());
    assert!(stale.is_empty(), "{stale:?} are not what the checks say: run this test once with {WRITE}=1");
    for entry in std::fs::read_dir(&dir).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(wanted.contains(&name), "{name} is the page of no check");
    }
}

#[test]
fn every_section_of_the_guide_is_answered() {
    let answered: BTreeSet<u8> = catalogue::all().flat_map(|c| c.about.guide.iter().copied()).collect();
    let open: Vec<u8> = (1..=25).filter(|n| !answered.contains(n)).collect();
    assert!(open.is_empty(), "no check answers sections {open:?}");
}
