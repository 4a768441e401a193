//! What is told of a backup that was made all the same: what its programs warned
//! of, and what it leaves out.

use std::collections::{BTreeMap, BTreeSet};

use super::streams::{Done, Taken};
use super::{Job, Ready};
use crate::process::Warning;
use crate::source::left_out::{Part, Why};
use crate::source::warned::{self, Meaning};
use crate::source::{LeftOut, Session};
use crate::types::Event;
use crate::types::event::Progress;
use crate::types::text::quote_ident;

impl Taken {
    /// Files that pg_basebackup skipped and that hold nothing: pipes, sockets, devices. What
    /// the role may not look at is not among them, nor what PostgreSQL reads by its name.
    pub(super) async fn empty_files(&self, session: &Session) -> BTreeSet<String> {
        let mut empty = BTreeSet::new();
        for done in &self.streams {
            for warning in &done.warned.kept {
                let Meaning::Missing(file) = warned::meaning(program(done), warning) else { continue };
                let read = [".conf", ".signal"].iter().any(|end| file.ends_with(end)) || file.contains('/');
                let sql = "SELECT size = 0 AND NOT isdir FROM pg_catalog.pg_stat_file($1, true)";
                let row = session.client().query_opt(sql, &[&file]).await;
                if !read && row.is_ok_and(|r| r.and_then(|r| r.get(0)).unwrap_or(false)) {
                    empty.insert(file);
                }
            }
        }
        empty
    }

    /// What the programs of all streams warned of. What is missing is left out, but what is
    /// `empty`; what nobody here knows may mean that something is.
    pub(super) fn heed(&mut self, databases: &BTreeMap<u32, String>, empty: &BTreeSet<String>, progress: &Progress) {
        let (mut notes, mut warnings, mut missing) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for done in &self.streams {
            for warning in &done.warned.kept {
                match warned::meaning(program(done), warning) {
                    Meaning::Told => {}
                    Meaning::Missing(file) if empty.contains(&file) => {
                        notes.insert(sentence(done, warning));
                    }
                    Meaning::Whole => {
                        notes.insert(sentence(done, warning));
                    }
                    Meaning::Missing(file) => {
                        let whole = warned::database(&file).and_then(|oid| databases.get(&oid));
                        missing.insert(LeftOut::file(file, whole.map(String::as_str)));
                    }
                    Meaning::Unknown => {
                        warnings.insert(sentence(done, warning));
                    }
                }
            }
            if done.warned.more > 0 {
                let more = done.warned.more;
                warnings.insert(format!("{} warned of more than can be told: {more} lines", done.whose));
            }
        }
        for text in notes {
            progress.event(Event::Note(text));
        }
        for text in warnings {
            let hint = "It ended well, but this may mean that something is not in the backup: see the server's log, and \
                        drill this backup.";
            self.warn(progress, text, Some(hint));
        }
        self.left_out.extend(missing);
    }
}

fn program(done: &Done) -> &str {
    done.whose.split(' ').next().unwrap_or_default()
}

fn sentence(done: &Done, warning: &Warning) -> String {
    format!("{} warned: {}", done.whose, warned::shortened(&warning.text))
}

impl Job<'_> {
    /// Says what is left out. What no backup of this kind could hold is told; what
    /// this one should hold is a warning. A physical one has the files of a database
    /// that its role may not enter: that is told with the statement that ends it.
    pub(super) fn tell(&self, ready: &mut Ready) {
        for l in &ready.left_out {
            if l.part == Part::Facts && l.why == Why::NotAllowed {
                self.progress.event(Event::Note(format!(
                    "{}. Its drills will be inconclusive until a superuser runs: GRANT CONNECT ON DATABASE {} TO {}",
                    l.text(),
                    quote_ident(&l.database),
                    quote_ident(&ready.server.role)
                )));
            } else if l.why.is_by_design() {
                self.progress.event(Event::Note(l.text()));
            } else {
                self.progress.event(Event::Warning { text: l.text(), hint: l.next_step().map(str::to_owned) });
                ready.warnings.push(l.text());
            }
        }
    }
}
