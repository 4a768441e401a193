//! Typed access to the layers. Whatever is asked for becomes a known key; what
//! the file holds beyond that is an error when a section is finished.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::inputs::Inputs;
use super::origin::{Explained, Origin, nearest, refused};
use crate::error::{Code, Error, Result, Stage};
use crate::types::shown;

/// All layers of one configuration.
pub struct Layers<'a> {
    inputs: &'a Inputs,
    file: Option<(&'a Path, &'a str)>,
    explained: RefCell<Vec<Explained>>,
    variables: RefCell<Vec<String>>,
}

/// A scalar of any layer.
enum Scalar<'a> {
    /// From a flag or a variable: text that is still to be read.
    Text(&'a str),
    /// From the file.
    Toml(&'a DeValue<'a>),
}

impl<'a> Layers<'a> {
    /// Layers over the text of the file.
    pub fn new(inputs: &'a Inputs, file: Option<(&'a Path, &'a str)>) -> Self {
        Self { inputs, file, explained: RefCell::default(), variables: RefCell::default() }
    }

    /// Explained values in the order in which they were asked for.
    pub fn explained(self) -> Vec<Explained> {
        self.explained.into_inner()
    }

    /// An error of the TOML parser, with its line.
    pub fn syntax(&self, error: &toml::de::Error) -> Error {
        let place = match error.span() {
            Some(span) => self.origin(span.start),
            None => self.origin(0),
        };
        // The parser's message describes the grammar, it does not repeat values.
        refused(&place, format!("not valid TOML: {}", error.message()))
    }

    /// The top of the file.
    pub fn top(&'a self, table: Option<&'a DeTable<'a>>) -> Section<'a> {
        Section { layers: self, table, path: String::new(), known: RefCell::default(), overridable: true }
    }

    /// `PGSEAL_*` variables that are nearly one of ours are typos.
    pub fn check_variables(&self) -> Result<()> {
        let known = self.variables.borrow();
        for name in self.inputs.env.keys().filter(|n| n.starts_with("PGSEAL_") && !known.contains(n)) {
            if let Some(near) = known.iter().find(|k| strsim::osa_distance(k, name) <= 2) {
                return Err(Error::new(Code::Usage, Stage::Config, "there is no such variable")
                    .on(name.clone())
                    .hint(format!("Did you mean {near}?")));
            }
        }
        Ok(())
    }

    fn origin(&self, offset: usize) -> Origin {
        match self.file {
            Some((path, text)) => {
                let before = text.get(..offset.min(text.len())).unwrap_or(text);
                Origin::File { path: path.to_owned(), line: 1 + before.bytes().filter(|b| *b == b'\n').count() }
            }
            None => Origin::Default,
        }
    }
}

/// One table, through all layers.
pub struct Section<'a> {
    layers: &'a Layers<'a>,
    table: Option<&'a DeTable<'a>>,
    path: String,
    known: RefCell<Vec<&'static str>>,
    overridable: bool,
}

impl<'a> Section<'a> {
    /// `a.b` for key `b` of section `a`.
    pub fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn in_file(&self, key: &str) -> Option<(Origin, &'a Spanned<DeValue<'a>>)> {
        let (name, value) = self.table?.iter().find(|(k, _)| k.get_ref() == key)?;
        Some((self.layers.origin(name.span().start), value))
    }

    /// A table below this one.
    pub fn sub(&self, key: &'static str) -> Result<Section<'a>> {
        self.known.borrow_mut().push(key);
        let table = match self.in_file(key) {
            None => None,
            Some((origin, value)) => Some(self.table_of(key, &origin, value)?),
        };
        Ok(Section { table, ..self.child(self.path_of(key), self.overridable) })
    }

    /// Whether the file has this table or value.
    pub fn has(&self, key: &str) -> bool {
        self.in_file(key).is_some()
    }

    /// The tables of a table whose keys the operator chooses: `[source.*]`.
    pub fn named(&self, key: &'static str) -> Result<Vec<(String, Origin, Section<'a>)>> {
        self.known.borrow_mut().push(key);
        let Some((origin, value)) = self.in_file(key) else { return Ok(Vec::new()) };
        let table = self.table_of(key, &origin, value)?;
        let mut out = Vec::new();
        for (name, value) in table {
            let origin = self.layers.origin(name.span().start);
            let path = format!("{}.{}", self.path_of(key), name.get_ref());
            let table = value.get_ref().as_table().ok_or_else(|| {
                refused(&origin, format!("{} is not a table", shown(&path))).hint("Write it as a [section].")
            })?;
            out.push((name.get_ref().to_string(), origin, Section { table: Some(table), ..self.child(path, false) }));
        }
        Ok(out)
    }

    /// The tables of an array: `[[…sql]]`.
    pub fn array(&self, key: &'static str) -> Result<Vec<(Origin, Section<'a>)>> {
        self.known.borrow_mut().push(key);
        let Some((origin, value)) = self.in_file(key) else { return Ok(Vec::new()) };
        let wrong = || {
            refused(&origin, format!("{} is not an array of tables", self.path_of(key)))
                .hint(format!("Write each as [[{}]].", self.path_of(key)))
        };
        let array = value.get_ref().as_array().ok_or_else(wrong)?;
        let mut out = Vec::new();
        for (n, item) in array.iter().enumerate() {
            let origin = self.layers.origin(item.span().start);
            let table = item.get_ref().as_table().ok_or_else(wrong)?;
            let path = format!("{}[{n}]", self.path_of(key));
            out.push((origin, Section { table: Some(table), ..self.child(path, false) }));
        }
        Ok(out)
    }

    fn child(&self, path: String, overridable: bool) -> Section<'a> {
        Section { layers: self.layers, table: None, path, known: RefCell::default(), overridable }
    }

    fn table_of(&self, key: &str, origin: &Origin, value: &'a Spanned<DeValue<'a>>) -> Result<&'a DeTable<'a>> {
        value.get_ref().as_table().ok_or_else(|| {
            refused(origin, format!("{} is not a table", self.path_of(key)))
                .hint(format!("Write it as [{}].", self.path_of(key)))
        })
    }

    /// Looks through the layers; makes `key` known.
    fn scalar(&self, key: &'static str) -> Result<Option<(Origin, Scalar<'a>)>> {
        self.known.borrow_mut().push(key);
        let path = self.path_of(key);
        let inputs = self.layers.inputs;
        if let Some(o) = inputs.overrides.iter().rev().find(|o| o.key == path) {
            return Ok(Some((Origin::Flag(o.flag), Scalar::Text(&o.value))));
        }
        if self.overridable {
            let name = format!("PGSEAL_{}", path.replace('.', "_").to_ascii_uppercase());
            self.layers.variables.borrow_mut().push(name.clone());
            if let Some(value) = inputs.env.get(&name) {
                let origin = Origin::Variable(name);
                if value.is_empty() {
                    return Err(refused(&origin, "the variable is set but empty").hint("Unset it, or give it a value."));
                }
                return Ok(Some((origin, Scalar::Text(value))));
            }
        }
        Ok(self.in_file(key).map(|(origin, value)| (origin, Scalar::Toml(value.get_ref()))))
    }

    /// Reads a value: `read` gets its text and kind; the error is placed.
    fn typed<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(Scalar<'a>, &Origin) -> Result<(T, String), String>,
    ) -> Result<Option<T>> {
        let Some((origin, scalar)) = self.scalar(key)? else { return Ok(None) };
        let (value, text) =
            read(scalar, &origin).map_err(|e| refused(&origin, format!("{}: {e}", self.path_of(key))))?;
        self.explain(key, text, origin);
        Ok(Some(value))
    }

    /// Notes what `key` is and why.
    pub fn explain(&self, key: &str, value: impl Into<String>, origin: Origin) {
        self.layers.explained.borrow_mut().push((self.path_of(key), value.into(), origin));
    }

    /// Text, checked by `check`, which gives the value.
    pub fn text<T>(&self, key: &'static str, check: impl FnOnce(&str) -> Result<T, String>) -> Result<Option<T>> {
        self.typed(key, |scalar, _| {
            let text = text_of(&scalar)?;
            Ok((check(text)?, shown(text).into_owned()))
        })
    }

    /// Text, or `default`, which is explained as such.
    pub fn text_or<T>(&self, key: &'static str, default: &str, check: impl Fn(&str) -> Result<T, String>) -> Result<T> {
        if let Some(value) = self.text(key, &check)? {
            Ok(value)
        } else {
            let value = check(default).map_err(Error::internal)?;
            self.explain(key, default, Origin::Default);
            Ok(value)
        }
    }

    /// A whole number within bounds, or text that `check` turns into one (sizes).
    pub fn number_or(
        &self,
        key: &'static str,
        bounds: std::ops::RangeInclusive<u64>,
        default: u64,
        check: impl FnOnce(&str) -> Result<u64, String>,
    ) -> Result<u64> {
        let found = self.number(key, bounds, check)?;
        Ok(found.unwrap_or_else(|| {
            self.explain(key, default.to_string(), Origin::Default);
            default
        }))
    }

    /// Like [`Self::number_or`], without a default.
    pub fn number(
        &self,
        key: &'static str,
        bounds: std::ops::RangeInclusive<u64>,
        check: impl FnOnce(&str) -> Result<u64, String>,
    ) -> Result<Option<u64>> {
        self.typed(key, |scalar, _| {
            let (number, text) = match scalar {
                Scalar::Toml(DeValue::Integer(i)) => {
                    let n = u64::from_str_radix(&i.as_str().replace('_', ""), i.radix())
                        .map_err(|_| "not a whole number of this size".to_owned())?;
                    (n, n.to_string())
                }
                other => {
                    let text = text_of(&other).map_err(|_| "a whole number is expected here".to_owned())?;
                    (check(text)?, text.to_owned())
                }
            };
            if bounds.contains(&number) {
                Ok((number, text))
            } else {
                Err(format!("{text} is not within {} and {}", bounds.start(), bounds.end()))
            }
        })
    }

    /// `true` or `false`.
    pub fn flag_or(&self, key: &'static str, default: bool) -> Result<bool> {
        let found = self.typed(key, |scalar, _| {
            let value = match scalar {
                Scalar::Toml(DeValue::Boolean(b)) => *b,
                Scalar::Text("true") => true,
                Scalar::Text("false") => false,
                _ => return Err("true or false is expected here".into()),
            };
            Ok((value, value.to_string()))
        })?;
        Ok(found.unwrap_or_else(|| {
            self.explain(key, default.to_string(), Origin::Default);
            default
        }))
    }

    /// A path; a relative one is meant from the file's directory, or from the
    /// working directory when a flag or variable gave it. `~` is not expanded:
    /// it would mean another place under cron.
    pub fn path(&self, key: &'static str) -> Result<Option<PathBuf>> {
        self.typed(key, |scalar, origin| {
            let path = self.place(text_of(&scalar)?, origin)?;
            let text = shown(&path.display().to_string()).into_owned();
            Ok((path, text))
        })
    }

    /// A list of paths, each as [`Self::path`].
    pub fn paths(&self, key: &'static str) -> Result<Option<Vec<PathBuf>>> {
        self.typed(key, |scalar, origin| {
            let paths: Vec<PathBuf> =
                texts_of(&scalar)?.iter().map(|t| self.place(t, origin)).collect::<Result<_, _>>()?;
            let text: Vec<_> = paths.iter().map(|p| shown(&p.display().to_string()).into_owned()).collect();
            Ok((paths, text.join(", ")))
        })
    }

    fn place(&self, text: &str, origin: &Origin) -> Result<PathBuf, String> {
        if text.is_empty() || text.contains('\0') {
            return Err("a path is expected here".into());
        }
        if text == "~" || text.starts_with("~/") {
            return Err("~ is not expanded; write the whole path".into());
        }
        let base = match origin {
            Origin::File { path, .. } => path.parent().unwrap_or(Path::new("/")),
            _ => &self.layers.inputs.cwd,
        };
        Ok(base.join(text))
    }

    /// A list of texts; from a flag or variable separated by commas or blanks.
    pub fn list(&self, key: &'static str) -> Result<Option<Vec<String>>> {
        self.typed(key, |scalar, _| {
            let items = texts_of(&scalar)?;
            let text = items.iter().map(|i| hide_secret(i)).collect::<Vec<_>>().join(", ");
            Ok((items, text))
        })
    }

    /// Whatever the file has, for values of several types.
    pub fn any<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(&DeValue<'a>) -> Result<(T, String), String>,
    ) -> Result<Option<T>> {
        self.typed(key, |scalar, _| match scalar {
            Scalar::Toml(value) => read(value),
            Scalar::Text(text) => Err(format!("cannot be given as {:?}", shown(text))),
        })
    }

    /// An error at this section's `key`.
    pub fn wrong(&self, key: &str, message: &str) -> Error {
        let origin = self.in_file(key).map_or_else(|| self.layers.origin(0), |(o, _)| o);
        refused(&origin, format!("{}: {message}", self.path_of(key)))
    }

    /// Refuses keys that nobody asked for.
    pub fn finish(&self) -> Result<()> {
        let known = self.known.borrow();
        for (name, _) in self.table.into_iter().flatten() {
            let name_text: &str = name.get_ref();
            if !known.contains(&name_text) {
                let e = refused(
                    &self.layers.origin(name.span().start),
                    format!("unknown key {}", shown(&self.path_of(name_text))),
                );
                return Err(match nearest(name_text, known.iter().copied()) {
                    Some(near) => e.hint(format!("Did you mean {near:?}?")),
                    None => e.hint(format!("Known here: {}.", known.join(", "))),
                });
            }
        }
        Ok(())
    }
}

fn text_of<'a>(scalar: &Scalar<'a>) -> Result<&'a str, String> {
    match scalar {
        Scalar::Text(text) => Ok(text),
        Scalar::Toml(value) => value.as_str().ok_or_else(|| "text in quotes is expected here".to_owned()),
    }
}

fn texts_of(scalar: &Scalar<'_>) -> Result<Vec<String>, String> {
    let wrong = "a list of texts is expected here";
    match scalar {
        Scalar::Text(text) => {
            Ok(text.split([',', ' ', '\t', '\n']).filter(|w| !w.is_empty()).map(str::to_owned).collect())
        }
        Scalar::Toml(DeValue::Array(array)) => {
            let texts = array.iter().map(|i| i.get_ref().as_str().map(str::to_owned));
            texts.collect::<Option<_>>().ok_or_else(|| wrong.to_owned())
        }
        Scalar::Toml(_) => Err(wrong.into()),
    }
}

/// A secret key in the wrong place is refused later; it must not be shown either.
fn hide_secret(text: &str) -> String {
    if text.to_ascii_uppercase().contains("SECRET-KEY") { "****".into() } else { shown(text).into_owned() }
}
