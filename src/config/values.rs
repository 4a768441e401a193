//! Values written as text: durations, sizes, object locks, expected results.

use std::time::Duration;

use toml::de::DeValue;

use super::schema::{Checksums, FileChecksums, Isolation, ObjectLock};
use crate::types::{Kind, shown};

/// Longest duration: ten years.
const LONGEST: u64 = 3660 * 86400;

/// `90s`, `30m`, `26h`, `7d`, `2w`: a whole number and one unit.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{:?} is not a duration such as \"90s\", \"30m\", \"26h\", \"7d\" or \"2w\"", shown(text));
    let unit = match text.as_bytes().last() {
        Some(b's') => 1,
        Some(b'm') => 60,
        Some(b'h') => 3600,
        Some(b'd') => 86400,
        Some(b'w') => 7 * 86400,
        _ => return Err(wrong()),
    };
    let digits = &text[..text.len() - 1];
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    let seconds = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(unit)).ok_or_else(wrong)?;
    if (1..=LONGEST).contains(&seconds) {
        Ok(Duration::from_secs(seconds))
    } else {
        Err(format!("{text} is not within 1s and {}d", LONGEST / 86400))
    }
}

/// `16MiB`, `64KiB`, `1 MB`, in bytes.
pub fn size(text: &str) -> Result<u64, String> {
    text.parse::<bytesize::ByteSize>()
        .map(|b| b.as_u64())
        .map_err(|_| format!("{:?} is not a size such as \"16MiB\"", shown(text)))
}

/// A whole number.
pub fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{:?} is not a whole number", shown(text)))
}

/// Any text but the empty one.
pub fn some_text(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("it is empty".into()) } else { Ok(text.to_owned()) }
}

/// `logical` or `physical`.
pub fn kind(text: &str) -> Result<Kind, String> {
    [Kind::Logical, Kind::Physical]
        .into_iter()
        .find(|k| k.name() == text)
        .ok_or_else(|| format!("{:?} is neither \"logical\" nor \"physical\"", shown(text)))
}

/// `auto` or `when-required`.
pub fn checksums(text: &str) -> Result<Checksums, String> {
    match text {
        "auto" => Ok(Checksums::Auto),
        "when-required" => Ok(Checksums::WhenRequired),
        _ => Err(format!("{:?} is neither \"auto\" nor \"when-required\"", shown(text))),
    }
}

/// `sha256` or `crc32c`.
pub fn file_checksums(text: &str) -> Result<FileChecksums, String> {
    match text {
        "sha256" => Ok(FileChecksums::Sha256),
        "crc32c" => Ok(FileChecksums::Crc32c),
        _ => Err(format!("{:?} is neither \"sha256\" nor \"crc32c\"", shown(text))),
    }
}

/// `compliance:35d` or `governance:35d`.
pub fn object_lock(text: &str) -> Result<ObjectLock, String> {
    let (mode, keep) = text.split_once(':').unwrap_or((text, ""));
    let compliance = match mode {
        "compliance" => true,
        "governance" => false,
        _ => return Err(format!("{:?} is not like \"compliance:35d\" or \"governance:35d\"", shown(text))),
    };
    Ok(ObjectLock { compliance, keep: duration(keep)? })
}

/// `I0` to `I4`.
pub fn isolation(text: &str) -> Result<Isolation, String> {
    [Isolation::I0, Isolation::I1, Isolation::I2, Isolation::I3, Isolation::I4]
        .into_iter()
        .find(|i| i.name() == text)
        .ok_or_else(|| format!("{:?} is not one of I0, I1, I2, I3, I4", shown(text)))
}

/// `auto` (`None`), or a level.
pub fn min_isolation(text: &str) -> Result<Option<Isolation>, String> {
    match text {
        "auto" => Ok(None),
        _ => isolation(text).map(Some).map_err(|e| format!("{e}, nor \"auto\"")),
    }
}

/// `auto` (`None`), or a duration.
pub fn deadline(text: &str) -> Result<Option<Duration>, String> {
    match text {
        "auto" => Ok(None),
        _ => duration(text).map(Some).map_err(|e| format!("{e}, nor \"auto\"")),
    }
}

/// `file:///absolute/path` or `s3://bucket/prefix`, without credentials.
pub fn repository_url(text: &str) -> Result<String, String> {
    let (scheme, rest) = text.split_once("://").ok_or("a URL is expected: file:///path or s3://bucket/prefix")?;
    if rest.split('/').next().unwrap_or_default().contains('@') {
        return Err("a URL with credentials in it; they come from the environment or the AWS configuration".into());
    }
    match scheme {
        "file" if rest.starts_with('/') && rest.len() > 1 => Ok(text.to_owned()),
        "file" => Err("a file URL has three slashes: file:///path".into()),
        "s3" if rest.starts_with(|c: char| c.is_ascii_alphanumeric()) => Ok(text.to_owned()),
        "s3" => Err("the name of the bucket is missing: s3://bucket/prefix".into()),
        other => Err(format!("{:?} is neither file:// nor s3://", shown(other))),
    }
}

/// `https://host[:port]` (or `http://`), without credentials.
pub fn endpoint(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let rest = rest.ok_or("an endpoint is a URL: https://host")?;
    if rest.contains('@') {
        return Err(
            "an endpoint with credentials in it; they come from the environment or the AWS configuration".into()
        );
    }
    if rest.is_empty() { Err("the host is missing: https://host".into()) } else { Ok(text.to_owned()) }
}

/// `EXP-HBA-001`, or `EXP-HBA-*` for all of a family.
pub fn check_pattern(text: &str) -> Result<(), String> {
    let fits = text.strip_prefix("EXP-").and_then(|rest| rest.split_once('-')).is_some_and(|(family, number)| {
        !family.is_empty()
            && family.bytes().all(|b| b.is_ascii_uppercase())
            && (number == "*" || (number.len() == 3 && number.bytes().all(|b| b.is_ascii_digit())))
    });
    if fits { Ok(()) } else { Err(format!("{:?} is not like \"EXP-HBA-001\" or \"EXP-HBA-*\"", shown(text))) }
}

/// A word that a column's name may be.
pub fn column_word(text: &str) -> Result<(), String> {
    let fits = (1..=63).contains(&text.len()) && text.chars().all(|c| c.is_alphanumeric() || c == '_');
    if fits { Ok(()) } else { Err(format!("{:?} is not the name of a column: letters, digits and _", shown(text))) }
}

/// The name of a library as `shared_preload_libraries` takes it, without a path.
pub fn library(text: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if (1..=63).contains(&text.len()) && text.chars().all(plain) {
        return Ok(());
    }
    Err(format!("{:?} is not the name of a library: letters, digits, _ and -, without a path or .so", shown(text)))
}

/// A factor from 1.1 to 1000.
pub fn slowdown(value: &DeValue<'_>) -> Result<(f64, String), String> {
    let text = match value {
        DeValue::Integer(i) => i.as_str(),
        DeValue::Float(f) => f.as_str(),
        _ => return Err("a number is expected here, such as 2.0".into()),
    };
    match text.replace('_', "").parse::<f64>() {
        Ok(n) if (1.1..=1000.0).contains(&n) => Ok((n, n.to_string())),
        _ => Err(format!("{text} is not a factor from 1.1 to 1000")),
    }
}

/// The expected value of an SQL check as PostgreSQL prints it: `true` is `t`,
/// a float8 in its shortest form.
pub fn expected(value: &DeValue<'_>) -> Result<(String, String), String> {
    let text = match value {
        DeValue::Boolean(b) => if *b { "t" } else { "f" }.to_owned(),
        DeValue::Integer(i) => i64::from_str_radix(&i.as_str().replace('_', ""), i.radix())
            .map_err(|_| "the number does not fit a bigint; write it as text".to_owned())?
            .to_string(),
        DeValue::Float(f) => float(f.as_str())?,
        DeValue::String(s) => s.to_string(),
        _ => return Err("true, false, a number or a text is expected here".into()),
    };
    Ok((text.clone(), shown(&text).into_owned()))
}

/// A number.
pub fn real(value: &DeValue<'_>) -> Result<(f64, String), String> {
    let text = match value {
        DeValue::Integer(i) => i64::from_str_radix(&i.as_str().replace('_', ""), i.radix())
            .map_err(|_| "the number is too large".to_owned())?
            .to_string(),
        DeValue::Float(f) => f.as_str().replace('_', ""),
        _ => return Err("a number is expected here".into()),
    };
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok((number, text)),
        _ => Err("a finite number is expected here".into()),
    }
}

fn float(text: &str) -> Result<String, String> {
    let value: f64 = text.replace('_', "").parse().map_err(|_| "not a number".to_owned())?;
    let size = value.abs();
    if value.is_nan() {
        Ok("NaN".into())
    } else if value.is_infinite() {
        Ok(if value > 0.0 { "Infinity" } else { "-Infinity" }.into())
    } else if size != 0.0 && !(1e-4..1e15).contains(&size) {
        Err("PostgreSQL prints a number of this size with an exponent; write it as text, exactly as psql shows it"
            .into())
    } else {
        Ok(value.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, seconds) in [("90s", 90), ("30m", 1800), ("26h", 93600), ("7d", 604_800), ("2w", 1_209_600)] {
            assert_eq!(duration(text).unwrap().as_secs(), seconds);
        }
        for bad in ["", "s", "7", "7 d", "-7d", "1.5h", "1h30m", "0s", "99999d", "99999999999999999999d", "7D", "7é"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_and_words() {
        assert_eq!(size("16MiB").unwrap(), 16 << 20);
        assert_eq!(size("65536").unwrap(), 65536);
        assert!(size("many").is_err());
        assert_eq!(kind("physical").unwrap(), Kind::Physical);
        assert!(kind("Logical").is_err());
        assert_eq!(checksums("when-required").unwrap(), Checksums::WhenRequired);
        assert!(checksums("never").is_err());
        assert_eq!(isolation("I3").unwrap(), Isolation::I3);
        assert!(isolation("3").is_err());
        assert_eq!((min_isolation("auto"), min_isolation("I1")), (Ok(None), Ok(Some(Isolation::I1))));
        assert!(min_isolation("Auto").is_err());
        assert_eq!((deadline("auto"), deadline("2h")), (Ok(None), Ok(Some(Duration::from_hours(2)))));
        assert!(deadline("never").is_err_and(|e| e.contains("nor \"auto\"")));
        let lock = object_lock("governance:35d").unwrap();
        assert_eq!((lock.compliance, lock.keep.as_secs()), (false, 35 * 86400));
        for bad in ["compliance", "compliance:", "legal:35d", "35d"] {
            assert!(object_lock(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn urls() {
        for good in ["file:///var/lib/x", "s3://bucket", "s3://bucket/a/b"] {
            assert_eq!(repository_url(good).unwrap(), good);
        }
        for bad in ["", "/var/lib", "file://host/x", "file:///", "s3://", "s3:///x", "s3://k:secret@b/x", "https://x"] {
            let e = repository_url(bad).unwrap_err();
            assert!(!e.contains("secret"), "{e}");
        }
        assert!(endpoint("https://s3.example.org").is_ok());
        for bad in ["s3.example.org", "https://", "https://k:secret@h"] {
            assert!(!endpoint(bad).unwrap_err().contains("secret"));
        }
    }

    #[test]
    fn checks_and_columns() {
        for good in ["EXP-HBA-001", "EXP-HBA-*"] {
            assert!(check_pattern(good).is_ok(), "{good}");
        }
        for bad in ["", "EXP-*", "EXP--001", "EXP-HBA-1", "EXP-HBA-01*", "exp-hba-001", "HBA-001", "EXP-HBA-001 "] {
            assert!(check_pattern(bad).is_err(), "{bad}");
        }
        assert!(column_word("mandant_nr").is_ok() && column_word("société").is_ok());
        for bad in ["", "a b", "a.*", "x".repeat(64).as_str()] {
            assert!(column_word(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn factors() {
        let said = |toml: &str| {
            let text = format!("v = {toml}");
            let table = toml::de::DeTable::parse(&text).unwrap();
            slowdown(table.get_ref().get("v").unwrap().get_ref()).map(|p| p.0)
        };
        for (toml, factor) in [("2", 2.0), ("1.1", 1.1), ("1_000", 1000.0), ("2.5e0", 2.5)] {
            assert!((said(toml).unwrap() - factor).abs() < f64::EPSILON, "{toml}");
        }
        for bad in ["1", "0", "-2", "1.09", "1001", "inf", "nan", "\"2\"", "true"] {
            assert!(said(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn expected_values_are_as_postgresql_prints_them() {
        let said = |toml: &str| {
            let text = format!("v = {toml}");
            let table = toml::de::DeTable::parse(&text).unwrap();
            expected(table.get_ref().get("v").unwrap().get_ref()).map(|p| p.0)
        };
        for (toml, text) in [
            ("true", "t"),
            ("false", "f"),
            ("1_000", "1000"),
            ("-5", "-5"),
            ("0xff", "255"),
            ("0.5", "0.5"),
            ("2.0", "2"),
            ("inf", "Infinity"),
            ("-inf", "-Infinity"),
            ("nan", "NaN"),
            ("\"a b\"", "a b"),
        ] {
            assert_eq!(said(toml).unwrap(), text, "{toml}");
        }
        for bad in ["1e300", "1e-9", "[1]", "2026-01-01", "99999999999999999999"] {
            assert!(said(bad).is_err(), "{bad}");
        }
    }
}
