//! Shares as horizontal bars.

use crate::failure::Failure;
use std::fmt::Write as _;
use std::path::Path;
use steadynet::atomic_file::write_atomically;

/// A title, and a label and a share from 0 to 1 for each bar.
pub struct Bars {
    pub title: &'static str,
    pub bars: Vec<(String, f64)>,
}

const HEIGHT: usize = 26;
const TOP: usize = 44;
const LABELS: usize = 220;
const WIDTH: usize = 480;

impl Bars {
    /// Draws them to an SVG file.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        write_atomically(path, |file| file.write_all(self.svg().as_bytes()))?;
        Ok(())
    }

    fn svg(&self) -> String {
        let (width, height) = (LABELS + WIDTH + 70, TOP + HEIGHT * self.bars.len() + 30);
        let bottom = height - 26;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n\
             <text x=\"{LABELS}\" y=\"26\" font-size=\"15\" fill=\"#333\">{}</text>\n",
            self.title
        );
        for percent in [0, 25, 50, 75, 100] {
            let x = LABELS + WIDTH * percent / 100;
            let _ = writeln!(
                svg,
                "<path d=\"M{x} {TOP}V{bottom}\" stroke=\"#e4e4e4\"/><text x=\"{x}\" y=\"{}\" text-anchor=\"middle\" fill=\"#333\">{percent}%</text>",
                bottom + 18
            );
        }
        for (i, (label, share)) in self.bars.iter().enumerate() {
            let (y, length) = (TOP + i * HEIGHT, share.clamp(0.0, 1.0) * WIDTH as f64);
            let _ = writeln!(
                svg,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"#333\">{label}</text>\
                 <rect x=\"{LABELS}\" y=\"{}\" width=\"{length:.1}\" height=\"{}\" fill=\"#0072b2\"/>\
                 <text x=\"{:.1}\" y=\"{}\" fill=\"#333\">{:.0}%</text>",
                LABELS - 8,
                y + 17,
                y + 4,
                HEIGHT - 8,
                LABELS as f64 + length + 6.0,
                y + 17,
                share * 100.0
            );
        }
        svg + "</svg>\n"
    }
}
