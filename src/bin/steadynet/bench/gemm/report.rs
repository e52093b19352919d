//! What was measured: as a table, CSV, JSON, and under the machine's roofs.

use super::shape::Shape;
use super::spread::Spread;
use crate::failure::Failure;
use serde_json::{Value, json};
use std::fmt::Write;
use steadynet::Isa;
use steadynet::plot::{Roof, Roofline, RooflineSeries, roofline_svg};

pub struct Report {
    pub threads: usize,
    pub rounds: u16,
    /// Multiply-adds between registers, GFLOP/s of all threads.
    pub peaks: Vec<(Isa, Spread)>,
    /// Level of memory, bytes that each thread reads of it, GB/s of all threads.
    pub bandwidths: Vec<(&'static str, usize, Spread)>,
    pub rows: Vec<Row>,
}

/// One kernel at one shape.
pub struct Row {
    pub kernel: String,
    /// Where it is known.
    pub isa: Option<Isa>,
    pub shape: Shape,
    pub epilogue: &'static str,
    /// GFLOP/s.
    pub rate: Spread,
    pub of_isa: Option<f64>,
    pub of_machine: f64,
}

impl Row {
    fn isa_name(&self) -> &'static str {
        self.isa.map_or("", Isa::name)
    }

    /// Floating-point operations for each byte of the three matrices: of A and B read once, and C written.
    fn intensity(&self) -> f64 {
        let Shape { m, k, n, .. } = self.shape;
        let elements = m as f64 * k as f64 + k as f64 * n as f64 + m as f64 * n as f64;
        self.shape.flops() / (elements * size_of::<f32>() as f64)
    }
}

impl Report {
    pub fn table(&self) -> String {
        let threads = if self.threads == 1 { "one thread".into() } else { format!("{} threads", self.threads) };
        let mut text = format!("multiply-adds between registers, GFLOP/s on {threads}\n");
        // A `String` takes every write.
        for (isa, peak) in &self.peaks {
            let _ = writeln!(text, "  {:<7} {:>8.1}  ({:.1} to {:.1})", isa.name(), peak.median, peak.min, peak.max);
        }
        let _ = writeln!(text, "reads, GB/s on {threads}");
        for (level, bytes, rate) in &self.bandwidths {
            let (rate, kib) = (rate.median, bytes >> 10);
            let _ =
                writeln!(text, "  {level:<7} {rate:>8.1}  ({kib} KiB{})", if self.threads == 1 { "" } else { " each" });
        }
        let width = self.rows.iter().map(|row| row.kernel.chars().count()).max().unwrap_or(0);
        let _ = writeln!(
            text,
            "\n{:>18}  {:<width$} {:<7} {:<12}  {:>8} {:>8} {:>8}  {:>6}  {:>10}",
            "m×k×n", "kernel", "ISA", "epilogue", "GFLOP/s", "least", "most", "of ISA", "of machine"
        );
        for row in &self.rows {
            let _ = writeln!(
                text,
                "{:>18}  {:<width$} {:<7} {:<12}  {:>8.1} {:>8.1} {:>8.1}  {:>6}  {:>9.1}%",
                row.shape,
                row.kernel,
                row.isa_name(),
                row.epilogue,
                row.rate.median,
                row.rate.min,
                row.rate.max,
                row.of_isa.map_or(String::new(), |share| format!("{:.1}%", 100.0 * share)),
                100.0 * row.of_machine
            );
        }
        let _ = writeln!(
            text,
            "\nMedians of {} rounds. Of ISA: share of that instruction set's own peak, of machine: of the highest peak.",
            self.rounds
        );
        text
    }

    pub fn csv(&self) -> Result<String, Failure> {
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record([
            "kernel",
            "isa",
            "threads",
            "m",
            "k",
            "n",
            "a_transposed",
            "b_transposed",
            "epilogue",
            "gflops",
            "gflops_min",
            "gflops_max",
            "of_isa_peak",
            "of_machine_peak",
        ])?;
        let threads = self.threads.to_string();
        for (isa, Spread { median, min, max }) in &self.peaks {
            let [median, min, max] = [median, min, max].map(f64::to_string);
            let empty = "";
            csv.write_record([
                "multiply-adds",
                isa.name(),
                &threads,
                empty,
                empty,
                empty,
                empty,
                empty,
                empty,
                &median,
                &min,
                &max,
                "1",
                empty,
            ])?;
        }
        for row in &self.rows {
            let Shape { m, k, n, a_transposed, b_transposed } = row.shape;
            let [m, k, n] = [m, k, n].map(|extent| extent.to_string());
            let [a_transposed, b_transposed] = [a_transposed, b_transposed].map(|transposed| transposed.to_string());
            let [median, min, max] = [row.rate.median, row.rate.min, row.rate.max].map(|rate| rate.to_string());
            let of_isa = row.of_isa.map_or(String::new(), |share| share.to_string());
            csv.write_record([
                &row.kernel,
                row.isa_name(),
                &threads,
                &m,
                &k,
                &n,
                &a_transposed,
                &b_transposed,
                row.epilogue,
                &median,
                &min,
                &max,
                &of_isa,
                &row.of_machine.to_string(),
            ])?;
        }
        Ok(String::from_utf8(csv.into_inner()?)?)
    }

    pub fn json(&self) -> Value {
        let peaks = self.peaks.iter().map(|(isa, peak)| json!({ "isa": isa.name(), "gflops": peak.json() }));
        let reads = self.bandwidths.iter();
        let reads =
            reads.map(|(level, bytes, rate)| json!({ "memory": level, "bytes": bytes, "gb_per_s": rate.json() }));
        let rows = self.rows.iter().map(|row| {
            json!({
                "kernel": row.kernel,
                "isa": row.isa.map(Isa::name),
                "m": row.shape.m,
                "k": row.shape.k,
                "n": row.shape.n,
                "a_transposed": row.shape.a_transposed,
                "b_transposed": row.shape.b_transposed,
                "epilogue": row.epilogue,
                "gflops": row.rate.json(),
                "of_isa_peak": row.of_isa,
                "of_machine_peak": row.of_machine,
                "flops_per_byte": row.intensity(),
            })
        });
        json!({
            "threads": self.threads,
            "rounds": self.rounds,
            "peaks": peaks.collect::<Vec<_>>(),
            "bandwidths": reads.collect::<Vec<_>>(),
            "products": rows.collect::<Vec<_>>(),
        })
    }

    /// The plain products under the roofs, as an SVG document.
    pub fn roofline(&self) -> Result<String, Failure> {
        let mut series: Vec<RooflineSeries> = Vec::new();
        for row in self.rows.iter().filter(|row| row.epilogue == "none") {
            let name = match row.isa {
                Some(isa) => format!("{} {}", row.kernel, isa.name()),
                None => row.kernel.clone(),
            };
            let point = (row.shape.to_string(), row.intensity(), row.rate.median);
            match series.iter_mut().find(|series| series.name == name) {
                Some(series) => series.points.push(point),
                None => series.push(RooflineSeries { name, points: vec![point] }),
            }
        }
        let roof = |name: &str, rate: f64| Roof { name: name.into(), rate };
        let threads = if self.threads == 1 { "one thread".into() } else { format!("{} threads", self.threads) };
        Ok(roofline_svg(&Roofline {
            title: format!("Matrix products, f32, {threads}"),
            peaks: self.peaks.iter().map(|(isa, peak)| roof(isa.name(), peak.median)).collect(),
            bandwidths: self.bandwidths.iter().map(|(level, _, rate)| roof(level, rate.median)).collect(),
            series,
        })?)
    }
}
