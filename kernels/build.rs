//! Names the targets whose FPU has a fused multiply-add that stable Rust gives no other name: `steadynet_vfma`.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(steadynet_vfma)");
    let target = std::env::var("TARGET").unwrap_or_default();
    // Cortex-M4F, M7F, M33F, M55F and later. (Cortex-R4F and R5F have a hard-float ABI too, but no `vfma`.)
    let cortex_m = target.starts_with("thumbv7em-") || target.starts_with("thumbv8m.main-");
    if cortex_m && target.ends_with("eabihf") {
        println!("cargo::rustc-cfg=steadynet_vfma");
    }
}
