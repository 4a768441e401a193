//! `examples/reports/` shows what a drill writes, and cannot grow old: this
//! fails where a file is not what the program makes of the fixed reports.
//! `UPDATE_EXAMPLES=1 cargo test --test html examples` writes them anew.

use std::path::Path;

use pgseal::report::{Report, html, json};

use crate::reports;

#[test]
fn the_examples_are_what_the_program_writes() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/reports");
    let all: [(&str, Report); 4] = [
        ("passed", reports::passed()),
        ("failed", reports::failed()),
        ("inconclusive", reports::inconclusive()),
        ("unsafe", reports::exposed()),
    ];
    let mut stale = Vec::new();
    for (name, report) in all {
        let files = [("html", html::render(&report).unwrap().into_bytes()), ("json", json::render(&report).unwrap())];
        for (extension, bytes) in files {
            let path = dir.join(format!("{name}.{extension}"));
            if std::env::var_os("UPDATE_EXAMPLES").is_some() {
                std::fs::create_dir_all(&dir).unwrap();
                std::fs::write(&path, &bytes).unwrap();
            }
            if std::fs::read(&path).ok() != Some(bytes) {
                stale.push(path);
            }
        }
    }
    assert!(stale.is_empty(), "not up to date, run UPDATE_EXAMPLES=1 cargo test --test html examples: {stale:?}");
}
