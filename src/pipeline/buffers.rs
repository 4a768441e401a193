//! A fixed number of reused buffers. Touching fresh memory costs more than
//! encrypting into warm memory does, and a fixed number is a bound.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Hands out at most a fixed number of buffers at a time.
#[derive(Debug, Clone)]
pub struct Pool {
    permits: Arc<Semaphore>,
    free: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// A buffer that goes back to its pool when dropped.
#[derive(Debug)]
pub struct Buffer {
    bytes: Vec<u8>,
    home: Arc<Mutex<Vec<Vec<u8>>>>,
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    /// A pool of `count` buffers; they are allocated when first used.
    pub fn new(count: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(count)), free: Arc::default() }
    }

    /// Waits for a buffer. Its contents are left over from its last use.
    pub async fn take(&self) -> Buffer {
        let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else {
            unreachable!("the pool's semaphore is never closed")
        };
        let bytes = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        Buffer { bytes, home: Arc::clone(&self.free), _permit: permit }
    }
}

impl Deref for Buffer {
    type Target = Vec<u8>;
    fn deref(&self) -> &Vec<u8> {
        &self.bytes
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        self.home.lock().unwrap_or_else(PoisonError::into_inner).push(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[tokio::test]
    async fn there_are_never_more_than_asked_for_and_they_are_reused() {
        let pool = Pool::new(1);
        let mut first = pool.take().await;
        first.extend_from_slice(b"warm");
        assert!(pool.take().now_or_never().is_none(), "a second buffer was handed out");
        drop(first);
        assert_eq!(&**pool.take().await, b"warm");
    }
}
