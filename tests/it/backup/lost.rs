//! A store that lost its `repo.json`.

use crate::support::pg::{PgServer, bindir};
use crate::support::world::World;

#[test]
fn nobody_creates_a_repository_over_backups_of_another() {
    let server = PgServer::start(&bindir(), &[]);
    let world = World::new(&server, "");
    let id = world.backup();
    let file = world.path("store/repo.json");
    let was: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let repo = was["repo_id"].as_str().unwrap();
    std::fs::remove_file(&file).unwrap();
    // As on a new host.
    std::fs::remove_dir_all(world.path("state")).unwrap();

    let what = format!("backups of repository {repo} lie here, but repo.json is gone");
    let said = world.run(&["init"]).expect(13).says(&[&what, "A new repository could not read them."]);
    assert!(!file.exists(), "{said}");
    let other = world.run(&["list", "shop"]).expect(10).says(&[&what]);
    assert!(!other.err.contains("pgseal init"), "{other}");

    // The line it gives is the document.
    let at = said.err.find("{\"format\"").expect("the document");
    let line = &said.err[at..=at + said.err[at..].find('}').unwrap()];
    let line = line.split_whitespace().collect::<String>();
    std::fs::write(&file, format!("{line}\n")).unwrap();
    assert!(world.run(&["list", "shop"]).expect(0).out.contains(&id));
    world.run(&["init"]).expect(0).says(&[repo]);
    world.run(&["verify", "shop", "--deep"]).expect(0);

    // A manifest that no trusted key signed is no reason to create one, either.
    std::fs::remove_file(&file).unwrap();
    std::fs::remove_dir_all(world.path("state")).unwrap();
    for entry in std::fs::read_dir(world.path("store/s/shop/m")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "sig") {
            std::fs::remove_file(path).unwrap();
        }
    }
    world.run(&["init"]).expect(13).says(&[&what, "No trusted key signed"]);
    // Nor one that cannot be read at all.
    std::fs::write(world.path("store/s/shop/m/0000000001.json"), "{").unwrap();
    world.run(&["init"]).expect(13).says(&["no manifest tells the repository's id"]);
    assert!(!file.exists());
}
