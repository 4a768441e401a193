//! S3 against a server that answers what the test says, byte by byte.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pgseal::config::schema::{ObjectLock, S3};
use pgseal::store::retry::{Policy, RealPace, Retrying};
use pgseal::store::s3::{Options, Patience, S3Store};
use pgseal::store::{Store, StoreError};

use crate::store::util::{Kept, get, key, put, with_credential};

/// Answers each connection with the next of `answers` (the last one for ever) and keeps the heads of requests.
struct Scripted {
    endpoint: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    fn start(answers: Vec<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let heads = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heads);
        std::thread::spawn(move || {
            for (n, socket) in listener.incoming().enumerate() {
                let mut socket = socket.unwrap();
                let head = read_request(&mut socket);
                kept.lock().unwrap().push(head);
                // The client may have seen enough.
                let _ = socket.write_all(&answers[n.min(answers.len() - 1)]);
            }
        });
        Self { endpoint, heads }
    }

    async fn store(&self) -> S3Store {
        self.store_with(S3::default()).await
    }

    /// Gives up soon.
    async fn impatient(&self) -> S3Store {
        let soon = Duration::from_millis(300);
        let patience = Patience { connect: soon, call: soon, stall: soon, ..Patience::default() };
        let settings = S3 {
            endpoint: Some(self.endpoint.clone()),
            region: Some("us-east-1".into()),
            path_style: true,
            ..S3::default()
        };
        let options = Options { patience, ..with_credential("AK", "SK") };
        S3Store::open_with("bucket", "p", &settings, options).await.unwrap()
    }

    async fn store_with(&self, settings: S3) -> S3Store {
        let settings = S3 {
            endpoint: Some(self.endpoint.clone()),
            region: Some("us-east-1".into()),
            path_style: true,
            ..settings
        };
        S3Store::open_with("bucket", "p", &settings, with_credential("AK", "SK")).await.unwrap()
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

fn read_request(socket: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0u8];
    while !head.ends_with(b"\r\n\r\n") && socket.read(&mut byte).unwrap() == 1 {
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|l| l.strip_prefix("content-length: ")).map_or(0, |l| l.parse().unwrap());
    let mut body = vec![0u8; length];
    socket.read_exact(&mut body).unwrap();
    head
}

fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len()).into()
}

fn error(status: &str, code: &str) -> Vec<u8> {
    answer(
        status,
        "Content-Type: application/xml\r\n",
        &format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>said</Message></Error>"),
    )
}

#[tokio::test]
async fn a_put_says_what_it_should() {
    let server = Scripted::start(vec![answer("200 OK", "", "")]);
    let lock = ObjectLock { compliance: true, keep: Duration::from_hours(35 * 24) };
    let store = server.store_with(S3 { object_lock: Some(lock), ..S3::default() }).await;
    put(&store, "s/a", b"abc").await.unwrap();
    let head = &server.heads()[0];
    assert!(head.starts_with("put /bucket/p/s/a"), "{head}");
    // SHA-256 of "abc" (FIPS 180-4) in base64; the kept head is in lower case.
    for line in [
        "if-none-match: *",
        "x-amz-checksum-sha256: ungwv48bz+pbqudexa4ii7adyaowf3qctbd/yfiafa0=",
        "x-amz-object-lock-mode: compliance",
        "content-length: 3",
    ] {
        assert!(head.contains(line), "{line} is missing in {head}");
    }
    let until = head.lines().find_map(|l| l.strip_prefix("x-amz-object-lock-retain-until-date: ")).unwrap();
    let until: jiff::Timestamp = until.to_ascii_uppercase().parse().unwrap();
    let days = until.duration_since(jiff::Timestamp::now()).as_hours();
    assert!((34 * 24..=35 * 24).contains(&days), "{days}");
    assert!(!head.contains("crc32"), "{head}");
}

#[tokio::test]
async fn throttling_is_waited_out_and_counted() {
    let busy = || error("503 Slow Down", "SlowDown");
    let server = Scripted::start(vec![busy(), busy(), answer("200 OK", "", "")]);
    let kept = Kept::default();
    let policy = Policy { base: Duration::from_millis(1), ..Policy::default() };
    let store = Retrying::with(server.store().await, Arc::new(kept.clone()), policy, Arc::new(RealPace::default()));
    put(&store, "a", b"x").await.unwrap();
    assert_eq!(kept.retries(), [("put", 2), ("put", 3)]);
    // Ours are the only retries.
    assert_eq!(server.heads().len(), 3);
}

#[tokio::test]
async fn answers_go_to_their_classes() {
    let server = Scripted::start(vec![error("503 Slow Down", "SlowDown")]);
    let e = put(&server.store().await, "a", b"x").await.unwrap_err();
    assert!(matches!(&e, StoreError::Transient(t) if t.contains("SlowDown")), "{e}");

    let server = Scripted::start(vec![error("409 Conflict", "ConditionalRequestConflict")]);
    assert!(matches!(put(&server.store().await, "a", b"x").await, Err(StoreError::Transient(_))));

    let server = Scripted::start(vec![error("412 Precondition Failed", "PreconditionFailed")]);
    assert!(matches!(put(&server.store().await, "a", b"x").await, Err(StoreError::Exists)));

    let server = Scripted::start(vec![error("400 Bad Request", "BadDigest")]);
    assert!(matches!(put(&server.store().await, "a", b"x").await, Err(StoreError::Mangled(_))));

    let server = Scripted::start(vec![error("507 Insufficient Storage", "Whatever")]);
    assert!(matches!(put(&server.store().await, "a", b"x").await, Err(StoreError::NoSpace(_))));
}

#[tokio::test]
async fn a_wrong_clock_is_named_with_its_skew() {
    let hour_ago = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(1);
    let date = hour_ago.strftime("Date: %a, %d %b %Y %H:%M:%S GMT\r\n").to_string();
    let body = "<Error><Code>RequestTimeTooSkewed</Code><Message>x</Message></Error>";
    let server = Scripted::start(vec![answer("403 Forbidden", &date, body)]);
    let e = put(&server.store().await, "a", b"x").await.unwrap_err();
    assert!(matches!(&e, StoreError::Denied(t) if t.contains("1h") && t.contains("ahead of")), "{e}");
    // The clock itself can be read off the denial.
    let now = server.store().await.now().await.unwrap();
    assert!(now.duration_since(hour_ago).abs().as_secs() < 2, "{now}");
}

#[tokio::test]
async fn a_clock_that_is_not_told_is_not_invented() {
    for date in ["", "Date: yesterday\r\n"] {
        let server = Scripted::start(vec![answer("200 OK", date, "")]);
        assert!(matches!(server.store().await.now().await, Err(StoreError::Other(_))));
    }
}

#[tokio::test]
async fn garbage_is_an_error_and_is_shown_escaped() {
    let hostile = format!("<Error><Code>a&#10;b</Code><Message>{}</Message></Error>", "\u{202e}x".repeat(5000));
    let server = Scripted::start(vec![answer("500 Oops", "", &hostile)]);
    let e = get(&server.store().await, "a").await.unwrap_err();
    let text = e.to_string();
    assert!(matches!(e, StoreError::Transient(_)), "{text}");
    assert!(text.len() < 3000 && !text.contains('\u{202e}') && !text.contains('\n'), "{text}");

    let server = Scripted::start(vec![answer("200 OK", "", "<List<<<&&&")]);
    assert!(server.store().await.list("", None).await.is_err());
    let server = Scripted::start(vec![b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()]);
    let e = get(&server.store().await, "a").await.unwrap_err();
    assert!(matches!(e, StoreError::Transient(_)), "{e}");
}

fn listing(entries: &str, rest: &str) -> Vec<u8> {
    answer("200 OK", "", &format!("<ListBucketResult>{entries}{rest}</ListBucketResult>"))
}

fn entry(key: &str) -> String {
    format!("<Contents><Key>{key}</Key><Size>1</Size><LastModified>2026-11-23T03:00:00.000Z</LastModified></Contents>")
}

#[tokio::test]
async fn listings_are_checked() {
    let sound = entry("p/a") + &entry("p/b%0Ac");
    let url = "<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>";
    let page = Scripted::start(vec![listing(&sound, url)]).store().await.list("", None).await.unwrap();
    let keys: Vec<&str> = page.objects.iter().map(|o| o.key.as_str()).collect();
    assert_eq!(keys, ["a", "b\nc"]);
    assert!(page.next.is_none());

    let more = "<IsTruncated>true</IsTruncated>";
    let token = "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>";
    for (what, bad) in [
        ("unsorted", listing(&(entry("p/b") + &entry("p/a")), "")),
        ("twice the same", listing(&(entry("p/b") + &entry("p/b")), "")),
        ("outside the prefix", listing(&entry("q/a"), "")),
        ("no token", listing(&entry("p/a"), more)),
        ("empty for ever", listing("", token)),
        ("no size", listing("<Contents><Key>p/a</Key></Contents>", "")),
    ] {
        let result = Scripted::start(vec![bad]).store().await.list("", None).await;
        assert!(matches!(result, Err(StoreError::Other(_))), "{what}: {result:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_cut_is_no_object() {
    let cut = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 10\r\n\r\nabc".to_vec();
    let store = Scripted::start(vec![cut]).store().await;
    let mut into = Vec::new();
    let e = store.get(&key("a"), 100, &mut into).await.unwrap_err();
    assert!(matches!(e, StoreError::Transient(_)), "{e}");
    assert!(into.is_empty());
}

#[tokio::test]
async fn an_oversized_object_is_not_read() {
    // Says so in advance.
    let large = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\nabc", 1u64 << 40);
    let store = Scripted::start(vec![large.into()]).store().await;
    let mut into = Vec::new();
    assert!(matches!(store.get(&key("a"), 100, &mut into).await, Err(StoreError::TooLarge { limit: 100 })));
    assert!(into.capacity() < 1 << 20);

    // Says nothing, and never ends.
    let mut endless = b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..100 {
        endless.extend_from_slice(b"400\r\n");
        endless.extend_from_slice(&[b'x'; 1024]);
        endless.extend_from_slice(b"\r\n");
    }
    let store = Scripted::start(vec![endless]).store().await;
    assert!(store.get(&key("a"), 100, &mut into).await.is_err());
    assert!(into.is_empty());
}

#[tokio::test]
async fn an_answer_without_end_is_not_kept() {
    // A page of a listing, and an error about an object; each goes on with more of the same.
    for head in ["200 OK", "500 Internal Server Error"] {
        let sent = Arc::new(Mutex::new(0usize));
        let server = endless(head, Arc::clone(&sent));
        let store = server.store().await;
        let e = match head {
            "200 OK" => store.list("", None).await.map(|_| ()).unwrap_err(),
            _ => get(&store, "a").await.map(|_| ()).unwrap_err(),
        };
        assert!(matches!(e, StoreError::TooMuch { .. }), "{head}: {e:?}");
        assert_eq!(e.about("x").code(), pgseal::Code::Limit);
        let sent = *sent.lock().unwrap();
        assert!(sent < 64 << 20, "{head}: {sent} bytes were read");
    }
}

/// Answers with `status` and entries of a listing until the client has enough.
fn endless(status: &'static str, sent: Arc<Mutex<usize>>) -> Scripted {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        read_request(&mut socket);
        let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n");
        let _ = socket.write_all(head.as_bytes());
        let entries = entry("p/a").repeat(1000);
        let chunk = format!("{:x}\r\n{entries}\r\n", entries.len());
        while socket.write_all(chunk.as_bytes()).is_ok() && *sent.lock().unwrap() < 256 << 20 {
            *sent.lock().unwrap() += chunk.len();
        }
    });
    Scripted { endpoint, heads: Arc::default() }
}

#[tokio::test]
async fn nobody_there_is_transient() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let server = Scripted { endpoint, heads: Arc::default() };
    let e = get(&server.store().await, "a").await.unwrap_err();
    assert!(matches!(&e, StoreError::Transient(t) if t.contains("cannot reach")), "{e}");
    // Cut off before any answer.
    let server = Scripted::start(vec![Vec::new()]);
    let e = get(&server.store().await, "a").await.unwrap_err();
    assert!(matches!(e, StoreError::Transient(_)), "{e}");
}

/// Takes connections, sends `start`, and then nothing, with the line held.
fn silent(start: &'static [u8]) -> Scripted {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let _ = socket.write_all(start);
            held.push(socket);
        }
    });
    Scripted { endpoint, heads: Arc::default() }
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up() {
    let store = silent(b"").impatient().await;
    for e in [
        put(&store, "a", b"x").await.unwrap_err(),
        get(&store, "a").await.unwrap_err(),
        store.list("", None).await.unwrap_err(),
    ] {
        assert!(matches!(&e, StoreError::Transient(t) if t.contains("in time")), "{e}");
    }
    // In the middle of a body.
    let store = silent(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc").impatient().await;
    let e = get(&store, "a").await.unwrap_err();
    assert!(matches!(e, StoreError::Transient(_)), "{e}");
}

#[tokio::test]
async fn a_put_that_arrived_differently_is_mangled() {
    let other = "x-amz-checksum-sha256: 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\r\n";
    let server = Scripted::start(vec![answer("200 OK", other, "")]);
    assert!(matches!(put(&server.store().await, "a", b"abc").await, Err(StoreError::Mangled(_))));
    // The same checksum is that of no bytes.
    put(&server.store().await, "a", b"").await.unwrap();
}
