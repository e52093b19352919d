//! Lines on a raster of 2 × 4 dots a character, and the Braille characters that show them.

use crate::plot_scale::Scale;

/// Dots of a Braille character, by row from the top and column: the bit that U+2800 takes for each.
const BRAILLE_BITS: [[u32; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

/// The dots of some curves.
pub(super) struct Raster {
    columns: usize,
    cells: Vec<u32>,
    /// Number of dot columns and dot rows.
    extent: (usize, usize),
}

impl Raster {
    pub fn new(columns: usize, rows: usize) -> Self {
        Self { columns, cells: vec![0; columns * rows], extent: (2 * columns, 4 * rows) }
    }

    /// The dots of a character.
    pub fn cell(&self, column: usize, row: usize) -> u32 {
        self.cells[row * self.columns + column]
    }

    /// Straight lines from point to point, broken where a value cannot be drawn. Of the dots along the way, `shown` chooses
    /// by their number.
    pub fn draw(&mut self, points: &[(f64, f64)], x: &Scale, y: &Scale, shown: impl Fn(usize) -> bool) {
        let (right, bottom) = ((self.extent.0 - 1) as f64, (self.extent.1 - 1) as f64);
        let mut number = 0;
        let mut last_dot = None;
        let mut before = None;
        for &(epoch, value) in points {
            let here = x.position(epoch).zip(y.position(value)).map(|(x, y)| (x * right, (1.0 - y) * bottom));
            if let Some(to) = here {
                let from: (f64, f64) = before.unwrap_or(to);
                let steps = (to.0 - from.0).abs().max((to.1 - from.1).abs()).ceil().max(1.0);
                for step in 1..=steps as usize {
                    let share = step as f64 / steps;
                    let dot = self.dot(from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1));
                    // Many epochs may share a dot, which counts once.
                    if last_dot.replace(dot) != Some(dot) {
                        if shown(number) {
                            self.set(dot);
                        }
                        number += 1;
                    }
                }
            }
            before = here;
        }
    }

    /// The nearest dot.
    fn dot(&self, x: f64, y: f64) -> (usize, usize) {
        ((x.round() as usize).min(self.extent.0 - 1), (y.round() as usize).min(self.extent.1 - 1))
    }

    fn set(&mut self, (column, row): (usize, usize)) {
        self.cells[row / 4 * self.columns + column / 2] |= BRAILLE_BITS[row % 4][column % 2];
    }
}

/// The character with these dots; a space if there are none, since not every font has the empty Braille character.
pub(super) fn braille(bits: u32) -> char {
    if bits == 0 { ' ' } else { char::from_u32(0x2800 + bits).unwrap_or(' ') }
}
