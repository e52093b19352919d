//! Training curves, and speeds under a machine's limits, as pictures.

use crate::history::{Epoch, History};
use crate::plot_scale::extremes;
use axis::Axis;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::{error, fmt};

mod axis;
mod roofline;

pub use roofline::{Roof, Roofline, RooflineSeries, roofline_svg};

/// Why a plot could not be drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlotError {
    /// Nothing can be drawn: no epoch has a loss (finite, magnitude at most 1e300), or no point or peak a positive rate.
    Empty,
    /// The drawing library failed.
    Drawing {
        /// What it said.
        reason: String,
    },
}

impl fmt::Display for PlotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "nothing to plot: no finite value"),
            Self::Drawing { reason } => write!(f, "cannot draw the plot: {reason}"),
        }
    }
}

impl error::Error for PlotError {}

/// Pixels are whole numbers in the drawing library, so it draws on a canvas this many times larger, for smooth curves.
const FINE: u32 = 4;
const WIDTH: u32 = 800;
const TITLE_HEIGHT: u32 = 64;
const LOSS_HEIGHT: u32 = 270;
const ACCURACY_HEIGHT: u32 = 170;
/// Below the lowest panel: numbers and the word "epoch".
const EPOCH_LABEL_HEIGHT: u32 = 44;
/// Left of the panels: numbers and the word "loss".
const VALUE_LABEL_WIDTH: u32 = 84;
/// What of it is left free at the edge of the picture.
const LEFT_MARGIN: u32 = 10;
/// More points than this are thinned out: the picture has fewer columns.
const MOST_POINTS: usize = 2000;
/// Up to this number of points each gets a dot.
const MOST_DOTS: usize = 24;
/// A longer title would run out of the picture.
const TITLE_CHARS: usize = 80;

const INK: RGBColor = RGBColor(0x33, 0x33, 0x33);
const GRID: RGBColor = RGBColor(0xe4, 0xe4, 0xe4);

/// A value of an epoch, if it was measured.
type Value = fn(&Epoch) -> Option<f64>;

/// A curve of the history. Blue and vermilion of Okabe and Ito's palette are told apart with every kind of colour vision.
struct Curve {
    name: &'static str,
    colour: RGBColor,
    loss: Value,
    accuracy: Value,
}

const CURVES: [Curve; 2] = [
    Curve {
        name: "training",
        colour: RGBColor(0x00, 0x72, 0xb2),
        loss: |epoch| Some(epoch.loss),
        accuracy: |epoch| epoch.accuracy.filter(is_share),
    },
    Curve {
        name: "validation",
        colour: RGBColor(0xd5, 0x5e, 0x00),
        loss: |epoch| epoch.validation_loss,
        accuracy: |epoch| epoch.validation_accuracy.filter(is_share),
    },
];

/// Whether an accuracy is one.
fn is_share(value: &f64) -> bool {
    (0.0..=1.0).contains(value)
}

/// The loss over the epochs, training and validation, and below it the accuracy if there is any: an SVG document.
///
/// Losses that span more than a factor of 100 are drawn on a logarithmic scale. Losses that are NaN, infinite or beyond
/// 1e300 are left out and interrupt their curve; a curve runs through epochs in which it was not measured. Accuracies
/// outside 0 to 1 are left out. The title is cut after 80 characters. Text is left to the viewer's sans-serif font.
///
/// # Errors
/// [`PlotError::Empty`] if no loss can be drawn.
pub fn loss_curve_svg(history: &History, title: &str) -> Result<String, PlotError> {
    let epochs = &history.epochs;
    let ends =
        |value: fn(&Curve) -> Value| extremes(CURVES.iter().flat_map(|curve| epochs.iter().filter_map(value(curve))));
    let (low, high) = ends(|curve| curve.loss).ok_or(PlotError::Empty)?;
    let losses = Axis::losses(low, high);
    let loss_name = if losses.scale.logarithmic { "loss (log scale)" } else { "loss" };
    let accuracies = ends(|curve| curve.accuracy).map(|(low, high)| Axis::accuracies(low, high));
    let numbers = || epochs.iter().map(|epoch| epoch.epoch);
    let (Some(first), Some(last)) = (numbers().min(), numbers().max()) else { return Err(PlotError::Empty) };
    let epoch_axis = Axis::epochs(first, last);

    let panels = if accuracies.is_some() { LOSS_HEIGHT + ACCURACY_HEIGHT } else { LOSS_HEIGHT };
    let size = (WIDTH, TITLE_HEIGHT + panels + EPOCH_LABEL_HEIGHT);
    document(size, |root| {
        let (head, body) = root.split_vertically(TITLE_HEIGHT * FINE);
        draw_head(&head, history, title)?;
        match &accuracies {
            None => draw_panel(&body, history, &epoch_axis, &losses, loss_name, |curve| curve.loss, true),
            Some(accuracies) => {
                let (upper, lower) = body.split_vertically(LOSS_HEIGHT * FINE);
                draw_panel(&upper, history, &epoch_axis, &losses, loss_name, |curve| curve.loss, false)?;
                draw_panel(&lower, history, &epoch_axis, accuracies, "accuracy", |curve| curve.accuracy, true)
            }
        }
    })
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type DrawResult = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// An SVG document of so many pixels with what `content` draws, on a canvas that is `FINE` times larger.
fn document(size: (u32, u32), content: impl FnOnce(&Area<'_>) -> DrawResult) -> Result<String, PlotError> {
    let fine_size = (size.0 * FINE, size.1 * FINE);
    let mut svg = String::new();
    draw(&mut svg, fine_size, content).map_err(|error| PlotError::Drawing { reason: error.to_string() })?;
    // The drawing keeps its fine coordinates (viewBox) and is shown in the wanted size.
    let extent = |(width, height): (u32, u32)| format!(r#"width="{width}" height="{height}""#);
    Ok(svg.replacen(&extent(fine_size), &extent(size), 1))
}

fn draw(svg: &mut String, size: (u32, u32), content: impl FnOnce(&Area<'_>) -> DrawResult) -> DrawResult {
    let root = SVGBackend::with_string(svg, size).into_drawing_area();
    root.fill(&WHITE)?;
    content(&root)?;
    root.present()
}

fn font(pixels: u32) -> TextStyle<'static> {
    // The SVG writer divides sizes by 1.24.
    ("sans-serif", f64::from(pixels * FINE) * 1.24).into_font().color(&INK)
}

/// At most so many characters of a text, without the control characters that XML does not allow.
fn cut(text: &str, chars: usize) -> String {
    let mut text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if let Some((end, _)) = text.char_indices().nth(chars) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// The title, and the names of the curves beside a piece of each.
fn draw_head(area: &Area<'_>, history: &History, title: &str) -> DrawResult {
    let fine = FINE as i32;
    let left = VALUE_LABEL_WIDTH as i32 * fine;
    let middle = Pos::new(HPos::Left, VPos::Center);
    area.draw_text(&cut(title, TITLE_CHARS), &font(17).pos(middle), (left, 22 * fine))?;
    let named = CURVES.iter().filter(|curve| {
        history.epochs.iter().any(|epoch| (curve.loss)(epoch).is_some() || (curve.accuracy)(epoch).is_some())
    });
    for (i, curve) in named.enumerate() {
        let (x, y) = (left + i as i32 * 120 * fine, 48 * fine);
        area.draw(&PathElement::new(vec![(x, y), (x + 24 * fine, y)], curve.colour.stroke_width(2 * FINE)))?;
        area.draw_text(curve.name, &font(13).pos(middle), (x + 31 * fine, y))?;
    }
    Ok(())
}

/// One coordinate system with its curves.
fn draw_panel(
    area: &Area<'_>,
    history: &History,
    epochs: &Axis,
    values: &Axis,
    name: &str,
    value: fn(&Curve) -> Value,
    lowest: bool,
) -> DrawResult {
    let mut chart = ChartBuilder::on(area)
        .margin_left(LEFT_MARGIN * FINE)
        .margin_right(20 * FINE)
        .margin_top(4 * FINE)
        .margin_bottom(if lowest { 0 } else { 14 * FINE })
        .x_label_area_size(if lowest { EPOCH_LABEL_HEIGHT * FINE } else { 0 })
        .y_label_area_size((VALUE_LABEL_WIDTH - LEFT_MARGIN) * FINE)
        .build_cartesian_2d(epochs.clone(), values.clone())?;
    chart
        .configure_mesh()
        .bold_line_style(GRID.stroke_width(FINE))
        .light_line_style(TRANSPARENT)
        .axis_style(INK.stroke_width(FINE))
        .set_all_tick_mark_size(4 * FINE)
        .label_style(font(12))
        .axis_desc_style(font(13))
        .x_desc(if lowest { "epoch" } else { "" })
        .y_desc(name)
        .draw()?;
    for curve in &CURVES {
        for points in unbroken(history, values, value(curve)) {
            if points.len() <= MOST_DOTS {
                chart.draw_series(points.iter().map(|&point| Circle::new(point, 3 * FINE, curve.colour.filled())))?;
            }
            chart.draw_series(LineSeries::new(thinned(points), curve.colour.stroke_width(2 * FINE)))?;
        }
    }
    Ok(())
}

/// The points of a curve, cut where a value cannot be drawn. Epochs without a value are no cut: it was not measured.
fn unbroken(history: &History, values: &Axis, value: Value) -> Vec<Vec<(f64, f64)>> {
    let points: Vec<_> = history.epochs.iter().filter_map(|epoch| Some((epoch.epoch as f64, value(epoch)?))).collect();
    let runs = points.split(|&(_, y)| values.scale.position(y).is_none());
    runs.filter(|run| !run.is_empty()).map(<[_]>::to_vec).collect()
}

/// The points, or the lowest and highest of every few of them if there are too many.
fn thinned(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    if points.len() <= MOST_POINTS {
        return points;
    }
    let every = points.len().div_ceil(MOST_POINTS / 2);
    let mut kept = Vec::with_capacity(MOST_POINTS);
    for few in points.chunks(every) {
        let by_height = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let mut ends: Vec<_> = few.iter().min_by(by_height).into_iter().chain(few.iter().max_by(by_height)).collect();
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        kept.extend(ends);
    }
    kept
}

#[cfg(test)]
mod tests;
