//! The isolation probes against real servers: each passes on a sealed one, each
//! fails on one that was started without any sealing, and each that cannot look
//! says so.

mod blind;
mod sealed;
mod unsealed;

use crate::scratch::support;
