//! The figures for people: a table in Markdown, and a plot.

use std::fmt::Write as _;

use crate::figures::{Found, Goal};

const WIDTH: f64 = 840.0;
const LINE: f64 = 26.0;
/// Where the bars begin, and how long one of 1.0 is.
const BAR: (f64, f64) = (330.0, 200.0);

/// A table, with the least and the most of all rounds.
pub(crate) fn table(rows: &[Found]) -> String {
    let mut text = String::from(
        "| what | figure (least to most) | ratio (least to most) | goal | |\n|---|---|---|---|---|\n",
    );
    for found in rows {
        let spread = found.figure;
        let figure = format!(
            "{} {} ({} to {})",
            number(spread.value),
            found.row.unit,
            number(spread.least),
            number(spread.most)
        );
        let ratio = found.ratio.map(|ratio| {
            let base = found.row.base().unwrap_or_default();
            format!(
                "{} x {base} ({:.2} to {:.2})",
                beside(ratio.value, found.goal()),
                ratio.least,
                ratio.most
            )
        });
        let reached = match found.is_reached() {
            None => "",
            Some(true) => "reached",
            Some(false) => "missed",
        };
        let (what, ratio, goal) = (found.row.what, ratio.unwrap_or_default(), goal(found));
        let _written = writeln!(text, "| {what} | {figure} | {ratio} | {goal} | {reached} |");
    }
    text
}

fn goal(found: &Found) -> String {
    match found.goal() {
        None => String::new(),
        Some(Goal::AtLeast(least)) => format!("at least {least}"),
        Some(Goal::Below(most)) => format!("below {most} {}", found.row.unit),
    }
}

/// A ratio of two digits, or of three where two would not tell it from its goal.
fn beside(ratio: f64, goal: Option<Goal>) -> String {
    let short = format!("{ratio:.2}");
    match goal {
        Some(Goal::AtLeast(least)) if short == format!("{least:.2}") => format!("{ratio:.3}"),
        _ => short,
    }
}

/// A number as it is read best: of four digits from a hundred on.
fn number(value: f64) -> String {
    if value.abs() < 100.0 {
        return format!("{value:.1}");
    }
    let step = 10_f64.powf((value.abs().log10().floor() - 3.0).max(0.0));
    let digits = format!("{:.0}", (value / step).round() * step);
    let grouped: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    grouped.join(",")
}

/// The ratios that have a goal, as bars, with a mark where the goal is.
pub(crate) fn plot(rows: &[Found]) -> String {
    let bars: Vec<_> = rows
        .iter()
        .filter_map(|found| match (found.ratio, found.goal()) {
            (Some(ratio), Some(Goal::AtLeast(goal))) => Some((found, ratio, goal)),
            _no_bar => None,
        })
        .collect();
    let height = LINE * f64::from(u32::try_from(bars.len()).unwrap_or_default()) + 30.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let mut top = 10.0;
    for (found, ratio, goal) in bars {
        let colour = if found.is_reached() == Some(true) { "#3a7d44" } else { "#c0692b" };
        let (text, baseline) = (found.row.what, top + 14.0);
        let base = found.row.base().unwrap_or_default();
        let (length, mark) = (ratio.value * BAR.1, BAR.0 + goal * BAR.1);
        let [least, most] = [ratio.least, ratio.most].map(|ratio| BAR.0 + ratio * BAR.1);
        let (middle, end) = (top + 9.0, mark.max(most) + 6.0);
        let _written = write!(
            svg,
            "<text x=\"8\" y=\"{baseline}\">{text}</text>\n\
             <rect x=\"{}\" y=\"{top}\" width=\"{length:.1}\" height=\"18\" fill=\"{colour}\"/>\n\
             <line x1=\"{mark:.1}\" x2=\"{mark:.1}\" y1=\"{}\" y2=\"{}\" stroke=\"black\" stroke-width=\"2\"/>\n\
             <line x1=\"{least:.1}\" x2=\"{most:.1}\" y1=\"{middle}\" y2=\"{middle}\" stroke=\"#222\"/>\n\
             <text x=\"{end:.1}\" y=\"{baseline}\" fill=\"#555\">{} x {base}</text>\n",
            BAR.0,
            top - 2.0,
            top + 20.0,
            beside(ratio.value, found.goal()),
        );
        top += LINE;
    }
    let _written = write!(
        svg,
        "<text x=\"8\" y=\"{}\" fill=\"#555\">thick: the goal; thin: least to most of the rounds</text>\n</svg>\n",
        top + 12.0
    );
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(["1.5", "100", "12,350", "1,235,000"], [1.5, 100.0, 12_345.6, 1_234_567.8].map(number));
    }

    #[test]
    fn a_ratio_that_misses_its_goal_by_little_is_told_from_it() {
        let told = [0.3951, 0.3949, 1.2].map(|ratio| beside(ratio, Some(Goal::AtLeast(0.4))));
        assert_eq!(told, ["0.395", "0.39", "1.20"]);
    }
}
