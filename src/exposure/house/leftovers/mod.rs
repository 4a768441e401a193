//! What drills and people left behind on this host.
//!
//! | file | check |
//! |---|---|
//! | [`instances`] | EXP-LEFT-001: no copy runs whose drill is over |
//! | [`directories`] | EXP-LEFT-002: no copy lies around |
//! | [`dumps`] | EXP-LEFT-003: no dump lies around |
//! | [`disk`] | EXP-LEFT-004: what a drill writes is not readable from a stolen disk |

pub mod directories;
pub mod disk;
pub mod dumps;
pub mod instances;
