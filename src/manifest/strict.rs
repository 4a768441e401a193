//! JSON in which no object holds a key twice. What lies in typed fields is
//! refused by serde; maps would silently keep the last value.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// At least as many values as `bytes` hold if they are JSON, counted without parsing
/// them: each takes memory, up to a hundred times that of its text.
pub fn values(bytes: &[u8]) -> u64 {
    let (mut values, mut in_string, mut escaped) = (1, false, false);
    for b in bytes {
        match (in_string, b) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'{' | b'[' | b',' | b':') => values += 1,
            _ => {}
        }
    }
    values
}

/// Walks through `bytes`; an error for a key that is there twice, at any depth.
pub(super) fn no_duplicate_keys(bytes: &[u8]) -> Result<(), serde_json::Error> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    Walk.deserialize(&mut json)?;
    json.end()
}

struct Walk;

impl<'de> DeserializeSeed<'de> for Walk {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Walk)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let mut keys = HashSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            if keys.contains(&key) {
                return Err(A::Error::custom("a key is there twice"));
            }
            keys.insert(key);
            entries.next_value_seed(Walk)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_is_refused_at_any_depth_and_once_is_not() {
        for good in ["{}", r#"{"a":{"a":[{"a":1},{"a":null}]},"b":"a"}"#, "[1,-1,1.5,true]"] {
            assert!(no_duplicate_keys(good.as_bytes()).is_ok(), "{good}");
        }
        for bad in [r#"{"a":1,"a":1}"#, r#"{"b":[{"a":1,"\u0061":1}]}"#, "{}{}", "{"] {
            assert!(no_duplicate_keys(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn values_are_counted_outside_of_texts() {
        for (text, expected) in [("", 1), ("1", 1), ("[1,2]", 3), (r#"{"a,[{:\"":[],"b":"\\"}"#, 6)] {
            assert_eq!(values(text.as_bytes()), expected, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn byte_soup_never_panics(bytes: Vec<u8>, text in "[\\[\\]{}\",:a0]{0,60}") {
            let _ = (no_duplicate_keys(&bytes), no_duplicate_keys(text.as_bytes()));
        }
    }
}
