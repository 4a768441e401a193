//! Snapshots of what the program says, without what differs from run to run.

use crate::support::pg::PgServer;
use crate::support::world::World;

/// Compares `text` with the snapshot of this name, in `snapshots` beside `file` (`file!()`).
pub fn golden(world: &World, server: &PgServer, file: &str, name: &str, text: &str) {
    let text = text.replace(&world.path("").display().to_string(), "/W/");
    let text = text.replace(&server.socket_dir().display().to_string(), "/SOCKET");
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let folder = std::path::Path::new(file).parent().unwrap().join("snapshots");
    settings.set_snapshot_path(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    for (pattern, by) in [
        (r"\d{8}T\d{6}Z-[0-9a-f]{16}", "[ID]"),
        (r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d+)?Z?", "[TIME]"),
        (r"\b[0-9a-f]{64}\b", "[SHA256]"),
        (r"\b[0-9a-f]{32}\b", "[REPO]"),
        (r"SHA256:[A-Za-z0-9+/]{43}", "[SIGNER]"),
        (r#""system_identifier": "\d+""#, r#""system_identifier": "[SYSTEM]""#),
        (r#""lsn": "[0-9A-F/]+""#, r#""lsn": "[LSN]""#),
        (r"x25519:[0-9a-f]{16}", "[RECIPIENT]"),
        (r"system \d{18,20}", "system [SYSTEM]"),
        (r#""\[SHA256\]",\s+\d+"#, "\"[SHA256]\", [BYTES]"),
        (r#""shop",\s+\d+"#, "\"shop\", [BYTES]"),
        (r#""total":\d+"#, "\"total\":[BYTES]"),
        (r"took +\d+(\.\d+)? s", "took [SECONDS]"),
        (r"\d+(\.\d+)? ([KMGT]iB|B)(/s)?", "[SIZE]"),
        (r"in \d+(\.\d+)? ?s\b", "in [SECONDS]"),
        (r"\b\d+:\d{2}\b", "[M:SS]"),
        (r#"("[a-z_]*bytes": )\d+"#, "$1[BYTES]"),
        (r"(\[SIZE\] +\[SIZE\] +)\d+\.\d", "${1}[RATIO]"),
        (r"\d+ ?(s|min|m) ago|\b(just now|\d+s)\b", "[AGE]"),
        (r" {2,}", "  "),
        (r#"("target": ")[a-z0-9_]+-linux"#, "$1[TARGET]"),
        // After all that sizes, rates and times could begin with.
        (r"\b15\.\d+( \(Debian [^)]*\))?", "15.x"),
        (r"15\d{4}\b", "[VERSION]"),
    ] {
        settings.add_filter(pattern, by);
    }
    settings.bind(|| insta::assert_snapshot!(name, text));
}
