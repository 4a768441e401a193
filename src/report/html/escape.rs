//! What every value passes on its way into the page.

use std::fmt::{self, Write};

use askama::filters::{Escaper, Html};

use crate::types::shown;

/// Makes control, bidirectional and invisible characters visible (`\u{202e}`),
/// then escapes for HTML text and quoted attributes. `askama.toml` puts it on
/// every template, so that none can forget it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Visible;

impl Escaper for Visible {
    fn write_escaped_str<W: Write>(&self, dest: W, string: &str) -> fmt::Result {
        Html.write_escaped_str(dest, &shown(string))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use askama::Template;

    #[derive(Template)]
    #[template(source = "<i title=\"{{ text }}\">{{ text }}</i>", ext = "html")]
    struct One<'a> {
        text: &'a str,
    }

    #[test]
    fn hostile_text_is_shown_and_escaped() {
        let page = One { text: "<b>\"&'\u{1b}[31m\u{202e}\n</i>" }.render().unwrap();
        let safe = "&#60;b&#62;&#34;&#38;&#39;\\u{1b}[31m\\u{202e}\\n&#60;/i&#62;";
        assert_eq!(page, format!("<i title=\"{safe}\">{safe}</i>"));
        assert!(One { text: "Bücher 📚 שלום" }.render().unwrap().contains("Bücher 📚 שלום"));
    }

    /// `|safe` lets a value through as it is: only our own constants may have it.
    #[test]
    fn only_our_own_constants_bypass_it() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/report/html/templates");
        let mut found = 0;
        for file in std::fs::read_dir(dir).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for (at, _) in text.match_indices("|safe") {
                let open = text[..at].rfind("{{").unwrap();
                let value = text[open + 2..at].trim();
                let constant = value.ends_with(".svg()") || matches!(value, "css" | "mark::SYMBOLS");
                assert!(constant, "{value} is let through as it is");
                found += 1;
            }
            assert!(!text.contains("| safe") && !text.contains("escape("), "write it as |safe, to be found");
        }
        assert!(found > 2);
    }
}
