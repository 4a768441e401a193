//! Exposure checks against real servers, stores and hosts: each fires on a
//! fixture of its own and stays silent on a healthy one.

mod code;
mod drift;
mod entry;
pub(crate) mod fixture;
mod house;
mod pages;
mod policy;
mod posture;
mod privileges;
mod roles;
mod secrets;
mod settings;
mod trail;

use crate::support::pg;
use crate::support::s3_server;
use crate::support::world;
