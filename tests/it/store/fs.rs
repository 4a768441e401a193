//! What is special to a directory.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use pgseal::store::fs::FileStore;
use pgseal::store::{Store, StoreError};
use pgseal::types::Digest;

use crate::store::util::{directory, get, key, list, put};

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

#[tokio::test]
async fn files_are_private() {
    let (dir, store) = directory();
    put(&store, "s/shop/m/1.json", b"x").await.unwrap();
    assert_eq!(mode(&dir.path().join("s/shop/m/1.json")), 0o600);
    for made in ["s", "s/shop", "s/shop/m"] {
        assert_eq!(mode(&dir.path().join(made)), 0o700, "{made}");
    }
    assert_eq!(std::fs::read_dir(dir.path().join("s/shop/m")).unwrap().count(), 1, "a temporary file stayed");
}

#[tokio::test]
async fn a_root_that_is_missing_or_a_file_is_no_repository() {
    let (dir, _store) = directory();
    std::fs::write(dir.path().join("file"), "").unwrap();
    for path in ["missing", "file", "file/below"] {
        let e = FileStore::open(&dir.path().join(path)).unwrap_err();
        assert!(matches!(e, StoreError::NoRepository(_)), "{path}: {e}");
    }
}

#[tokio::test]
async fn bytes_that_contradict_their_digest_leave_nothing() {
    let (dir, store) = directory();
    let result = store.put_new(&key("a/b"), Bytes::from_static(b"x"), &Digest::of(b"y")).await;
    assert!(matches!(result, Err(StoreError::Mangled(_))));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn links_are_never_followed() {
    let (dir, store) = directory();
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "secret").unwrap();
    symlink(outside.path(), dir.path().join("s")).unwrap();
    symlink(outside.path().join("secret"), dir.path().join("leak")).unwrap();
    symlink(outside.path().join("new"), dir.path().join("dangling")).unwrap();

    for at in ["s/secret", "leak"] {
        assert!(matches!(get(&store, at).await, Err(StoreError::Other(_))), "{at}");
        assert!(matches!(store.head(&key(at)).await, Err(StoreError::Other(_))), "{at}");
    }
    assert!(matches!(put(&store, "s/new", b"x").await, Err(StoreError::Other(_))));
    for at in ["leak", "dangling"] {
        assert!(matches!(put(&store, at, b"x").await, Err(StoreError::Exists)), "{at}");
    }
    assert!(matches!(store.delete(&key("s/secret")).await, Err(StoreError::Other(_))));
    assert_eq!(list(&store, "").await, [""; 0]);
    assert_eq!(list(&store, "s/").await, [""; 0]);
    let left: Vec<_> = std::fs::read_dir(outside.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["secret"]);
    assert_eq!(std::fs::read_to_string(outside.path().join("secret")).unwrap(), "secret");
}

#[tokio::test]
async fn a_pipe_or_directory_is_no_object_and_does_not_hang() {
    let (dir, store) = directory();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        dir.path().join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    std::fs::create_dir(dir.path().join("dir")).unwrap();
    for at in ["pipe", "dir"] {
        assert!(matches!(get(&store, at).await, Err(StoreError::Other(_))), "{at}");
    }
    assert_eq!(list(&store, "").await, [""; 0]);
}

#[tokio::test]
async fn leftovers_and_odd_names_are_not_listed() {
    use std::os::unix::ffi::OsStrExt as _;
    let (dir, store) = directory();
    put(&store, "s/1", b"x").await.unwrap();
    let odd: [&[u8]; 7] = [
        b".tmp-0123456789abcdef",
        b"s/.tmp-0123",
        b"s/new\nline",
        b"s/esc\x1b[2J",
        b"s/\xff\xfe",
        b"s/a b",
        "s/é".as_bytes(),
    ];
    for name in odd {
        std::fs::write(dir.path().join(std::ffi::OsStr::from_bytes(name)), "x").unwrap();
    }
    assert_eq!(list(&store, "").await, ["s/1"]);
    // And do not stand in the way of a delete; the directory stays, as it is not empty.
    store.delete(&key("s/1")).await.unwrap();
    assert!(dir.path().join("s").is_dir());
}

#[tokio::test]
async fn empty_directories_go_with_their_last_object() {
    let (dir, store) = directory();
    put(&store, "s/a/m/1", b"x").await.unwrap();
    put(&store, "s/b/m/1", b"x").await.unwrap();
    store.delete(&key("s/a/m/1")).await.unwrap();
    assert!(!dir.path().join("s/a").exists());
    assert!(dir.path().join("s/b/m/1").exists());
    store.delete(&key("s/b/m/1")).await.unwrap();
    assert!(dir.path().is_dir());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn puts_and_deletes_in_one_directory_do_not_hurt_each_other() {
    let (_dir, store) = directory();
    let worker = |n: usize| {
        let store = store.clone();
        tokio::spawn(async move {
            for i in 0..50 {
                let at = key(&format!("s/x/{n}-{i}"));
                store.put_new(&at, Bytes::from_static(b"x"), &Digest::of(b"x")).await.unwrap();
                store.delete(&at).await.unwrap();
            }
        })
    };
    for handle in [worker(0), worker(1), worker(2), worker(3)] {
        handle.await.unwrap();
    }
    assert_eq!(list(&store, "").await, [""; 0]);
}

#[tokio::test]
async fn listings_page_in_key_order_and_resume_inside_directories() {
    let (dir, store) = directory();
    // Three pages, over directories whose names sort around the slash.
    let mut wanted = Vec::new();
    for sub in ["a", "a-b", "a.b", "a0", "b/c"] {
        std::fs::create_dir_all(dir.path().join(sub)).unwrap();
        for n in 0..450 {
            std::fs::write(dir.path().join(format!("{sub}/{n:03}")), "").unwrap();
            wanted.push(format!("{sub}/{n:03}"));
        }
    }
    wanted.sort();
    let mut pages = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = store.list("", after.as_deref()).await.unwrap();
        pages.push(page.objects.len());
        assert_eq!(
            page.objects.iter().map(|o| &o.key).collect::<Vec<_>>(),
            wanted[..page.objects.len()].iter().collect::<Vec<_>>()
        );
        wanted.drain(..page.objects.len());
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    // All at once: a directory is read once, not once for each page.
    assert_eq!(pages, [2250]);
    assert!(wanted.is_empty());
    assert_eq!(list(&store, "a.b/44").await.len(), 10);
}

#[tokio::test]
async fn a_root_that_is_removed_meanwhile_is_no_repository() {
    let (dir, store) = directory();
    dir.close().unwrap();
    assert!(matches!(put(&store, "a/b", b"x").await, Err(StoreError::NoRepository(_))));
    assert!(matches!(get(&store, "a/b").await, Err(StoreError::NotFound)));
}

/// Runs itself again where a file system of 64 KiB is mounted.
#[tokio::test]
async fn a_full_and_a_read_only_disk_are_named() {
    const INSIDE: &str = "PGSEAL_TEST_SMALL_DISK";
    if let Some(dir) = std::env::var_os(INSIDE) {
        return small_disk(Path::new(&dir)).await;
    }
    let dir = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=64k none \"$1\" && exec \"$2\" --exact \"$3\" --nocapture";
    let out = Command::new("unshare")
        .args(["-Urm", "sh", "-c", script, "sh"])
        .arg(dir.path())
        .arg(std::env::current_exe().unwrap())
        .arg("store::fs::a_full_and_a_read_only_disk_are_named")
        .env(INSIDE, dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{said}{}", String::from_utf8_lossy(&out.stderr));
    assert!(said.contains("1 passed"), "{said}");
}

async fn small_disk(dir: &Path) {
    let store = FileStore::open(dir).unwrap();
    put(&store, "small", b"x").await.unwrap();
    let body = Bytes::from(vec![7u8; 200 * 1024]);
    let e = store.put_new(&key("s/big"), body.clone(), &Digest::of(&body)).await.unwrap_err();
    assert!(matches!(e, StoreError::NoSpace(_)), "{e}");
    assert_eq!(e.about("s/big").code(), pgseal::Code::NoSpace);
    assert_eq!(std::fs::read_dir(dir.join("s")).unwrap().count(), 0, "the partial file stayed");
    assert_eq!(list(&store, "").await, ["small"]);

    let remounted = Command::new("mount").args(["-o", "remount,ro"]).arg(dir).status().unwrap();
    assert!(remounted.success());
    assert!(matches!(put(&store, "other", b"x").await, Err(StoreError::Denied(_))));
    assert!(matches!(store.delete(&key("small")).await, Err(StoreError::Denied(_))));
    assert_eq!(get(&store, "small").await.unwrap(), b"x");
    store.now().await.unwrap();
}
