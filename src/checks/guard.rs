//! A copy whose catalog was tampered with gives answers that no server gives: NULL
//! where a column is never NULL, another type. What stops at one is the check, not
//! the drill: its other checks say what is wrong.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use futures_util::FutureExt as _;

use super::{CheckResult, Rule};
use crate::error::{Code, Error, Result, Stage};

static ASKING: AtomicUsize = AtomicUsize::new(0);
static PLACE: Mutex<Option<String>> = Mutex::new(None);

/// For the program's panic hook: whether a copy is being asked, so that the place is
/// told by the check. Otherwise the hook must tell.
pub fn takes(place: &str) -> bool {
    let asking = ASKING.load(Ordering::SeqCst) > 0;
    if asking {
        *PLACE.lock().unwrap_or_else(PoisonError::into_inner) = Some(place.to_owned());
    }
    asking
}

/// Asks a copy.
///
/// # Errors
/// Those of `ask`; 53 where an answer could not be taken.
pub async fn guarded<T>(ask: impl Future<Output = Result<T>>) -> Result<T> {
    let _asking = Asking::begin();
    AssertUnwindSafe(ask).catch_unwind().await.unwrap_or_else(|_| {
        let place = PLACE.lock().unwrap_or_else(PoisonError::into_inner).take();
        let place = place.unwrap_or_else(|| "an unknown place".to_owned());
        let text = format!("the copy gave an answer that no server gives (at {place})");
        Err(Error::new(Code::CouldNotRun, Stage::Checks, text)
            .hint("Look at the other checks: a copy whose system catalogs were changed answers like this."))
    })
}

/// Runs a check.
pub(super) async fn check(rule: Rule, run: impl Future<Output = CheckResult>) -> CheckResult {
    guarded(async { Ok(run.await) }).await.unwrap_or_else(|e| rule.error(1, 0, &e))
}

struct Asking;

impl Asking {
    fn begin() -> Self {
        ASKING.fetch_add(1, Ordering::SeqCst);
        Self
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        ASKING.fetch_sub(1, Ordering::SeqCst);
    }
}
