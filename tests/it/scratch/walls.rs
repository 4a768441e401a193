//! What a process sees from inside a jail.

use pgseal::config::schema::Isolation;
use pgseal::process::Stdout;
use pgseal::scratch::{Instance, Jail, Limits, Scratch};

use crate::scratch::support::{fresh, start, top};

/// What the server's own shell says.
async fn ask(instance: &Instance, script: &str) -> Vec<String> {
    let session = instance.connect_writable("postgres").await.unwrap();
    let sql = format!("create temp table said (line text); copy said from program $${script}$$ (delimiter E'\\x01')");
    session.client().batch_execute(&sql).await.unwrap_or_else(|e| panic!("{script}: {e:?}"));
    let rows = session.client().query("select line from said", &[]).await.unwrap();
    rows.iter().map(|r| r.get(0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_sees_its_own_files_programs_and_nothing_else() {
    let top = top();
    let host = top.path().join("of-the-host");
    std::fs::write(&host, "x").unwrap();
    let scratch = fresh(top.path(), "postgres").await;
    assert_eq!((scratch.jail().level, scratch.jail().reasons.as_slice()), (Isolation::I3, &[][..]));
    let other = Scratch::create(top.path(), scratch.jail(), &"shop".parse().unwrap()).await.unwrap();
    let instance = start(&scratch, "postgres").await;

    for (what, path) in [
        ("a file beside it", host.display().to_string()),
        ("another instance", other.path().display().to_string()),
        ("what was taken out of the copy", scratch.evidence_dir().display().to_string()),
        ("the mark", scratch.path().join("pgseal-lease.json").display().to_string()),
        ("homes", "/root".to_owned()),
        ("homes", "/home".to_owned()),
        ("sockets of others", "/run/postgresql".to_owned()),
        ("sockets of others", "/var/run/postgresql".to_owned()),
        ("password hashes", "/etc/shadow".to_owned()),
        ("names of others", "/etc/hosts".to_owned()),
        ("the host's devices", "/dev/kmsg".to_owned()),
        ("the host's kernel", "/sys/kernel".to_owned()),
    ] {
        assert_eq!(ask(&instance, &format!("[ -e {path} ] && echo there || echo no")).await, ["no"], "{what}: {path}");
    }
    let etc = ask(&instance, "ls /etc").await;
    let allowed = ["alternatives", "group", "ld.so.cache", "localtime", "nsswitch.conf", "passwd"];
    assert!(etc.iter().all(|f| allowed.contains(&f.as_str())), "{etc:?}");
    let users = ask(&instance, "cat /etc/passwd | cut -d: -f1").await;
    assert!(users.iter().all(|u| ["root", "postgres", "pgseal-outside"].contains(&u.as_str())), "{users:?}");

    // Nothing of the host's is written.
    for path in ["/usr/x", "/x", "/etc/x", "/run/x", &scratch.conf_dir().join("x").display().to_string()] {
        assert_eq!(
            ask(&instance, &format!("(touch {path}) 2>/dev/null && echo done || echo no")).await,
            ["no"],
            "{path}"
        );
    }
    assert_eq!(ask(&instance, "touch /tmp/here && echo done").await, ["done"]);
    assert!(scratch.path().join("tmp/here").exists() && !std::path::Path::new("/tmp/here").exists());

    // No rights, no core files, nobody else's processes.
    let status = ask(&instance, "grep -E '^(Cap|NoNewPrivs|NSpid)' /proc/self/status | tr -d '\\t'").await;
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert!(status.contains(&format!("{set}:0000000000000000")), "{set}: {status:?}");
    }
    assert!(status.contains(&"NoNewPrivs:1".to_owned()), "{status:?}");
    assert_eq!(ask(&instance, "ulimit -c").await, ["0"]);
    let names = ask(&instance, "cat /proc/[0-9]*/comm | sort -u").await;
    let ours = ["bwrap", "postgres", "sh", "cat", "sort"];
    assert!(names.iter().all(|n| ours.contains(&n.as_str())), "{names:?}");
    assert_eq!(ask(&instance, "hostname").await, ["pgseal"]);

    // Only what was given stands in the environment; PostgreSQL adds its own.
    let environment = ask(&instance, "env | cut -d= -f1 | sort -u").await;
    let own = ["LC_ALL", "PATH", "TZ", "PWD", "OLDPWD", "SHLVL", "_", "PGDATA", "PGLOCALEDIR", "PGSYSCONFDIR"];
    let lc = ["LC_COLLATE", "LC_CTYPE", "LC_MESSAGES", "LC_MONETARY", "LC_NUMERIC", "LC_TIME"];
    assert!(environment.iter().all(|n| own.contains(&n.as_str()) || lc.contains(&n.as_str())), "{environment:?}");

    let done = scratch.teardown(Some(instance)).await;
    assert!(done.is_clean() && done.detail.is_none(), "{done:?}");
    assert!(other.teardown(None).await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_hold_for_every_process_inside() {
    let top = top();
    let limits = Limits { memory: Some(1 << 30), processes: Some(77) };
    let jail = Jail::detect("postgres").await.unwrap().limited(limits);
    let scratch = Scratch::create(top.path(), &jail, &"shop".parse().unwrap()).await.unwrap();
    let said = async |script: &str| {
        let tool = scratch.jail().tool("/bin/sh").arg("-c").arg(script).stdout(Stdout::Piped);
        let (exit, out) = tool.spawn().await.unwrap().output(1000).await.unwrap();
        (exit.code(), String::from_utf8(out).unwrap())
    };
    assert_eq!(said("ulimit -v; ulimit -p; ulimit -c").await.1, "1048576\n77\n0\n");
    // More processes than allowed cannot be had; as many as needed can.
    assert_eq!(said("for i in 1 2 3; do sleep 0.01 & done; wait; echo done").await.1, "done\n");
    let (code, out) = said("for i in $(seq 100); do sleep 5 & done; echo done").await;
    assert!(code != Some(0) && !out.contains("done"), "{code:?} {out}");
    assert!(scratch.teardown(None).await.is_clean());
}
