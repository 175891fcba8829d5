//! Bars of a summary's page: SVG without scripts, a bar beside its name, colours by class of the page.

use std::fmt::Write as _;

use samar_local::people::thousands;

use super::page::escaped;

const WIDTH: f64 = 680.0;
const BAR_LEFT: f64 = 200.0;
/// Room for the number after the longest bar.
const BAR_RIGHT: f64 = WIDTH - 110.0;
const ROW_HEIGHT: f64 = 26.0;
const BAR_HEIGHT: f64 = 16.0;
const LABEL_CHARS_MAX: usize = 26;

/// One bar.
pub(super) struct Bar {
    /// What it counts.
    pub(super) label: String,
    /// What is shown where the pointer rests.
    pub(super) tip: String,
    /// Class of its colour.
    pub(super) class: &'static str,
    pub(super) rows: u64,
}

/// The bars, one below the other, each as long as its part of `all`, or of the longest where that is longer.
#[allow(clippy::cast_precision_loss)] // drawn
pub(super) fn bars(title: &str, bars: &[Bar], all: u64) -> String {
    let longest = bars.iter().map(|bar| bar.rows).fold(all, u64::max).max(1) as f64;
    let height = ROW_HEIGHT * bars.len() as f64;
    let mut svg =
        format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\">", escaped(title));
    for (at, bar) in bars.iter().enumerate() {
        let y = ROW_HEIGHT * at as f64;
        let width = (BAR_RIGHT - BAR_LEFT) * bar.rows as f64 / longest;
        let (middle, text) = (y + ROW_HEIGHT / 2.0 + 4.0, thousands(bar.rows));
        let _ = write!(
            svg,
            "<g><title>{}</title><text class=\"tick\" x=\"{}\" y=\"{middle:.1}\">{}</text>\
             <rect class=\"{}\" x=\"{BAR_LEFT}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{BAR_HEIGHT}\"/>\
             <text class=\"count\" x=\"{:.1}\" y=\"{middle:.1}\">{text}</text></g>",
            escaped(&bar.tip),
            BAR_LEFT - 8.0,
            escaped(&short(&bar.label)),
            bar.class,
            y + (ROW_HEIGHT - BAR_HEIGHT) / 2.0,
            BAR_LEFT + width + 6.0,
        );
    }
    svg.push_str("</svg>");
    svg
}

fn short(label: &str) -> String {
    if label.chars().count() <= LABEL_CHARS_MAX {
        return label.to_owned();
    }
    let kept: String = label.chars().take(LABEL_CHARS_MAX - 1).collect();
    kept + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_part_and_a_long_name_is_cut() {
        let bar = |label: &str, rows| Bar { label: label.to_owned(), tip: String::new(), class: "up", rows };
        let svg = bars("t", &[bar("half", 50), bar(&"x".repeat(40), 0)], 100);
        let full = BAR_RIGHT - BAR_LEFT;
        assert!(
            svg.contains(&format!("width=\"{:.1}\"", full / 2.0)) && svg.contains("width=\"0.0\""),
            "{svg}"
        );
        assert!(svg.contains(&format!(">{}…<", "x".repeat(25))), "{svg}");
        assert!(bars("t", &[bar("more than all", 7)], 3).contains(&format!("width=\"{full:.1}\"")));
        assert!(!bars("t", &[bar("nothing", 0)], 0).contains("NaN"));
    }
}
