//! Servers that are none: what they send, and what they do not.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::{Duration, Instant};

use pgseal::Code;
use pgseal::source::{ConnParams, Session};

use crate::source::pg::{PgServer, bindir};
use crate::support::world::World;

/// A message (PostgreSQL manual, "Message Formats").
fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[tag][..], &length, body].concat()
}

fn ready() -> Vec<u8> {
    message(b'Z', b"I")
}

/// A server that begins each session, answers `answered` queries with nothing, and
/// then sends what `rude` gives until it is left. Gives how much was taken.
fn server(dir: &Path, answered: usize, rude: Rude) -> std::thread::JoinHandle<u64> {
    let listener = UnixListener::bind(dir.join(".s.PGSQL.5432")).unwrap();
    std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let _ = client.read(&mut [0; 4096]).unwrap();
        let version = message(b'S', b"server_version\x0015.20\0");
        client.write_all(&[message(b'R', &[0; 4]), version, ready()].concat()).unwrap();
        for _ in 0..answered {
            assert!(client.read(&mut [0; 16384]).unwrap() > 0);
            client.write_all(&[message(b'C', b"SELECT 0\0"), ready()].concat()).unwrap();
        }
        let _ = client.read(&mut [0; 16384]).unwrap();
        insist(&mut client, rude)
    })
}

fn insist(client: &mut UnixStream, rude: Rude) -> u64 {
    let mut sent = 0;
    for n in 0.. {
        let bytes = rude(n);
        let gone = if bytes.is_empty() {
            client.read(&mut [0; 16384]).is_ok_and(|n| n == 0)
        } else {
            client.write_all(&bytes).is_err()
        };
        if gone {
            break;
        }
        sent += bytes.len() as u64;
    }
    sent
}

fn silence(_: u32) -> Vec<u8> {
    Vec::new()
}

fn notices(_: u32) -> Vec<u8> {
    message(b'N', &[&b"SWARNING\0C01000\0M"[..], &[b'A'; 10_000], b"\0\0"].concat())
}

fn parameters(n: u32) -> Vec<u8> {
    message(b'S', &[format!("k{n}").as_bytes(), b"\0", &[b'v'; 500], b"\0"].concat())
}

fn notifications(_: u32) -> Vec<u8> {
    message(b'A', &[&[0; 4][..], b"c\0", &[b'x'; 7000], b"\0"].concat())
}

fn two_gigabytes(n: u32) -> Vec<u8> {
    if n == 0 { b"D\x7f\xff\xff\xff".to_vec() } else { vec![0; 16384] }
}

fn trickle(_: u32) -> Vec<u8> {
    std::thread::sleep(Duration::from_millis(200));
    message(b'N', b"SWARNING\0C01000\0MA\0\0")
}

type Rude = fn(u32) -> Vec<u8>;

const RUDE: [(Rude, Code, &str); 6] = [
    (silence, Code::Deadline, "has not answered for 2 s"),
    (notices, Code::Limit, "without end"),
    (parameters, Code::Limit, "without end"),
    (notifications, Code::Limit, "without end"),
    (two_gigabytes, Code::Limit, "a message of 2147483647 bytes"),
    (trickle, Code::Deadline, "has not answered for 2 s"),
];

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_silent_or_never_ends_after_the_session_began_is_left() {
    for answered in [0, 2] {
        for (rude, code, text) in RUDE {
            let dir = tempfile::tempdir().unwrap();
            let fake = server(dir.path(), answered, rude);
            let conn = ConnParams::for_socket(dir.path(), 5432, "u", "d").patient(Duration::from_secs(2));
            let asked = async {
                let session = conn.connect("x").await?;
                let asked = session.client().batch_execute("SELECT 1").await;
                asked.map_err(|e| Session::failed("cannot read", e))
            };
            let asked = tokio::time::timeout(Duration::from_mins(1), asked).await.expect("it is held");
            let e = conn.explained(asked.unwrap_err());
            assert_eq!(e.code(), code, "{answered} {e}");
            assert!(e.to_string().contains(text), "{e}");
            let taken = fake.join().unwrap();
            let most = if answered == 0 { 4 << 20 } else { 20 << 20 };
            assert!(taken < most, "{text}: {taken} bytes were taken");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_server_and_an_idle_session_are_left_alone() {
    let server = PgServer::start(&bindir(), &[]);
    let conn = ConnParams::for_socket(server.socket_dir(), server.port(), "postgres", "postgres");
    let conn = conn.patient(Duration::from_secs(2));
    let session = conn.connect("x").await.unwrap();
    // Nothing is waited for.
    tokio::time::sleep(Duration::from_secs(4)).await;
    // Each row is sent at once: it is larger than the server's buffer.
    let slow = "SELECT pg_sleep(1)::text || repeat('x', 20000) FROM generate_series(1, 5)";
    let began = Instant::now();
    assert_eq!(session.client().query(slow, &[]).await.unwrap().len(), 5);
    assert!(began.elapsed() > Duration::from_secs(4));
    let e = session.client().batch_execute("SELECT pg_sleep(60)").await.unwrap_err();
    let e = conn.explained(Session::failed("cannot wait", e));
    assert_eq!(e.code(), Code::Deadline, "{e}");
}

#[test]
fn a_backup_of_a_server_that_does_not_answer_ends() {
    let dir = tempfile::tempdir().unwrap();
    let connection = format!("host={} user=u dbname=d", dir.path().display());
    let world = World::with_connection(&connection, "idle_timeout = \"2s\"");
    let fake = server(dir.path(), 2, silence);
    world.run(&["backup", "shop"]).expect(124).says(&["the server has not answered for 2 s", "idle_timeout"]);
    fake.join().unwrap();
}
