//! What a jailed process may use, by resource limits (`prlimit(1)`): every host
//! has them, and an ordinary user may lower them. Control groups would bound the
//! sum; they are not asked for, because most drill hosts give none away.

use std::ffi::OsString;
use std::path::Path;

/// Limits of each process of an instance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Address space of each process, bytes.
    pub memory: Option<u64>,
    /// Processes in the user namespace. Without one of our own they would be
    /// counted together with what else the user runs, so it is not set then.
    pub processes: Option<u64>,
}

impl Limits {
    /// `prlimit … --`, to go before a program; nothing where nothing is limited.
    pub(super) fn words(self, prlimit: &Path, own_user: bool) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec![prlimit.into()];
        words.extend(self.memory.map(|n| format!("--as={n}").into()));
        words.extend(self.processes.filter(|_| own_user).map(|n| format!("--nproc={n}").into()));
        if words.len() == 1 {
            return Vec::new();
        }
        words.push("--".into());
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_limited_is_said() {
        let words = |l: Limits, own| {
            let words = l.words(Path::new("/usr/bin/prlimit"), own);
            words.iter().map(|w| w.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(words(Limits::default(), true), "");
        let both = Limits { memory: Some(10), processes: Some(5) };
        assert_eq!(words(both, true), "/usr/bin/prlimit --as=10 --nproc=5 --");
        assert_eq!(words(both, false), "/usr/bin/prlimit --as=10 --");
        assert_eq!(words(Limits { memory: None, ..both }, false), "");
    }
}
