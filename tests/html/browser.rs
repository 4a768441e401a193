//! placeholder

use std::path::Path;

#[test]
fn dump() {
    let dir = Path::new("/tmp/htmlshots");
    std::fs::create_dir_all(dir).unwrap();
    for (n, r) in [
        ("passed", crate::reports::passed()),
        ("failed", crate::reports::failed()),
        ("inconclusive", crate::reports::inconclusive()),
        ("unsafe", crate::reports::exposed()),
        ("physical", crate::reports::first_physical()),
        ("hostile", crate::reports::hostile()),
        ("huge", crate::reports::huge()),
    ] {
        std::fs::write(dir.join(format!("{n}.html")), pgseal::report::html::render(&r).unwrap()).unwrap();
    }
}
