//! Names are text, whatever they hold. The browser proves it too; this holds
//! the bytes.

use pgseal::report::html;

use crate::html::reports;
use crate::support::exposure;

#[test]
fn no_name_becomes_markup_or_hides() {
    holds(&html::render(&reports::hostile()).unwrap());
    let seen = exposure::hostile(&reports::names());
    holds(&html::audit::render(&exposure::audit(seen)).unwrap());
}

fn holds(page: &str) {
    for markup in ["<script", "<img", "<u>", "<i>", "<x>", "<r>", "<svg onload", "</title></style>"] {
        assert!(!page.contains(markup), "{markup}");
    }
    for hidden in ['\u{1b}', '\u{7}', '\r', '\u{202e}', '\u{2066}', '\u{200b}', '\u{2028}'] {
        assert!(!page.contains(hidden), "{hidden:?}");
    }
    // They are there, as text.
    for text in ["&#60;script&#62;window.pwned=1", "\\u{1b}[31m", "\\u{202e}txt.exe", "שלום", "&#38;lt;script&#38;gt;"]
    {
        assert!(page.contains(text), "{text}");
    }
    assert_eq!(page.matches("<style").count(), 1);
    assert_eq!(page.matches("</html>").count(), 1);
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    let render = |r| html::render(&r).unwrap();
    assert_eq!(render(reports::failed()), render(reports::failed()));
}
