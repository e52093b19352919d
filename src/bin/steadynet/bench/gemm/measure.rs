//! Rounds in which every contender has its turn, so that whatever slows the machine down slows all of them down.

use super::check::Expected;
use super::clock::{repetitions, seconds};
use super::contender::{Contender, Room};
use super::limits::{Bandwidth, Peak};
use super::product::Product;
use super::report::{Report, Row};
use super::shape::Shape;
use super::spread::Spread;
use crate::failure::Failure;
use std::time::{Duration, Instant};
use steadynet::{Isa, Parallelism};
use steadynet_blas::wait_until_idle;

/// Time after which threads have processors of their own.
const SETTLED: Duration = Duration::from_millis(6);

/// Whether everybody's results are right at a shape.
pub fn check(shape: Shape, contenders: &mut [Contender]) -> Result<(), Failure> {
    let product = Product::new(shape)?;
    let expected = Expected::new(&product, Isa::detect())
        .map_err(|error| Failure::new(format!("steadynet {}, {shape}: {error}", Isa::detect())))?;
    let mut room = Room::new(&product)?;
    contenders.iter_mut().try_for_each(|contender| contender.check(&product, &expected, &mut room))
}

/// Measures everybody at all shapes, and the limits beside them.
pub fn measure(
    shapes: &[Shape],
    contenders: &mut [Contender],
    isas: &[Isa],
    parallelism: Parallelism,
    rounds: u16,
) -> Result<Report, Failure> {
    let mut peaks: Vec<Peak> = isas.iter().map(|&isa| Peak::new(isa, parallelism)).collect();
    let mut bandwidths = Bandwidth::levels(Isa::detect(), parallelism)?;
    for _ in 0..rounds {
        bandwidths.iter_mut().for_each(Bandwidth::measure);
    }
    let mut rows = Vec::new();
    for &shape in shapes {
        rows.extend(measure_shape(shape, contenders, &mut peaks, parallelism, rounds)?);
    }
    let peaks = peaks.into_iter().map(|peak| (peak.isa, Spread::of(peak.rates))).collect();
    let bandwidths = bandwidths.iter().map(|level| (level.level, level.bytes, level.spread())).collect();
    Ok(Report { threads: parallelism.threads(), rounds, peaks, bandwidths, rows })
}

fn measure_shape(
    shape: Shape,
    contenders: &mut [Contender],
    peaks: &mut [Peak],
    parallelism: Parallelism,
    rounds: u16,
) -> Result<Vec<Row>, Failure> {
    let product = Product::new(shape)?;
    let (a, b) = product.views()?;
    let mut room = Room::new(&product)?;
    let mut time = |contender: &mut Contender, repetitions: usize| {
        contender.many(parallelism, |contender| {
            // Brings the operands back into the caches, from where others have driven them, and wakes the threads; which the system
            // may take a few milliseconds to give processors of their own.
            let (start, settled) = (Instant::now(), if parallelism.threads() > 1 { SETTLED } else { Duration::ZERO });
            let mut calls = 0;
            contender.prepare(b, &mut room)?;
            while calls < repetitions.div_ceil(8) || start.elapsed() < settled {
                contender.multiply(a, b, &mut room)?;
                calls += 1;
            }
            let (seconds, result) = seconds(|| (0..repetitions).try_for_each(|_| contender.multiply(a, b, &mut room)));
            result.map(|()| seconds)
        })
    };
    let mut turns: Vec<Turn> = Vec::new();
    for contender in contenders {
        let repetitions = repetitions(|repetitions| time(contender, repetitions))?;
        turns.push(Turn { contender, repetitions, rates: Vec::new(), of_isa: Vec::new(), of_machine: Vec::new() });
    }
    for round in 0..usize::from(rounds) {
        peaks.iter_mut().for_each(|peak| {
            peak.measure();
        });
        // Another one begins each time: who comes after whom must not matter.
        let count = turns.len();
        for turn in 0..count {
            let Turn { contender, repetitions, rates, of_isa, of_machine } = &mut turns[(turn + round) % count];
            if parallelism.threads() > 1 {
                wait_until_idle();
            }
            // The clock wanders within a round, so each share has a peak of its own, measured just before.
            let own = contender.isa();
            let nearest = peaks.iter_mut().rev().find(|peak| own.is_none_or(|isa| peak.isa == isa));
            let limit = nearest.map_or(f64::NAN, Peak::measure);
            let machine = peaks.iter().filter_map(|peak| peak.rates.last()).copied().fold(0.0, f64::max);
            let rate = shape.flops() * *repetitions as f64 / time(contender, *repetitions)? / 1e9;
            rates.push(rate);
            of_machine.push(rate / machine);
            of_isa.extend(own.map(|_| rate / limit));
        }
    }
    Ok(turns.into_iter().map(|turn| turn.row(shape)).collect())
}

/// One contender at one shape.
struct Turn<'a> {
    contender: &'a mut Contender,
    repetitions: usize,
    /// GFLOP/s of each round.
    rates: Vec<f64>,
    of_isa: Vec<f64>,
    of_machine: Vec<f64>,
}

impl Turn<'_> {
    fn row(self, shape: Shape) -> Row {
        let of_isa = (!self.of_isa.is_empty()).then(|| Spread::of(self.of_isa).median);
        Row {
            kernel: self.contender.name().into(),
            isa: self.contender.isa(),
            shape,
            epilogue: self.contender.epilogue(),
            rate: Spread::of(self.rates),
            of_isa,
            of_machine: Spread::of(self.of_machine).median,
        }
    }
}
