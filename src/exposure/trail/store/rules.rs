//! EXP-STO-003: the bucket's policy lets in nobody but its own, and only encrypted.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::trail::Trail;
use crate::exposure::{About, Found, Plane, Seen, Severity};
use crate::types::{Known, shown};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-STO-003",
        title: "the bucket's policy lets in no strangers and no unencrypted requests",
        severity: Severity::High,
        planes: &[Plane::Trail],
        guide: &[2, 3, 16],
        refs: &["SRG-APP-000033", "SRG-APP-000442"],
        why: "A policy is where access is given away for years: to a partner's account, to a tool that was tried once, \
              to everybody under a condition that anybody can meet. And without a rule against plain http, a client \
              that is configured wrongly sends keys and listings readable over the network.",
        inspects: "The JSON of the bucket's policy: statements that allow something to Principal \"*\" (with a \
                   condition: high; without: critical), to other accounts and their roles, and whether a statement \
                   denies requests with aws:SecureTransport false.",
        remedy: "Name roles instead of \"*\"; take foreign accounts out. Add {\"Effect\": \"Deny\", \"Principal\": \
                 \"*\", \"Action\": \"s3:*\", \"Resource\": [\"arn:aws:s3:::B\", \"arn:aws:s3:::B/*\"], \"Condition\": \
                 {\"Bool\": {\"aws:SecureTransport\": \"false\"}}}.",
        false_positives: "Your own account named in the policy, or the account of a replica that you declared: \
                          pgseal cannot tell whose an account is. An endpoint that serves https only needs no such \
                          rule.",
        source: "Amazon S3 user guide, \"Bucket policies\"; Security Hub control S3.5.",
    },
    look: Look::Trail(look),
};

fn look<'a>(trail: &'a Trail<'a>) -> Looking<'a> {
    Box::pin(async move {
        let bucket = match trail.bucket() {
            Ok(bucket) => bucket,
            Err(seen) => return Ok(seen),
        };
        Ok(match bucket.policy().await {
            Known::Yes(policy) => judge(policy.as_deref()),
            Known::No(why) => Seen::not_evaluated(why),
        })
    })
}

/// One or many, as policies write them.
fn list(value: Option<&Value>) -> Vec<&Value> {
    match value {
        Some(Value::Array(all)) => all.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    }
}

fn texts(value: Option<&Value>) -> Vec<&str> {
    list(value).into_iter().filter_map(Value::as_str).collect()
}

fn judge(policy: Option<&str>) -> Seen {
    let policy: Value = match policy.map(serde_json::from_str).transpose() {
        Ok(policy) => policy.unwrap_or_default(),
        Err(_) => return Seen::not_evaluated("the bucket's policy is not readable as JSON"),
    };
    let statements = list(policy.get("Statement"));
    let mut seen = Seen::all_of(statements.len() + 1);
    let mut allowed = Allowed::new();
    for s in statements.iter().filter(|s| s.get("Effect").and_then(Value::as_str) == Some("Allow")) {
        allow(s, &mut allowed);
    }
    for (who, (texts, severity)) in allowed {
        seen.add(Found::new(format!("bucket policy: {who}"), texts.join("; ")).at(severity));
    }
    if !statements.iter().any(|s| denies_plain(s)) {
        let what = "no statement denies requests over plain http";
        seen.add(Found::new("bucket policy: aws:SecureTransport", what).at(Severity::Medium));
    }
    seen
}

/// By principal: what each may, and how bad the worst of it is.
type Allowed = BTreeMap<String, (Vec<String>, Severity)>;

fn allow(s: &Value, allowed: &mut Allowed) {
    let mut add = |who: &str, text: String, severity: Severity| {
        let slot = allowed.entry(who.to_owned()).or_insert((Vec::new(), severity));
        slot.0.push(text);
        slot.1 = slot.1.max(severity);
    };
    let actions = list(s.get("Action").or_else(|| s.get("NotAction")));
    let mut what: Vec<String> = actions.iter().filter_map(|a| a.as_str()).map(|a| shown(a).into_owned()).collect();
    if s.get("NotAction").is_some() {
        what.insert(0, "everything but".into());
    }
    what.truncate(12);
    let what = what.join(" ");
    if s.get("NotPrincipal").is_some() {
        let text = format!("everybody but some may {what}");
        add("NotPrincipal", text, Severity::Critical);
    }
    let principal = s.get("Principal");
    let aws = match principal {
        Some(Value::Object(kinds)) => texts(kinds.get("AWS")),
        other => texts(other),
    };
    for name in aws {
        let conditioned = s.get("Condition").is_some_and(|c| c.as_object().is_some_and(|o| !o.is_empty()));
        let (text, severity) = match name {
            "*" if conditioned => (format!("everybody may {what} who meets a condition"), Severity::High),
            "*" => (format!("everybody may {what}"), Severity::Critical),
            _ => (format!("may {what}"), Severity::Medium),
        };
        add(name, text, severity);
    }
}

fn denies_plain(s: &Value) -> bool {
    let field = |name: &str| s.get(name).and_then(Value::as_str);
    let everybody = match s.get("Principal") {
        Some(Value::Object(kinds)) => texts(kinds.get("AWS")).contains(&"*"),
        other => texts(other).contains(&"*"),
    };
    let plain = s.get("Condition").and_then(|c| c.get("Bool")).and_then(|b| b.get("aws:SecureTransport"));
    let plain = list(plain).iter().any(|v| v.as_str() == Some("false") || v.as_bool() == Some(false));
    let everything = texts(s.get("Action")).iter().any(|a| *a == "s3:*" || *a == "*");
    field("Effect") == Some("Deny") && everybody && plain && everything
}

#[cfg(test)]
mod tests {
    use super::*;

    const TLS: &str = r#"{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*",
        "Condition":{"Bool":{"aws:SecureTransport":"false"}}}"#;

    fn found(statements: &[&str]) -> Vec<(String, Option<Severity>)> {
        let text = format!("{{\"Version\":\"2012-10-17\",\"Statement\":[{}]}}", statements.join(","));
        judge(Some(&text)).found.into_iter().map(|f| (f.object, f.severity)).collect()
    }

    #[test]
    fn what_lets_strangers_in_is_told() {
        let one = |object: &str, s: Severity| vec![(format!("bucket policy: {object}"), Some(s))];
        assert_eq!(found(&[TLS]), []);
        assert_eq!(found(&[]), one("aws:SecureTransport", Severity::Medium));
        assert_eq!(judge(None).found.len(), 1);
        let all = r#"{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}"#;
        assert_eq!(found(&[TLS, all]), one("*", Severity::Critical));
        let narrow = r#"{"Effect":"Allow","Principal":{"AWS":["*"]},"Action":["s3:GetObject"],"Resource":"*",
            "Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}}"#;
        assert_eq!(found(&[TLS, narrow]), one("*", Severity::High));
        let account = r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"s3:*"}"#;
        assert_eq!(found(&[TLS, account]), one("arn:aws:iam::123456789012:root", Severity::Medium));
        let not = r#"{"Effect":"Allow","NotPrincipal":{"AWS":"arn:aws:iam::1:root"},"Action":"s3:*"}"#;
        assert_eq!(found(&[TLS, not]), one("NotPrincipal", Severity::Critical));
        // Denies too little.
        let some = TLS.replace("\"s3:*\"", "\"s3:GetObject\"");
        assert_eq!(found(&[&some]), one("aws:SecureTransport", Severity::Medium));
        assert_eq!(judge(Some("no json")).examined, 0);
    }
}
