//! Exposure in every form of a report: the same functions serve a drill, whose
//! report has it as a part, and an audit, whose report is nothing else.
//!
//! | file | holds |
//! |---|---|
//! | [`numbers`] | what is counted: open findings, waivers, coverage |
//! | [`entry`] | the ways in, by how far away they begin and how bad they are |
//! | [`text`] | for people |
//! | [`markdown`] | for the summary of a CI job |
//! | [`junit`] | for CI: a suite a family |
//! | [`sarif`] | for code scanning |
//! | [`prometheus`] | for the textfile collector |

pub mod entry;
pub mod junit;
pub mod markdown;
pub mod numbers;
pub mod prometheus;
#[cfg(test)]
pub(in crate::report) mod sample;
pub mod sarif;
pub mod text;

pub use numbers::Told;

use crate::exposure::{About, catalogue};

/// What the catalogue tells of a check; nothing of one that it does not know, in
/// a report of another version say.
pub fn about(id: &str) -> Option<&'static About> {
    #[cfg(test)]
    if id == sample::ABOUT.id {
        return Some(&sample::ABOUT);
    }
    catalogue::find(id).map(|c| &c.about)
}

/// The title of a section of the guide.
pub fn section(number: u8) -> &'static str {
    let index = usize::from(number).checked_sub(1);
    index.and_then(|i| catalogue::GUIDE.get(i)).copied().unwrap_or("A section that this version does not know")
}
