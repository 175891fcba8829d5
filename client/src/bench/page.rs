//! The report as one HTML file: no scripts, nothing fetched, readable in light and in dark.

use std::fmt::Write as _;

use samar_local::people::thousands;

use super::report::{Report, StepReport, short, short_or_dash, whole};
use super::{Percentiles, plot};
use crate::report::escaped;

const STYLE: &str = include_str!("page.css");

/// The page. It holds what the report holds: names, counts and times.
pub(super) fn page(report: &Report) -> String {
    let title = format!("Samar bench of {}", escaped(&report.address));
    let mut facts = String::new();
    for (name, value) in report.facts() {
        let _ = write!(facts, "<dt>{name}</dt><dd>{}</dd>", escaped(&value));
    }
    let (rates, latencies, bytes) = (plot::rates(report), plot::latencies(report), plot::bytes(report));
    let (streams, table) = (legend(report), table(report));
    let seconds = report.step_seconds;
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\
         <title>{title}</title><style>\n{STYLE}</style></head>\n<body><main>\n<h1>{title}</h1>\n<dl>{facts}</dl>\n\
         <h2>Customers a second</h2>\n<p>From identifiers to verified elements, with everything this side does for \
         them.</p>\n{streams}\n{rates}\n\
         <h2>Latency, ms</h2>\n<p>From sending a request to having its elements verified and unblinded. Dot: the \
         median; strokes: p90, p99, p99.9 and the longest, as far as there were enough exchanges.</p>\n\
         {streams}\n{latencies}\n\
         <h2>Bytes for each customer</h2>\n<p>UDP payload: the protocol's and QUIC's own. Dashed: the 32 bytes of the \
         element itself.</p>\n<p class=\"legend\"><span><i class=\"up\"></i>up</span>\
         <span><i class=\"down\"></i>down</span></p>\n{bytes}\n\
         <h2>Every step</h2>\n{table}\n\
         <h2>How it is measured</h2>\n<p>A closed loop over one connection. Each step first sends one batch on each \
         stream to warm up, which is not counted. Then each batch that is done is followed by the next, for {seconds} \
         s or until the step's share of the evaluations is used up; what is in flight at the end is waited for and \
         counted, with the time it takes. The identifiers are made up, and no answer is looked up in the set. A \
         percentile stands only where enough exchanges were measured for some to lie above it.</p>\n\
         </main></body></html>\n"
    )
}

/// The numbers of streams, ascending.
pub(super) fn streams(report: &Report) -> Vec<u32> {
    let mut streams: Vec<u32> = report.steps.iter().map(|step| step.streams).collect();
    streams.sort_unstable();
    streams.dedup();
    streams
}

/// The style of the series at this place: from faint to strong, as the numbers of streams ascend.
#[allow(clippy::cast_precision_loss)] // a handful
pub(super) fn shade(at: usize, of: usize) -> String {
    let part = if of > 1 { at as f64 / (of - 1) as f64 } else { 0.5 };
    format!("--at:{part:.2}")
}

fn legend(report: &Report) -> String {
    let streams = streams(report);
    let mut legend = "<p class=\"legend\">".to_owned();
    for (at, count) in streams.iter().enumerate() {
        let shade = shade(at, streams.len());
        let _ = write!(legend, "<span class=\"series\" style=\"{shade}\"><i></i>{count} in flight</span>");
    }
    legend + "</p>"
}

fn table(report: &Report) -> String {
    let mut table = "<div class=\"wide\"><table><thead><tr><th>batch</th><th>streams</th><th>exchanges</th>\
        <th>customers/s</th><th>p50 ms</th><th>p90</th><th>p99</th><th>p99.9</th><th>max</th><th>bytes up</th>\
        <th>down</th><th>client CPU µs</th></tr></thead><tbody>"
        .to_owned();
    for step in &report.steps {
        let StepReport { batch, streams, exchanges, .. } = step;
        let Percentiles { p50, p90, p99, p999, max } = step.latency_ms;
        let mut row = vec![batch.to_string(), streams.to_string(), thousands(*exchanges)];
        row.push(whole(step.customers_per_second));
        row.extend([p50, p90, p99, p999, Some(max)].map(short_or_dash));
        let each =
            [step.bytes_sent_per_customer, step.bytes_received_per_customer, step.client_cpu_us_per_customer];
        row.extend(each.map(short));
        let _ = write!(table, "\n<tr><td>{}</td></tr>", row.join("</td><td>"));
    }
    table + "</tbody></table></div>"
}

#[cfg(test)]
pub(in crate::bench) mod tests {
    use super::super::report::tests::report;
    use super::*;

    /// The names of the elements in order; panics where one is not closed by its own end.
    pub(crate) fn elements(page: &str) -> Vec<&str> {
        let (mut open, mut seen) = (Vec::new(), Vec::new());
        let body = page.strip_prefix("<!doctype html>").unwrap();
        for tag in body.split('<').skip(1) {
            let (tag, text) = tag.split_once('>').expect("a tag ends");
            assert!(!text.contains('>'), "unescaped: {text}");
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name), "{tag}");
                continue;
            }
            let name = tag.split([' ', '/']).next().unwrap();
            assert!(tag.matches('"').count().is_multiple_of(2), "{tag}");
            seen.push(name);
            if !tag.ends_with('/') {
                open.push(name);
            }
        }
        assert!(open.is_empty(), "not closed: {open:?}");
        seen
    }

    #[test]
    fn the_page_is_well_formed_and_has_every_step() {
        let report = report();
        let page = page(&report);
        let seen = elements(&page);
        let count = |name| seen.iter().filter(|seen| **seen == name).count();
        assert_eq!((count("svg"), count("tr"), count("polyline")), (3, 5, 2));
        assert_eq!(count("circle"), 8, "a rate and a latency for each step");
        assert!(!page.contains("NaN") && !page.contains("inf\""), "{page}");
    }

    #[test]
    fn nothing_is_fetched_and_nothing_runs() {
        let page = page(&report());
        for sign in ["<script", "<link", "<img", "http://", "https://", "url(", "@import", "src=", "href="] {
            assert!(!page.contains(sign), "{sign}");
        }
    }

    #[test]
    fn names_are_text_and_never_markup() {
        assert_eq!(escaped("a<b>&\"'é"), "a&lt;b&gt;&amp;&quot;&#39;é");
        let mut report = report();
        report.address = "<script>x</script>:1".to_owned();
        report.server_backend = "\"><b>".to_owned();
        let page = page(&report);
        elements(&page);
        assert!(!page.contains("<script") && !page.contains("<b>") && !page.contains("<Contoh>"));
        assert!(page.contains("Badan &lt;Contoh&gt; &amp; &quot;Kawan&quot;"));
    }

    #[test]
    fn a_single_step_makes_a_page() {
        let mut report = report();
        report.steps.truncate(1);
        elements(&page(&report));
    }
}
