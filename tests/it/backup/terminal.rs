//! What is seen on a terminal, and what is not when there is none.

use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::backup::pg::{self, PgServer};
use crate::backup::world::{Said, World, until};

const SOURCE: &str = "databases = [\"shop\"]\n";

/// A terminal of 100 columns: our end, and the end for a child.
fn terminal() -> (OwnedFd, std::fs::File) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
    let theirs = std::fs::File::options().read(true).write(true).open(name).unwrap();
    tcsetwinsize(&theirs, Winsize { ws_row: 24, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    (ours, theirs)
}

/// A backup that waits for the file `go` in the middle of the data, its stderr on a terminal.
struct Halfway {
    child: Child,
    shown: Arc<Mutex<String>>,
    reader: std::thread::JoinHandle<()>,
}

impl Halfway {
    fn start(world: &World, args: &[&str]) -> Self {
        let (ours, theirs) = terminal();
        let mut command = world.command(args);
        // As a terminal's user has it.
        command.env("TERM", "xterm-256color").stdout(Stdio::piped()).stderr(theirs);
        let child = command.spawn().unwrap();
        // The command holds our copy of the child's end: without that the terminal hangs up.
        drop(command);
        let shown: Arc<Mutex<String>> = Arc::default();
        let into = Arc::clone(&shown);
        let mut from = std::fs::File::from(ours);
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // EIO is how a terminal says that nobody has its other end open.
            while let Ok(n @ 1..) = from.read(&mut bytes) {
                into.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..n]));
            }
        });
        Self { child, shown, reader }
    }

    /// What the terminal was sent, drawing by drawing, without colours.
    fn drawings(&self) -> Vec<String> {
        let all = self.shown.lock().unwrap().clone();
        all.split(['\r', '\n']).map(|d| anstream::adapter::strip_str(d).to_string()).collect()
    }

    fn end(self) -> (i32, String, String) {
        let out = self.child.wait_with_output().unwrap();
        self.reader.join().unwrap();
        let shown = self.shown.lock().unwrap().clone();
        (out.status.code().unwrap(), String::from_utf8(out.stdout).unwrap(), shown)
    }
}

/// `backup shop ███░ 1.2 MiB/7.9 MiB 15% 4.0 MiB/s 0s eta 1s`, with more than nothing done.
fn is_bar(drawing: &str) -> bool {
    let words: Vec<&str> = drawing.split_whitespace().collect();
    let percent = words.iter().find_map(|w| w.strip_suffix('%')?.parse::<u32>().ok());
    drawing.starts_with("backup shop ")
        && percent.is_some_and(|p| (1..=100).contains(&p))
        && words.iter().any(|w| w.starts_with("KiB/") || w.starts_with("MiB/"))
        && words.iter().any(|w| w.ends_with("iB/s") || *w == "B/s")
        && words.iter().any(|w| w.strip_suffix('s').is_some_and(|n| n.parse::<u32>().is_ok()))
        && words.contains(&"eta")
}

#[test]
fn a_bar_on_a_terminal_lines_in_a_file_and_json_on_request() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "CREATE DATABASE shop");
    server.psql("shop", "CREATE TABLE t AS SELECT i, repeat(md5(i::text), 20) AS m FROM generate_series(1, 5000) i");
    let world = World::new(&server, SOURCE);
    let go = world.path("go");
    let wait = format!(
        "$real \"$@\" | {{ head -c 2000000; while [ ! -e {} ]; do sleep 0.02; done; cat; }}; exit 0",
        go.display()
    );
    world.fake(&server, SOURCE, "pg_dump", "*--section=data*", &wait);

    let backup = Halfway::start(&world, &["backup", "shop"]);
    until("no bar is drawn", || backup.drawings().iter().any(|d| is_bar(d)));
    std::fs::write(&go, "").unwrap();
    let (code, out, shown) = backup.end();
    assert_eq!(code, 0, "{shown}");
    let id = out.trim_end();
    assert_eq!(out, format!("{id}\n"), "nothing but the id");
    assert!(world.manifests().len() == 1 && world.run(&["show", id]).code == 0, "{out}");
    // The bar is gone at the end, and lines say what was done.
    let stays: Vec<&str> = shown.lines().map(|l| l.rsplit(['\r', '\u{1b}']).next().unwrap()).collect();
    assert!(
        matches!(stays[..], [moved, done] if moved.starts_with("[2Kbackup shop: ") && done.starts_with("backed up shop")),
        "{shown:?}"
    );

    // `--quiet` and JSON lines draw nothing on a terminal either.
    for (args, json) in [(&["-q", "backup", "shop"][..], false), (&["--log-format", "json", "backup", "shop"], true)] {
        let (code, out, shown) = Halfway::start(&world, args).end();
        assert_eq!((code, out.lines().count()), (0, 1), "{shown}");
        assert!(!shown.contains('\u{1b}') && !shown.contains('%'), "{shown:?}");
        assert_eq!(shown.is_empty(), !json, "{shown:?}");
        for line in shown.lines() {
            assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "no JSON: {line}");
        }
    }

    // In cron there is no terminal: lines, without control characters.
    let said: Said = world.run(&["backup", "shop"]).expect(0);
    assert_eq!(said.out.lines().count(), 1, "{said}");
    assert!(said.err.lines().count() >= 2 && !said.err.contains(['\u{1b}', '\r']), "{said}");
    assert!(said.err.lines().all(|l| l.starts_with("backup shop") || l.starts_with("backed up shop")), "{said}");
}
