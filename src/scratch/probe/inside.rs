//! Trying things from inside: a program that the server itself starts, as a
//! superuser of a hostile copy could (`COPY … TO PROGRAM`).
//!
//! It writes what it saw into the data directory, where the host reads it, line
//! by line and strictly: a program that does not run to its end, or says
//! anything unexpected, has seen nothing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::canary::Canary;
use super::dial::Way;
use super::{Outside, Target};
use crate::scratch::conn;
use crate::sys::plain_file;
use crate::types::ids::random_bytes;

/// How long it may take: `psql` gives up after 2 s, and tries several addresses.
const PATIENCE: Duration = Duration::from_secs(10);

/// Makes namespaces; of util-linux.
const UNSHARE: &str = "/usr/bin/unshare";

/// Largest answer that is read, bytes.
const LIMIT: u64 = 64 * 1024;

/// What is to be tried.
#[derive(Debug)]
pub(super) struct Plan {
    dials: Vec<String>,
    paths: Vec<PathBuf>,
    keys: Vec<PathBuf>,
    write: Option<PathBuf>,
    secret: String,
    key: String,
}

/// What came of it, in the order of the plan.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Answers {
    /// Exit status of `psql`, and what it said.
    pub dials: Vec<(i32, String)>,
    /// The paths.
    pub paths: Vec<Access>,
    /// The key files.
    pub keys: Vec<Access>,
    /// Whether the file outside could be written.
    pub wrote: Option<bool>,
    /// Whether the key in our session keyring could be seen; `None` where the kernel shows no keys.
    pub key: Option<bool>,
    /// Whether a further user namespace could be made; `None` where there is no program for that.
    pub namespace: Option<bool>,
}

/// What the server's user may do with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Access {
    pub exists: bool,
    pub readable: bool,
    pub writable: bool,
}

impl Plan {
    pub(super) fn new(ways: &[Way], paths: &[PathBuf], outside: &Outside, canary: Option<&Canary>, key: &str) -> Self {
        Self {
            dials: ways.iter().map(Way::conninfo).collect(),
            paths: paths.to_vec(),
            keys: outside.key_files.clone(),
            write: canary.map(Canary::reach),
            secret: canary.map(Canary::secret).unwrap_or_default().to_owned(),
            key: key.to_owned(),
        }
    }

    /// Has the server do it.
    pub(super) async fn run(&self, t: Target<'_>) -> Result<Answers, String> {
        let mark = hex::encode(random_bytes::<8>().map_err(|e| e.text())?);
        let script = self.script(&mark, &t.bindir.join("psql"))?;
        // Dollar quotes: nothing in the script is read by the server. The secret
        // goes over its input: who may list processes must not learn it.
        let sql = format!("copy (select '{}') to program $p{mark}${script}$p{mark}$", self.secret);
        let done = tokio::time::timeout(PATIENCE, t.client.batch_execute(&sql)).await;
        let text = plain_file::read_below(t.data_dir, name(&mark), LIMIT).ok().and_then(|b| String::from_utf8(b).ok());
        let _ = std::fs::remove_file(t.data_dir.join(name(&mark)));
        match done {
            Err(_) => return Err(format!("no program inside ended within {} s", PATIENCE.as_secs())),
            Ok(Err(e)) => return Err(format!("no program could be run inside: {}", conn::reduced(&e))),
            Ok(Ok(())) => {}
        }
        let text = text.ok_or("the program inside left no answer")?;
        self.parse(&mark, &text).ok_or_else(|| "the program inside gave no usable answer".to_owned())
    }

    /// Only what a POSIX shell has built in, and `psql`. A name that nobody
    /// answers for is given up after a second (`resolv.conf(5)`).
    fn script(&self, mark: &str, psql: &Path) -> Result<String, String> {
        let mut s = format!(
            "read -r PGDATABASE; export PGDATABASE; umask 077; set -f; LC_ALL=C; RES_OPTIONS='timeout:1 attempts:1'; export LC_ALL RES_OPTIONS; exec >./{} 2>/dev/null || exit 90; echo begin {mark}\n\
             dial() {{ i=$1; shift; o=$({} -X -w -q -c '' -d \"$1\" 2>&1 </dev/null); c=$?; set -- $o; echo dial $i $c \"$*\"; }}\n\
             look() {{ e=n; r=n; w=n; [ -e \"$3\" ] && e=y; [ -r \"$3\" ] && r=y; [ -w \"$3\" ] && w=y; echo $1 $2 $e$r$w; }}\n",
            name(mark),
            word(psql)?
        );
        for (i, conninfo) in self.dials.iter().enumerate() {
            s += &format!("dial {i} {} &\n", word(Path::new(conninfo))?);
        }
        for (kind, paths) in [("path", &self.paths), ("key", &self.keys)] {
            for (i, path) in paths.iter().enumerate() {
                s += &format!("look {kind} {i} {}\n", word(path)?);
            }
        }
        if let Some(path) = &self.write {
            s += &format!("if ( : >{} ); then echo write 0 y; else echo write 0 n; fi\n", word(path)?);
        }
        // Keys that the reader possesses are listed (`keyrings(7)`). The name is no secret.
        s += &format!(
            "v=x; [ -r /proc/keys ] && {{ v=n; while read -r l; do case \"$l\" in *{0}*) v=y;; esac; done </proc/keys; }}; echo keyring 0 $v\n\
             v=x; [ -x {1} ] && {{ if {1} --user true; then v=y; else v=n; fi; }}; echo namespace 0 $v\n",
            self.key, UNSHARE
        );
        s += &format!("wait; echo end {mark}");
        Ok(s)
    }

    /// `None` unless everything of the plan was answered exactly once.
    fn parse(&self, mark: &str, text: &str) -> Option<Answers> {
        let mut lines = text.lines();
        (lines.next()? == format!("begin {mark}")).then_some(())?;
        (lines.next_back()? == format!("end {mark}")).then_some(())?;
        (text.ends_with('\n')).then_some(())?;
        let mut dials = vec![None; self.dials.len()];
        let mut paths = vec![None; self.paths.len()];
        let mut keys = vec![None; self.keys.len()];
        let (mut wrote, mut keyring, mut namespace) = (None, None, None);
        for line in lines {
            let (kind, rest) = line.split_once(' ')?;
            let (index, said) = rest.split_once(' ')?;
            let index: usize = index.parse().ok()?;
            let new = match kind {
                "dial" => {
                    let (code, text) = said.split_once(' ').unwrap_or((said, ""));
                    dials.get_mut(index)?.replace((code.parse().ok()?, text.to_owned())).is_none()
                }
                "path" => paths.get_mut(index)?.replace(access(said)?).is_none(),
                "key" => keys.get_mut(index)?.replace(access(said)?).is_none(),
                "write" if self.write.is_some() && index == 0 => wrote.replace(yes(said)?).is_none(),
                "keyring" if index == 0 => keyring.replace(tried(said)?).is_none(),
                "namespace" if index == 0 => namespace.replace(tried(said)?).is_none(),
                _ => false,
            };
            new.then_some(())?;
        }
        (wrote.is_some() == self.write.is_some()).then_some(())?;
        Some(Answers {
            dials: dials.into_iter().collect::<Option<_>>()?,
            paths: paths.into_iter().collect::<Option<_>>()?,
            keys: keys.into_iter().collect::<Option<_>>()?,
            wrote,
            key: keyring?.0,
            namespace: namespace?.0,
        })
    }
}

fn name(mark: &str) -> String {
    format!("pgseal-inside-{mark}")
}

/// A word of the shell that stands for itself.
fn word(path: &Path) -> Result<String, String> {
    match path.to_str() {
        Some(p) if !p.contains('\0') => Ok(format!("'{}'", p.replace('\'', "'\\''"))),
        _ => Err("a path that is to be tried cannot be written in a shell".to_owned()),
    }
}

fn yes(said: &str) -> Option<bool> {
    match said {
        "y" => Some(true),
        "n" => Some(false),
        _ => None,
    }
}

/// What came of a try: `None` where it could not be tried.
#[derive(Clone, Copy)]
struct Tried(Option<bool>);

fn tried(said: &str) -> Option<Tried> {
    if said == "x" { Some(Tried(None)) } else { yes(said).map(|could| Tried(Some(could))) }
}

fn access(said: &str) -> Option<Access> {
    match said.as_bytes() {
        [e, r, w] => {
            let is = |b: &u8| yes(char::from(*b).encode_utf8(&mut [0; 4]));
            Some(Access { exists: is(e)?, readable: is(r)?, writable: is(w)? })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan {
            dials: vec!["host=a".into(), "host=b".into()],
            paths: vec!["/run/it's".into()],
            keys: vec![],
            write: Some("/x".into()),
            secret: "s".into(),
            key: "k".into(),
        }
    }

    const WHOLE: &str =
        "begin m\ndial 1 2 no route\npath 0 yny\nwrite 0 n\nkeyring 0 n\nnamespace 0 x\ndial 0 127 \nend m\n";

    #[test]
    fn a_whole_answer_is_read() {
        let a = plan().parse("m", WHOLE).unwrap();
        assert_eq!(a.dials, [(127, String::new()), (2, "no route".to_owned())]);
        assert_eq!(a.paths, [Access { exists: true, readable: false, writable: true }]);
        assert_eq!((a.wrote, a.key, a.namespace), (Some(false), Some(false), None));
    }

    #[test]
    fn anything_else_is_no_answer() {
        for (from, to) in [
            ("begin m\n", ""),
            ("end m\n", ""),
            ("end m\n", "end m"),
            ("begin m", "begin n"),
            ("dial 1 2 no route\n", ""),
            ("dial 1", "dial 0"),
            ("dial 1", "dial 7"),
            ("dial 1 2", "dial 1 x"),
            ("path 0 yny", "path 0 yn"),
            ("path 0 yny", "path 0 yn?"),
            ("write 0 n\n", ""),
            ("keyring 0 n\n", ""),
            ("keyring 0 n", "keyring 0 ?"),
            ("namespace 0 x\n", "namespace 0 x\nnamespace 0 x\n"),
            ("write 0 n\n", "write 0 n\nwrite 0 n\n"),
            ("write 0 n\n", "write 0 n\nkey 0 yyy\n"),
            ("write 0 n\n", "write 0 n\nfree 0 text\n"),
        ] {
            assert!(WHOLE.contains(from));
            assert_eq!(plan().parse("m", &WHOLE.replacen(from, to, 1)), None, "{from} -> {to}");
        }
    }

    #[test]
    fn hostile_paths_stay_words() {
        let script = plan().script("m", Path::new("/b in/psql")).unwrap();
        assert!(script.contains("'/run/it'\\''s'") && script.contains("$('/b in/psql' -X"), "{script}");
    }
}
