//! The published schemas of the JSON forms.

/// JSON Schema (draft 2020-12) of [`super::Report`], version 1.
pub const DRILL_REPORT: &str = include_str!("drill-report.schema.json");
/// JSON Schema (draft 2020-12) of [`super::AuditReport`], version 1.
pub const AUDIT_REPORT: &str = include_str!("audit-report.schema.json");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::*;
    use crate::checks::{Change, Severity};
    use crate::report::exposure::sample as exposure;
    use crate::report::json::tests::{HOSTILE, sample, with_name};
    use crate::report::{Report, audit::tests as audit, json as document};

    fn schema() -> Value {
        serde_json::from_str(DRILL_REPORT).unwrap()
    }

    fn built(schema: &str) -> jsonschema::Validator {
        jsonschema::options().should_validate_formats(true).build(&serde_json::from_str(schema).unwrap()).unwrap()
    }

    fn validator() -> jsonschema::Validator {
        built(DRILL_REPORT)
    }

    fn value<R: serde::Serialize>(r: &R) -> Value {
        serde_json::from_slice(&document::render(r).unwrap()).unwrap()
    }

    fn valid(validator: &jsonschema::Validator, v: &Value) {
        let wrong: Vec<String> = validator.iter_errors(v).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    /// A report in which every field that may be absent is there.
    fn full() -> Report {
        let mut r = sample();
        let down = r.teardown.as_mut().unwrap();
        (down.directory_gone, down.detail) = (false, Some("busy".into()));
        r.recipients[0].last_proven_at = Some(r.started_at);
        let f = &mut r.checks[0].findings[0];
        (f.severity, f.change) = (Some(Severity::Low), Some(Change::New));
        f.content = Some("0123456789abcdef".into());
        f.waiver.clone_from(&exposure::sample().checks[1].findings[0].waiver);
        r
    }

    #[test]
    fn reports_of_every_kind_are_valid() {
        let validator = validator();
        let mut bare = sample();
        (bare.isolation, bare.rto_s, bare.teardown, bare.signer) = (None, None, None, None);
        bare.checks.clear();
        (bare.history[0].rto_s, bare.recipients[0].opened, bare.exposure) = (None, None, None);
        (bare.tables[0].expected_rows, bare.tables[0].rows, bare.tables[0].content_matches) = (None, None, None);
        for r in [sample(), full(), bare].into_iter().chain(HOSTILE.map(with_name)) {
            valid(&validator, &value(&r));
        }
    }

    #[test]
    fn audits_of_every_kind_are_valid() {
        let validator = built(AUDIT_REPORT);
        let mut bare = audit::sample();
        let e = &mut bare.exposure;
        (bare.server_major, e.posture_at, e.drift, e.declarations) = (None, None, None, None);
        (e.reach[0].widest_entry, e.reach[0].without_tls) = (None, None);
        e.checks.clear();
        let hostile = HOSTILE.map(|name| audit::sample_of(exposure::with_name(name)));
        for r in [audit::sample(), bare].into_iter().chain(hostile) {
            valid(&validator, &value(&r));
        }
        let mut bad = value(&audit::sample());
        bad["exposure"]["sections"][0]["grade"] = "F".into();
        assert!(!validator.is_valid(&bad));
        assert!(!validator.is_valid(&value(&sample())) && !self::validator().is_valid(&value(&audit::sample())));
    }

    #[test]
    fn what_both_schemas_describe_they_describe_alike() {
        let (drill, audit): (Value, Value) = (schema(), serde_json::from_str(AUDIT_REPORT).unwrap());
        let shared = audit["$defs"].as_object().unwrap();
        assert!(shared.len() > 10);
        for (name, described) in shared {
            assert_eq!(&drill["$defs"][name], described, "{name}");
        }
    }

    /// Each object of a value beside the schema's objects that describe it: the
    /// same fields, none missing on either side.
    fn covered(v: &Value, s: &Value, root: &Value, at: &str) {
        if let Some(name) = s["$ref"].as_str() {
            return covered(v, root.pointer(name.trim_start_matches('#')).unwrap(), root, at);
        }
        if let Some(any) = s["oneOf"].as_array() {
            return any.iter().filter(|s| s["type"] != "null").for_each(|s| covered(v, s, root, at));
        }
        match v {
            Value::Object(fields) => {
                let here: BTreeSet<&String> = fields.keys().collect();
                let described: BTreeSet<&String> = s["properties"].as_object().unwrap().keys().collect();
                assert_eq!(here, described, "{at}");
                assert_eq!(s["additionalProperties"], false, "{at}");
                for (name, value) in fields {
                    covered(value, &s["properties"][name], root, &format!("{at}.{name}"));
                }
            }
            Value::Array(items) => {
                assert!(!items.is_empty(), "the sample has nothing in {at}");
                // Fields that only some of them have are in one of them.
                let merged = items.iter().fold(json!({}), |mut all, item| {
                    match item {
                        Value::Object(fields) => {
                            for (name, value) in fields {
                                if all[name].is_null() {
                                    all[name] = value.clone();
                                } else if let (Some(all), Some(more)) = (all[name].as_array_mut(), value.as_array()) {
                                    all.extend(more.iter().cloned());
                                }
                            }
                        }
                        other => all = other.clone(),
                    }
                    all
                });
                covered(&merged, &s["items"], root, &format!("{at}[]"));
            }
            _ => assert!(s.get("properties").is_none(), "{at} is described as an object"),
        }
    }

    #[test]
    fn every_field_is_described_and_every_description_has_a_field() {
        let schema = schema();
        covered(&value(&full()), &schema, &schema, "report");
        let schema: Value = serde_json::from_str(AUDIT_REPORT).unwrap();
        covered(&value(&audit::sample()), &schema, &schema, "audit");
    }

    #[test]
    fn what_is_no_report_is_not_valid() {
        let validator = validator();
        let good = value(&sample());
        assert!(validator.is_valid(&good));
        for (pointer, wrong) in [
            ("/version", json!(2)),
            ("/format", json!("other")),
            ("/verdict", json!("good")),
            ("/run", json!("a/b")),
            ("/source", json!("Shop")),
            ("/started_at", json!("yesterday")),
            ("/manifest_sha256", json!("00")),
            ("/checks/0/outcome", json!("passed")),
            ("/checks/0/findings/0/fingerprint", json!("")),
            ("/isolation/level", json!("I9")),
            ("/timings_s/total", json!(-1)),
            ("/errors/0/code", json!(256)),
            ("/teardown/instance_gone", json!(1)),
        ] {
            let mut bad = good.clone();
            *bad.pointer_mut(pointer).unwrap() = wrong;
            assert!(!validator.is_valid(&bad), "{pointer}");
        }
        for field in schema()["required"].as_array().unwrap() {
            let mut bad = good.clone();
            bad.as_object_mut().unwrap().remove(field.as_str().unwrap());
            assert!(!validator.is_valid(&bad), "{field}");
        }
        let mut more = good;
        more["surprise"] = json!(1);
        assert!(!validator.is_valid(&more));
    }
}
