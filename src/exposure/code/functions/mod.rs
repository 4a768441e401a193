//! Functions, languages and event triggers.
//!
//! | file | check |
//! |---|---|
//! | [`search_path`] | EXP-FUNC-001: whose objects a SECURITY DEFINER function finds |
//! | [`public`] | EXP-FUNC-002: who may call one |
//! | [`dynamic`] | EXP-FUNC-003: SQL that is put together from arguments |
//! | [`languages`] | EXP-FUNC-004: languages and libraries that can do everything |
//! | [`event_triggers`] | EXP-FUNC-005: what runs at everybody's DDL and login |
//! | [`dial_out`] | EXP-FUNC-006: what reaches out of the database by itself |
//! | [`definers`] | SECURITY DEFINER functions, as the catalogue has them |
//! | [`taint`] | which text of a function's arguments is run as SQL |

pub mod definers;
pub mod dial_out;
pub mod dynamic;
pub mod event_triggers;
pub mod languages;
pub mod public;
pub mod search_path;
pub mod taint;
