//! Takes the canaries away again, and tells which are left.

use futures_util::future::join_all;

use super::suite::{AT_ONCE, Failed, Suite, broken};
use crate::store::{Key, StoreError, layout};
use crate::types::shown;

impl Suite<'_> {
    /// Removes what was made and what the listing shows besides; gives back what is left.
    pub async fn clean_up(&mut self) -> Vec<String> {
        let prefix = layout::canary_prefix(self.run);
        let mut keys = std::mem::take(&mut self.made);
        // Without the right to list, what we remember must do.
        let listed = self.names(&prefix).await.unwrap_or_default();
        keys.extend(listed.iter().filter(|k| k.starts_with(&prefix)).filter_map(|k| Key::parse(k).ok()));
        keys.sort();
        keys.dedup();
        let mut left = Vec::new();
        let mut why: Option<StoreError> = None;
        for chunk in keys.chunks(AT_ONCE) {
            let results = join_all(chunk.iter().map(|key| self.store.delete(key))).await;
            for (key, result) in chunk.iter().zip(results) {
                if let Err(e) = result {
                    left.push(key.to_string());
                    why = Some(e);
                }
            }
        }
        // A key that was never stored is no leftover, where that can be seen.
        let mut there = Vec::new();
        for key in left {
            let parsed = Key::parse(&key);
            let gone = match &parsed {
                Ok(k) => matches!(self.store.head(k).await, Err(StoreError::NotFound)),
                Err(_) => false,
            };
            if !gone {
                there.push(key);
            }
        }
        // A delete that only pretends shows here.
        if why.is_none()
            && let Ok(still) = self.names(&prefix).await
        {
            there.extend(still);
        }
        let outcome = match why {
            _ if there.is_empty() => Ok(()),
            Some(e @ StoreError::Denied(_)) => {
                Err(Failed::Unknown(format!("{} canaries stay: {}", there.len(), shown(&e.to_string()))))
            }
            Some(e) => broken(format!("{} canaries stay: {e}", there.len())),
            None => broken(format!("{} canaries stay, though their deletion was confirmed", there.len())),
        };
        self.note("clean-up", outcome);
        there
    }
}
