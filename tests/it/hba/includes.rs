//! Files inside of files.

use pgseal::hba::{Captured, Config, Files, UserToken, parse};

fn text(text: &str) -> Captured {
    Captured::Text(text.into())
}

fn users(config: &Config) -> Vec<String> {
    config.rules.iter().map(|r| r.users.iter().map(UserToken::text).collect::<Vec<_>>().join(",")).collect()
}

#[test]
fn what_is_included_stands_where_the_include_stood() {
    let main = "local all a trust\ninclude sub/b\ninclude_if_exists gone\ninclude_dir conf.d\nlocal all z trust\n";
    let mut asked = Vec::new();
    let files = Files::gather("/etc/pg/pg_hba.conf", text(main), 16, |wanted| {
        asked.push((wanted.path.clone(), wanted.directory));
        match wanted.path.as_str() {
            "/etc/pg/sub/b" => text("local all b trust\ninclude c\n"),
            "/etc/pg/sub/c" => text("local all c trust\n"),
            "/etc/pg/gone" => Captured::Absent,
            "/etc/pg/conf.d" => Captured::Names(
                ["2.conf", "10.conf", ".no.conf", "x.txt", "dir.conf", "a.conf"].map(String::from).to_vec(),
            ),
            "/etc/pg/conf.d/dir.conf" => Captured::Names(vec![]),
            path => text(&format!("local all {} trust\n", path.replace(['/', '.'], "_"))),
        }
    });
    let config = parse(&files, 16);
    assert_eq!(config.errors, []);
    assert!(config.loadable() && config.is_complete());
    // `2.conf` sorts behind `10.conf`: bytes, not numbers.
    let expected = ["a", "b", "c", "_etc_pg_conf_d_10_conf", "_etc_pg_conf_d_2_conf", "_etc_pg_conf_d_a_conf", "z"];
    assert_eq!(users(&config), expected);
    assert_eq!((config.rules[2].file.as_str(), config.rules[2].line, config.rules[2].number), ("/etc/pg/sub/c", 1, 3));
    assert!(!asked.iter().any(|(path, _)| path.contains(".no") || path.contains(".txt")));
    // Before 16 an include is no rule.
    let old = parse(&files, 15);
    assert_eq!(old.errors.iter().map(|e| e.line).collect::<Vec<_>>(), [2, 3, 4]);
}

#[test]
fn words_come_from_files() {
    let files =
        Files::of_text("/d/hba", "local @dbs x,@users,y trust\nlocal all \"@users\" trust\nlocal @empty a b trust\n")
            .with("/d/dbs", text("one # comment\ntwo, three\n\"all\"\n"))
            .with("/d/users", text("+g\n@more\n"))
            .with("/d/more", text("all"))
            .with("/d/empty", text("# nothing\n"));
    let config = parse(&files, 15);
    assert_eq!(config.errors, []);
    assert_eq!(config.rules[0].text(), "local one,two,three,\"all\" x,+g,all,y trust");
    assert_eq!(config.rules[1].text(), "local all \"@users\" trust");
    // A field whose files hold nothing is not there: the others move up.
    assert_eq!(config.rules[2].text(), "local a b trust");
}

#[test]
fn what_was_not_captured_is_told_and_leaves_the_rest_in_doubt() {
    let main = "local all a trust\ninclude gone\nlocal all b trust\nlocal all @u trust\ninclude_dir d\n";
    let files = Files::of_text("/d/hba", main).with("/d/u", Captured::Unread("no permission".into()));
    let config = parse(&files, 16);
    assert_eq!(config.errors, []);
    assert_eq!(users(&config), ["a", "b", "@/d/u"]);
    let told: Vec<_> = config.unresolved.iter().map(|u| (u.line, u.path.as_str(), u.before)).collect();
    assert_eq!(told, [(2, "/d/gone", Some(1)), (4, "/d/u", None), (5, "/d/d", Some(3))]);
    let main_gone = parse(&Files::new("/d/hba", Captured::Unread("outside".into())), 16);
    assert!(main_gone.errors.is_empty() && !main_gone.is_complete());
    let absent = parse(&Files::new("/d/hba", Captured::Absent), 16);
    assert!(!absent.loadable());
    // A file behind an @ has to exist.
    let files = Files::of_text("/d/hba", main).with("/d/u", Captured::Absent).with("/d/gone", Captured::Absent);
    let config = parse(&files, 16);
    assert_eq!(config.errors.iter().map(|e| e.line).collect::<Vec<_>>(), [2, 4]);
}
