//! Speeds under the limits of the machine.

use super::axis::Axis;
use super::{Area, DrawResult, FINE, GRID, INK, PlotError, TITLE_CHARS, cut, document, font};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// What [`roofline_svg`] draws.
#[derive(Clone, Debug, Default)]
pub struct Roofline {
    /// Above the picture; cut after 80 characters.
    pub title: String,
    /// Limits of the arithmetic, in GFLOP/s.
    pub peaks: Vec<Roof>,
    /// Limits of the memory, in GB/s.
    pub bandwidths: Vec<Roof>,
    /// Whose speeds.
    pub series: Vec<RooflineSeries>,
}

/// A limit of the machine.
#[derive(Clone, Debug)]
pub struct Roof {
    /// Of what.
    pub name: String,
    /// In the unit of its kind.
    pub rate: f64,
}

/// The speeds of one program.
#[derive(Clone, Debug)]
pub struct RooflineSeries {
    /// Whose they are.
    pub name: String,
    /// What was done, its floating-point operations for each byte of memory, and how many of them a second (in GFLOP/s).
    pub points: Vec<(String, f64, f64)>,
}

/// Left and right of the panel.
const LEFT: u32 = 64;
/// Room for the names of the peaks, at their ends.
const ROOF_NAMES: u32 = 66;
const PANEL_WIDTH: u32 = 600;
const LEGEND_WIDTH: u32 = 270;
/// The title, and the numbers of what was done.
const HEAD: u32 = 44;
const FOOT: u32 = 46;
const LEAST_PANEL_HEIGHT: u32 = 420;
/// From line to line of the legend and of the numbers.
const LINE: u32 = 16;
const NUMBER_LINE: u32 = 13;
/// Longer names are cut.
const NAME_CHARS: usize = 34;

/// Okabe and Ito's palette without its yellow, which is faint on white: told apart with every kind of colour vision.
const COLOURS: [RGBColor; 7] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0x33, 0x33, 0x33),
];

/// The roofline of a machine with the speeds of programs below it, both axes logarithmic: an SVG document.
///
/// A program that does `x` operations for each byte that it takes from a memory of bandwidth `b` cannot do more than `b·x` of them a second,
/// nor more than the peak of the arithmetic. Values that are not positive and finite are left out.
///
/// # Errors
/// [`PlotError::Empty`] if there is no point, or no peak, that can be drawn.
/// # Source
/// Williams, Waterman & Patterson, "Roofline: an insightful visual performance model for multicore architectures", CACM 52(4),
/// 2009.
pub fn roofline_svg(roofline: &Roofline) -> Result<String, PlotError> {
    let roofs = |roofs: &[Roof]| roofs.iter().filter(|roof| is_positive(roof.rate)).cloned().collect::<Vec<_>>();
    let mut peaks = roofs(&roofline.peaks);
    peaks.sort_by(|a, b| b.rate.total_cmp(&a.rate));
    let mut bandwidths = roofs(&roofline.bandwidths);
    bandwidths.sort_by(|a, b| b.rate.total_cmp(&a.rate));
    let mut series = roofline.series.clone();
    for series in &mut series {
        series.points.retain(|(_, x, y)| is_positive(*x) && is_positive(*y));
    }
    series.retain(|series| !series.points.is_empty());
    let top = peaks.first().ok_or(PlotError::Empty)?.rate;
    let points = || series.iter().flat_map(|series| &series.points);
    let ridges = || bandwidths.iter().map(|roof| top / roof.rate);
    let ends = |values: &mut dyn Iterator<Item = f64>| {
        values.fold(None, |ends: Option<(f64, f64)>, value| {
            let (low, high) = ends.unwrap_or((value, value));
            Some((low.min(value), high.max(value)))
        })
    };
    let (low_y, high_y) = ends(&mut points().map(|(_, _, y)| *y)).ok_or(PlotError::Empty)?;
    let (low_x, high_x) = ends(&mut points().map(|(_, x, _)| *x).chain(ridges())).ok_or(PlotError::Empty)?;
    let x = Axis::logarithmic(low_x / 1.6, high_x * 1.6);
    // Above the highest roof there is room for the names of the bandwidths.
    let y = Axis::logarithmic(low_y.min(top / 30.0) / 1.4, high_y.max(top) * 1.6);

    let numbers = Numbers::of(&series, &x);
    let legend_lines = 3 + peaks.len() + bandwidths.len() + series.len() + numbers.names.len() + 2;
    let head = HEAD + numbers.rows as u32 * NUMBER_LINE;
    let panel_height = (legend_lines as u32 * LINE).saturating_sub(FOOT).max(LEAST_PANEL_HEIGHT);
    let size = (LEFT + PANEL_WIDTH + ROOF_NAMES + LEGEND_WIDTH, head + panel_height + FOOT);
    let picture = Picture { peaks, bandwidths, series, numbers, head };
    document(size, |root| picture.draw(root, &roofline.title, &x, &y, panel_height))
}

fn is_positive(value: f64) -> bool {
    value > 0.0 && value <= 1e300
}

/// What was done, numbered from the left to the right of the picture.
struct Numbers {
    /// Names in the order of their numbers.
    names: Vec<String>,
    /// Where each number stands: its place on the axis, and in which row above the panel.
    places: Vec<(f64, usize)>,
    rows: usize,
}

impl Numbers {
    fn of(series: &[RooflineSeries], axis: &Axis) -> Numbers {
        let mut done: Vec<(&str, f64)> = Vec::new();
        for (name, x, _) in series.iter().flat_map(|series| &series.points) {
            if !done.iter().any(|(other, _)| other == name) {
                done.push((name, *x));
            }
        }
        done.sort_by(|a, b| a.1.total_cmp(&b.1));
        // Numbers that would touch their neighbour stand a row higher.
        let mut ends: Vec<f64> = Vec::new();
        let mut places = Vec::new();
        for (number, (_, x)) in (1..).zip(&done) {
            let width = 5.0 + 7.0 * f64::from(u32::ilog10(number) + 1);
            let left = axis.scale.position(*x).unwrap_or(0.0) * f64::from(PANEL_WIDTH) - width / 2.0;
            let row = ends.iter().position(|&end| end <= left).unwrap_or(ends.len());
            if row == ends.len() {
                ends.push(0.0);
            }
            ends[row] = left + width;
            places.push((*x, row));
        }
        Numbers { names: done.iter().map(|(name, _)| cut(name, NAME_CHARS)).collect(), places, rows: ends.len() }
    }
}

/// What can be drawn, in the order of the legend.
struct Picture {
    peaks: Vec<Roof>,
    bandwidths: Vec<Roof>,
    series: Vec<RooflineSeries>,
    numbers: Numbers,
    head: u32,
}

impl Picture {
    fn draw(&self, root: &Area<'_>, title: &str, x: &Axis, y: &Axis, height: u32) -> DrawResult {
        let fine = |pixels: u32| (pixels * FINE) as i32;
        let left = Pos::new(HPos::Left, VPos::Center);
        root.draw_text(&cut(title, TITLE_CHARS), &font(17).pos(left), (fine(LEFT), fine(22)))?;
        let (panel, legend) = root.split_horizontally((LEFT + PANEL_WIDTH + ROOF_NAMES) * FINE);
        let mut chart = ChartBuilder::on(&panel)
            .margin_left(10 * FINE)
            .margin_right(ROOF_NAMES * FINE)
            .margin_top(self.head * FINE)
            .x_label_area_size(FOOT * FINE)
            .y_label_area_size((LEFT - 10) * FINE)
            .build_cartesian_2d(x.clone(), y.clone())?;
        chart
            .configure_mesh()
            .bold_line_style(GRID.stroke_width(FINE))
            .light_line_style(TRANSPARENT)
            .axis_style(INK.stroke_width(FINE))
            .set_all_tick_mark_size(4 * FINE)
            .label_style(font(12))
            .axis_desc_style(font(13))
            .x_desc("floating-point operations per byte (log scale)")
            .y_desc("GFLOP/s (log scale)")
            .draw()?;
        let ((low_x, high_x), (low_y, _)) = (x.scale.ends(), y.scale.ends());
        let line =
            |points: Vec<(f64, f64)>, colour: RGBColor, width| PathElement::new(points, colour.stroke_width(width));

        // Where something was done: a number above the panel, a line down to it.
        let (_, top) = chart.backend_coord(&(low_x, y.scale.ends().1));
        for (number, &(x, row)) in (1..).zip(&self.numbers.places) {
            chart.draw_series([line(vec![(x, low_y), (x, y.scale.ends().1)], GRID, FINE / 2)])?;
            let (at, _) = chart.backend_coord(&(x, low_y));
            let above = top - fine(8) - row as i32 * fine(NUMBER_LINE);
            root.draw_text(&number.to_string(), &font(11).pos(Pos::new(HPos::Center, VPos::Center)), (at, above))?;
        }

        // The roofs: slopes up to the highest peak, and each peak from the steepest slope on.
        let peak = self.peaks[0].rate;
        let mut free_to = i32::MAX;
        for roof in self.bandwidths.iter().rev() {
            let from = low_x.max(low_y / roof.rate);
            let ridge = peak / roof.rate;
            chart.draw_series([line(vec![(from, from * roof.rate), (ridge, peak)], INK, FINE)])?;
            // Names end where the next one to the right begins.
            let (at, above) = chart.backend_coord(&(ridge, peak));
            let width = fine(7) * roof.name.chars().count() as i32;
            let centre = at.min(free_to - width / 2 - fine(4));
            free_to = centre - width / 2;
            let style = font(11).pos(Pos::new(HPos::Center, VPos::Bottom));
            root.draw_text(&cut(&roof.name, 12), &style, (centre, above - fine(4)))?;
        }
        let steepest = self.bandwidths.first().map(|roof| roof.rate);
        let mut free_from = i32::MIN;
        for roof in &self.peaks {
            let from = steepest.map_or(low_x, |bandwidth| (roof.rate / bandwidth).max(low_x));
            if roof.rate >= low_y {
                chart.draw_series([line(vec![(from, roof.rate), (high_x, roof.rate)], INK, FINE)])?;
                let (end, at) = chart.backend_coord(&(high_x, roof.rate));
                let at = at.max(free_from);
                free_from = at + fine(13);
                root.draw_text(&cut(&roof.name, 10), &font(11).pos(left), (end + fine(5), at))?;
            }
        }

        // The first are on top of the others.
        for (index, series) in self.series.iter().enumerate().rev() {
            for (_, x, y) in &series.points {
                mark(root, chart.backend_coord(&(*x, *y)), index)?;
            }
        }
        self.draw_legend(&legend, height)
    }

    fn draw_legend(&self, area: &Area<'_>, height: u32) -> DrawResult {
        let fine = |pixels: u32| (pixels * FINE) as i32;
        let (margin, text) = (fine(10), fine(34));
        let style = font(12).pos(Pos::new(HPos::Left, VPos::Center));
        let mut y = fine(self.head.saturating_sub(6)).min(fine(self.head + height));
        let mut next = || {
            y += fine(LINE);
            y - fine(LINE)
        };
        for (unit, roofs) in [("GFLOP/s", &self.peaks), ("GB/s", &self.bandwidths)] {
            for roof in roofs {
                let at = next();
                area.draw(&PathElement::new(vec![(margin, at), (margin + fine(16), at)], INK.stroke_width(FINE)))?;
                let rate = if roof.rate < 100.0 { format!("{:.1}", roof.rate) } else { format!("{:.0}", roof.rate) };
                area.draw_text(&format!("{}: {rate} {unit}", cut(&roof.name, NAME_CHARS)), &style, (text, at))?;
            }
        }
        next();
        for (index, series) in self.series.iter().enumerate() {
            let at = next();
            mark(area, (margin + fine(8), at), index)?;
            area.draw_text(&cut(&series.name, NAME_CHARS), &style, (text, at))?;
        }
        next();
        let right = font(12).pos(Pos::new(HPos::Right, VPos::Center));
        for (number, name) in (1..).zip(&self.numbers.names) {
            let at = next();
            area.draw_text(&number.to_string(), &right, (margin + fine(17), at))?;
            area.draw_text(name, &style, (text, at))?;
        }
        Ok(())
    }
}

/// The mark of a series: hollow, so that one behind another is seen.
fn mark(area: &Area<'_>, (x, y): (i32, i32), index: usize) -> DrawResult {
    let colour = COLOURS[index % COLOURS.len()];
    let style = colour.stroke_width(FINE * 3 / 2);
    let r = 4 * FINE as i32;
    let outline = |corners: &[(i32, i32)]| {
        let first = corners.iter().take(2);
        let path: Vec<(i32, i32)> = corners.iter().chain(first).map(|(dx, dy)| (x + dx, y + dy)).collect();
        area.draw(&PathElement::new(path, style))
    };
    match index % 6 {
        0 => area.draw(&Circle::new((x, y), r, style)),
        1 => outline(&[(-r, -r), (r, -r), (r, r), (-r, r)]),
        2 => outline(&[(0, -r - r / 3), (r + r / 6, r), (-r - r / 6, r)]),
        3 => outline(&[(0, -r - r / 3), (r + r / 3, 0), (0, r + r / 3), (-r - r / 3, 0)]),
        4 => {
            area.draw(&PathElement::new(vec![(x - r, y - r), (x + r, y + r)], style))?;
            area.draw(&PathElement::new(vec![(x - r, y + r), (x + r, y - r)], style))
        }
        _ => {
            area.draw(&PathElement::new(vec![(x - r, y), (x + r, y)], style))?;
            area.draw(&PathElement::new(vec![(x, y - r), (x, y + r)], style))
        }
    }
}

#[cfg(test)]
mod tests;
