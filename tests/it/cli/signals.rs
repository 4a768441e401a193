//! An interrupt while the store hangs.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::cli::sealed::Sealed;

#[test]
fn an_interrupt_ends_with_128_and_the_signal() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
        let sealed = Sealed::new();
        // A server that takes the connection and never answers.
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = server.local_addr().unwrap().port();
        sealed.write(
            "work/pgseal.toml",
            &format!(
                "[repository]\nurl = \"s3://bucket\"\ns3 = {{ endpoint = \"http://127.0.0.1:{port}\", region = \"x\", \
                 path_style = true }}\n"
            ),
        );
        let child = Command::new(assert_cmd::cargo::cargo_bin("pgseal"))
            .args(["store", "ls"])
            .env_clear()
            .envs(sealed.variables())
            .envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")])
            .current_dir(sealed.path("work"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Once it is connected it waits for the answer, with the handlers in place.
        let connection = server.accept().unwrap();
        kill_process(Pid::from_child(&child), signal).unwrap();
        let said = sealed.said(child.wait_with_output().unwrap());
        drop(connection);
        assert_eq!((said.code, said.out.as_str()), (code, ""), "{said}");
        assert!(said.err.contains("error: store: ended by SIG"), "{said}");
    }
}
