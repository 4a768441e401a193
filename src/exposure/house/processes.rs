//! What `/proc` shows of processes: arguments of all, environments of this user's.

use std::os::unix::fs::MetadataExt as _;

/// Longest name that is told.
const NAME: usize = 40;

/// One process.
#[derive(Debug)]
pub struct Process {
    /// Its id.
    pub pid: i32,
    /// Whose it is.
    pub uid: u32,
    /// Its arguments; empty of a kernel thread.
    pub arguments: Vec<String>,
}

impl Process {
    /// The name of its program, bounded. Stays the same from run to run.
    pub fn name(&self) -> String {
        let first = self.arguments.first().map_or("", |a| a.split(' ').next().unwrap_or_default());
        first.rsplit('/').next().unwrap_or_default().chars().take(NAME).collect()
    }

    /// Its environment, and nothing where it ended meanwhile.
    ///
    /// # Errors
    /// Where this user may not read it.
    pub fn environment(&self) -> std::io::Result<Vec<(String, String)>> {
        let bytes = match std::fs::read(format!("/proc/{}/environ", self.pid)) {
            Ok(bytes) => bytes,
            Err(e) if gone(&e) => return Ok(Vec::new()),
            Err(e) => return Err(e),
        };
        let pair = |b: &[u8]| {
            let text = String::from_utf8_lossy(b).into_owned();
            text.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned()))
        };
        Ok(bytes.split(|b| *b == 0).filter_map(pair).collect())
    }
}

/// Gone: `ENOENT`, or `ESRCH` where it ended between open and read.
fn gone(e: &std::io::Error) -> bool {
    e.kind() == std::io::ErrorKind::NotFound || e.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

/// All processes at one moment.
#[derive(Debug, Default)]
pub struct Processes {
    /// Those that this user sees.
    pub all: Vec<Process>,
    /// Why there may be more.
    pub closed: Option<String>,
}

/// Lists them.
pub fn list() -> Processes {
    let mut all = Vec::new();
    let entries = match std::fs::read_dir("/proc") {
        Ok(entries) => entries,
        Err(e) => return Processes { all, closed: Some(format!("processes cannot be listed: {e}")) },
    };
    for item in entries.flatten() {
        let Some(pid) = item.file_name().to_str().and_then(|n| n.parse::<i32>().ok()) else { continue };
        let (Ok(meta), Ok(line)) = (item.metadata(), std::fs::read(item.path().join("cmdline"))) else { continue };
        let arguments = line.split(|b| *b == 0).filter(|a| !a.is_empty());
        let arguments = arguments.map(|a| String::from_utf8_lossy(a).into_owned()).collect();
        all.push(Process { pid, uid: meta.uid(), arguments });
    }
    // The first process of all is always there; `hidepid` of proc(5) hides others'.
    let hidden = !all.iter().any(|p| p.pid == 1);
    let why = || "processes of other users are hidden from this one (hidepid)".to_owned();
    Processes { all, closed: hidden.then(why) }
}
