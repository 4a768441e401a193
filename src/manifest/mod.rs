//! The signed chain of manifests.

pub mod model;
pub mod pin;
pub mod repo;

pub use model::Manifest;
pub use pin::Pins;
pub use repo::Repo;
