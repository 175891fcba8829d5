//! The steps as bars, in SVG without scripts.

use std::fmt::Write as _;

use super::figures::{Figures, Step};

const WIDTH: f64 = 720.0;
const BAR: f64 = 18.0;
const PITCH: f64 = 30.0;
const LEFT: f64 = 230.0;
const RIGHT: f64 = WIDTH - 90.0;
const TOP: f64 = 44.0;

pub(crate) fn draw(figures: &Figures) -> String {
    let steps = &figures.steps;
    let longest = steps.iter().map(|step| step.clock_s).fold(0.01, f64::max);
    let height = steps.iter().fold(TOP + 12.0, |height, _| height + PITCH);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"13\" role=\"img\">\n\
         <title>{entries} entries, {customers} customers: seconds of each step</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"12\" y=\"22\" fill=\"#222\">{entries} entries, {customers} customers: seconds by the clock</text>\n",
        entries = figures.entries,
        customers = figures.customers,
    );
    let mut y = TOP;
    for Step { step, clock_s, .. } in steps {
        let length = (clock_s / longest * (RIGHT - LEFT)).max(1.0);
        let middle = y + BAR - 5.0;
        // Writing to a String does not fail.
        let _ = write!(
            svg,
            "<text x=\"{:.0}\" y=\"{middle:.0}\" text-anchor=\"end\" fill=\"#222\">{step}</text>\n\
             <rect x=\"{LEFT:.0}\" y=\"{y:.0}\" width=\"{length:.1}\" height=\"{BAR:.0}\" fill=\"#2a6f97\"/>\n\
             <text x=\"{:.1}\" y=\"{middle:.0}\" fill=\"#222\">{clock_s:.1}</text>\n",
            LEFT - 8.0,
            LEFT + length + 6.0,
        );
        y += PITCH;
    }
    svg.push_str("</svg>\n");
    svg
}
