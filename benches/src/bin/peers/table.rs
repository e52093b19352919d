//! One shape on the terminal.

use crate::library::Kind;
use crate::record::Measured;
use std::fmt::Write;

/// Whether a library gave a wrong result.
pub fn is_wrong(measured: &Measured) -> bool {
    measured.entries.iter().any(|entry| entry.wrong.is_some())
}

pub fn text(measured: &Measured) -> String {
    let mut text = String::new();
    // A `String` takes every write.
    let _ = writeln!(text, "{}   peak {:.1} GFLOP/s", measured.shape, measured.peak());
    let _ =
        writeln!(text, "  {:<18} {:>8} {:>8} {:>8} {:>8}  {:>7}", "", "GFLOP/s", "least", "most", "of peak", "ours/it");
    let ours = measured.best(|entry| entry.kind == Kind::Ours && !entry.prepared);
    for entry in &measured.entries {
        if let Some(reason) = &entry.wrong {
            let _ = writeln!(text, "  {:<18} WRONG: {reason}", entry.library);
        } else if !entry.rates.is_empty() {
            let (least, most) = entry
                .rates
                .iter()
                .fold((f64::MAX, 0.0), |(least, most), &rate| (f64::min(least, rate), f64::max(most, rate)));
            let ratio = ours.map_or(f64::NAN, |ours| ours.over(entry));
            let _ = writeln!(
                text,
                "  {:<18} {:>8.1} {least:>8.1} {most:>8.1} {:>7.1}%  {ratio:>7.2}{}",
                entry.library,
                entry.rate(),
                100.0 * entry.rate() / measured.peak(),
                if entry.prepared { "  (made ready ahead)" } else { "" }
            );
        }
    }
    text.push('\n');
    text
}
