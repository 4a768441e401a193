//! A client that only knocks: it says who it wants to be, sees what it is asked for, and gives a wrong answer.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// What a server does with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Entered without being asked: `trust`, or `peer` as the right user.
    Entered,
    /// A rule says `reject`.
    Rejected,
    /// No rule fits.
    NoRule,
    /// `password`, `md5`, and SCRAM (also of an `md5` rule).
    ClearText,
    Md5,
    Scram,
    /// `peer` as another user.
    NotPeer,
}

/// A TCP connection from an address of the loopback network.
pub fn tcp(from: IpAddr, to: SocketAddr) -> TcpStream {
    use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
    let family = if from.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let fd = socket(family, SocketType::STREAM, None).unwrap();
    bind(&fd, &SocketAddr::new(from, 0)).unwrap();
    connect(&fd, &to).unwrap();
    let stream = TcpStream::from(fd);
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// A connection to the socket in a directory.
pub fn unix(dir: &Path, port: u16) -> UnixStream {
    let stream = UnixStream::connect(dir.join(format!(".s.PGSQL.{port}"))).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

fn send(stream: &mut impl Write, kind: u8, body: &[u8]) {
    let mut message = vec![kind];
    message.extend(u32::try_from(body.len() + 4).unwrap().to_be_bytes());
    message.extend(body);
    stream.write_all(&message).unwrap();
}

fn receive(stream: &mut impl Read) -> (u8, Vec<u8>) {
    let mut head = [0; 5];
    stream.read_exact(&mut head).expect("the server closes without an answer");
    let length = u32::from_be_bytes(head[1..].try_into().unwrap()) as usize - 4;
    assert!(length < 100_000);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    (head[0], body)
}

/// Asks to enter as `role`; `None`: for physical replication.
pub fn knock(stream: &mut (impl Read + Write), role: &str, database: Option<&str>) -> Answer {
    let mut startup = 196_608u32.to_be_bytes().to_vec();
    let replication = if database.is_none() { "true" } else { "false" };
    for word in ["user", role, "database", database.unwrap_or(""), "replication", replication] {
        startup.extend(word.as_bytes());
        startup.push(0);
    }
    startup.push(0);
    let mut message = u32::try_from(startup.len() + 4).unwrap().to_be_bytes().to_vec();
    message.extend(startup);
    stream.write_all(&message).unwrap();
    let (kind, body) = receive(stream);
    if kind == b'E' {
        return refused(&body);
    }
    assert_eq!(kind, b'R');
    let answer = match u32::from_be_bytes(body[..4].try_into().unwrap()) {
        0 => return Answer::Entered,
        3 => {
            send(stream, b'p', b"wrong\0");
            Answer::ClearText
        }
        5 => {
            send(stream, b'p', b"md500000000000000000000000000000000\0");
            Answer::Md5
        }
        10 => {
            scram(stream);
            Answer::Scram
        }
        other => panic!("the server asks for {other}"),
    };
    let (kind, body) = receive(stream);
    assert_eq!(kind, b'E', "a wrong password was taken");
    let text = String::from_utf8_lossy(&body);
    assert!(text.contains("password authentication failed"), "{text}");
    answer
}

/// A whole exchange, with a proof that is none.
fn scram(stream: &mut (impl Read + Write)) {
    let first = b"n,,n=,r=0123456789abcdef";
    let mut body = b"SCRAM-SHA-256\0".to_vec();
    body.extend(u32::try_from(first.len()).unwrap().to_be_bytes());
    body.extend(first);
    send(stream, b'p', &body);
    let (kind, body) = receive(stream);
    let said = String::from_utf8_lossy(&body[4..]).into_owned();
    assert!(kind == b'R' && said.starts_with("r="), "{said}");
    let nonce = &said[2..said.find(',').unwrap()];
    send(stream, b'p', format!("c=biws,r={nonce},p={}=", "A".repeat(43)).as_bytes());
}

fn refused(body: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(body);
    if text.contains("pg_hba.conf rejects") {
        Answer::Rejected
    } else if text.contains("no pg_hba.conf entry") {
        Answer::NoRule
    } else if text.contains("Peer authentication failed") {
        Answer::NotPeer
    } else {
        panic!("the server says {text}")
    }
}
