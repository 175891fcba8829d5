//! A summary as one HTML file: no scripts, nothing fetched, readable in light and in dark. It holds counts and what is public of
//! the breaches; no cell of a customer.

use std::fmt::Write as _;

use samar_local::people::{bytes, counted, thousands};

use super::bars::{Bar, bars};
use super::summary::{BreachSummary, ColumnSummary, Summary};

const STYLE: &str = concat!(include_str!("../bench/page.css"), include_str!("page.css"));

/// The page.
pub(crate) fn page(summary: &Summary) -> String {
    let title = format!("Screening against epoch {}", summary.epoch);
    let mut facts = String::new();
    for (name, value) in self::facts(summary) {
        let _ = write!(facts, "<dt>{name}</dt><dd>{}</dd>", escaped(&value));
    }
    let mut body = section("Customers", "Rows of the file, by what came out.", &rows(summary), summary.rows);
    body += &section(
        "By breach",
        "Rows exposed in each; one can be in several.",
        &breaches(summary),
        summary.exposed,
    );
    body += &section(
        "By data class",
        "Rows of which it is exposed, by any breach.",
        &classes(summary),
        summary.exposed,
    );
    body += &section(
        "By confidence",
        "Rows exposed in a breach that is so sure: one can count for several.",
        &confidence(summary),
        summary.exposed,
    );
    if let [_, _, ..] = summary.columns.as_slice() {
        body += &section("By identifier", "Rows found by it.", &columns(summary), summary.exposed);
    }
    body += &table(summary);
    if !summary.warnings.is_empty() {
        body += "<h2>Warnings</h2>\n<ul>";
        for warning in &summary.warnings {
            let _ = write!(body, "<li>{}</li>", escaped(warning));
        }
        body += "</ul>\n";
    }
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\
         <title>{title}</title><style>\n{STYLE}</style></head>\n<body><main>\n<h1>{title}</h1>\n<dl>{facts}</dl>\n\
         {body}</main></body></html>\n"
    )
}

fn facts(summary: &Summary) -> Vec<(&'static str, String)> {
    let asked = format!(
        "{} evaluated, {} known from earlier runs, {} charged",
        thousands(summary.evaluated),
        thousands(summary.reused),
        thousands(summary.charged)
    );
    let sent = format!("{} sent, {} received", bytes(summary.bytes_sent), bytes(summary.bytes_received));
    let mut facts = vec![
        ("screened", format!("{}, {} identifiers", counted(summary.rows, "row"), thousands(summary.unique))),
        ("asked", asked),
        ("network", sent),
        ("time", format!("{:.1} s", summary.seconds)),
        ("manifest", summary.manifest_hash.clone()),
        ("false match", format!("probability {:.1e} in this run", summary.false_match_probability)),
    ];
    facts.extend(summary.scope().map(|scope| ("looked at", scope)));
    facts
}

/// Nothing where there is nothing to count.
fn section(title: &str, says: &str, shown: &[Bar], all: u64) -> String {
    if shown.is_empty() {
        return String::new();
    }
    format!("<h2>{title}</h2>\n<p>{says}</p>\n{}\n", bars(title, shown, all))
}

fn bar(label: &str, class: &'static str, rows: u64, of: u64) -> Bar {
    #[allow(clippy::cast_precision_loss)] // shown with one digit
    let percent = 100.0 * rows as f64 / of.max(1) as f64;
    let tip = format!("{label}: {} of {} rows, {percent:.1} %", thousands(rows), thousands(of));
    Bar { label: label.to_owned(), tip, class, rows }
}

fn rows(summary: &Summary) -> Vec<Bar> {
    let invalid = summary.invalid_rows();
    let rest = summary.rows.saturating_sub(summary.exposed + invalid);
    let name = if summary.scope().is_some() { "not found" } else { "clear" };
    [("exposed", "alarm", summary.exposed), (name, "calm", rest), ("invalid", "plain", invalid)]
        .map(|(label, class, rows)| bar(label, class, rows, summary.rows))
        .into()
}

fn breaches(summary: &Summary) -> Vec<Bar> {
    let shown = |breach: &BreachSummary| bar(&breach.id, shade(breach.status), breach.exposed, summary.rows);
    summary.breaches.iter().filter(|breach| breach.exposed > 0).map(shown).collect()
}

fn classes(summary: &Summary) -> Vec<Bar> {
    summary.classes.iter().map(|(class, rows)| bar(class, "up", *rows, summary.rows)).collect()
}

fn confidence(summary: &Summary) -> Vec<Bar> {
    summary.confidence.iter().map(|(status, rows)| bar(status, shade(status), *rows, summary.rows)).collect()
}

fn columns(summary: &Summary) -> Vec<Bar> {
    let shown = |column: &ColumnSummary| {
        bar(&format!("{} ({})", column.kind, column.column), "up", column.matched, summary.rows)
    };
    summary.columns.iter().map(shown).collect()
}

/// The colour of a status: the surer, the stronger.
fn shade(status: &str) -> &'static str {
    match status {
        "confirmed" => "alarm",
        "claimed" => "down",
        _ => "plain",
    }
}

fn table(summary: &Summary) -> String {
    let mut table =
        "<h2>The breaches</h2>\n<div class=\"wide\"><table><thead><tr><th>breach</th><th>title</th>\
        <th>date</th><th>status</th><th>rows</th></tr></thead><tbody>"
            .to_owned();
    for BreachSummary { id, title, date, status, exposed } in &summary.breaches {
        let cells = [id, title, date, *status].map(escaped).join("</td><td>");
        let _ = write!(table, "\n<tr><td>{cells}</td><td>{}</td></tr>", thousands(*exposed));
    }
    table + "</tbody></table></div>\n"
}

/// Text as it may stand in HTML, in an attribute too.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            sign => escaped.push(sign),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::super::summary::tests::summary;
    use super::super::verdict::tests::{breaches, found, of_nik};
    use super::*;
    use crate::bench::page_elements;

    #[test]
    fn the_page_is_well_formed_and_every_count_of_the_summary_is_in_it() {
        let breaches = breaches();
        let mut summary = summary();
        summary.count(&of_nik([found(0, 0b10), found(2, 0)], &breaches));
        summary.count(&of_nik([found(2, 0)], &breaches));
        summary.count_columns([0, 1]);
        let page = page(&summary);
        let seen = page_elements(&page);
        let count = |name| seen.iter().filter(|seen| **seen == name).count();
        // Customers 3, breaches 2, classes 3, confidence 2, identifiers 2.
        assert_eq!((count("svg"), count("rect"), count("tr")), (5, 12, 4));
        for text in
            ["bpjs-2021", "sim-2020", "salary", "confirmed", "nik (NO_KTP)", "1,200,000 rows", "word word"]
        {
            assert!(page.contains(text), "{text}");
        }
        assert!(!page.contains("NaN") && !page.contains("inf\""), "{page}");
    }

    #[test]
    fn nothing_is_fetched_nothing_runs_and_names_are_text() {
        let mut summary = summary();
        summary.columns[0].column = "<script>x</script>".to_owned();
        summary.breaches[0].title = "\"><img src=x>".to_owned();
        summary.warnings.push("<b>&'".to_owned());
        let page = page(&summary);
        page_elements(&page);
        for sign in ["<script", "<link", "<img", "<b>", "http://", "https://", "url(", "@import", "href="] {
            assert!(!page.contains(sign), "{sign}");
        }
        assert!(
            page.contains("&lt;script&gt;x&lt;/script&gt;") && page.contains("&quot;&gt;&lt;img src=x&gt;")
        );
    }

    #[test]
    fn a_screening_that_found_nobody_makes_a_page() {
        let mut summary = summary();
        (summary.rows, summary.breaches) = (0, Vec::new());
        page_elements(&page(&summary));
    }
}
