//! Libraries whose functions take one vector and give one, as a compiler calls them in a loop: SLEEF and glibc's libmvec.

use super::shared_object;
use crate::function::Function;
use crate::peer::{Map, Peer, composed, own};
use core::arch::x86_64::*;
use libloading::Library;
use steadynet_kernels::Isa;

/// The loops around the calls, for vectors of one length.
macro_rules! loops {
    ($module:ident, $features:literal, $vector:ident, $lanes:literal, $load:ident $store:ident $set:ident $add:ident $sub:ident $mul:ident $div:ident $max:ident $min:ident) => {
        mod $module {
            use super::*;

            #[allow(improper_ctypes_definitions, reason = "vectors go in registers, as the vector calling convention of x86-64 says")]
            pub type Call = unsafe extern "C" fn($vector) -> $vector;

            macro_rules! map {
                ($name:ident($x:ident $function:tt $parameters:tt) $body:expr) => {
                    /// # Safety
                    #[doc = concat!("The CPU has ", $features, "; the slices are of one length, a multiple of the vector's.")]
                    #[target_feature(enable = $features)]
                    pub unsafe fn $name $parameters {
                        for (from, to) in $x.chunks_exact($lanes).zip($function.chunks_exact_mut($lanes)) {
                            // SAFETY: a vector of each; the caller's promise.
                            unsafe {
                                let $x = $load(from.as_ptr());
                                $store(to.as_mut_ptr(), $body);
                            }
                        }
                    }
                };
            }
            map!(plain(x y (call: Call, x: &[f32], y: &mut [f32])) call(x));
            map!(sigmoid(x y (exp: Call, x: &[f32], y: &mut [f32]))
                $div($set(1.0), $add($set(1.0), exp($sub($set(0.0), x)))));
            map!(silu(x y (exp: Call, x: &[f32], y: &mut [f32]))
                $div(x, $add($set(1.0), exp($sub($set(0.0), x)))));
            map!(gelu(x y (erf: Call, x: &[f32], y: &mut [f32]))
                $mul($mul(x, $set(0.5)), $add($set(1.0), erf($mul(x, $set(std::f32::consts::FRAC_1_SQRT_2))))));
            map!(gelu_tanh(x y (tanh: Call, x: &[f32], y: &mut [f32])) {
                let cube = $mul($mul(x, x), $mul(x, $set(0.044715)));
                let t = tanh($mul($set(0.797_884_6), $add(x, cube)));
                $mul($mul(x, $set(0.5)), $add($set(1.0), t))
            });
            map!(softplus(x y (exp: Call, log1p: Call, x: &[f32], y: &mut [f32])) {
                let minus = $sub($set(0.0), x);
                $add($max(x, $set(0.0)), log1p(exp($min(x, minus))))
            });
        }
    };
}

loops!(wide, "avx512f", __m512, 16, _mm512_loadu_ps _mm512_storeu_ps _mm512_set1_ps _mm512_add_ps _mm512_sub_ps _mm512_mul_ps _mm512_div_ps _mm512_max_ps _mm512_min_ps);
loops!(narrow, "avx2", __m256, 8, _mm256_loadu_ps _mm256_storeu_ps _mm256_set1_ps _mm256_add_ps _mm256_sub_ps _mm256_mul_ps _mm256_div_ps _mm256_max_ps _mm256_min_ps);

/// Softmax of rows with AVX-512's masks; the sums go to `sums`, the largest elements to `maxima`.
///
/// # Safety
/// The CPU has AVX-512F; `y` is as long as `x`, `sums` and `maxima` have an element for each row.
#[target_feature(enable = "avx512f")]
unsafe fn softmax(exp: wide::Call, x: &[f32], cols: usize, y: &mut [f32], maxima: &mut [f32], sums: &mut [f32]) {
    let rows = x.chunks_exact(cols).zip(y.chunks_exact_mut(cols));
    for ((x, y), (largest, total)) in rows.zip(maxima.iter_mut().zip(sums)) {
        let mask = |at: usize| if cols - at >= 16 { !0 } else { (1u16 << (cols - at)) - 1 };
        // SAFETY: the masks leave out what is past the row; the caller's promise.
        unsafe {
            let mut max = _mm512_set1_ps(f32::NEG_INFINITY);
            for at in (0..cols).step_by(16) {
                max = _mm512_mask_max_ps(max, mask(at), max, _mm512_maskz_loadu_ps(mask(at), x.as_ptr().add(at)));
            }
            *largest = _mm512_reduce_max_ps(max);
            let max = _mm512_set1_ps(*largest);
            let mut sum = _mm512_setzero_ps();
            for at in (0..cols).step_by(16) {
                let e = exp(_mm512_sub_ps(_mm512_maskz_loadu_ps(mask(at), x.as_ptr().add(at)), max));
                _mm512_mask_storeu_ps(y.as_mut_ptr().add(at), mask(at), e);
                sum = _mm512_mask_add_ps(sum, mask(at), sum, e);
            }
            *total = _mm512_reduce_add_ps(sum);
            let inverse = _mm512_set1_ps(1.0 / *total);
            for at in (0..cols).step_by(16) {
                let p = _mm512_mul_ps(_mm512_maskz_loadu_ps(mask(at), y.as_ptr().add(at)), inverse);
                _mm512_mask_storeu_ps(y.as_mut_ptr().add(at), mask(at), p);
            }
        }
    }
}

/// `y ← σ(x + bias)` for rows.
///
/// # Safety
/// The CPU has AVX-512F; whole vectors in a row, as many in `bias`.
#[target_feature(enable = "avx512f")]
unsafe fn bias_sigmoid(exp: wide::Call, x: &[f32], bias: &[f32], y: &mut [f32]) {
    let one = _mm512_set1_ps(1.0);
    for (x, y) in x.chunks_exact(bias.len()).zip(y.chunks_exact_mut(bias.len())) {
        for at in (0..bias.len()).step_by(16) {
            // SAFETY: a vector of each; the caller's promise.
            unsafe {
                let sum = _mm512_add_ps(_mm512_loadu_ps(x.as_ptr().add(at)), _mm512_loadu_ps(bias.as_ptr().add(at)));
                let e = exp(_mm512_sub_ps(_mm512_setzero_ps(), sum));
                _mm512_storeu_ps(y.as_mut_ptr().add(at), _mm512_div_ps(one, _mm512_add_ps(one, e)));
            }
        }
    }
}

/// What a function is called in a library, from its name in C.
type Named<'a> = &'a dyn Fn(&str) -> String;

pub fn sleef(name: &'static str, accuracy: &str, isa: Isa) -> Result<Peer, String> {
    let object = shared_object::open("SLEEF_LIB")?;
    open(name, object, isa, &|function| match isa.lanes() {
        16 => format!("Sleef_{function}f16_{accuracy}avx512f"),
        _ => format!("Sleef_{function}f8_{accuracy}avx2"),
    })
}

pub fn libmvec(isa: Isa) -> Result<Peer, String> {
    // The one beside the C library that the program runs with.
    // SAFETY: the C library's own.
    let object = unsafe { Library::new("libmvec.so.1") }.map_err(|error| error.to_string())?;
    open("libmvec", Box::leak(Box::new(object)), isa, &|function| match isa.lanes() {
        16 => format!("_ZGVeN16v_{function}f"),
        _ => format!("_ZGVdN8v_{function}f"),
    })
}

fn open(name: &'static str, object: &'static Library, isa: Isa, named: Named<'_>) -> Result<Peer, String> {
    let mut peer = Peer::new(name);
    macro_rules! maps {
        ($loops:ident) => {{
            // SAFETY: the type is the vector calling convention's.
            let call = |function| unsafe { shared_object::function::<$loops::Call>(object, &named(function)) };
            macro_rules! add {
                ($offer:ident $function:ident $loop:ident($library:literal)) => {
                    if let Ok(call) = call($library) {
                        let map: Map = Box::new(move |x, y| {
                            assert!(x.len() == y.len() && x.len() % 16 == 0);
                            // SAFETY: `isa` was detected; the lengths have been checked.
                            unsafe { $loops::$loop(call, x, y) }
                        });
                        peer.maps.push((Function::$function, $offer(map)));
                    }
                };
            }
            add!(own Exp plain("exp"));
            add!(own Ln plain("log"));
            add!(own Tanh plain("tanh"));
            add!(composed Sigmoid sigmoid("exp"));
            add!(composed Silu silu("exp"));
            add!(composed Gelu gelu("erf"));
            add!(composed GeluTanh gelu_tanh("tanh"));
            if let (Ok(exp), Ok(log1p)) = (call("exp"), call("log1p")) {
                let map: Map = Box::new(move |x, y| {
                    assert!(x.len() == y.len() && x.len() % 16 == 0);
                    // SAFETY: `isa` was detected; the lengths have been checked.
                    unsafe { $loops::softplus(exp, log1p, x, y) }
                });
                peer.maps.push((Function::Softplus, composed(map)));
            }
        }};
    }
    match isa.lanes() {
        16 => {
            maps!(wide);
            // SAFETY: the type is the vector calling convention's.
            let call = |function| unsafe { shared_object::function::<wide::Call>(object, &named(function)) };
            if let (Ok(exp), Ok(ln)) = (call("exp"), call("log")) {
                add_rows(&mut peer, exp, ln);
            }
        }
        8 => maps!(narrow),
        _ => return Err("has no functions for this instruction set".into()),
    }
    if peer.maps.is_empty() { Err("has none of the functions".into()) } else { Ok(peer) }
}

/// Rows of the longest kind that is measured at one time.
const MOST_ROWS: usize = 64;

fn add_rows(peer: &mut Peer, exp: wide::Call, ln: wide::Call) {
    peer.softmax = Some(composed(Box::new(move |x, cols, y| {
        let (mut maxima, mut sums) = ([0.0; MOST_ROWS], [0.0; MOST_ROWS]);
        assert!(x.len() == y.len() && x.len() / cols <= MOST_ROWS);
        // SAFETY: AVX-512 was detected; the lengths have been checked.
        unsafe { softmax(exp, x, cols, y, &mut maxima, &mut sums) }
    })));
    peer.loss = Some(composed(Box::new(move |x, cols, labels, gradient, losses| {
        let (mut maxima, mut sums, mut ln_sums) = ([0.0; MOST_ROWS], [1.0; MOST_ROWS], [0.0; MOST_ROWS]);
        assert!(x.len() == gradient.len() && labels.len() <= MOST_ROWS && labels.len() * cols == x.len());
        let scale = 1.0 / labels.len() as f32;
        // SAFETY: AVX-512 was detected; the lengths have been checked.
        unsafe {
            softmax(exp, x, cols, gradient, &mut maxima, &mut sums);
            wide::plain(ln, &sums, &mut ln_sums);
        }
        for (i, (g, &label)) in gradient.chunks_exact_mut(cols).zip(labels).enumerate() {
            losses[i] = ln_sums[i] - (x[i * cols + label as usize] - maxima[i]);
            g[label as usize] -= 1.0;
        }
        gradient.iter_mut().for_each(|g| *g *= scale);
    })));
    peer.bias_sigmoid = Some(composed(Box::new(move |x, cols, y| {
        let bias = &BIAS[..cols];
        assert!(x.len() == y.len() && x.len() % cols == 0 && cols % 16 == 0);
        // SAFETY: AVX-512 was detected; the lengths have been checked.
        unsafe { bias_sigmoid(exp, x, bias, y) }
    })));
}

/// Some numbers to add.
static BIAS: [f32; 128] = [0.125; 128];
