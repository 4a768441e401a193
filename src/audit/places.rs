//! stub
use super::{Job, Seen};
use crate::error::Result;
use jiff::Timestamp;
/// x
pub(super) async fn trail(_: &Job<'_>, _: &mut Seen) -> Result<()> {
    Ok(())
}
/// x
pub(super) async fn house(_: &Job<'_>, _: &mut Seen, _: Timestamp) -> Result<()> {
    Ok(())
}
