//! The commented configuration that `pgseal init` writes where there is none.

/// A configuration for `url`; everything else is a comment to fill in.
pub fn commented(url: &str) -> String {
    // A JSON string is a TOML basic string.
    let url = serde_json::Value::from(url).to_string();
    TEMPLATE.replace("@URL@", &url)
}

/// What an operator needs to begin, with defaults where there are any.
const TEMPLATE: &str = r#"# Configuration of pgseal. Precedence: flag > PGSEAL_* variable > this file > default.
# `pgseal config show --origin` tells where each value comes from.

[repository]
url = @URL@
# retry_for = "5m"                 # a store that is down or throttles is tried again for this long
# s3 = { region = "eu-central-1", object_lock = "compliance:35d" }

[keys]
# Public. At least two are wise: one whose identity lies in a safe, one for drills.
# recipients = ["age1…", "age1…"]
# This host's own key: pgseal keygen signer -o /etc/pgseal/signer
# signing_key = "/etc/pgseal/signer"
# Whom to believe; pinned here, never fetched from the store.
# allowed_signers = "/etc/pgseal/allowed_signers"
# revoked_keys = "/etc/pgseal/revoked_keys"
# Only on restore and drill hosts: pgseal keygen identity -o FILE
# identity = "/etc/pgseal/identity"

# [tools]
# pg_bindir = "/usr/lib/postgresql/15/bin"

# [state]
# dir = "/var/lib/pgseal"

# [limits]
# memory = "4GiB"                  # of pgseal itself; default: half of the host's

# [scratch]
# dir = "/var/tmp"                 # needs room for one restored copy
# user = "postgres"                # who runs the servers when pgseal is root
# max_memory = "4GiB"              # of each process; default: half of the host's
# max_processes = 1024
# max_disk = "100GiB"              # of one drill; default: all but keep_free
# keep_free = "1GiB"               # default: 5 % of the file system, 1 GiB at most

# Names of databases, tables and roles in drill reports, which lie in the clear in the
# store: "none" keeps them, "names" writes pseudonyms, "details" leaves out what depends on them.
# [report]
# redact = "names"

# [source.shop]
# kind = "logical"                 # or "physical"
# connection = "service=shop"      # libpq; never a password here
# databases = ["shop"]             # or "all"; default: the one connected to
# jobs = 2
# compression = 3
# next_due = "26h"

# [source.shop.retention]
# keep_within = "7d"
# keep_daily = 14
# keep_weekly = 8
# keep_proven = 2

# [source.shop.drill]
# min_isolation = "auto"           # I3 on the database's own host, I2 elsewhere; or I0 to I4
# max_restore = "30m"              # slower is a finding
# max_rpo = "26h"                  # so is a newest backup that is older
# max_slowdown = 2.0               # times the last good drill of the same kind and about the same size
# deadline = "auto"                # of the whole drill: 6 h, and a second for each 2 MiB of the backup
# preload = ["pgaudit"]            # libraries of this host's packages that the copy's extensions must have preloaded

# [[source.shop.drill.sql]]
# name = "no order is negative"
# query = "select count(*) = 0 from orders where total < 0"
# expect = true

# [[source.shop.drill.sql]]
# name = "as many orders as ever"
# query = "select count(*) from orders"
# min = 100000                     # or max, or expect with tolerance
# role = "app"                     # with its rights and under its row security
# timeout = "1m"

# [[source.shop.drill.sql]]
# name = "the newest order"
# query = "select max(created_at) from orders"
# max_age = "2d"                   # older than the backup by no more than this

# A random token that stands in the database, to tell it from any other.
# [source.shop.drill.canary]
# query = "select token from canary"
# file = "/etc/pgseal/canary"      # or sha256 = "…", of its text

# What may be exposed: waivers and declared intent stand in files of their own.
# [source.shop.exposure]
# fail_on = "high"                 # open findings as bad as this, or worse, end a run with 52
# required = ["EXP-HBA-*"]         # a run in which one of these was not evaluated ends with 53
# declarations = ["/etc/pgseal/exposure.toml"]   # several: the organisation's first
# tenant_columns = ["tenant", "account"]
# guess_passwords = true           # tries a few obvious ones on the copy's stored passwords

# [source.shop-cluster]
# kind = "physical"                # the whole cluster, as files
# connection = "service=shop-replication"
# manifest_checksums = "sha256"    # of each file, by the server; "crc32c" spares its CPU
"#;

#[cfg(test)]
mod tests {
    use super::commented;
    use crate::config::tests::parse;

    #[test]
    fn the_template_parses_and_its_comments_too() {
        let text = commented("file:///a\"b");
        assert_eq!(parse(&text).unwrap().config.repository.url, "file:///a\"b");
        // Every commented setting, taken in, is one that we know.
        let full: String = commented("file:///r")
            .lines()
            .map(|l| match l.strip_prefix("# ") {
                Some(rest) if rest.starts_with('[') || rest.contains(" = ") => format!("{rest}\n"),
                Some(_) => String::new(),
                None => format!("{l}\n"),
            })
            .collect();
        let c = parse(&full).unwrap_or_else(|e| panic!("{e:?}\n{full}")).config;
        assert_eq!(c.source("shop").unwrap().drill.sql.len(), 3);
        assert!(c.source("shop").unwrap().drill.canary.is_some());
        assert_eq!(c.source("shop").unwrap().exposure.required, ["EXP-HBA-*"]);
        assert_eq!(c.keys.recipients.len(), 2);
    }
}
