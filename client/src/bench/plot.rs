//! The plots of the page: SVG without scripts. Batch sizes stand side by side, whatever their distance; colours are the
//! page's, by class.

use std::fmt::Write as _;

use super::report::{Report, StepReport, short, short_or_dash, whole};
use super::{Percentiles, page};

const WIDTH: f64 = 680.0;
const HEIGHT: f64 = 290.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = WIDTH - 12.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = HEIGHT - 46.0;
/// Gridlines of a linear scale, about.
const LINES: f64 = 5.0;
/// Bytes of an element, below which no exchange can go.
const ELEMENT: f64 = samar_protocol::limits::ELEMENT_BYTES as f64;

/// From values to heights.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scale {
    /// From 0.
    Linear { max: f64 },
    /// Equal ratios are equal distances.
    Log { min: f64, max: f64 },
}

impl Scale {
    /// From 0 to a round number that is not below `max`.
    fn linear(max: f64) -> Self {
        let step = Self::step(max);
        Self::Linear { max: (max / step).ceil().max(1.0) * step }
    }

    /// From a 1, 2 or 5 with zeros below `min` to one above `max`.
    fn log(min: f64, max: f64) -> Self {
        let min = Self::round_numbers().take_while(|round| *round <= min).last().unwrap_or(1e-3);
        let max = Self::round_numbers().find(|round| *round >= max && *round > min).unwrap_or(1e9);
        Self::Log { min, max }
    }

    /// 0.001, 0.002, 0.005, 0.01, ... 5e9.
    fn round_numbers() -> impl Iterator<Item = f64> {
        (-3..10).flat_map(|decade| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(decade)))
    }

    /// A distance of gridlines for values up to `max`.
    fn step(max: f64) -> f64 {
        Self::round_numbers().find(|step| step * LINES >= max).unwrap_or(1e9)
    }

    fn lines(self) -> Vec<f64> {
        match self {
            Self::Linear { max } => {
                let step = Self::step(max);
                (0..).map(|line| f64::from(line) * step).take_while(|line| *line <= max * 1.001).collect()
            }
            Self::Log { min, max } => {
                let inside: Vec<f64> =
                    Self::round_numbers().filter(|round| (min..=max).contains(round)).collect();
                // Over so many lines the 2s and 5s would crowd.
                let sparse = inside.len() > 8;
                let kept = |(at, round): (usize, &f64)| {
                    let is_end = at == 0 || at + 1 == inside.len();
                    (!sparse || is_end || round.log10().fract().abs() < 1e-9).then_some(*round)
                };
                inside.iter().enumerate().filter_map(kept).collect()
            }
        }
    }

    fn y(self, value: f64) -> f64 {
        let part = match self {
            Self::Linear { max } => value / max,
            Self::Log { min, max } => (value.max(min) / min).ln() / (max / min).ln(),
        };
        BOTTOM - part * (BOTTOM - TOP)
    }
}

/// Customers a second: a line for each number of streams.
pub(super) fn rates(report: &Report) -> String {
    let max = report.steps.iter().map(|step| step.customers_per_second).fold(1.0, f64::max);
    let (mut plot, scale) = (Plot::new(report, "Customers a second by batch size"), Scale::linear(max));
    plot.grid(scale, whole);
    for (at, streams) in plot.streams.clone().into_iter().enumerate() {
        let point = |step: &StepReport| (plot.x(step.batch), scale.y(step.customers_per_second));
        let steps: Vec<&StepReport> = report.steps.iter().filter(|step| step.streams == streams).collect();
        let line: Vec<String> =
            steps.iter().map(|step| point(step)).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let mut series = format!("<polyline points=\"{}\"/>", line.join(" "));
        for step in steps {
            let (x, y) = point(step);
            let says = format!("{} customers/s", whole(step.customers_per_second));
            let _ =
                write!(series, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\">{}</circle>", tip(step, &says));
        }
        plot.series(at, &series);
    }
    plot.end()
}

/// Latencies, on a logarithmic scale: from the median, a dot, to the longest; strokes at the percentiles between.
pub(super) fn latencies(report: &Report) -> String {
    let all = || report.steps.iter().map(|step| step.latency_ms);
    let max = all().map(|latency| latency.max).fold(1e-3, f64::max);
    let min = all().map(|latency| latency.p50.unwrap_or(latency.max)).fold(max, f64::min);
    let (mut plot, scale) =
        (Plot::new(report, "Latency in milliseconds by batch size"), Scale::log(min, max));
    plot.grid(scale, |ms| format!("{ms}"));
    for (at, streams) in plot.streams.clone().into_iter().enumerate() {
        let mut series = String::new();
        for step in report.steps.iter().filter(|step| step.streams == streams) {
            let Percentiles { p50, p90, p99, p999, max } = step.latency_ms;
            let x = plot.x_beside(step.batch, at);
            let (from, to) = (scale.y(p50.unwrap_or(max)), scale.y(max));
            let [median, ninety, ninety_nine] = [p50, p90, p99].map(short_or_dash);
            let says = format!("p50 {median}, p90 {ninety}, p99 {ninety_nine}, longest {} ms", short(max));
            let _ = write!(series, "<g>{}<path d=\"M{x:.1} {from:.1}V{to:.1}", tip(step, &says));
            for percentile in [p90, p99, p999, Some(max)].into_iter().flatten() {
                let _ = write!(series, "M{:.1} {:.1}h8", x - 4.0, scale.y(percentile));
            }
            let _ = write!(series, "\"/><circle cx=\"{x:.1}\" cy=\"{from:.1}\" r=\"4\"/></g>");
        }
        plot.series(at, &series);
    }
    plot.end()
}

/// Bytes for each customer, over all streams: up beside down, and the element itself as a dashed line.
#[allow(clippy::cast_precision_loss)] // drawn
pub(super) fn bytes(report: &Report) -> String {
    let mut plot = Plot::new(report, "Bytes for each customer by batch size");
    let each = |batch: u32, bytes: fn(&StepReport) -> f64| {
        let steps = || report.steps.iter().filter(move |step| step.batch == batch);
        let customers: u64 = steps().map(|step| step.customers).sum();
        steps().map(|step| bytes(step) * step.customers as f64).sum::<f64>() / customers.max(1) as f64
    };
    let up = |batch| each(batch, |step| step.bytes_sent_per_customer);
    let down = |batch| each(batch, |step| step.bytes_received_per_customer);
    let max = plot.batches.iter().flat_map(|batch| [up(*batch), down(*batch)]).fold(ELEMENT, f64::max);
    let scale = Scale::linear(max * 1.05); // room for the number above a bar
    plot.grid(scale, short_tick);
    let width = (plot.group_width() * 0.3).min(56.0);
    for batch in plot.batches.clone() {
        for (class, value, side) in [("up", up(batch), -1.0), ("down", down(batch), 0.0)] {
            let (x, y) = (plot.x(batch) + side * width + side.mul_add(2.0, 1.0), scale.y(value));
            let (middle, above, height) = (x + width / 2.0, y - 5.0, BOTTOM - y);
            let _ = write!(
                plot.svg,
                "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>\
                 <text class=\"value\" x=\"{middle:.1}\" y=\"{above:.1}\">{}</text>",
                short(value)
            );
        }
    }
    let y = scale.y(ELEMENT);
    let _ = write!(plot.svg, "<path class=\"floor\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/>");
    plot.end()
}

fn short_tick(value: f64) -> String {
    if value < 10.0 { format!("{value}") } else { whole(value) }
}

/// What is shown where the pointer rests.
fn tip(step: &StepReport, says: &str) -> String {
    let StepReport { batch, streams, .. } = step;
    format!("<title>batch {batch}, {streams} in flight: {says}</title>")
}

/// A plot that is being drawn.
struct Plot {
    svg: String,
    batches: Vec<u32>,
    streams: Vec<u32>,
}

impl Plot {
    fn new(report: &Report, label: &str) -> Self {
        let svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{label}\">");
        let mut batches: Vec<u32> = report.steps.iter().map(|step| step.batch).collect();
        batches.dedup(); // steps ascend by batch
        Self { svg, batches, streams: page::streams(report) }
    }

    /// Gridlines with their values, and the batch sizes below.
    fn grid(&mut self, scale: Scale, shown: impl Fn(f64) -> String) {
        for line in scale.lines() {
            let (y, text) = (scale.y(line), shown(line));
            let _ = write!(
                self.svg,
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/>\
                 <text class=\"tick\" x=\"{}\" y=\"{:.1}\">{text}</text>",
                LEFT - 8.0,
                y + 4.0
            );
        }
        for batch in self.batches.clone() {
            let (x, text) = (self.x(batch), whole(f64::from(batch)));
            let _ = write!(
                self.svg,
                "<text class=\"size\" x=\"{x:.1}\" y=\"{:.1}\">{text}</text>",
                BOTTOM + 18.0
            );
        }
        let _ = write!(
            self.svg,
            "<text class=\"size\" x=\"{}\" y=\"{}\">customers in a batch</text>",
            f64::midpoint(LEFT, RIGHT),
            HEIGHT - 8.0
        );
    }

    #[allow(clippy::cast_precision_loss)] // a handful
    fn group_width(&self) -> f64 {
        (RIGHT - LEFT) / self.batches.len().max(1) as f64
    }

    /// The middle of a batch size's group.
    #[allow(clippy::cast_precision_loss)] // a handful
    fn x(&self, batch: u32) -> f64 {
        let at = self.batches.iter().position(|size| *size == batch).unwrap_or(0);
        LEFT + (at as f64 + 0.5) * self.group_width()
    }

    /// The place of one number of streams in it.
    #[allow(clippy::cast_precision_loss)] // a handful
    fn x_beside(&self, batch: u32, at: usize) -> f64 {
        let (at, streams) = (at as f64, self.streams.len() as f64);
        self.x(batch) + ((at + 0.5) / streams - 0.5) * self.group_width() * 0.6
    }

    fn series(&mut self, at: usize, marks: &str) {
        let shade = page::shade(at, self.streams.len());
        let _ = write!(self.svg, "<g class=\"series\" style=\"{shade}\">{marks}</g>");
    }

    fn end(mut self) -> String {
        self.svg.push_str("</svg>");
        self.svg
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linear_scale_holds_every_value_between_round_lines() {
        for (max, top, lines) in
            [(61_250.0, 80_000.0, 5), (36.4, 40.0, 5), (1.0, 1.0, 6), (100_000.0, 1e5, 6)]
        {
            let scale = Scale::linear(max);
            assert_eq!(scale, Scale::Linear { max: top }, "{max}");
            assert_eq!(scale.lines().len(), lines, "{max}: {:?}", scale.lines());
            assert!(scale.y(max) >= TOP - 1e-9 && (scale.y(0.0) - BOTTOM).abs() < 1e-9);
        }
    }

    #[test]
    fn a_logarithmic_scale_holds_every_value_between_round_lines() {
        for (min, max, lines) in
            [(4.6, 1_234.5, vec![2.0, 10.0, 100.0, 1_000.0, 2_000.0]), (3.0, 3.0, vec![2.0, 5.0])]
        {
            let scale = Scale::log(min, max);
            let got = scale.lines();
            assert!(got.iter().zip(&lines).all(|(a, b)| (a / b - 1.0).abs() < 1e-9), "{got:?}");
            assert_eq!(got.len(), lines.len(), "{got:?}");
            for value in [min, max] {
                assert!((TOP - 1e-9..=BOTTOM + 1e-9).contains(&scale.y(value)), "{value}");
            }
        }
        assert!(Scale::log(0.0, 0.0).y(0.0).is_finite());
    }
}
