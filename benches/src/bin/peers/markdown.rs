//! Tables for a README, from files of measurements.

use crate::library::Kind;
use crate::record::{Measured, Run};
use crate::summary;
use std::fmt::Write;

/// All of it: a table of shapes and libraries and one of means for each run.
pub fn tables(runs: &[Run]) -> String {
    let mut text = String::new();
    // A `String` takes every write.
    if let Some(run) = runs.first() {
        let _ = writeln!(text, "Machine: {}.\n", run.processor);
        let _ = writeln!(text, "Versions: {}.\n", run.versions.join(", "));
    }
    for run in runs {
        let threads = if run.threads == 1 { "One thread".into() } else { format!("{} threads", run.threads) };
        let _ = writeln!(text, "### {threads}, {}\n", run.isa);
        let _ = writeln!(text, "Percent of the peak; medians of {} rounds.\n", run.rounds);
        speeds(&mut text, run);
        let _ = writeln!(text, "\nOurs ÷ theirs, {}:\n", if run.threads == 1 { "one thread" } else { &threads });
        means(&mut text, run);
        text.push('\n');
    }
    text
}

fn names(run: &Run) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for entry in run.products.iter().flat_map(|product| &product.entries) {
        if !names.contains(&entry.library.as_str())
            && run.products.iter().any(|product| product.entry(&entry.library).is_some())
        {
            names.push(&entry.library);
        }
    }
    names
}

fn speeds(text: &mut String, run: &Run) {
    let names = names(run);
    let _ = writeln!(text, "| m×k×n | peak, GFLOP/s | {} | ours ÷ best other |", names.join(" | "));
    let _ = writeln!(text, "|---|--:|{}--:|", "--:|".repeat(names.len()));
    for product in &run.products {
        let _ = write!(text, "| {} | {:.0} |", product.shape, product.peak());
        let fastest = product.best(|_| true).map(|entry| entry.library.as_str());
        for name in &names {
            let cell = product.entry(name).map(|entry| {
                let share = 100.0 * entry.rate() / product.peak();
                let digits = usize::from(share < 10.0);
                if fastest == Some(*name) { format!("**{share:.digits$}**") } else { format!("{share:.digits$}") }
            });
            let _ = write!(text, " {} |", cell.unwrap_or_else(|| "–".into()));
        }
        let _ = writeln!(text, " {} |", ratio(product));
    }
}

fn ratio(product: &Measured) -> String {
    let ours = product.best(|entry| entry.kind == Kind::Ours);
    let other = product.best(|entry| entry.kind != Kind::Ours);
    match (ours, other) {
        (Some(ours), Some(other)) => {
            let ratio = ours.over(other);
            if ratio < 1.0 { format!("{ratio:.2} (loss to {})", other.library) } else { format!("{ratio:.2}") }
        }
        _ => "–".into(),
    }
}

fn means(text: &mut String, run: &Run) {
    let _ = writeln!(text, "| against | shapes | geometric mean | least | at | below 1 |");
    let _ = writeln!(text, "|---|--:|--:|--:|---|--:|");
    for ratios in summary::comparisons(run) {
        let (shape, least) = ratios.worst().first().map_or(("", f64::NAN), |(shape, ratio)| (shape.as_str(), *ratio));
        let _ = writeln!(
            text,
            "| {} | {} | {:.2} | {least:.2} | {shape} | {} |",
            ratios.against,
            ratios.ratios.len(),
            ratios.mean(),
            ratios.below(1.0)
        );
    }
}
