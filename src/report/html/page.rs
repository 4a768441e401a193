//! The whole page.

use askama::Template;

use super::checks::{self, Checks, Count};
use super::exposure::{self, Exposure};
use super::figures::{self, Figure};
use super::history::{self, History};
use super::lead::{self, Lead};
use super::next::{self, Next};
use super::open::{self, Open};
use super::origin::{self, Origin, Teardown};
use super::recipients::{self, Recipients};
use super::sealing::{self, Sealing};
use super::tables::{self, Tables};
use super::timeline::{self, Timeline};
use super::{chart, mark, style, words};
use crate::error::{Error, Result};
use crate::report::Report;

#[derive(Template)]
#[template(path = "page.html")]
struct Page {
    policy: String,
    css: &'static str,
    chart_height: u32,
    lead: Lead,
    tally: Vec<Count>,
    checked: String,
    next: Next,
    figures: Vec<Figure>,
    timeline: Timeline,
    history: History,
    sealing: Sealing,
    checks: Checks,
    tables: Tables,
    open: Open,
    exposure: Option<Exposure>,
    recipients: Recipients,
    teardown: Teardown,
    origin: Origin,
}

/// The report as one HTML page that needs nothing else: no script, no request.
/// At most 2 MB, whatever the report holds.
///
/// # Errors
/// 1 where the page could not be put together.
pub fn render(report: &Report) -> Result<String> {
    let page = Page {
        policy: style::policy(),
        css: style::CSS,
        chart_height: chart::HEIGHT as u32,
        lead: lead::of(report),
        tally: checks::tally(&report.checks),
        checked: words::some(report.checks.len(), "check", "checks"),
        next: next::of(report),
        figures: figures::of(report),
        timeline: timeline::of(report),
        history: history::of(report),
        sealing: sealing::of(report),
        checks: checks::of(report),
        tables: tables::of(report),
        open: open::of(report),
        exposure: report.exposure.as_ref().map(exposure::of),
        recipients: recipients::of(report),
        teardown: origin::teardown(report),
        origin: origin::of(report),
    };
    page.render().map_err(|e| Error::internal("cannot write the HTML report").because(e))
}
