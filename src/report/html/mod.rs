//! The report as one self-contained page.

use super::{Report, text};
use crate::error::Result;

/// Renders it.
pub fn render(report: &Report) -> Result<String> {
    let escaped = text::render(report).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Drill of {}: {}</title></head>\
         <body><pre>{escaped}</pre></body></html>\n",
        report.source,
        report.verdict.name()
    ))
}
