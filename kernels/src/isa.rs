//! Instruction sets: which there are, which the CPU has, and the one place that dispatches.

use crate::simd;
use crate::simd::{Kernel, Simd};
use core::fmt;

/// An instruction set that this CPU has. Values exist only after a check, so every kernel can trust them.
///
/// The choice changes the speed of a kernel and never its results.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Isa(Kind);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    /// With the FMA instruction, if every machine of the target has it.
    Scalar,
    #[cfg(target_arch = "x86_64")]
    ScalarFma,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl Isa {
    /// Every name that [`Isa::from_name`] knows, slowest first. A given CPU has only some of them.
    pub const NAMES: [&'static str; 4] = ["scalar", "neon", "avx2", "avx512"];

    /// The fastest instruction set of this CPU.
    ///
    /// With the `std` feature an x86 CPU is asked at run time; without it, the compiler's target features decide.
    #[inline]
    pub fn detect() -> Isa {
        #[cfg(target_arch = "x86_64")]
        if has_avx512() {
            return Isa(Kind::Avx512);
        } else if has_avx2() {
            return Isa(Kind::Avx2);
        }
        #[cfg(target_arch = "aarch64")]
        return Isa(Kind::Neon);
        #[allow(unreachable_code, reason = "some targets need not ask")]
        Isa::scalar()
    }

    /// One lane of plain Rust, which every machine has (with the FMA instruction where there is one).
    #[inline]
    pub fn scalar() -> Isa {
        #[cfg(target_arch = "x86_64")]
        if has_avx2() {
            return Isa(Kind::ScalarFma);
        }
        Isa(Kind::Scalar)
    }

    /// The instruction sets of this CPU, slowest first; [`Isa::scalar`] is always among them.
    pub fn available() -> impl Iterator<Item = Isa> {
        Isa::NAMES.into_iter().filter_map(|name| Isa::from_name(name).ok())
    }

    /// The instruction set of that name.
    ///
    /// # Errors
    /// [`IsaError`] if the name is unknown or this CPU lacks it.
    pub fn from_name(name: &str) -> Result<Isa, IsaError> {
        match name {
            "scalar" => Ok(Isa::scalar()),
            #[cfg(target_arch = "x86_64")]
            "avx2" if has_avx2() => Ok(Isa(Kind::Avx2)),
            #[cfg(target_arch = "x86_64")]
            "avx512" if has_avx512() => Ok(Isa(Kind::Avx512)),
            #[cfg(target_arch = "aarch64")]
            "neon" => Ok(Isa(Kind::Neon)),
            _ if Isa::NAMES.contains(&name) => Err(IsaError::Unavailable),
            _ => Err(IsaError::Unknown),
        }
    }

    /// One of [`Isa::NAMES`].
    pub const fn name(self) -> &'static str {
        match self.0 {
            Kind::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Kind::ScalarFma => "scalar",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => "neon",
        }
    }

    /// Number of `f32` in one vector.
    pub const fn lanes(self) -> usize {
        match self.0 {
            Kind::Scalar => 1,
            #[cfg(target_arch = "x86_64")]
            Kind::ScalarFma => 1,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => 8,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => 16,
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => 4,
        }
    }

    /// Runs `kernel` compiled for this instruction set. The only dispatch in the crate: once per call, never per tile.
    #[inline]
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            #[cfg(not(any(target_arch = "aarch64", steadynet_vfma)))]
            Kind::Scalar => simd::Portable.vectorize(kernel),
            #[cfg(steadynet_vfma)]
            Kind::Scalar => simd::Vfma.vectorize(kernel),
            #[cfg(target_arch = "aarch64")]
            Kind::Scalar => {
                // SAFETY: every AArch64 target that this crate compiles for has NEON (checked below).
                let neon = unsafe { pulp::aarch64::Neon::new_unchecked() };
                simd::PortableFma(neon).vectorize(kernel)
            }
            #[cfg(target_arch = "x86_64")]
            Kind::ScalarFma => {
                // SAFETY: this kind is made only after `has_avx2`, which implies all of V3.
                let v3 = unsafe { pulp::x86::V3::new_unchecked() };
                simd::PortableFma(v3).vectorize(kernel)
            }
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => {
                // SAFETY: this kind is made only after `has_avx2`, which checks all of V3.
                let v3 = unsafe { pulp::x86::V3::new_unchecked() };
                simd::Avx2(v3).vectorize(kernel)
            }
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => {
                // SAFETY: this kind is made only after `has_avx512`, which checks all of V4.
                let v4 = unsafe { pulp::x86::V4::new_unchecked() };
                simd::Avx512(v4).vectorize(kernel)
            }
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => {
                // SAFETY: every AArch64 target that this crate compiles for has NEON (checked below).
                let neon = unsafe { pulp::aarch64::Neon::new_unchecked() };
                simd::Neon(neon).vectorize(kernel)
            }
        }
    }
}

#[cfg(all(target_arch = "aarch64", not(target_feature = "neon")))]
compile_error!("steadynet-kernels needs NEON on AArch64");

/// Whether the CPU and the operating system support the instructions that `$token` stands for.
///
/// pulp's own check reads CPUID but not XGETBV without `std`, so there the compile-time features decide.
#[cfg(target_arch = "x86_64")]
macro_rules! has_features {
    ($token:ty: $($feature:tt)*) => {{
        #[cfg(feature = "std")]
        { <$token>::try_new().is_some() }
        #[cfg(not(feature = "std"))]
        { $(cfg!(target_feature = $feature))&&* }
    }};
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    has_features!(pulp::x86::V3: "fxsr" "sse4.2" "popcnt" "avx" "avx2" "bmi1" "bmi2" "fma" "lzcnt")
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    has_avx2() && has_features!(pulp::x86::V4: "avx512f" "avx512bw" "avx512cd" "avx512dq" "avx512vl")
}

impl Default for Isa {
    /// [`Isa::detect`].
    fn default() -> Isa {
        Isa::detect()
    }
}

impl fmt::Debug for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Isa({})", self.name())
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why [`Isa::from_name`] gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IsaError {
    /// No instruction set has that name; [`Isa::NAMES`] lists them.
    Unknown,
    /// This CPU, or the operating system on it, lacks the instruction set.
    Unavailable,
}

impl fmt::Display for IsaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IsaError::Unknown => f.write_str("unknown instruction set (known: scalar, neon, avx2, avx512)"),
            IsaError::Unavailable => f.write_str("this CPU does not have the instruction set"),
        }
    }
}

impl core::error::Error for IsaError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fastest_is_the_last_one() {
        assert_eq!(Isa::available().last(), Some(Isa::detect()));
        for isa in Isa::available() {
            assert_eq!(Isa::from_name(isa.name()), Ok(isa));
        }
        let message = IsaError::Unknown.to_string();
        assert!(Isa::NAMES.iter().all(|name| message.contains(name)), "{message}");
    }
}
