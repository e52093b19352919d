//! What was measured on what.

use std::env;
use std::fs;

/// The names and versions of the crates, from the lock file of this package; and of the other libraries, from whoever set them up.
pub fn libraries() -> Vec<String> {
    let lock = include_str!("../../../Cargo.lock");
    let mut versions = Vec::new();
    for name in ["gemm", "faer", "private-gemm-x86", "nano-gemm", "matrixmultiply", "rten-gemm"] {
        let entry = format!("name = \"{name}\"\nversion = \"");
        if let Some(version) = lock.split_once(&entry).and_then(|(_, rest)| rest.split_once('"')) {
            versions.push(format!("{name} {}", version.0));
        }
    }
    let others = env::var("PEERS_VERSIONS").unwrap_or_default();
    versions.extend(others.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()));
    versions
}

/// The processor's name and the sizes of its caches, as far as the system tells.
pub fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let value = |key: &str| {
        let line = text.lines().find(|line| line.split(':').next().is_some_and(|name| name.trim() == key))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let mut parts = vec![value("model name").unwrap_or_else(|| "unknown processor".into())];
    if let (Some(family), Some(model)) = (value("cpu family"), value("model")) {
        parts.push(format!("family {family} model {model}"));
    }
    for index in 0..4 {
        let read = |name: &str| fs::read_to_string(format!("/sys/devices/system/cpu/cpu0/cache/index{index}/{name}"));
        if let (Ok(level), Ok(kind), Ok(size)) = (read("level"), read("type"), read("size"))
            && kind.trim() != "Instruction"
        {
            parts.push(format!("L{} {}", level.trim(), size.trim()));
        }
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    parts.push(format!("{threads} processors"));
    parts.join(", ")
}
