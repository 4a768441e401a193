//! From files to rules.

use super::address::{self, Prefix};
use super::expand::{Item, Line, expand};
use super::files::Files;
use super::lines::Token;
use super::options::{Context, check, is_secret};
use super::pattern::Pattern;
use super::rule::{Method, Rule, SECRET};
use super::words::{Address, ConnType, DbToken, UserToken};

/// A line that the server would refuse, or that is beyond a limit.
///
/// The message is in our words, and holds no option's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineError {
    /// The file.
    pub file: String,
    /// Its line, from 1; 0 where it is about the file as a whole.
    pub line: u32,
    /// What is wrong.
    pub message: String,
}

/// Something that was needed and not captured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unresolved {
    /// The file that names it.
    pub file: String,
    /// The line there; 0 for the main file itself.
    pub line: u32,
    /// The path that is missing.
    pub path: String,
    /// Why.
    pub reason: String,
    /// How many rules stand before it. Rules after it are contested. `None`
    /// where it is one word of a rule that is there.
    pub before: Option<usize>,
}

/// A pg_hba.conf, read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// The lines that are rules, in the order they are asked.
    pub rules: Vec<Rule>,
    /// The lines that are none. One of them is enough: the server then loads nothing of the file.
    pub errors: Vec<LineError>,
    /// What was not captured.
    pub unresolved: Vec<Unresolved>,
}

impl Config {
    /// Whether the server would load this. If not, it runs on with what it had, or does not start.
    pub fn loadable(&self) -> bool {
        self.errors.is_empty() && (!self.rules.is_empty() || !self.unresolved.is_empty())
    }

    /// How many rules stand before the first file that was not captured; what comes after is contested.
    pub(super) fn first_gap(&self) -> Option<usize> {
        self.unresolved.iter().filter_map(|u| u.before).min()
    }

    /// Whether everything that it names was captured.
    pub fn is_complete(&self) -> bool {
        self.unresolved.is_empty()
    }
}

/// Reads a pg_hba.conf as the server of this major version does. Never fails:
/// what is wrong is in the result.
pub fn parse(files: &Files, major: u32) -> Config {
    let mut config = Config::default();
    for item in expand(files, major) {
        let before = config.rules.len();
        match item {
            Item::Missing { file, number, path, reason } => {
                config.unresolved.push(Unresolved { file, line: number, path, reason, before: Some(before) });
            }
            Item::Line(line) => match rule_of(&line, major) {
                Ok(mut rule) => {
                    rule.number = before + 1;
                    for token in line.fields.iter().flatten().filter(|t| t.missing) {
                        config.unresolved.push(missing(&line, &token.text, None));
                    }
                    config.rules.push(rule);
                }
                Err(NoRule::Missing(path)) => config.unresolved.push(missing(&line, &path, Some(before))),
                Err(NoRule::Wrong(message)) => {
                    config.errors.push(LineError { file: line.file, line: line.number, message });
                }
            },
        }
    }
    if config.rules.is_empty() && config.errors.is_empty() && config.unresolved.is_empty() {
        config.errors.push(LineError { file: files.main().into(), line: 0, message: "there is no rule".into() });
    }
    config
}

fn missing(line: &Line, path: &str, before: Option<usize>) -> Unresolved {
    Unresolved {
        file: line.file.clone(),
        line: line.number,
        path: path.to_owned(),
        reason: "it was not captured".into(),
        before,
    }
}

/// Why a line is no rule.
enum NoRule {
    Wrong(String),
    /// It depends on a file that was not captured.
    Missing(String),
}

impl From<String> for NoRule {
    fn from(message: String) -> Self {
        Self::Wrong(message)
    }
}

impl From<&str> for NoRule {
    fn from(message: &str) -> Self {
        Self::Wrong(message.into())
    }
}

fn rule_of(line: &Line, major: u32) -> Result<Rule, NoRule> {
    if let Some(error) = &line.error {
        return Err(error.clone().into());
    }
    let mut fields = line.fields.iter().map(Vec::as_slice);
    let word = single(fields.next(), "the connection type")?;
    let conn = ConnType::read(&word.text).ok_or("the connection type is unknown")?;
    let databases = fields.next().ok_or("the line ends before the database")?;
    let databases = databases.iter().map(|t| database(t, major)).collect::<Result<Vec<_>, _>>()?;
    let users = fields.next().ok_or("the line ends before the user")?;
    let users = users.iter().map(|t| user(t, major)).collect::<Result<Vec<_>, _>>()?;
    let address = if conn == ConnType::Local { Address::None } else { address_of(&mut fields)? };
    let word = single(fields.next(), "the method")?;
    let mut method = Method::read(&word.text, major).ok_or("the method is unknown")?;
    if conn == ConnType::Local && method == Method::Ident {
        method = Method::Peer;
    }
    match method {
        Method::Gss if conn == ConnType::Local => return Err("gss is not for the socket".into()),
        Method::Peer if conn != ConnType::Local => return Err("peer is only for the socket".into()),
        Method::Cert if conn != ConnType::HostSsl => return Err("cert is only for hostssl".into()),
        _ => {}
    }
    let mut options = Vec::new();
    for token in fields.flatten().filter(|t| !t.missing) {
        let (name, value) = token.text.split_once('=').ok_or("an option is not of the form name=value")?;
        options.push((name.to_owned(), value.to_owned()));
    }
    check(&options, &Context { conn, method, major })?;
    for (name, value) in &mut options {
        if is_secret(name) {
            SECRET.clone_into(value);
        }
    }
    let file = line.file.clone();
    Ok(Rule { number: 0, file, line: line.number, transport: conn, databases, users, address, method, options })
}

/// The only word of a field.
fn single<'a>(field: Option<&'a [Token]>, what: &str) -> Result<&'a Token, NoRule> {
    match field {
        None => Err(format!("the line ends before {what}").into()),
        Some([token]) if token.missing => Err(NoRule::Missing(token.text.clone())),
        Some([token]) => Ok(token),
        Some(_) => Err(format!("{what} has several values").into()),
    }
}

fn pattern(token: &Token, major: u32) -> Result<Option<Pattern>, NoRule> {
    // Quotes do not take a pattern its meaning.
    let Some(source) = token.text.strip_prefix('/').filter(|_| major >= 16) else { return Ok(None) };
    let pattern = Pattern::new(source);
    if pattern.is_broken() { Err("a regular expression is malformed".into()) } else { Ok(Some(pattern)) }
}

fn database(token: &Token, major: u32) -> Result<DbToken, NoRule> {
    if token.missing {
        return Ok(DbToken::AtFile(token.text.clone()));
    }
    if let Some(pattern) = pattern(token, major)? {
        return Ok(DbToken::Regex(pattern));
    }
    Ok(match token.text.as_str() {
        "all" if !token.quoted => DbToken::All,
        "sameuser" if !token.quoted => DbToken::SameUser,
        "samerole" | "samegroup" if !token.quoted => DbToken::SameRole,
        "replication" if !token.quoted => DbToken::Replication,
        name => DbToken::Name(name.to_owned()),
    })
}

fn user(token: &Token, major: u32) -> Result<UserToken, NoRule> {
    if token.missing {
        return Ok(UserToken::AtFile(token.text.clone()));
    }
    if let Some(pattern) = pattern(token, major)? {
        return Ok(UserToken::Regex(pattern));
    }
    Ok(match (token.text.as_str(), token.text.strip_prefix('+')) {
        ("all", _) if !token.quoted => UserToken::All,
        (_, Some(group)) if !token.quoted => UserToken::Group(group.to_owned()),
        (name, _) => UserToken::Name(name.to_owned()),
    })
}

fn address_of<'a>(fields: &mut impl Iterator<Item = &'a [Token]>) -> Result<Address, NoRule> {
    let token = single(fields.next(), "the address")?;
    let text = token.text.as_str();
    match text {
        "all" if !token.quoted => return Ok(Address::All),
        "samehost" if !token.quoted => return Ok(Address::SameHost),
        "samenet" if !token.quoted => return Ok(Address::SameNet),
        _ => {}
    }
    let (host, length) = text.split_once('/').map_or((text, None), |(host, length)| (host, Some(length)));
    let Some(ip) = address::read(host) else {
        return match length {
            Some(_) => Err("a host name has a mask".into()),
            None if host.starts_with('.') => Ok(Address::Suffix(host.to_owned())),
            None => Ok(Address::Host(host.to_owned())),
        };
    };
    let network = |length| Prefix::new(ip, length).map(Address::Cidr);
    if let Some(length) = length {
        let length = address::read_length(length, ip.is_ipv6()).ok_or("the length of the mask is wrong")?;
        return network(length).ok_or_else(|| "the length of the mask is wrong".into());
    }
    let mask = single(fields.next(), "the mask")?;
    let mask = address::read(&mask.text).ok_or("the mask is no address")?;
    if mask.is_ipv6() != ip.is_ipv6() {
        return Err("address and mask are of different families".into());
    }
    Ok(address::mask_length(mask).and_then(network).unwrap_or(Address::Mask { address: ip, mask }))
}
