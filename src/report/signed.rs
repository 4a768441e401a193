//! Reports as evidence: stored beside the backups with a signature, so that an
//! auditor can tell a drill from a claim.

use std::fmt;

use bytes::Bytes;
use serde::Serialize;

use super::{Report, json};
use crate::error::Result;
use crate::keys::{Namespace, Signer};
use crate::store::{Key, Store, layout};
use crate::types::Digest;

/// Largest signature that is read, bytes.
const SIGNATURE_LIMIT: u64 = 16 * 1024;

/// A report's exact bytes and the signature over them.
#[derive(Clone, PartialEq, Eq)]
pub struct Signed {
    /// The bytes that were signed.
    pub bytes: Vec<u8>,
    /// SSHSIG in its armored form (`PROTOCOL.sshsig` of OpenSSH), namespace `report@pgseal`.
    pub signature: String,
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signed({} bytes)", self.bytes.len())
    }
}

/// Renders and signs a report, of a drill or of an audit.
pub fn sign<R: Serialize>(report: &R, signer: &Signer) -> Result<Signed> {
    let bytes = json::render(report)?;
    let signature = signer.sign(Namespace::Report, &bytes)?;
    Ok(Signed { bytes, signature })
}

/// Stores it. The signature goes first: a report without one is never seen.
/// Gives the report's key.
///
/// # Errors
/// Those of the store; 33 where the run's name is taken.
pub async fn store(store: &dyn Store, report: &Report, signed: &Signed) -> Result<Key> {
    let key = layout::report(&report.source, report.seq, &report.run);
    let sig = layout::report_sig(&report.source, report.seq, &report.run);
    for (key, body) in [(&sig, signed.signature.clone().into_bytes()), (&key, signed.bytes.clone())] {
        let digest = Digest::of(&body);
        store.put_new(key, Bytes::from(body), &digest).await.map_err(|e| e.about(key))?;
    }
    Ok(key)
}

/// Fetches a report and its signature, both unchecked: verify before
/// [`json::read`].
///
/// # Errors
/// Those of the store; 44 where one is too large.
pub async fn fetch(store: &dyn Store, report: &Key, signature: &Key) -> Result<Signed> {
    let mut bytes = Vec::new();
    store.get(report, json::LIMIT, &mut bytes).await.map_err(|e| e.about(report))?;
    let mut sig = Vec::new();
    store.get(signature, SIGNATURE_LIMIT, &mut sig).await.map_err(|e| e.about(signature))?;
    Ok(Signed { bytes, signature: String::from_utf8_lossy(&sig).into_owned() })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    use std::sync::Mutex;

    use super::*;
    use crate::error::Code;
    use crate::report::json::tests::sample;
    use crate::store::{ObjectMeta, Page, StoreError};

    /// Keeps objects in order of arrival.
    #[derive(Debug, Default)]
    struct Memory(Mutex<Vec<(String, Vec<u8>)>>);

    #[async_trait::async_trait]
    impl Store for Memory {
        fn describe(&self) -> String {
            "memory".into()
        }
        fn checks_bodies(&self) -> bool {
            false
        }
        async fn put_new(&self, key: &Key, body: Bytes, _: &Digest) -> Result<(), StoreError> {
            let mut all = self.0.lock().unwrap();
            if all.iter().any(|o| o.0 == key.as_str()) {
                return Err(StoreError::Exists);
            }
            all.push((key.to_string(), body.to_vec()));
            Ok(())
        }
        async fn get(&self, key: &Key, _: u64, into: &mut Vec<u8>) -> Result<(), StoreError> {
            let all = self.0.lock().unwrap();
            let found = all.iter().find(|o| o.0 == key.as_str()).ok_or(StoreError::NotFound)?;
            into.clone_from(&found.1);
            Ok(())
        }
        async fn peek(&self, key: &Key, most: u64, into: &mut Vec<u8>) -> Result<(), StoreError> {
            self.get(key, most, into).await?;
            into.truncate(most as usize);
            Ok(())
        }
        async fn head(&self, _: &Key) -> Result<ObjectMeta, StoreError> {
            Err(StoreError::NotFound)
        }
        async fn list(&self, _: &str, _: Option<&str>) -> Result<Page, StoreError> {
            Err(StoreError::NotFound)
        }
        async fn delete(&self, _: &Key) -> Result<(), StoreError> {
            Err(StoreError::NotFound)
        }
        async fn now(&self) -> Result<jiff::Timestamp, StoreError> {
            Err(StoreError::NotFound)
        }
    }

    fn signer() -> Signer {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let (private, _) = Signer::generate("drill").unwrap();
        crate::keys::write_new(&path, private.as_bytes(), 0o600).unwrap();
        Signer::load(&path).unwrap()
    }

    #[tokio::test]
    async fn the_signature_is_stored_first_and_nothing_is_replaced() {
        let memory = Memory::default();
        let report = sample();
        let signed = sign(&report, &signer()).unwrap();
        let key = store(&memory, &report, &signed).await.unwrap();
        let keys: Vec<String> = memory.0.lock().unwrap().iter().map(|o| o.0.clone()).collect();
        assert_eq!(keys, ["s/shop/r/0000000042.r1.json.sig", "s/shop/r/0000000042.r1.json"]);
        let sig = layout::report_sig(&report.source, 42, "r1");
        let back = fetch(&memory, &key, &sig).await.unwrap();
        assert_eq!(back, signed);
        assert_eq!(json::read(&back.bytes).unwrap(), report);
        assert_eq!(store(&memory, &report, &signed).await.unwrap_err().code(), Code::CommitConflict);
    }

    #[test]
    fn ssh_keygen_accepts_the_signature_and_refuses_other_bytes() {
        let signed = sign(&sample(), &signer()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("sig"), &signed.signature).unwrap();
        let check = |bytes: &[u8], namespace: &str| {
            let mut child = Command::new("ssh-keygen")
                .args(["-Y", "check-novalidate", "-n", namespace, "-s"])
                .arg(dir.path().join("sig"))
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            child.stdin.take().unwrap().write_all(bytes).unwrap();
            child.wait().unwrap().success()
        };
        assert!(check(&signed.bytes, "report@pgseal"));
        assert!(!check(&signed.bytes, "manifest@pgseal"));
        let mut other = signed.bytes.clone();
        other[20] ^= 1;
        assert!(!check(&other, "report@pgseal"));
    }
}
