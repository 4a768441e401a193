//! The style sheet, inlined, and the policy that allows it and nothing else.

use base64ct::{Base64, Encoding as _};

use crate::types::Digest;

/// The style sheet.
pub const CSS: &str = include_str!("templates/style.css");

/// The page's Content-Security-Policy (CSP level 3): no script, no request, no
/// form; the one style element by its hash.
pub fn policy() -> String {
    let hash = Base64::encode_string(Digest::of(CSS.as_bytes()).bytes());
    format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_style_asks_for_nothing_and_cannot_end_its_element() {
        for asks in ["url(", "@import", "@font-face", "</", "<!--"] {
            assert!(!CSS.contains(asks), "{asks}");
        }
        let policy = policy();
        let hash = policy.split("sha256-").nth(1).unwrap().split('\'').next().unwrap();
        assert_eq!(Base64::decode_vec(hash).unwrap(), Digest::of(CSS.as_bytes()).bytes());
        assert!(!policy.contains("unsafe") && !policy.contains("http"));
    }

    #[test]
    fn no_template_needs_more_than_the_policy_gives() {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/report/html/templates");
        for file in std::fs::read_dir(dir).unwrap() {
            let path = file.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            for needs in [" style=", "<script", " onclick=", " onload=", "src=", "http:", "https:", "<img", "<iframe"] {
                assert!(!text.contains(needs), "{}: {needs}", path.display());
            }
        }
    }
}
