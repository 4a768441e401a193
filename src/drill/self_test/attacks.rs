//! What somebody who can write to the store, or holds the wrong key, can try.

use std::sync::Arc;

use jiff::Timestamp;

use super::{SelfTest, Victims};
use crate::error::{Code, Error, Result};
use crate::keys::{Identities, Namespace, Signer, write_new};
use crate::manifest::parse;
use crate::pipeline::seal::Sealer;
use crate::process::private_dir;
use crate::store::layout;
use crate::store::overlay::Overlay;
use crate::types::Digest;

/// One attack.
#[derive(Debug)]
pub struct Attack {
    /// In a word.
    pub name: &'static str,
    /// What is done, for people.
    pub what: &'static str,
    /// The code that must come of it.
    pub expected: Code,
    /// The store as it is then.
    pub store: Overlay,
    /// Other identities than the user's.
    pub identities: Option<Arc<Identities>>,
}

/// All attacks on the backup of `test`.
pub(super) async fn all(test: &SelfTest<'_>, victims: &Victims) -> Result<Vec<Attack>> {
    let mut all = on_parts(test, victims)?;
    all.extend(on_manifests(test).await?);
    all.push(Attack {
        name: "wrong-key",
        what: "an identity that the backup was not sealed for",
        expected: Code::NoIdentity,
        store: view(test),
        identities: Some(Arc::new(stranger_identity()?)),
    });
    Ok(all)
}

fn view(test: &SelfTest<'_>) -> Overlay {
    Overlay::new(Arc::clone(&test.reading.store), Timestamp::now())
}

fn on_parts(test: &SelfTest<'_>, victims: &Victims) -> Result<Vec<Attack>> {
    let [(key, _, bytes), (other_key, _, other)] = &victims.objects;
    let attack = |name, what, store| Attack { name, what, expected: Code::Corrupt, store, identities: None };
    let mut flipped = bytes.clone();
    flip(&mut flipped);
    let cut = bytes[..bytes.len() - 1].to_vec();
    let longer = [bytes.as_slice(), b"\0"].concat();
    let mut facts = victims.facts.1.clone();
    flip(&mut facts);
    Ok(vec![
        attack("flip", "one bit of a part is another", view(test).replace(key, flipped)),
        attack("truncate", "a part lost its last byte", view(test).replace(key, cut)),
        attack("append", "a part has a byte more", view(test).replace(key, longer)),
        attack(
            "swap",
            "two objects changed places",
            view(test).replace(key, other.clone()).replace(other_key, bytes.clone()),
        ),
        attack(
            "forge",
            "a part was sealed again, for the right recipient and with the same content",
            view(test).replace(key, forged(test, &victims.plain)?),
        ),
        attack("lose", "a part is gone", view(test).remove(key)),
        attack("facts", "one bit of the sealed facts is another", view(test).replace(&victims.facts.0, facts)),
    ])
}

async fn on_manifests(test: &SelfTest<'_>) -> Result<Vec<Attack>> {
    let m = &test.entry.manifest;
    let (source, seq) = (&m.source, m.seq);
    let key = layout::manifest(source, seq);
    let sig_key = layout::manifest_sig(source, seq, &test.entry.digest);
    let mut bytes = Vec::new();
    test.reading.store.get(&key, parse::MAX_BYTES, &mut bytes).await.map_err(|e| e.about(&key))?;
    let attack = |name, what, expected, store| Attack { name, what, expected, store, identities: None };

    // A digit of the time: still a manifest.
    let mut edited = bytes.clone();
    let at = memchr::memmem::find(&edited, b"\"finished_at\": \"2").map(|at| at + 16);
    let digit = at.and_then(|at| edited.get_mut(at)).ok_or_else(|| Error::internal("the manifest has no time"))?;
    *digit = if *digit == b'0' { b'1' } else { b'0' };
    // Its own signature still lies beside it under the name of the edited bytes.
    let edited_sig = layout::manifest_sig(source, seq, &Digest::of(&edited));
    let mut armor = Vec::new();
    test.reading.store.get(&sig_key, 16 * 1024, &mut armor).await.map_err(|e| e.about(&sig_key))?;
    let stranger = stranger_signature(&bytes)?;
    let mut all = vec![
        attack(
            "edit",
            "one character of the manifest is another",
            Code::Untrusted,
            view(test).replace(&key, edited).replace(&edited_sig, armor.clone()),
        ),
        attack("unsign", "the manifest's signature is gone", Code::Untrusted, view(test).remove(&sig_key)),
        attack(
            "stranger",
            "the manifest is signed by a key that nobody pinned",
            Code::Untrusted,
            view(test).replace(&sig_key, stranger.into_bytes()),
        ),
        attack(
            "roll-back",
            "the newest backup is hidden, as if it had never been",
            Code::History,
            view(test).remove(&key).remove(&sig_key),
        ),
    ];
    if let Some(before) = test.catalog.entries.iter().rev().nth(1) {
        let old_key = layout::manifest(source, before.manifest.seq);
        let old_sig = layout::manifest_sig(source, before.manifest.seq, &before.digest);
        let (mut old, mut old_armor) = (Vec::new(), Vec::new());
        test.reading.store.get(&old_key, parse::MAX_BYTES, &mut old).await.map_err(|e| e.about(&old_key))?;
        test.reading.store.get(&old_sig, 16 * 1024, &mut old_armor).await.map_err(|e| e.about(&old_sig))?;
        let replayed = layout::manifest_sig(source, seq, &before.digest);
        all.push(attack(
            "replay",
            "the backup before it, well signed, lies in its place",
            Code::History,
            view(test).replace(&key, old).replace(&replayed, old_armor),
        ));
    }
    Ok(all)
}

/// The lowest bit of the byte in the middle: of the sealed content, not of a header.
fn flip(bytes: &mut [u8]) {
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 1;
    }
}

/// What anyone can make who knows the recipient: age proves integrity, not origin.
fn forged(test: &SelfTest<'_>, plain: &[u8]) -> Result<Vec<u8>> {
    let recipients = Arc::new(test.identities.recipients()?);
    let mut out = Vec::new();
    Sealer::new(recipients, test.entry.manifest.compression.level)?.seal(plain, &mut out)?;
    Ok(out)
}

fn stranger_signature(message: &[u8]) -> Result<String> {
    let dir = private_dir()?;
    let path = dir.path().join("signer");
    let (private, _) = Signer::generate("a stranger")?;
    write_new(&path, private.as_bytes(), 0o600)?;
    Signer::load(&path)?.sign(Namespace::Manifest, message)
}

fn stranger_identity() -> Result<Identities> {
    let dir = private_dir()?;
    let path = dir.path().join("identity");
    let (secret, _) = Identities::generate();
    write_new(&path, secret.as_bytes(), 0o600)?;
    Identities::from_file(&path)
}
