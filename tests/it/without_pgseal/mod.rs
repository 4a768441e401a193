//! `scripts/restore-without-pgseal` against a repository that pgseal did not
//! write either: stock tools seal it, stock tools open it.

mod commands;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A throw-away server with the sample database, and a store made from it.
struct Fixture {
    dir: PathBuf,
}

/// Runs bash in the repository with `lib.sh`'s functions, `$dir` and the server's socket at hand.
fn bash(dir: &Path, script: &str) -> Output {
    Command::new("bash")
        .args(["-euo", "pipefail", "-c", &format!(". scripts/lib.sh\nPATH=$(pg_bindir 15):$PATH\n{script}")])
        .current_dir(ROOT)
        .env("dir", dir)
        .env("PGHOST", dir.join("sock"))
        .env("PGUSER", "postgres")
        .env_remove("PGDATABASE")
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("pgseal-wo-").tempdir_in("/tmp").unwrap().keep();
        let fixture = Self { dir };
        fixture.ok(
            r#"chmod 0711 "$dir"
            start_pg "$dir" 'fsync = off'
            psql -X -q -d postgres -c 'CREATE DATABASE shop'
            psql -X -q -d shop -v ON_ERROR_STOP=1 -v scale=0 -f examples/sample/sample.sql
            # What a name and a comment may hold, and psql would obey at the beginning of a line.
            psql -X -q -d postgres -v ON_ERROR_STOP=1 <<'SQL'
            CREATE ROLE "a;\b'c" LOGIN PASSWORD 'x';
            COMMENT ON ROLE "a;\b'c" IS E'it''s;\n\\! touch ran\nCREATE ROLE postgres;\nDROP ROLE "x;\n\\restrict a\n';
SQL
            # More rows than one part holds.
            psql -X -q -d shop -c 'CREATE TABLE shop.orders_old AS SELECT i, md5(i::text) FROM generate_series(1, 20000) i'
            DATABASE=shop tests/it/support/make-store.sh "$dir/made""#,
        );
        fixture
    }

    fn ok(&self, script: &str) -> String {
        let output = bash(&self.dir, script);
        assert!(output.status.success(), "{script}\n{}", said(&output));
        said(&output)
    }

    /// The restore script on a fresh copy of the store that `change` was done to.
    fn restore(&self, change: &str, arguments: &str) -> Output {
        bash(
            &self.dir,
            &format!(
                r#"cd "$dir"; rm -rf changed; cp -a made changed; cd changed/store
                {change}
                cd "$root"
                exec scripts/restore-without-pgseal --store "$dir/changed/store" \
                  --allowed-signers "$dir/made/allowed_signers" {arguments}"#
            ),
        )
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let _ = bash(&self.dir, r#"stop_pg "$dir" immediate; rm -rf "$dir""#);
    }
}

#[test]
fn a_database_comes_back_the_same() {
    let f = Fixture::new();
    let role = r#"psql -X -At -d postgres -c "SELECT rolname, rolcanlogin, rolpassword, shobj_description(oid, 'pg_authid') FROM pg_authid WHERE rolname ~ ';'""#;
    let before = f.ok(role);
    assert!(before.contains("\n\\! touch ran\n") && before.contains("SCRAM-SHA-256"), "{before}");
    f.ok(r#"psql -X -q -d postgres -c "DROP ROLE \"a;\\b'c\"""#);
    let output = f.restore("", r#"--source shop --identity "$dir/made/identity" --target-db back --with-globals"#);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(f.ok(role), before, "a role with its password and comment");
    // Rows have no order, lines of a dump do: compare them sorted.
    f.ok(
        r#"text_of() { PGDATABASE=$1 pg_dump | grep -v -e '^.restrict' -e '^.unrestrict' | LC_ALL=C sort | sha256sum; }
        [[ $(text_of shop) == "$(text_of back)" ]]
        [[ $(psql -X -At -d back -c 'SELECT count(*) FROM shop.orders_old') == 20000 ]]"#,
    );

    let again = f.restore("", r#"--source shop --identity "$dir/made/identity" --target-db back"#);
    assert!(!again.status.success() && said(&again).contains("database back exists"), "{}", said(&again));

    let older = f.restore(
        "",
        r#"--source shop --identity "$dir/made/identity" --target-db older --no-owner --backup 20261121T030000Z-0000000000000001"#,
    );
    assert!(older.status.success() && said(&older).contains("20261121T"), "{}", said(&older));

    // Roles that a signer that lies wrote: psql would run each of these lines.
    let lines = r"\! touch $0/ran
SELECT 1 \! touch $0/ran
SELECT 1 \g |touch $0/ran
\copy (SELECT 1) TO PROGRAM 'touch $0/ran'
\o |touch $0/ran";
    let hostile = format!(
        r#"lines=$(printf '%s' '{}' | sed "s|\$0|$dir|")
        d=s/shop/d/20261122T030000Z-0000000000000002/s01
        {{ age -d -i "$dir/made/identity" $d/00001.zst.age | zstd -q -dc; printf '%s\n' "$lines"; }} >"$dir/plain"
        zstd -q -c "$dir/plain" | age -r "$(age-keygen -y "$dir/made/identity")" >x; mv x $d/00001.zst.age
        sha=$(sha256sum <$d/00001.zst.age | cut -d' ' -f1) size=$(stat -c %s $d/00001.zst.age) plain=$(stat -c %s "$dir/plain")
        {}"#,
        lines.replace('\'', r"'\''"),
        resigned(".streams[0].stored = [[$sha, $size]] | .streams[0].plain_bytes = $plain")
            .replace("jq -c", r#"jq -c --arg sha "$sha" --argjson size "$size" --argjson plain "$plain""#)
    );
    let output =
        f.restore(&hostile, r#"--source shop --identity "$dir/made/identity" --target-db never --with-globals"#);
    let text = said(&output);
    assert!(!output.status.success() && text.contains("roles could not be created"), "{text}");
    assert_eq!(f.ok(r#"find "$dir" . -maxdepth 1 -name ran"#), "", "{text}");

    // Failures leave no database behind, neither under the wanted name nor under the working one.
    for (what, change, identity, expected) in [
        ("another identity", "", "other-identity", "does not open this backup"),
        (
            "more bytes than signed",
            resigned(".streams[-1].plain_bytes -= 1").as_str(),
            "identity",
            "opens to other than",
        ),
        (
            "fewer bytes than signed",
            resigned(".streams[-1].plain_bytes += 1").as_str(),
            "identity",
            "opens to other than",
        ),
    ] {
        let output =
            f.restore(change, &format!(r#"--source shop --identity "$dir/made/{identity}" --target-db never"#));
        assert!(!output.status.success() && said(&output).contains(expected), "{what}: {}", said(&output));
        assert_eq!(
            f.ok(
                "psql -X -At -d postgres -c \"SELECT datname FROM pg_database WHERE datname ~ 'never|pgseal_restore'\""
            ),
            "",
            "{what}"
        );
    }
}

#[test]
fn a_cluster_comes_back_and_starts() {
    let f = Fixture::new();
    let arguments = r#"--source shop-cluster --identity "$dir/made/identity" --target-dir "$dir/data2/data""#;
    f.ok(r#"mkdir -m 0711 "$dir/data2""#);
    let output = f.restore("", arguments);
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("pg_verifybackup: every file is as it was"), "{}", said(&output));
    f.ok(r#"stop_pg "$dir"
        if [[ $(id -u) -eq 0 ]]; then chown -R postgres: "$dir/data2/data"; fi
        as_pg pg_ctl -s -w -D "$dir/data2/data" -l "$dir/data2/data/log" start >/dev/null
        rows=$(psql -X -At -d shop -c 'SELECT count(*) FROM shop.orders_old')
        stop_pg "$dir/data2" immediate
        [[ $rows == 20000 ]]"#);
    let again = f.restore("", arguments);
    assert!(!again.status.success() && said(&again).contains("not an empty directory"), "{}", said(&again));

    // A damaged base backup leaves no directory.
    let output = f.restore(
        &resigned(".streams[0].plain_bytes -= 1").replace("s/shop/m/0000000002", "s/shop-cluster/m/0000000001"),
        r#"--source shop-cluster --identity "$dir/made/identity" --target-dir "$dir/never""#,
    );
    assert!(!output.status.success(), "{}", said(&output));
    assert_eq!(f.ok(r#"ls "$dir" | grep never || true"#), "");
}

#[test]
fn bytes_behind_the_end_of_a_base_backup_are_noticed() {
    let f = Fixture::new();
    // Behind the end, in the last part; and so much that it fills parts of its own.
    for (n, more) in
        ["printf 'behind'", "head -c 20000000 /dev/urandom", "head -c 20000000 /dev/zero"].iter().enumerate()
    {
        let change = format!(
            r#"id=$(jq -r .backup_id s/shop-cluster/m/0000000001.json); d=s/shop-cluster/d/$id
            ref=$(jq -r '.streams[] | select(.role == "base") | .ref' s/shop-cluster/m/0000000001.json)
            size=$(jq .part_bytes s/shop-cluster/m/0000000001.json)
            recipient=$(age-keygen -y "$dir/made/identity")
            {{ for p in "$d/$ref"/*.age; do age -d -i "$dir/made/identity" "$p" | zstd -q -dc; done; {more}; }} >../plain
            rm "$d/$ref"/*
            split -b "$size" --numeric-suffixes=1 -a 5 --filter='zstd -q -c | age -r '"$recipient"' >'"$d/$ref"'/$FILE.zst.age' ../plain ''
            stored=$(for p in "$d/$ref"/*.age; do printf '["%s",%s]
' "$(sha256sum <"$p" | cut -d' ' -f1)" "$(stat -c %s "$p")"; done | jq -cs .)
            rm s/shop-cluster/m/0000000001.*.sig
            jq -c --argjson stored "$stored" --argjson plain "$(stat -c %s ../plain)" '
              (.streams[] | select(.role == "base")) |= (.stored = $stored | .parts = ($stored | length) | .plain_bytes = $plain)'               s/shop-cluster/m/0000000001.json >x; mv x s/shop-cluster/m/0000000001.json
            "$root/tests/it/support/make-store.sh" sign s/shop-cluster/m/0000000001.json "$dir/made/signer""#
        );
        let output = f.restore(
            &change,
            &format!(r#"--source shop-cluster --identity "$dir/made/identity" --target-dir "$dir/out{n}""#),
        );
        let text = said(&output);
        // Padding is none.
        assert_eq!(output.status.success(), n == 2, "{more}: {text}");
        assert_eq!(text.contains("there are bytes behind the end of the tar"), n != 2, "{more}: {text}");
    }
    assert_eq!(f.ok(r#"ls "$dir" | grep ^out"#).trim(), "out2");
}

/// Changes the newest manifest and signs it with the right key: for what only the content can betray.
fn resigned(filter: &str) -> String {
    format!(
        r#"rm s/shop/m/0000000002.*.sig
        jq -c '{filter}' s/shop/m/0000000002.json >x; mv x s/shop/m/0000000002.json
        "$root/tests/it/support/make-store.sh" sign s/shop/m/0000000002.json "$dir/made/signer""#
    )
}

#[test]
fn hostile_stores_are_refused() {
    let f = Fixture::new();
    let part = "s/shop/d/20261122T030000Z-0000000000000002/s03/00002.zst.age";
    let verify = |change: &str, more: &str| {
        let output = f.restore(change, &format!("--source shop --verify-only {more}"));
        (output.status.code().unwrap(), said(&output))
    };

    let (code, text) = verify("", "");
    assert!(code == 0 && text.contains("verified: signatures, chain"), "{text}");

    let other_signer = resigned(".label = \"x\"").replace("made/signer", "made/other-signer");
    for (change, expected) in [
        (format!("printf X | dd of={part} bs=1 seek=300 conv=notrunc status=none"), "is corrupt"),
        (format!("truncate -s -1 {part}"), "bytes, the manifest says"),
        (format!("printf X >>{part}"), "larger than the"),
        (format!("rm {part}"), "missing in the store"),
        (format!("mv {part} {part}.x; ln -s 00002.zst.age.x {part}"), "missing in the store"),
        ("rm s/shop/d/20261122T030000Z-0000000000000002/facts.zst.age".into(), "facts are damaged"),
        ("rm s/shop/m/0000000002.*.sig".into(), "0000000002 cannot be trusted"),
        ("sed -i 's/\"logical\"/\"Logical\"/' s/shop/m/0000000002.json".into(), "0000000002 cannot be trusted"),
        (other_signer, "0000000002 cannot be trusted"),
        ("rm s/shop/m/0000000001.*".into(), "(0000000001) are gone"),
        (resigned(".prev_sha256 = \"00\" * 32"), "names 0000000001 instead"),
        (resigned(".prev_seq = 3"), "not of this format or not for this place"),
        (resigned(".seq = 3"), "not of this format or not for this place"),
        (resigned(".source = \"other\""), "not of this format or not for this place"),
        (resigned(".version = 2"), "not of this format or not for this place"),
        (resigned(".repo_id = \"ff\" * 16"), "of another repository"),
        (resigned(".compression.window_log_max = 31"), "not of this format or not for this place"),
        (resigned(".streams[0].ref = \"../s01\""), "not of this format or not for this place"),
        (resigned(".streams[0].parts = 0"), "not of this format or not for this place"),
        ("rm -r s/shop/m".into(), "no backups of shop"),
        ("head -c 5000000 /dev/zero >s/shop/m/0000000003.json".into(), "0000000003 cannot be trusted"),
    ] {
        let (code, text) = verify(&change, "");
        assert!(code == 1 && text.contains(expected), "{change}\nexpected: {expected}\n{text}");
    }

    // The operator may go on with a damaged history, never with a damaged backup.
    let (code, text) = verify("rm s/shop/m/0000000001.*", "--ignore-history");
    assert!(code == 0 && text.contains("are gone"), "{text}");
    let (code, text) = verify("rm s/shop/m/0000000002.*.sig", "--ignore-history");
    assert!(code == 0 && text.contains("backup 20261121T"), "{text}");
    let (code, text) = verify(&format!("rm s/shop/m/0000000001.*; truncate -s -1 {part}"), "--ignore-history");
    assert!(code == 1 && text.contains("the backup is damaged"), "{text}");

    let (code, text) = verify("", "--backup 20201121T030000Z-0000000000000001");
    assert!(code == 1 && text.contains("no trusted manifest"), "{text}");
    let (code, text) = verify("", "--target-db x");
    assert!(code == 2 && text.contains("usage:"), "{text}");
}
