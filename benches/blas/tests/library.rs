//! A library like a BLAS, compiled here, loaded and called.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use steadynet_blas::{Blas, KNOWN_SYMBOLS, LoadError, SgemmError};
use steadynet_kernels::random::Random;
use steadynet_kernels::{Mat, MatMut};
use tempfile::TempDir;

/// The product of the C interface, and a count of threads, with names and integers as asked for.
const SOURCE: &str = r"
typedef INTEGER integer;
static int threads = 0;
void SETTER(int count) { threads = count; }
void SGEMM(int order, int ta, int tb, integer m, integer n, integer k, float alpha, const float *a, integer lda,
           const float *b, integer ldb, float beta, float *c, integer ldc) {
    if (order != 101 || (ta != 111 && ta != 112) || (tb != 111 && tb != 112)) return;
    for (integer i = 0; i < m; i++)
        for (integer j = 0; j < n; j++) {
            float sum = 0;
            for (integer p = 0; p < k; p++)
                sum += (ta == 111 ? a[i * lda + p] : a[p * lda + i]) * (tb == 111 ? b[p * ldb + j] : b[j * ldb + p]);
            c[i * ldc + j] = alpha * sum + (beta == 0 ? 0 : beta * c[i * ldc + j]) + (threads == 0 ? 0 : 1000 * threads);
        }
}
";

/// A compiled library, if there is a compiler.
fn compiled(folder: &TempDir, symbol: &str, setter: &str, integer: &str) -> Option<PathBuf> {
    let (source, library) = (folder.path().join("blas.c"), folder.path().join(format!("lib{symbol}.so")));
    fs::write(&source, SOURCE).unwrap();
    let mut command = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
    command.args(["-shared", "-fPIC", "-O1", "-ffp-contract=off"]);
    command.args([format!("-DSGEMM={symbol}"), format!("-DSETTER={setter}"), format!("-DINTEGER={integer}")]);
    match command.arg("-o").arg(&library).arg(&source).status() {
        Ok(status) => {
            assert!(status.success(), "the compiler failed");
            Some(library)
        }
        Err(error) => {
            println!("skipped: no C compiler ({error})");
            None
        }
    }
}

fn numbers(len: usize, stream: u64) -> Vec<f32> {
    let random = Random::new(7, stream);
    // Small whole numbers: their sums are exact in any order.
    (0..len as u64).map(|index| random.below(index, 17) as f32 - 8.0).collect()
}

#[test]
fn products_of_every_layout_under_every_known_name() {
    let folder = tempfile::tempdir().unwrap();
    for (&symbol, integer) in KNOWN_SYMBOLS.iter().zip(["int", "long long"].into_iter().cycle()) {
        // (C has no dollar in names everywhere.)
        if symbol.contains('$') {
            continue;
        }
        let Some(path) = compiled(&folder, symbol, "unrelated", integer) else { return };
        let blas = Blas::load(&path, &[]).unwrap();
        assert_eq!((blas.symbol(), blas.path()), (symbol, path.as_path()));
        let (m, k, n) = (5, 7, 3);
        for (a_transposed, b_transposed, gap) in
            [(false, false, 0), (true, false, 2), (false, true, 1), (true, true, 0)]
        {
            let view = |data, rows, cols, transposed: bool| {
                let (stored_rows, stored_cols) = if transposed { (cols, rows) } else { (rows, cols) };
                let view = Mat::with_strides(data, stored_rows, stored_cols, stored_cols + gap, 1).unwrap();
                if transposed { view.t() } else { view }
            };
            let (a, b) = (numbers(100, 1), numbers(100, 2));
            let (a, b) = (view(&a, m, k, a_transposed), view(&b, k, n, b_transposed));
            let mut c = vec![f32::NAN; m * (n + gap)];
            blas.sgemm(a, b, MatMut::with_strides(&mut c, m, n, n + gap, 1).unwrap()).unwrap();
            for (i, row) in c.chunks(n + gap).enumerate() {
                for (j, &element) in row.iter().enumerate() {
                    if j < n {
                        let sum: f32 = (0..k).map(|p| a.get(i, p).unwrap() * b.get(p, j).unwrap()).sum();
                        assert_eq!(element, sum, "{symbol}, element ({i}, {j})");
                    } else {
                        assert!(element.is_nan(), "{symbol}: wrote between the rows");
                    }
                }
            }
        }
    }
}

#[test]
fn a_number_of_threads_reaches_the_library() {
    let folder = tempfile::tempdir().unwrap();
    let Some(path) = compiled(&folder, "scipy_cblas_sgemm64_", "scipy_openblas_set_num_threads64_", "long long") else {
        return;
    };
    let blas = Blas::load(&path, &[]).unwrap();
    assert_eq!(blas.set_threads(3).as_deref(), Some("scipy_openblas_set_num_threads64_"));
    let mut c = [0.0];
    blas.sgemm(Mat::new(&[2.0], 1, 1).unwrap(), Mat::new(&[5.0], 1, 1).unwrap(), MatMut::new(&mut c, 1, 1).unwrap())
        .unwrap();
    assert_eq!(c, [3010.0]);
}

#[test]
fn a_name_that_was_given_is_the_only_one() {
    let folder = tempfile::tempdir().unwrap();
    let Some(path) = compiled(&folder, "my_product", "unrelated", "int") else { return };
    let LoadError::NoProduct { tried, .. } = Blas::load(&path, &[]).unwrap_err() else { panic!("found a product") };
    assert_eq!(tried, KNOWN_SYMBOLS);
    assert_eq!(Blas::load(&path, &["other", "my_product"]).unwrap().symbol(), "my_product");
    let error = Blas::load(&path, &["cblas_sgemm"]).unwrap_err().to_string();
    assert!(error.contains("no function cblas_sgemm") && error.contains("libmy_product.so"), "{error}");
    assert_eq!(Blas::load(&path, &["my_product"]).unwrap().set_threads(2), None);
}

#[test]
fn operands_that_do_not_fit_are_named_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let Some(path) = compiled(&folder, "cblas_sgemm", "unrelated", "int") else { return };
    let blas = Blas::load(&path, &[]).unwrap();
    let data = numbers(64, 3);
    let view =
        |rows, cols, row_stride, col_stride| Mat::with_strides(&data, rows, cols, row_stride, col_stride).unwrap();
    let call = |a, b, rows, cols, row_stride, col_stride| {
        let mut c = vec![f32::NAN; 64];
        let result = blas.sgemm(a, b, MatMut::with_strides(&mut c, rows, cols, row_stride, col_stride).unwrap());
        (result, c.iter().all(|x| x.is_nan()))
    };
    let (a, b) = (view(2, 3, 3, 1), view(3, 4, 4, 1));
    assert_eq!(call(a, b, 2, 4, 1, 2), (Err(SgemmError::Strides { operand: "c" }), true));
    assert_eq!(call(view(2, 3, 6, 2), b, 2, 4, 4, 1), (Err(SgemmError::Strides { operand: "a" }), true));
    assert_eq!(call(a, view(3, 4, 0, 1), 2, 4, 4, 1), (Err(SgemmError::Strides { operand: "b" }), true));
    for (a, b, rows, cols) in [(a, b, 3, 4), (a, b, 2, 3), (a, view(2, 4, 4, 1), 2, 4)] {
        let (result, untouched) = call(a, b, rows, cols, cols, 1);
        assert!(matches!(result, Err(SgemmError::Shape(_))) && untouched, "{result:?}");
    }
    // Nothing to do, and sums of nothing.
    assert_eq!(call(view(0, 3, 3, 1), b, 0, 4, 4, 1), (Ok(()), true));
    let mut c = [f32::NAN; 8];
    blas.sgemm(view(2, 0, 0, 1), view(0, 4, 4, 1), MatMut::new(&mut c, 2, 4).unwrap()).unwrap();
    assert_eq!(c.map(f32::to_bits), [0; 8]);
}

#[test]
fn what_is_no_library_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.so");
    assert_eq!(Blas::load(&missing, &[]).unwrap_err(), LoadError::Missing { path: missing });
    assert_eq!(Blas::load(folder.path(), &[]).unwrap_err(), LoadError::NotAFile { path: folder.path().into() });
    let text = folder.path().join("text.so");
    fs::write(&text, "not a library").unwrap();
    let error = Blas::load(&text, &[]).unwrap_err();
    assert!(matches!(error, LoadError::NotLoadable { .. }), "{error}");
    assert!(error.to_string().contains("text.so"), "{error}");
    // A bare name means the file here, not one of the system's libraries.
    assert!(matches!(Blas::load(Path::new("libc.so.6"), &[]), Err(LoadError::Missing { .. })));
}
