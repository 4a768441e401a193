//! `examples/reports/` shows what drills and audits write, and cannot grow old: this
//! fails where a file is not what the program makes of the fixed reports.
//! `UPDATE_EXAMPLES=1 cargo test --test it html::examples` writes them anew.

use std::path::Path;

use pgseal::report::{Document, Format};

use crate::html::reports;
use crate::support::exposure;

#[test]
fn the_examples_are_what_the_program_writes() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/reports");
    let all: [(&str, Document); 7] = [
        ("passed", reports::passed().into()),
        ("failed", reports::failed().into()),
        ("exposed", reports::open().into()),
        ("inconclusive", reports::inconclusive().into()),
        ("unsafe", reports::exposed().into()),
        ("audit-exposed", exposure::audit(exposure::shop()).into()),
        ("audit-clear", exposure::audit(exposure::calm()).into()),
    ];
    let mut stale = Vec::new();
    for (name, report) in all {
        // An attestation carries a signature, and these reports are nobody's.
        for format in Format::ALL.into_iter().filter(|f| *f != Format::InToto) {
            let bytes = report.render(format, None).unwrap();
            let extension = format.extension();
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
    assert!(stale.is_empty(), "not up to date, run UPDATE_EXAMPLES=1 cargo test --test it html::examples: {stale:?}");
}
