//! Under which names libraries have their functions.

/// The names of the product that are looked for, in this order: the C interface's own, those of libraries with 64-bit integers,
/// OpenBLAS as SciPy ships it, Apple's Accelerate.
pub const KNOWN_SYMBOLS: &[&str] = &[
    "cblas_sgemm",
    "cblas_sgemm64_",
    "cblas_sgemm_64",
    "cblas_sgemm_64_",
    "scipy_cblas_sgemm",
    "scipy_cblas_sgemm64_",
    "cblas_sgemm$NEWLAPACK",
    "cblas_sgemm$NEWLAPACK$ILP64",
];

/// A library's names: what it puts before and after those of its functions is known from its product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Symbols {
    pub sgemm: String,
    prefix: String,
    suffix: String,
}

impl Symbols {
    pub fn of(sgemm: &str) -> Symbols {
        let (prefix, suffix) = sgemm.split_once("cblas_sgemm").unwrap_or_default();
        Symbols { sgemm: sgemm.into(), prefix: prefix.into(), suffix: suffix.into() }
    }

    /// Under which names a function may be found that is called `name` where nothing is added.
    pub fn of_function(&self, name: &str) -> [String; 3] {
        let Symbols { prefix, suffix, .. } = self;
        [format!("{prefix}{name}{suffix}"), format!("{prefix}{name}"), name.into()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_surrounds_one_name_surrounds_the_others() {
        assert_eq!(Symbols::of("scipy_cblas_sgemm64_").of_function("f")[0], "scipy_f64_");
        assert_eq!(Symbols::of("cblas_sgemm").of_function("f"), ["f", "f", "f"]);
        assert_eq!(Symbols::of("mine").of_function("f")[0], "f");
    }
}
