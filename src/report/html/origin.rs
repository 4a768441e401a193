//! What is left behind, where the report comes from, and how to check that.

use super::bound;
use super::mark::Mark;
use super::words::When;
use crate::report::Report;
use crate::types::Redaction;

/// One line of the teardown.
#[derive(Debug, PartialEq, Eq)]
pub struct Gone {
    /// Sign.
    pub mark: Mark,
    /// `The instance is gone.`
    pub words: &'static str,
}

/// The section about the teardown.
#[derive(Debug)]
pub struct Teardown {
    /// One sentence.
    pub summary: &'static str,
    /// What was looked at.
    pub lines: Vec<Gone>,
    /// What stood in the way.
    pub detail: Option<String>,
}

/// The foot of the page.
#[derive(Debug)]
pub struct Origin {
    /// Name and value.
    pub facts: Vec<(&'static str, String)>,
    /// Begin and end.
    pub times: (When, When),
    /// The command that checks the report.
    pub verify: String,
}

/// The teardown of a report.
pub fn teardown(r: &Report) -> Teardown {
    let Some(t) = &r.teardown else {
        let summary = "No scratch instance was made, so there was nothing to remove.";
        return Teardown { summary, lines: Vec::new(), detail: None };
    };
    let gone =
        |is, yes, no| if is { Gone { mark: Mark::Good, words: yes } } else { Gone { mark: Mark::Alarm, words: no } };
    Teardown {
        summary: if t.is_clean() {
            "Nothing of the scratch instance is left."
        } else {
            "Something of the scratch instance is left: a copy of your data may still lie on the drill host."
        },
        lines: vec![
            gone(t.instance_gone, "No process of the instance runs", "A process of the instance may still run"),
            gone(t.directory_gone, "Its directory is gone", "Its directory is still there"),
        ],
        detail: t.detail.as_deref().map(bound::text),
    }
}

/// The foot of a report.
pub fn of(r: &Report) -> Origin {
    Origin {
        facts: vec![
            ("Backup", format!("{}, number {} of {}", r.backup_id, r.seq, r.source)),
            ("Manifest, SHA-256", r.manifest_sha256.to_string()),
            (
                "Manifest signed by",
                r.signer.as_deref().map_or_else(|| "nobody that is trusted".to_owned(), bound::name),
            ),
            ("Server", format!("PostgreSQL {}", r.server_major)),
            ("Run", bound::name(&r.run)),
            ("Names in it", names(r.redaction).to_owned()),
            ("Exit code", r.exit_code.to_string()),
            ("Written by", format!("{} {}", bound::cut(&r.tool.name, 40), bound::cut(&r.tool.version, 40))),
        ],
        times: (When::of(r.started_at), When::of(r.finished_at)),
        verify: format!("pgseal report verify {}.json", r.stem()),
    }
}

/// Which names are in a report, in words.
pub const fn names(redaction: Redaction) -> &'static str {
    match redaction {
        Redaction::None => "as they are in the database",
        Redaction::Names => "pseudonyms, which the host that wrote it can resolve",
        Redaction::Details => "none, and no text that depends on them",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::json::tests::sample;

    #[test]
    fn what_is_left_is_never_a_good_sign() {
        let mut r = sample();
        assert!(teardown(&r).lines.iter().all(|l| l.mark == Mark::Good));
        let t = r.teardown.as_mut().unwrap();
        (t.directory_gone, t.detail) = (false, Some("busy".into()));
        let section = teardown(&r);
        assert!(section.summary.starts_with("Something"));
        assert_eq!((section.lines[0].mark, section.lines[1].mark), (Mark::Good, Mark::Alarm));
        assert_eq!(section.detail.as_deref(), Some("busy"));
        r.teardown = None;
        assert!(teardown(&r).summary.contains("nothing to remove") && teardown(&r).lines.is_empty());
    }

    #[test]
    fn the_foot_says_who_signed_and_how_to_check() {
        let mut r = sample();
        let o = of(&r);
        assert_eq!(o.verify, "pgseal report verify shop-42-r1.json");
        let fact = |o: &Origin, name: &str| o.facts.iter().find(|f| f.0 == name).unwrap().1.clone();
        assert_eq!(fact(&o, "Manifest signed by"), "db1@acme");
        assert_eq!(fact(&o, "Manifest, SHA-256").len(), 64);
        assert_eq!(fact(&o, "Names in it"), "as they are in the database");
        r.redaction = Redaction::Details;
        assert!(fact(&of(&r), "Names in it").starts_with("none"));
        r.signer = None;
        assert_eq!(fact(&of(&r), "Manifest signed by"), "nobody that is trusted");
    }
}
