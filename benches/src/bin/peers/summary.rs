//! All shapes in a few numbers: geometric means of how many times as fast ours is.

use crate::library::Kind;
use crate::record::{Entry, Measured, Run, geometric_mean};
use std::fmt::Write;

/// How many times as fast ours is at each shape, shapes that one side does not do left out.
pub struct Ratios {
    pub against: String,
    pub ratios: Vec<(String, f64)>,
}

impl Ratios {
    fn new(against: &str, run: &Run, ratio: impl Fn(&Measured) -> Option<f64>) -> Ratios {
        let ratios = run.products.iter().filter_map(|product| Some((product.shape.clone(), ratio(product)?)));
        Ratios { against: against.into(), ratios: ratios.collect() }
    }

    pub fn mean(&self) -> f64 {
        geometric_mean(&self.ratios.iter().map(|(_, ratio)| *ratio).collect::<Vec<_>>())
    }

    /// Shapes and ratios, the lowest first.
    pub fn worst(&self) -> Vec<&(String, f64)> {
        let mut worst: Vec<_> = self.ratios.iter().collect();
        worst.sort_by(|a, b| a.1.total_cmp(&b.1));
        worst
    }

    pub fn below(&self, limit: f64) -> usize {
        self.ratios.iter().filter(|(_, ratio)| *ratio < limit).count()
    }
}

fn is_ours(entry: &Entry) -> bool {
    entry.kind == Kind::Ours
}

/// The comparisons that matter: with the best of the others, of each kind, and with each alone.
pub fn comparisons(run: &Run) -> Vec<Ratios> {
    let ratio = |product: &Measured, prepared: bool, theirs: &dyn Fn(&Entry) -> bool| {
        let ours = product.best(|entry| is_ours(entry) && (prepared || !entry.prepared))?;
        Some(ours.over(product.best(|entry| !is_ours(entry) && theirs(entry))?))
    };
    let plain = |product: &Measured, theirs: &dyn Fn(&Entry) -> bool| ratio(product, false, theirs);
    let free = |product: &Measured, theirs: &dyn Fn(&Entry) -> bool| ratio(product, true, theirs);
    let mut all = vec![
        Ratios::new("best other (ours plain, others as they like)", run, |product| plain(product, &|_| true)),
        Ratios::new("best other, nothing made ahead", run, |product| plain(product, &|entry| !entry.prepared)),
    ];
    let rust = |entry: &Entry| entry.kind == Kind::Rust;
    if run.products.iter().any(|product| product.best(|entry| is_ours(entry) && entry.prepared).is_some()) {
        all.push(Ratios::new("best other (all as they like)", run, |product| free(product, &|_| true)));
        all.push(Ratios::new("best Rust crate (all as they like)", run, |product| free(product, &rust)));
    }
    all.push(Ratios::new("best Rust crate (ours plain)", run, |product| plain(product, &rust)));
    let mut names: Vec<&str> = Vec::new();
    for entry in run.products.iter().flat_map(|product| &product.entries).filter(|entry| !is_ours(entry)) {
        if !names.contains(&entry.library.as_str()) {
            names.push(&entry.library);
        }
    }
    for name in names {
        all.push(Ratios::new(name, run, |product| plain(product, &|entry| entry.library == name)));
    }
    all.retain(|ratios| !ratios.ratios.is_empty());
    all
}

pub fn text(run: &Run) -> String {
    let mut text = String::new();
    let threads = if run.threads == 1 { "one thread".into() } else { format!("{} threads", run.threads) };
    // A `String` takes every write.
    let _ = writeln!(
        text,
        "ours ÷ theirs over {} shapes, {threads}, {}, medians of {} rounds",
        run.products.len(),
        run.isa,
        run.rounds
    );
    let _ = writeln!(text, "  {:<52} {:>6} {:>6} {:>6} {:>7}", "", "shapes", "geom.", "least", "< 0.97");
    let comparisons = comparisons(run);
    for ratios in &comparisons {
        let least = ratios.worst().first().map_or(f64::NAN, |(_, ratio)| *ratio);
        let _ = writeln!(
            text,
            "  {:<52} {:>6} {:>6.3} {least:>6.3} {:>7}",
            ratios.against,
            ratios.ratios.len(),
            ratios.mean(),
            ratios.below(0.97)
        );
    }
    let shares = |prepared| {
        let shares = run.products.iter().filter_map(|product| {
            let ours = product.best(|entry| is_ours(entry) && entry.prepared == prepared)?;
            Some(ours.rate() / product.peak())
        });
        geometric_mean(&shares.collect::<Vec<_>>())
    };
    let _ = writeln!(text, "  ours: {:.1}% of the peak (geometric mean)", 100.0 * shares(false));
    if let Some(ratios) = comparisons.first() {
        let _ = writeln!(text, "worst against the best other:");
        for (shape, ratio) in ratios.worst().into_iter().take(12) {
            let product = run.products.iter().find(|product| product.shape == *shape);
            let best = product.and_then(|product| product.best(|entry| !is_ours(entry)));
            let _ = writeln!(text, "  {shape:<20} {ratio:>6.3}  {}", best.map_or("", |best| &best.library));
        }
    }
    text
}
