//! Names what stable Rust does not tell of a target's floating point: `steadynet_vfma`, an FPU with a fused multiply-add that only
//! assembly can name; `steadynet_soft_float`, no FPU.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(steadynet_vfma, steadynet_soft_float)");
    let target = std::env::var("TARGET").unwrap_or_default();
    // Cortex-M4F, M7F, M33F, M55F and later. (Cortex-R4F and R5F have a hard-float ABI too, but no `vfma`.)
    let cortex_m = target.starts_with("thumbv7em-") || target.starts_with("thumbv8m.main-");
    if cortex_m && target.ends_with("eabihf") {
        println!("cargo::rustc-cfg=steadynet_vfma");
    }
    let soft = target.starts_with("thumb") && !target.ends_with("eabihf") || target.starts_with("riscv32i");
    if soft && target.contains("-none-") {
        println!("cargo::rustc-cfg=steadynet_soft_float");
    }
}
