//! Whoever sits at the scratch server's socket and is not the scratch server is
//! told nothing and asked nothing.

use std::os::unix::fs::{MetadataExt as _, symlink};

use pgseal::Code;
use pgseal::scratch::probe::{self, ProbeOutcome};

use crate::scratch::support::{fresh, start, top};

#[tokio::test]
async fn another_server_a_proxy_and_an_impostor_are_strangers() {
    let top = top();
    let (ours, theirs) = (fresh(top.path(), "postgres").await, fresh(top.path(), "postgres").await);
    let real = start(&theirs, "postgres").await;
    let instance = start(&ours, "postgres").await;
    assert!(instance.connect_any().await.is_ok());
    let level = ours.jail().level;
    assert_eq!(probe::peer(&instance, level).await.outcome, ProbeOutcome::Pass);
    let socket = instance.door().peer().socket().to_owned();
    // The server can neither change the directory nor what configures it.
    let session = instance.connect_writable("postgres").await.unwrap();
    for path in ["s", "conf", "etc", "evidence", "."] {
        let sql = format!("copy (select 1) to program 'mkdir ../{path}/made 2>/dev/null && rmdir ../{path}/made'");
        let made = session.client().batch_execute(&sql).await;
        let own = std::fs::metadata("/proc/self").unwrap().uid() == ours.jail().uid();
        // In its own mount namespace what is above is a directory of nobody's.
        assert!(made.is_err() || (own && path == "."), "{path} can be changed by the server");
    }
    drop(session);

    let aside = socket.with_extension("aside");
    std::fs::rename(&socket, &aside).unwrap();
    let meetings = ours.meetings();
    assert_eq!(meetings.stranger(), None);

    // A link to another server of the same user.
    symlink(real.door().peer().socket(), &socket).unwrap();
    let met = real.door().peer().meetings().proven();
    let e = instance.connect("postgres").await.unwrap_err();
    assert_eq!(e.code(), Code::Exposure, "{e}");
    assert!(e.text().contains(&format!("process {} ", real.pid())), "{e}");
    assert!(meetings.stranger().is_some());
    assert_eq!(real.door().peer().meetings().proven(), met);
    assert_eq!(probe::peer(&instance, level).await.outcome, ProbeOutcome::Fail);

    // A listener of somebody else's, which would pass everything on.
    std::fs::remove_file(&socket).unwrap();
    let proxy = tokio::net::UnixListener::bind(&socket).unwrap();
    let heard = tokio::spawn(async move {
        use tokio::io::AsyncReadExt as _;
        let mut said = Vec::new();
        proxy.accept().await.unwrap().0.read_to_end(&mut said).await.unwrap();
        said
    });
    assert_eq!(instance.connect("postgres").await.unwrap_err().code(), Code::Exposure);
    assert_eq!(heard.await.unwrap(), b"", "something was said to it");

    // One that stays met, whatever comes after.
    std::fs::remove_file(&socket).unwrap();
    std::fs::rename(&aside, &socket).unwrap();
    assert!(instance.connect("postgres").await.is_ok());
    assert_eq!(probe::peer(&instance, level).await.outcome, ProbeOutcome::Fail);

    // The right process with another mark: one of ours, of another run.
    let other = pgseal::source::Peer::new(
        socket,
        instance.pid(),
        (ours.jail().uid(), ours.jail().user()),
        std::sync::Arc::default(),
    )
    .marked(theirs.mark(), None);
    let door = pgseal::scratch::Door::new(std::sync::Arc::new(other), "postgres", instance.major());
    assert_eq!(door.open("postgres", true).await.unwrap_err().code(), Code::Exposure);
    assert!(ours.teardown(Some(instance)).await.is_clean());
    assert!(theirs.teardown(Some(real)).await.is_clean());
}
