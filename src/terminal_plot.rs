//! Training curves as text.

use crate::history::{Epoch, History};
use crate::plot_scale::{Scale, extremes};
use raster::{Raster, braille};

mod raster;

const BLUE: &str = "\x1b[38;5;32m";
const ORANGE: &str = "\x1b[38;5;208m";
const RESET: &str = "\x1b[0m";

/// The loss over the epochs, training and validation, as lines of Braille characters with the extremes at the axes.
///
/// ```text
///   1.99 │⡁⡀
///        │⠘⡄⠄
///        │ ⠈⢆⠂
///        │   ⠣⡈ ⡀
///        │    ⠈⠢⡀⠐ ⡀
///        │      ⠈⠒⠤⣀⠁⠐ ⠄⢀ ⡀
///        │          ⠑⠒⠤⢄⣀  ⠈ ⠁⠈ ⠂⠐ ⠂⠐ ⠂⠐ ⠂⠐ ⠂⠐ ⠂⠐ ⠂⠐ ⠂⠐ ⠂⠐ ⠂⠐
///  0.081 │               ⠉⠉⠑⠒⠒⠒⠤⠤⠤⠤⠤⠤⠤⢄⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀
///        └────────────────────────────────────────────────────
///         1                                                 30
///         loss: ⠒⠒ training  ⠂⠐ validation
/// ```
///
/// `width` counts all columns of the text and `height` the lines of the curve; the curve itself is kept between 8 × 2 and
/// 400 × 100 characters. The validation curve is dotted; with `colour` both are solid, blue and orange by ANSI escape
/// sequences. Losses that span more than a factor of 100 are drawn on a logarithmic scale. The text is empty if no
/// loss is finite, otherwise every line ends in a line feed.
pub fn terminal_plot(history: &History, width: usize, height: usize, colour: bool) -> String {
    let epochs = &history.epochs;
    let training = points(epochs, |epoch| Some(epoch.loss));
    let validation = points(epochs, |epoch| epoch.validation_loss);
    let all = || training.iter().chain(&validation);
    let (Some((low, high)), Some((first, last))) =
        (extremes(all().map(|point| point.1)), extremes(all().map(|point| point.0)))
    else {
        return String::new();
    };
    let (losses, numbers) = (Scale::new(low, high), Scale::linear(first, last));
    // A constant loss lies in the middle of a widened scale, whose ends are other values.
    let (bottom, top) = losses.ends();
    let labels = [short(top), short(bottom)];
    let label_width = labels[0].len().max(labels[1].len()) + 1;
    let columns = width.saturating_sub(label_width + 2).clamp(8, 400);
    let rows = height.clamp(2, 100);

    let mut training_dots = Raster::new(columns, rows);
    let mut validation_dots = Raster::new(columns, rows);
    training_dots.draw(&training, &numbers, &losses, |_| true);
    validation_dots.draw(&validation, &numbers, &losses, |number| colour || number % 3 == 0);

    let mut text = String::new();
    for row in 0..rows {
        let label = match row {
            0 => &labels[0],
            _ if row == rows - 1 => &labels[1],
            _ => "",
        };
        text += &format!("{label:>label_width$} │");
        let mut line = String::new();
        let mut ink = "";
        for column in 0..columns {
            let (of_training, of_validation) = (training_dots.cell(column, row), validation_dots.cell(column, row));
            let wanted = match (colour, of_training, of_validation) {
                (true, 1.., 0) => BLUE,
                (true, _, 1..) => ORANGE,
                _ => "",
            };
            if wanted != ink {
                line += if wanted.is_empty() { RESET } else { wanted };
                ink = wanted;
            }
            line.push(braille(of_training | of_validation));
        }
        if !ink.is_empty() {
            line += RESET;
        }
        text += line.trim_end();
        text.push('\n');
    }
    let indent = " ".repeat(label_width + 1);
    text += &format!("{indent}└{}\n", "─".repeat(columns));
    let (first, last) = (first.to_string(), last.to_string());
    if first == last {
        text += &format!("{indent} {:>1$}\n", first, columns / 2 + 1);
    } else {
        text += &format!("{indent} {first}{last:>0$}\n", columns.saturating_sub(first.len()));
    }
    let scale = if losses.logarithmic { "loss (log scale)" } else { "loss" };
    let (blue, orange, reset) = if colour { (BLUE, ORANGE, RESET) } else { ("", "", "") };
    text += &format!("{indent} {scale}: {blue}⠒⠒{reset} training");
    if !validation.is_empty() {
        text += &format!("  {orange}{}{reset} validation", if colour { "⠒⠒" } else { "⠂⠐" });
    }
    text.push('\n');
    text
}

/// Epoch and value where there is one.
fn points(epochs: &[Epoch], value: fn(&Epoch) -> Option<f64>) -> Vec<(f64, f64)> {
    epochs.iter().filter_map(|epoch| Some((epoch.epoch as f64, value(epoch)?))).collect()
}

/// Three significant digits, more or less.
fn short(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        0.001..1.0 => format!("{value:.3}"),
        1.0..100.0 => format!("{value:.2}"),
        100.0..100_000.0 => format!("{value:.0}"),
        _ => format!("{value:.1e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(losses: &[(f64, Option<f64>)]) -> History {
        let epoch = |(i, &(loss, validation_loss)): (usize, &(f64, Option<f64>))| Epoch {
            epoch: i + 1,
            loss,
            accuracy: None,
            validation_loss,
            validation_accuracy: None,
        };
        History { epochs: losses.iter().enumerate().map(epoch).collect() }
    }

    fn falling() -> History {
        history(&[(4.0, Some(2.5)), (3.0, Some(2.5)), (2.0, Some(2.5)), (1.0, Some(2.5))])
    }

    #[test]
    fn plain_text() {
        let wanted = [
            " 4.00 │⠑⠢⢄⡀\n",
            "      │⠄⠠ ⠌⠱⠢⢄⡠ ⠄⠠\n",
            " 1.00 │       ⠈⠑⠢⢄\n",
            "      └───────────\n",
            "       1         4\n",
            "       loss: ⠒⠒ training  ⠂⠐ validation\n",
        ];
        assert_eq!(terminal_plot(&falling(), 18, 3, false), wanted.concat());
    }

    #[test]
    fn colours_are_switched_off_at_the_end_of_each_line() {
        let text = terminal_plot(&falling(), 18, 3, true);
        assert!(text.contains(BLUE) && text.contains(ORANGE));
        for line in text.lines().filter(|line| line.contains('\x1b')) {
            assert!(line.rfind(RESET) > line.rfind(BLUE).max(line.rfind(ORANGE)), "{line:?}");
        }
    }

    #[test]
    fn values_that_cannot_be_drawn_break_the_line() {
        let dots = |losses: &[f64]| {
            let losses: Vec<_> = losses.iter().map(|&loss| (loss, None)).collect();
            let text = terminal_plot(&history(&losses), 30, 2, false);
            let cells = text.lines().take(2).flat_map(str::chars).filter_map(|c| (c as u32).checked_sub(0x2800));
            cells.map(u32::count_ones).sum::<u32>()
        };
        assert_eq!(dots(&[f64::NAN, 1.0]), 1);
        assert_eq!(dots(&[1.0, f64::INFINITY, 2.0]), 2);
        assert!(dots(&[1.0, 1.5, 2.0]) > 20);
    }

    #[test]
    fn nothing_to_draw() {
        assert_eq!(terminal_plot(&History::default(), 60, 8, false), "");
        assert_eq!(terminal_plot(&history(&[(f64::NAN, None)]), 60, 8, false), "");
    }

    #[test]
    fn single_epoch_is_one_dot_in_the_middle() {
        let text = terminal_plot(&history(&[(0.5, None)]), 29, 3, false);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], " 0.550 │");
        assert_eq!(lines[1].chars().filter(|&c| c > '\u{2800}').count(), 1);
        assert_eq!(lines[2], " 0.450 │");
        assert_eq!(lines[4].trim(), "1");
    }

    proptest::proptest! {
        #[test]
        fn any_history_fits(
            losses in proptest::collection::vec((proptest::num::f64::ANY, proptest::option::of(proptest::num::f64::ANY)), 0..30),
            width: usize,
            height: usize,
        ) {
            let text = terminal_plot(&history(&losses), width, height, false);
            // Besides the curve, labels such as `-1.2e-300` and the axis take up to 12 columns.
            let (width, height) = (width.clamp(8 + 12, 400 + 12), height.clamp(2, 100));
            proptest::prop_assert!(text.is_empty() || text.lines().count() == height + 3);
            for line in text.lines().take(height + 2) {
                proptest::prop_assert!(line.chars().count() <= width, "{:?}", line);
            }
        }
    }
}
