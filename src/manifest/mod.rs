//! The signed chain of manifests.

pub mod model;

pub use model::Manifest;
