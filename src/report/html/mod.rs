//! A report as one HTML page: no script, no request, nothing outside the file.
//!
//! Each part of the page is a small view model, made from the report by a
//! function `of`, and a template of the same name in `templates/` that only
//! places it. Every list is bounded, and what is left out is counted in words.
//!
//! | file | holds |
//! |---|---|
//! | [`page`], [`audit`](mod@audit) | the whole page of a drill · of an audit |
//! | [`escape`], [`bound`] | hostile text made harmless · lists and texts kept short |
//! | [`style`] | the style sheet, and the policy that allows it and nothing else |
//! | [`mark`] | a sign for every outcome, told apart by shape |
//! | [`words`] | durations, sizes, counts and dates for people |
//! | [`lead`], [`next`], [`figures`] | verdict and proof ladder · why and what to do · key figures |
//! | [`timeline`] | when each stage ran |
//! | [`history`] | earlier drills, and how this one compares |
//! | [`chart`], [`recovery`], [`sizes`] | line charts: geometry · recovery time · backup size |
//! | [`sealing`] | isolation: levels and probes |
//! | [`checks`], [`tables`], [`open`] | what was checked · rows compared · what was not checked |
//! | [`exposure`] | what is exposed: the guide's sections, ways in, reach, findings |
//! | [`recipients`], [`origin`] | who can open it · where the report comes from |

pub mod audit;
pub mod bound;
pub mod chart;
pub mod checks;
pub mod escape;
pub mod exposure;
pub mod figures;
pub mod history;
pub mod lead;
pub mod mark;
pub mod next;
pub mod open;
pub mod origin;
pub mod page;
pub mod recipients;
pub mod recovery;
pub mod sealing;
pub mod sizes;
pub mod style;
pub mod tables;
pub mod timeline;
pub mod words;

pub use page::render;
