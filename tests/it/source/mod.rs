//! Sources against a real server: connections, snapshots, streams.

mod base;
mod connect;
mod dump;
mod libpq;
mod odd;
mod pinned;
mod rude;
mod standby;
mod tapped;
mod tls;

use crate::support::pg;
