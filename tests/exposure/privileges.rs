//! What may be touched.

#[path = "privileges/reach.rs"]
mod reach;
