//! Samples of documentation, and what stands where a secret is to be put.

/// Secrets that are printed in manuals.
const PUBLISHED: [&str; 2] = ["SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c", "wJalrXUtnFEMI/K7MDENG/bPxRfiCY"];

/// Whether a shaped secret is one that a manual printed.
pub(super) fn is_published(secret: &str) -> bool {
    contains(secret, "example") || PUBLISHED.iter().any(|p| secret.contains(p))
}

/// Names of RFC 2606 and RFC 6761 that are nobody's.
pub(super) fn is_nobodys(host: &str) -> bool {
    let host = host.split(':').next().unwrap_or(host).trim_end_matches('.').to_ascii_lowercase();
    let below = |domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    ["example.com", "example.net", "example.org", "example", "invalid", "test"].iter().any(|d| below(d))
}

/// Whether nothing is said yet: empty, masked, a variable, a parameter of a query.
pub(super) fn is_placeholder(value: &str) -> bool {
    const WORDS: [&str; 22] = [
        "null",
        "none",
        "nil",
        "true",
        "false",
        "undefined",
        "required",
        "optional",
        "redacted",
        "masked",
        "hidden",
        "text",
        "string",
        "varchar",
        "password",
        "passwd",
        "secret",
        "token",
        "your_password",
        "yourpassword",
        "your-password",
        "disabled",
    ];
    let value = value.trim();
    let first = value.chars().next().unwrap_or('*');
    let all = |set: &str| value.chars().all(|c| set.contains(c));
    let parameter = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    value.is_empty()
        || all("*x.•-_?#X")
        || WORDS.iter().any(|w| value.eq_ignore_ascii_case(w))
        || (first == '<' && value.ends_with('>'))
        || (first == '[' && value.ends_with(']'))
        || value.starts_with("${")
        || value.starts_with("$(")
        || value.starts_with("{{")
        || (first == '{' && value.ends_with('}'))
        || value.strip_prefix('$').is_some_and(|v| parameter(v) || is_variable(v))
        || (first == '%'
            && (value == "%s" || value == "%L" || value == "%I" || value.starts_with("%(") || value.ends_with('%')))
        || value
            .strip_prefix(':')
            .is_some_and(|v| v.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '\''))
}

/// Whether a value is empty or blotted out.
pub(super) fn is_masked(value: &str) -> bool {
    value.trim().chars().all(|c| matches!(c, '*' | '•'))
}

/// `PGPASSWORD`: how a shell's variables are called.
fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// Whether `text` holds `word`, whatever the case of ASCII letters.
fn contains(text: &str, word: &str) -> bool {
    text.as_bytes().windows(word.len()).any(|w| w.eq_ignore_ascii_case(word.as_bytes()))
}
