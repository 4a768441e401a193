//! One database, filled by pg_restore: pre-data, all data streams at once,
//! post-data with parallel index builds.
//!
//! A scratch copy takes nothing that the server refuses. Otherwise pg_restore
//! goes on, and what was refused is tried once more when the rest is there: rows
//! whose checks read other tables, statements that parallel runs brought into a
//! deadlock, materialized views that need the database's own `search_path`.

use std::collections::{BTreeMap, HashSet};

use futures_util::future::try_join_all;

use super::archive::{self, Archive, Contents};
use super::logical::{LogicalTarget, explain};
use super::lost::{self, Lost};
use super::refused::{self, Refused};
use super::{Opened, complaint, database, feed, needs, said, views};
use crate::error::{Code, Error, Result, Stage};
use crate::manifest::model::{Role, Stream};
use crate::process::{Exit, Stdin, Tool};
use crate::source::facts::{DatabaseFacts, ObjectName};
use crate::source::{ConnParams, Purpose};
use crate::types::Event;

/// A database that is being filled.
pub(super) struct Load<'a> {
    target: &'a LogicalTarget<'a>,
    opened: &'a Opened,
    facts: &'a DatabaseFacts,
    conn: ConnParams,
    superuser: bool,
    schema: Archive,
    /// The server lacks one: all lies in the database's own.
    no_tablespaces: bool,
}

/// What was restored of a database.
pub(super) struct Filled {
    pub bytes: u64,
    pub runs: u64,
    pub lost: Vec<Lost>,
}

/// What a data stream gave.
#[derive(Default)]
struct Read {
    tables: Vec<ObjectName>,
    bytes: u64,
    refused: Refused,
    /// The stream's table of contents, where it was read.
    contents: Contents,
}

impl<'a> Load<'a> {
    pub(super) async fn new(
        target: &'a LogicalTarget<'a>,
        opened: &'a Opened,
        facts: &'a DatabaseFacts,
        into: &database::Target,
        conn: ConnParams,
        superuser: bool,
    ) -> Result<Self> {
        let streams = opened.streams(Role::Schema, Some(&facts.name));
        let stream = streams.first().ok_or_else(|| {
            Error::new(Code::Corrupt, Stage::Restore, "the backup has no schema stream").on(facts.name.clone())
        })?;
        let mut schema = Archive::new(feed::into_memory(opened, stream, &target.progress).await?, &facts.encoding);
        if !target.tables.is_empty() {
            schema.choose(&target.tables, &target.progress)?;
        }
        if !(target.scratch || into.created() && superuser) {
            let there = database::there(&conn, into.created()).await?;
            for entry in schema.leave_out(&there)? {
                let text = format!("left out, because the target has it already: {entry}");
                target.progress.event(Event::Note(text));
            }
        }
        let mut no_tablespaces = target.scratch;
        if !target.scratch {
            let lacking = needs::lacking(&conn.connect("pgseal restore").await?, schema.tablespaces()?).await?;
            no_tablespaces = !lacking.is_empty();
            if no_tablespaces {
                target.progress.event(Event::Note(needs::without_tablespaces(&lacking)));
            }
        }
        Ok(Self { target, opened, facts, conn, superuser, schema, no_tablespaces })
    }

    /// Everything. What cannot be restored is an error, or a loss where that is wanted.
    pub(super) async fn fill(&mut self) -> Result<Filled> {
        let refused = self.section("pre-data", None, 1).await?;
        let refused = self.known(refused)?;
        let mut lost = self.settle(&refused)?;
        let opened = self.opened;
        let data = opened.streams(Role::Data, Some(&self.facts.name));
        let final_one = data.last().map(|s| s.reference.clone());
        let mut read =
            try_join_all(data.iter().map(|s| self.data(s, None, final_one.as_ref() == Some(&s.reference)))).await?;
        self.must_hold_what_was_chosen(&read)?;
        let mut runs = 2 + read.len() as u64;
        let (bytes, more) = self.rows_again(&data, &mut read).await?;
        runs += more;
        for r in &read {
            let encoding = &self.facts.encoding;
            let entry = |(id, why): &(i64, String)| r.contents.get(id).map(|e| Lost::entry(e, why, encoding));
            lost.extend(self.judged(r.refused.entries.iter().filter_map(entry).collect(), &r.refused)?);
        }

        let jobs = self.target.jobs.max(1);
        // Of a copy the event triggers come last.
        let triggers = if self.target.scratch { self.schema.event_triggers()? } else { None };
        let refused = self.section("post-data", triggers.as_ref().map(|t| t.0.as_slice()), jobs).await?;
        let mut refused = self.known(refused)?;
        if !refused.not_made().is_empty() && jobs > 1 {
            let text = "some statements were refused: once more, with one job".to_owned();
            self.target.progress.event(Event::Note(text));
            let again = self.section("post-data", Some(&refused.not_made()), 1).await?;
            let mut again = self.known(again)?;
            again.entries.extend(refused.entries.into_iter().filter(|e| refused.unowned.contains(&e.0)));
            again.unowned.append(&mut refused.unowned);
            refused = again;
            runs += 1;
        }
        if !self.target.scratch {
            let contents = self.schema.contents()?;
            let wanted = views::of(&refused, contents, &self.facts.encoding);
            let done = views::refresh(&self.conn, self.facts, wanted).await?;
            refused.entries.retain(|e| !done.contains(&e.0));
        }
        lost.extend(self.settle(&refused)?);
        if let Some((_, triggers)) = &triggers {
            let refused = self.section("post-data", Some(triggers), 1).await?;
            lost.extend(self.settle(&refused)?);
            runs += 1;
        }
        Ok(Filled { bytes, runs, lost })
    }

    /// The schema alone, without what fills materialized views (entries of kind `fills`).
    pub(super) async fn without_rows(&mut self, fills: &str) -> Result<()> {
        let (ids, triggers) = self.schema.all_but(fills)?;
        for (section, ids) in [("pre-data", &ids), ("post-data", &ids), ("post-data", &triggers)] {
            if !ids.is_empty() {
                let refused = self.section(section, Some(ids), 1).await?;
                self.settle(&refused)?;
            }
        }
        Ok(())
    }

    /// Without numbers that the archive does not have: a text of the database may
    /// look like one.
    fn known(&mut self, mut refused: Refused) -> Result<Refused> {
        if !self.target.scratch && !refused.entries.is_empty() {
            let contents = self.schema.contents()?;
            refused.entries.retain(|e| contents.contains_key(&e.0));
            if refused.entries.is_empty() {
                refused.others.push("the server refused something".to_owned());
            }
        }
        Ok(refused)
    }

    /// Streams of which something was refused once more, as long as that helps:
    /// rows whose checks read another table need that one first.
    async fn rows_again(&self, data: &[&Stream], read: &mut [Read]) -> Result<(u64, u64)> {
        let bytes = read.iter().map(|r| r.bytes).sum();
        let (mut runs, mut before) = (0, usize::MAX);
        loop {
            let open: usize = read.iter().map(|r| r.refused.entries.len()).sum();
            if open == 0 || open >= before {
                return Ok((bytes, runs));
            }
            before = open;
            let text = format!("rows of {open} tables were refused: once more, when the others are there");
            self.target.progress.event(Event::Note(text));
            for (stream, read) in data.iter().zip(read.iter_mut()).filter(|(_, r)| !r.refused.entries.is_empty()) {
                *read = self.data(stream, Some(&read.refused.ids()), false).await?;
                runs += 1;
            }
        }
    }

    fn must_hold_what_was_chosen(&self, read: &[Read]) -> Result<()> {
        let Some(selection) = self.schema.selection() else { return Ok(()) };
        let found: HashSet<&ObjectName> = read.iter().flat_map(|r| &r.tables).collect();
        let has_rows = |t: &&ObjectName| self.facts.tables.iter().any(|f| f.name == **t);
        match selection.rows.iter().filter(has_rows).find(|t| !found.contains(t)) {
            None => Ok(()),
            Some(lost) => {
                Err(Error::new(Code::Corrupt, Stage::Restore, "no stream holds the rows of the table")
                    .on(lost.quoted()))
            }
        }
    }

    /// Names what was refused of the schema.
    fn settle(&mut self, refused: &Refused) -> Result<Vec<Lost>> {
        if *refused == Refused::default() {
            return Ok(Vec::new());
        }
        let encoding = &self.facts.encoding;
        let (owners, superuser) = (self.target.owners, self.superuser);
        let contents = self.schema.contents()?;
        let (mut lost, mut left_out) = (Vec::new(), Vec::new());
        for (id, why) in &refused.entries {
            let Some(entry) = contents.get(id) else { continue };
            let unowned = refused.unowned.contains(id);
            let one = if unowned { Lost::owner(entry, why, encoding) } else { Lost::entry(entry, why, encoding) };
            if !owners && lost::is_left_out(&entry.desc, superuser) { left_out.push(one) } else { lost.push(one) }
        }
        let mut lost = self.judged(lost, refused)?;
        lost.splice(0..0, left_out);
        Ok(lost)
    }

    fn judged(&self, mut lost: Vec<Lost>, refused: &Refused) -> Result<Vec<Lost>> {
        lost.extend(refused.others.iter().map(|why| Lost { object: "pg_restore".into(), why: why.clone() }));
        match lost::fatal(&lost, self.target.keep_going) {
            Some(e) => Err(e),
            None => Ok(lost),
        }
    }

    /// pg_restore with what every section has in common. The database is named by
    /// environment: `-d` would read its name as a connection string.
    fn pg_restore(&self) -> Result<Tool> {
        let t = self.target;
        let mut tool = t
            .bin
            .tool("pg_restore")?
            .under(t.under.clone())
            .envs(self.conn.child_env(t.private, Purpose::Load)?)
            .args(["--no-password", "--dbname="])
            .keep_stderr(refused::KEPT);
        if t.scratch {
            tool = tool.args(["--no-subscriptions", "--no-publications"]);
        }
        if self.no_tablespaces {
            tool = tool.arg("--no-tablespaces");
        }
        if !t.owners {
            tool = tool.args(["--no-owner", "--no-privileges"]);
        }
        Ok(tool)
    }

    /// One section of the schema stream, or some of its entries.
    async fn section(&self, section: &str, only: Option<&[i64]>, jobs: usize) -> Result<Refused> {
        // Of parallel index builds in a scratch copy a deadlock is no fault: they are tried once more.
        let strict = self.target.scratch && jobs == 1;
        let mut tool = self.pg_restore()?.arg(format!("--section={section}")).input(self.schema.file());
        // The numbers of entries are told to those who ask for more words.
        tool = tool.arg(if strict { "--exit-on-error" } else { "--verbose" });
        if jobs > 1 {
            tool = tool.arg(format!("--jobs={jobs}"));
        }
        let list = match only {
            Some(ids) => Some(archive::use_list(self.target.private, ids)?),
            None => self.schema.ids().map(|ids| archive::use_list(self.target.private, ids)).transpose()?,
        };
        if let Some(list) = &list {
            tool = tool.arg("--use-list").arg(list.as_os_str());
        }
        self.conn.answers().await?;
        let exit = tool.arg("/proc/self/fd/0").spawn().await?.wait().await?;
        self.ended(exit, strict)
    }

    /// One data stream: all of it, what was chosen, or `only` these entries. Of a
    /// selection the sequences come where the flag is set.
    async fn data(&self, stream: &Stream, only: Option<&[i64]>, with_sequences: bool) -> Result<Read> {
        let mut read = Read::default();
        let strict = self.target.scratch;
        let mut tool = self.pg_restore()?.arg("--section=data").stdin(Stdin::Piped);
        // The numbers of entries are told to those who ask for more words.
        tool = tool.arg(if strict { "--exit-on-error" } else { "--verbose" });
        let selection = self.schema.selection();
        let held = self.opened.facts.streams.get(&stream.reference).map(|f| f.tables.as_slice()).unwrap_or_default();
        if let Some(selection) = selection
            && !(with_sequences && selection.has_sequences())
            && !held.iter().any(|t| selection.rows.contains(t))
        {
            return Ok(read);
        }
        let mut begun = feed::Begun::new(self.opened, stream, &self.target.progress)?;
        let mut list = None;
        if selection.is_some() || only.is_some() {
            let contents = begun.contents().await?;
            let ids = match (only, selection) {
                (Some(ids), _) => ids.iter().copied().filter(|id| contents.iter().any(|e| e.id == *id)).collect(),
                (None, Some(selection)) => {
                    let (ids, tables) = selection.of_data(&contents, &self.facts.encoding);
                    read.tables = tables;
                    ids
                }
                (None, None) => Vec::new(),
            };
            if ids.is_empty() {
                return Ok(read);
            }
            read.contents = contents.into_iter().map(|e| (e.id, e)).collect::<BTreeMap<_, _>>();
            tool = tool.arg("--use-list").arg(list.insert(archive::use_list(self.target.private, &ids)?).as_os_str());
        }
        self.conn.answers().await?;
        let mut child = tool.spawn().await?;
        let stdin = child.take_stdin().ok_or_else(|| Error::internal("the child has no input"))?;
        feed::into_child(begun, stdin).await?;
        read.refused = self.ended(child.wait().await?, strict)?;
        read.bytes = stream.plain_bytes;
        Ok(read)
    }

    /// What pg_restore says goes to the operator's terminal, but never into a
    /// drill's report: it quotes rows.
    fn ended(&self, exit: Exit, strict: bool) -> Result<Refused> {
        if !self.target.scratch {
            said::tell(&exit.stderr().warnings(), &self.target.progress);
        }
        let refused = match exit.code() {
            Some(0) => return Ok(Refused::default()),
            Some(1) if !strict => Refused::read(&exit.stderr().text()),
            _ => None,
        };
        if !self.target.scratch {
            return match refused {
                Some(refused) => Ok(refused),
                None => exit.success(Code::RestoreFailed, Stage::Restore).map_err(explain).map(|_| Refused::default()),
            };
        }
        if let Some(refused) = refused.filter(Refused::is_deadlock) {
            return Ok(refused);
        }
        self.target.said.keep(&exit);
        complaint::ended(exit).map(|()| Refused::default())
    }
}
