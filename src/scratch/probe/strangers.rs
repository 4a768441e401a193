//! ISO-008: who else is let in. Another user of this host, another role, and
//! the replication protocol.

use std::ffi::OsString;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::{Rule, Seen, Target};
use crate::config::schema::Isolation;
use crate::process::Tool;
use crate::scratch::user;

/// ISO-008.
pub const RULE: Rule =
    Rule { id: "ISO-008", title: "no other user, no other role and no standby is let in", from: Isolation::I1 };

/// How long the server may take to refuse.
const PATIENCE: Duration = Duration::from_secs(5);

/// A role of every server that is not the superuser.
const OTHER_ROLE: &str = "pg_monitor";

/// Ids of `nobody`; the second where the server itself runs as the first.
const NOBODY: [u32; 2] = [65534, 65533];

/// What a server said to a start-up packet.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    /// Authentication refused it.
    Refused,
    /// It got past authentication, or was asked for a password.
    LetIn,
    /// Neither.
    Odd,
}

pub(super) async fn look(t: Target<'_>) -> Seen {
    let socket = t.socket_dir.join(format!(".s.PGSQL.{}", t.port));
    let mut bad = Vec::new();
    let mut blind = Vec::new();
    for (who, user, replication) in [("another role", OTHER_ROLE, false), ("a standby", t.superuser, true)] {
        match ask(&socket, user, replication).await {
            Answer::Refused => {}
            Answer::LetIn => bad.push(format!("{who} is let in")),
            Answer::Odd => blind.push(format!("whether {who} is let in could not be found out")),
        }
    }
    let user = if rustix::process::geteuid().is_root() { another_user(t).await } else { by_modes(&socket) };
    let how = match user {
        Ok((how, true)) => how,
        Ok((how, false)) => {
            bad.push(format!("another user reaches the socket ({how})"));
            how
        }
        Err(why) => {
            blind.push(why);
            String::new()
        }
    };
    if !bad.is_empty() {
        Seen::Bad(bad.join(", "))
    } else if blind.is_empty() {
        Seen::Good(format!("another role and a standby are refused; another user: {how}"))
    } else {
        Seen::Blind(blind.join(", "))
    }
}

/// Has another user connect: his failure must be the kernel's, before the
/// server is reached.
async fn another_user(t: Target<'_>) -> Result<(String, bool), String> {
    let said = |what: &str| format!("no other user could be made: {what}");
    let server = std::fs::metadata(t.data_dir).map_err(|e| said(&e.to_string()))?.uid();
    let id = if server == NOBODY[0] { NOBODY[1] } else { NOBODY[0] };
    let setpriv = user::program("setpriv").ok_or_else(|| said("setpriv is missing"))?;
    let prefix = [setpriv.into(), format!("--reuid={id}").into(), format!("--regid={id}").into()];
    let prefix: Vec<OsString> = prefix.into_iter().chain(["--clear-groups".into(), "--".into()]).collect();
    let tool = Tool::new(t.bindir.join("psql"))
        .args(["-X", "-w", "-q", "-c", "", "-U"])
        .arg(t.superuser)
        .args(["-d", "dbname=template1 connect_timeout=2", "-p"])
        .arg(t.port.to_string())
        .arg("-h")
        .arg(t.socket_dir.as_os_str())
        .under(prefix);
    let running = tool.spawn().await.map_err(|e| said(&e.text()))?;
    let exit = tokio::time::timeout(PATIENCE, running.wait()).await.map_err(|_| said("no answer"))?;
    let exit = exit.map_err(|e| said(&e.text()))?;
    let text = exit.stderr().text();
    match exit.code() {
        Some(2) if text.contains("failed: Permission denied") || text.contains("server: Permission denied") => {
            Ok((format!("user id {id} gets EACCES"), true))
        }
        Some(code) if code == 0 || text.contains("FATAL: ") => Ok((format!("tried as user id {id}"), false)),
        _ => Err(said("psql could not be used")),
    }
}

/// An ordinary user cannot become another one; the modes tell what would happen.
fn by_modes(socket: &Path) -> Result<(String, bool), String> {
    let me = rustix::process::geteuid().as_raw();
    let mut closed = false;
    let mut seen = Vec::new();
    for path in socket.ancestors() {
        let meta = std::fs::metadata(path).map_err(|e| format!("the modes cannot be read: {e}"))?;
        let mode = meta.permissions().mode() & 0o7777;
        // Without the right to search a directory nothing below it can be
        // reached, and without the right to write to a socket it cannot (`unix(7)`).
        closed |= meta.uid() == me && (mode & 0o070, mode & 0o007) == (0, 0);
        seen.push(format!("{mode:04o}"));
    }
    seen.reverse();
    Ok((format!("inferred from the modes {} of the path", seen.join("/")), closed))
}

/// Sends a start-up packet (PostgreSQL manual, "Message Formats") and reads the
/// first answer.
async fn ask(socket: &PathBuf, user: &str, replication: bool) -> Answer {
    let talk = async {
        let mut stream = UnixStream::connect(socket).await.ok()?;
        let mut body = 196_608u32.to_be_bytes().to_vec();
        let mode = if replication { "true" } else { "false" };
        for (name, value) in [("user", user), ("database", "template1"), ("replication", mode)] {
            body.extend([name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat());
        }
        body.push(0);
        let length = u32::try_from(body.len() + 4).ok()?;
        stream.write_all(&[&length.to_be_bytes()[..], &body].concat()).await.ok()?;
        let kind = stream.read_u8().await.ok()?;
        let length = usize::try_from(stream.read_u32().await.ok()?).ok()?.checked_sub(4)?;
        let mut message = vec![0; length.min(8192)];
        stream.read_exact(&mut message).await.ok()?;
        Some(understand(kind, &message))
    };
    tokio::time::timeout(PATIENCE, talk).await.ok().flatten().unwrap_or(Answer::Odd)
}

fn understand(kind: u8, message: &[u8]) -> Answer {
    match kind {
        // AuthenticationOk, or a request for a password.
        b'R' => Answer::LetIn,
        b'E' => {
            let field = |code: u8| {
                message.split(|b| *b == 0).find(|f| f.first() == Some(&code)).map(|f| String::from_utf8_lossy(&f[1..]))
            };
            let (Some(state), Some(text)) = (field(b'C'), field(b'M')) else { return Answer::Odd };
            let refused = ["pg_hba.conf rejects ", "no pg_hba.conf entry for "].iter().any(|s| text.starts_with(s))
                || text.contains(" authentication failed for user ");
            match &*state {
                "28000" if refused => Answer::Refused,
                // A server without a single place for standbys refuses before it asks who it is.
                "53300" if text.contains("max_wal_senders") && text.ends_with("(currently 0)") => Answer::Refused,
                // The server is on its way up or down, or full: nothing was asked of it.
                "57P01" | "57P02" | "57P03" => Answer::Odd,
                // Who is told that a role must not log in, or that there are too
                // many standbys, was let in.
                _ => Answer::LetIn,
            }
        }
        _ => Answer::Odd,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_by_authentication_counts() {
        let error = |state: &str, text: &str| format!("SFATAL\0C{state}\0M{text}\0\0").into_bytes();
        for (kind, message, answer) in [
            (b'E', error("28000", "Peer authentication failed for user \"x\""), Answer::Refused),
            (b'E', error("28000", "pg_hba.conf rejects replication connection for host \"[local]\""), Answer::Refused),
            (b'E', error("28000", "role \"pg_monitor\" is not permitted to log in"), Answer::LetIn),
            (b'E', error("53300", "too many standbys: \"max_wal_senders\" (currently 0)"), Answer::Refused),
            (
                b'E',
                error("53300", "number of requested standby connections exceeds max_wal_senders (currently 0)"),
                Answer::Refused,
            ),
            (
                b'E',
                error("53300", "number of requested standby connections exceeds max_wal_senders (currently 10)"),
                Answer::LetIn,
            ),
            (b'E', error("57P03", "the database system is starting up"), Answer::Odd),
            (b'E', b"nothing".to_vec(), Answer::Odd),
            (b'R', vec![0, 0, 0, 0], Answer::LetIn),
            (b'X', vec![], Answer::Odd),
        ] {
            assert_eq!(understand(kind, &message), answer, "{}", String::from_utf8_lossy(&message));
        }
    }

    #[tokio::test]
    async fn no_socket_is_no_answer() {
        assert_eq!(ask(&PathBuf::from("/nonexistent"), "x", false).await, Answer::Odd);
    }
}
