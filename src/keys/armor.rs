//! The text around a signature.

use ssh_key::{LineEnding, SshSig};

/// Largest armored signature looked at: 16 KiB (an Ed25519 one has about 300 bytes).
const LIMIT: usize = 16 * 1024;

pub(super) const BEGIN: &[u8] = b"-----BEGIN SSH SIGNATURE-----\n";
pub(super) const END: &[u8] = b"\n-----END SSH SIGNATURE-----";

/// Exactly one armored signature and at most one line end after it.
pub(super) fn read_armor(armor: &[u8]) -> Result<SshSig, String> {
    if armor.is_empty() {
        return Err("it is empty".into());
    }
    if armor.len() > LIMIT {
        return Err(format!("it is larger than the {LIMIT} bytes allowed"));
    }
    let body = armor.strip_suffix(b"\n").unwrap_or(armor);
    let lf = memchr::memchr(b'\r', body).is_none();
    if !lf || !body.starts_with(BEGIN) || !body.ends_with(END) {
        return Err("it is not exactly one armored SSH signature".into());
    }
    if memchr::memmem::find_iter(body, b"-----BEGIN").count() != 1 {
        return Err("it is not exactly one armored SSH signature".into());
    }
    let mut whole = body.to_vec();
    whole.push(b'\n');
    let signature = SshSig::from_pem(&whole).map_err(|e| format!("it cannot be read as an SSH signature ({e})"))?;
    // One signature has one text, but for where its lines break: the parser is
    // lenient about the version and the lengths inside.
    let again = signature.to_pem(LineEnding::LF).map_err(|e| format!("it cannot be written again ({e})"))?;
    if signature.version() != SshSig::VERSION || content(again.as_bytes()) != content(&whole) {
        return Err("it is not written as PROTOCOL.sshsig tells".into());
    }
    Ok(signature)
}

pub(super) fn content(armor: &[u8]) -> Vec<u8> {
    armor.iter().copied().filter(|b| *b != b'\n').collect()
}
