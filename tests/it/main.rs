//! All that needs more than one function of the library to be tried: a module a suite.

// A test may end in any of these ways, and print what it measured.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]
#![allow(missing_docs, clippy::many_single_char_names, clippy::case_sensitive_file_extension_comparisons)]

mod arch;
mod audit;
mod backup;
mod cli;
mod drill;
mod exit_codes;
mod exposure;
mod flow;
mod golden;
mod hba;
mod html;
mod isolation;
mod keys;
mod pipeline;
mod report;
mod restore;
mod s3_flow;
mod scratch;
mod scripts;
mod signals;
mod source;
mod store;
mod support;
mod tamper;
mod without_pgseal;
