//! A stream before it starts: the child to run and the tap that watches it.

use super::facts::ObjectName;
use super::tap::Tap;
use crate::process::Tool;

/// What a stream holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamRole {
    /// SQL of roles and tablespaces.
    Globals,
    /// Pre-data and post-data of a database.
    Schema,
    /// Rows of some or all tables of a database.
    Data,
    /// A base backup.
    Base,
}

/// One child whose standard output is to be sealed.
#[derive(Debug)]
pub struct DumpStream {
    /// What it holds.
    pub role: StreamRole,
    /// Database; `None` for globals and base backups.
    pub database: Option<String>,
    /// The child, with its whole environment; stdout is piped.
    pub tool: Tool,
    /// Must see every byte, and must be finished.
    pub tap: Box<dyn Tap>,
    /// Tables that are expected in it, as planned; what it held is what the tap says.
    pub tables: Vec<ObjectName>,
}
