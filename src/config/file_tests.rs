//! Who may have written the configuration.

use super::*;

#[test]
fn the_file_itself_is_judged() {
    let bench = Bench::new();
    let path = bench.write("cwd/pgseal.toml", "");
    for (mode, good) in [(0o644, true), (0o664, false), (0o600, true), (0o646, false), (0o602, false)] {
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        let loaded = bench.load();
        assert_eq!(loaded.is_ok(), good, "{mode:o}");
        if let Err(e) = loaded {
            assert!(e.next_step().unwrap().contains("chmod go-w"), "{e:?}");
        }
    }
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    std::fs::write(&path, b"\xff").unwrap();
    assert!(bench.load().unwrap_err().text().contains("UTF-8"));
    std::fs::write(&path, vec![b'\n'; (1 << 20) + 1]).unwrap();
    assert!(bench.load().unwrap_err().text().contains("larger than the 1048576 bytes"));
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert!(bench.load().unwrap_err().text().contains("regular file"));
}

#[test]
fn a_strangers_file_never_counts() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let mut bench = Bench::new();
    let path = bench.write("cwd/pgseal.toml", "");
    std::os::unix::fs::chown(&path, Some(12345), None).unwrap();
    assert!(bench.load().unwrap_err().text().contains("belongs to another user (uid 12345)"));
    bench.inputs.config = Some(path.clone());
    assert!(bench.load().unwrap_err().text().contains("belongs to another user (uid 12345)"));
    std::os::unix::fs::chown(&path, Some(0), None).unwrap();
    assert!(bench.load().is_ok());
    // Nor one that a stranger could exchange.
    let dir = path.parent().unwrap();
    for (mode, good) in [(0o777, false), (0o775, false), (0o1777, true), (0o755, true)] {
        std::fs::set_permissions(dir, PermissionsExt::from_mode(mode)).unwrap();
        assert_eq!(bench.load().is_ok(), good, "{mode:o}");
    }
}
