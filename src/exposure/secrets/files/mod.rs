//! What lies in the data directory of a restored physical copy.

pub mod certificate;
pub mod logins;
pub mod logs;
pub mod stray;
pub mod tree;

use crate::error::{Code, Error, Stage};
use crate::exposure::Blind;

/// Runs `work` where it may wait for the disk.
async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Blind> {
    let failed = |_| Error::new(Code::CouldNotRun, Stage::Checks, "the look at files ended early");
    tokio::task::spawn_blocking(work).await.map_err(|e| Blind::Failed(failed(e)))
}

/// The form of files in findings.
fn object(path: &str) -> String {
    format!("file {path}")
}
