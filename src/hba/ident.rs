//! User name maps: pg_ident.conf.

use std::collections::BTreeMap;

use super::expand::{Item, Line, expand};
use super::files::Files;
use super::fit::{self, Fit};
use super::lines::Token;
use super::parse::{LineError, Unresolved};
use super::pattern::Pattern;
use super::words::quoted;
use super::world::{Groups, World};

/// The name by which the outside knows somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SystemUser {
    /// This name.
    Name(String),
    /// `/…`
    Regex(Pattern),
}

/// The role that it may become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseUser {
    /// This role.
    Name(String),
    /// A name with `\1`: what the system name's pattern found is put in.
    Captured(String),
    /// `all`, since 16: any role.
    All,
    /// `+…`, since 16: members of a role.
    Group(String),
    /// `/…`, since 16.
    Regex(Pattern),
}

/// One line of a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentLine {
    /// The file it stands in.
    pub file: String,
    /// Its first line there, from 1.
    pub line: u32,
    /// Who one is outside.
    pub system: SystemUser,
    /// Whom one may become.
    pub database: DatabaseUser,
}

/// A pg_ident.conf, read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IdentMaps {
    /// Lines by the name of their map, in order.
    pub maps: BTreeMap<String, Vec<IdentLine>>,
    /// Lines that the server would refuse; then it loads nothing of the file.
    pub errors: Vec<LineError>,
    /// What was not captured.
    pub unresolved: Vec<Unresolved>,
}

/// Roles that a map can give.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reach {
    /// Roles that can log in and that some line surely gives, in order: places in `World::roles`.
    pub surely: Vec<usize>,
    /// Roles of which that is not known here.
    pub maybe: Vec<usize>,
}

impl IdentLine {
    /// Any system user becomes this: a pattern that fits everybody, and a role that does not depend on it.
    pub fn gives_everybody(&self) -> bool {
        matches!(&self.system, SystemUser::Regex(p) if p.is_catch_all())
            && !matches!(self.database, DatabaseUser::Captured(_))
    }

    /// The line on one line, as it could stand in the file. Whoever shows it escapes it.
    pub fn text(&self, map: &str) -> String {
        let pattern = |p: &Pattern| quoted(&format!("/{}", p.source()), &[], &[]);
        let system = match &self.system {
            SystemUser::Name(name) => quoted(name, &[], &['@', '/']),
            SystemUser::Regex(p) => pattern(p),
        };
        let database = match &self.database {
            DatabaseUser::Name(name) => quoted(name, &["all"], &['@', '/', '+']),
            DatabaseUser::Captured(name) => quoted(name, &[], &['@', '/', '+']),
            DatabaseUser::All => "all".into(),
            DatabaseUser::Group(name) => format!("+{}", quoted(name, &[], &[])),
            DatabaseUser::Regex(p) => pattern(p),
        };
        format!("{} {system} {database}", quoted(map, &[], &['@']))
    }

    /// Whether somebody may become this role by it.
    fn gives(&self, role: usize, name: &str, groups: &Groups) -> Fit {
        match &self.database {
            DatabaseUser::All => Fit::Yes,
            DatabaseUser::Name(written) => fit::name(written, name),
            DatabaseUser::Group(group) if groups.is_member(role, group) => Fit::Yes,
            DatabaseUser::Group(group) => {
                if fit::is_lossy(group) {
                    Fit::Maybe
                } else {
                    Fit::No
                }
            }
            DatabaseUser::Regex(p) => p.fits(name).into(),
            // What the pattern finds is not known, what stands around it is.
            DatabaseUser::Captured(form) => {
                let (before, behind) = form.split_once("\\1").unwrap_or((form, ""));
                let fits =
                    name.len() >= before.len() + behind.len() && name.starts_with(before) && name.ends_with(behind);
                if fits { Fit::Maybe } else { Fit::No }
            }
        }
    }
}

impl IdentMaps {
    /// Whether the server would load this. If not, it runs on with what it had, or with no maps.
    pub fn loadable(&self) -> bool {
        self.errors.is_empty()
    }

    /// Whether everything that it names was captured.
    pub fn is_complete(&self) -> bool {
        self.unresolved.is_empty()
    }

    /// The lines of a map; none where there is no such map, and then nobody enters by it.
    pub fn lines(&self, name: &str) -> &[IdentLine] {
        self.maps.get(name).map_or(&[], Vec::as_slice)
    }

    /// The roles that can log in and that the map `name` can give to somebody.
    pub fn roles_of(&self, name: &str, world: &World<'_>) -> Reach {
        let groups = Groups::of(world);
        let mut reach = Reach::default();
        for (at, role) in world.roles.iter().enumerate().filter(|(_, r)| r.login) {
            let fits = self.lines(name).iter().map(|line| line.gives(at, &role.name, &groups)).max();
            match fits {
                Some(Fit::Yes) => reach.surely.push(at),
                Some(Fit::Maybe) => reach.maybe.push(at),
                Some(Fit::No) | None => {}
            }
        }
        reach
    }
}

/// Reads a pg_ident.conf as the server of this major version does. Never
/// fails: what is wrong is in the result.
pub fn parse_ident(files: &Files, major: u32) -> IdentMaps {
    let mut all = IdentMaps::default();
    for item in expand(files, major) {
        let line = match item {
            Item::Line(line) => line,
            Item::Missing { file, number, path, reason } => {
                all.unresolved.push(Unresolved { file, line: number, path, reason, before: None });
                continue;
            }
        };
        if let Some(token) = line.fields.iter().flatten().find(|t| t.missing) {
            let (file, path) = (line.file.clone(), token.text.clone());
            let reason = "it was not captured".into();
            all.unresolved.push(Unresolved { file, line: line.number, path, reason, before: None });
            continue;
        }
        match line_of(&line, major) {
            Ok((map, read)) => all.maps.entry(map).or_default().push(read),
            Err(message) => all.errors.push(LineError { file: line.file, line: line.number, message }),
        }
    }
    all
}

fn line_of(line: &Line, major: u32) -> Result<(String, IdentLine), String> {
    if let Some(error) = &line.error {
        return Err(error.clone());
    }
    let mut fields = line.fields.iter().map(Vec::as_slice);
    let mut single = || match fields.next() {
        Some([token]) => Ok(token),
        Some(_) => Err("a field has several values"),
        None => Err("the line ends too early"),
    };
    let (map, system, database) = (single()?, single()?, single()?);
    let pattern = |token: &Token| {
        let Some(source) = token.text.strip_prefix('/') else { return Ok(None) };
        let pattern = Pattern::new(source);
        if pattern.is_broken() { Err("a regular expression is malformed") } else { Ok(Some(pattern)) }
    };
    let text = database.text.as_str();
    let new = major >= 16;
    let group = text.strip_prefix('+').filter(|_| new && !database.quoted);
    let system = pattern(system)?.map_or_else(|| SystemUser::Name(system.text.clone()), SystemUser::Regex);
    let database =
        if let (true, Some(pattern)) = (new, pattern(database).or_else(|e| if new { Err(e) } else { Ok(None) })?) {
            DatabaseUser::Regex(pattern)
        } else if let Some(group) = group {
            DatabaseUser::Group(group.to_owned())
        } else if text == "all" && new && !database.quoted {
            DatabaseUser::All
        } else if text.contains("\\1") && matches!(system, SystemUser::Regex(_)) {
            DatabaseUser::Captured(text.to_owned())
        } else {
            DatabaseUser::Name(text.to_owned())
        };
    let read = IdentLine { file: line.file.clone(), line: line.number, system, database };
    Ok((map.text.clone(), read))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hba::RoleInfo;

    fn texts(text: &str, major: u32) -> Vec<String> {
        let maps = parse_ident(&Files::of_text("i", text), major);
        assert!(maps.loadable(), "{:?}", maps.errors);
        maps.maps.iter().flat_map(|(m, lines)| lines.iter().map(|l| l.text(m))).collect()
    }

    #[test]
    fn words_mean_more_since_16() {
        let text = "m /^(.*)@x$ \\1\nm a all\nm a \"all\"\nm a +g\nm a /^b$\nn \\1 \\1\n";
        let read = |major| {
            parse_ident(&Files::of_text("i", text), major).maps["m"]
                .iter()
                .map(|l| l.database.clone())
                .collect::<Vec<_>>()
        };
        let name = |n: &str| DatabaseUser::Name(n.into());
        let captured = DatabaseUser::Captured("\\1".into());
        assert_eq!(read(15), [captured.clone(), name("all"), name("all"), name("+g"), name("/^b$")]);
        let regex = DatabaseUser::Regex(Pattern::new("^b$"));
        assert_eq!(read(16), [captured, DatabaseUser::All, name("all"), DatabaseUser::Group("g".into()), regex]);
        // Without a pattern nothing is put in.
        assert_eq!(parse_ident(&Files::of_text("i", text), 16).maps["n"][0].database, name("\\1"));
        assert_eq!(texts("m a \"all\"\n", 16), ["m a \"all\""]);
    }

    #[test]
    fn bad_lines_are_told() {
        let maps = parse_ident(&Files::of_text("i", "m a\nm a,b c\nm /( c\nok a b\n"), 15);
        assert_eq!(maps.errors.iter().map(|e| e.line).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(!maps.loadable());
    }

    #[test]
    fn what_a_map_gives_is_told() {
        let role = |name: &str, login| RoleInfo { name: name.into(), login, ..RoleInfo::default() };
        let roles = [role("postgres", true), role("app_a", true), role("g", false), role("app_b", true)];
        let memberships = [crate::hba::Membership { member: 3, group: 2 }];
        let world =
            World { roles: &roles, memberships: &memberships, databases: &[], ssl: false, gss: None, major: 16 };
        let reach = |text: &str| {
            let reach = parse_ident(&Files::of_text("i", text), 16).roles_of("m", &world);
            (reach.surely, reach.maybe)
        };
        assert_eq!(reach("m root postgres\nother root app_a\n"), (vec![0], vec![]));
        assert_eq!(reach("m /^(.*)@x$ app_\\1\n"), (vec![], vec![1, 3]));
        assert_eq!(reach("m x +g\n"), (vec![3], vec![]));
        assert_eq!(reach("m x all\n"), (vec![0, 1, 3], vec![]));
        assert_eq!(reach("m x /^app_\n"), (vec![1, 3], vec![]));
        assert_eq!(reach("m x /[a]\n"), (vec![], vec![0, 1, 3]));
        let everybody = |text: &str| parse_ident(&Files::of_text("i", text), 16).lines("m")[0].gives_everybody();
        assert!(everybody("m /^.*$ postgres"));
        assert!(!everybody("m /^(.*)$ \\1"));
        assert!(!everybody("m /^(.*)@x$ postgres"));
    }
}
