//! Products: the same bits as the reference on every instruction set, for every shape, stride, transpose, split and epilogue.

mod common;

use common::{Owned, ROW_MAJOR, Storage, UPDATES, assert_same, cases, depth, size, storage, value};
use proptest::prelude::*;
use steadynet_kernels::{
    Activation, Epilogue, GemmPlan, Isa, K_BLOCK, Layout, Mat, MatMut, PackedMatrix, ShapeError, Update, gemm,
    gemm_packed, gemm_scratch_len, k_block_len, packed_len, reference,
};

/// An epilogue without its operands.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Store,
    Bias(Activation),
    Backward(Activation),
    Accumulate,
    Update(Update),
}

fn kinds() -> Vec<Kind> {
    let mut kinds = vec![Kind::Store, Kind::Accumulate];
    kinds.extend(UPDATES.map(Kind::Update));
    for &activation in Activation::ALL {
        kinds.extend([Kind::Bias(activation), Kind::Backward(activation)]);
    }
    kinds
}

/// Operands of one product.
struct Case {
    a: Owned,
    b: Owned,
    c: Owned,
    bias: Vec<f32>,
    saved: Owned,
    states: Vec<Owned>,
    kind: Kind,
}

impl Case {
    fn new(m: usize, k: usize, n: usize, kind: Kind, layouts: [Storage; 4], seed: u64, specials: bool) -> Case {
        let states = if let Kind::Update(update) = kind { update.states() } else { 0 };
        // Where C is only written it begins as NaN, to prove that it is not read.
        let reads_c = matches!(kind, Kind::Accumulate | Kind::Update(_));
        let c = if reads_c {
            Owned::random(m, n, layouts[2], seed ^ 3, specials)
        } else {
            Owned::new(m, n, layouts[2], |_| f32::NAN)
        };
        Case {
            a: Owned::random(m, k, layouts[0], seed ^ 1, specials),
            b: Owned::random(k, n, layouts[1], seed ^ 2, specials),
            c,
            bias: (0..n).map(|j| value(seed ^ 4, j, specials)).collect(),
            saved: Owned::random(m, n, layouts[3], seed ^ 5, specials),
            states: (0..states).map(|s| Owned::random(m, n, layouts[3], seed ^ (6 + s as u64), specials)).collect(),
            kind,
        }
    }

    /// Runs `product` on copies of what it changes, and gives these back.
    fn run(&self, product: impl FnOnce(&mut Owned, Epilogue<'_>)) -> Vec<Owned> {
        let (mut c, mut states) = (self.c.clone(), self.states.clone());
        let mut views: Vec<_> = states.iter_mut().map(Owned::view_mut).collect();
        let epilogue = match self.kind {
            Kind::Store => Epilogue::Store,
            Kind::Bias(activation) => Epilogue::Bias { bias: &self.bias, activation },
            Kind::Backward(activation) => Epilogue::Backward { activation, saved: self.saved.view() },
            Kind::Accumulate => Epilogue::Accumulate { alpha: -0.3 },
            Kind::Update(update) => Epilogue::Update { update, states: &mut views },
        };
        product(&mut c, epilogue);
        let mut changed = vec![c];
        changed.extend(states);
        changed
    }

    fn reference(&self) -> Vec<Owned> {
        self.run(|c, epilogue| reference::gemm(self.a.view(), self.b.view(), &mut c.view_mut(), epilogue))
    }

    fn check(&self, isas: &[Isa]) {
        let (m, k, n) = (self.a.rows, self.a.cols, self.b.cols);
        let expected = self.reference();
        for &isa in isas {
            let mut scratch = vec![f32::NAN; gemm_scratch_len(m, k, n)];
            let ours = self.run(|c, epilogue| {
                gemm(isa, self.a.view(), self.b.view(), c.view_mut(), epilogue, &mut scratch).unwrap();
            });
            // And with B packed before.
            let mut memory = vec![f32::NAN; packed_len(k, n)];
            let packed_b = PackedMatrix::pack(isa, self.b.view(), &mut memory).unwrap();
            scratch.fill(f32::NAN);
            let packed = self.run(|c, epilogue| {
                gemm_packed(isa, self.a.view(), packed_b, c.view_mut(), epilogue, &mut scratch).unwrap();
            });
            // And planned.
            let plan = GemmPlan::new(isa, self.a.layout(), self.b.layout(), self.c.layout()).unwrap();
            let mut scratch = vec![f32::NAN; plan.scratch_len()];
            let planned = self.run(|c, epilogue| {
                plan.run(&self.a.data, &self.b.data, &mut c.data, epilogue, &mut scratch).unwrap();
            });
            for (results, how) in [(ours, "plain"), (packed, "B packed"), (planned, "planned")] {
                for (ours, expected) in results.iter().zip(&expected) {
                    assert_same(&format!("{isa} {m}×{k}×{n} {:?}, {how}", self.kind), &ours.data, &expected.data);
                }
            }
        }
    }
}

fn all() -> Vec<Isa> {
    Isa::available().collect()
}

proptest! {
    #![proptest_config(cases(600))]

    #[test]
    fn gemm_bits(
        (m, k, n) in (size(), depth(), size()),
        kind in prop::sample::select(kinds()),
        layouts in [storage(), storage(), storage(), storage()],
        seed: u64,
        specials: bool,
    ) {
        Case::new(m, k, n, kind, layouts, seed, specials).check(&all());
    }

    /// A part of the rows, or of the columns, gets the bits that it has in the whole.
    #[test]
    fn any_split_gives_the_same_bits((m, k, n) in (1usize..60, depth(), 1usize..60), cut in 0.0f64..1.0, seed: u64) {
        let whole = Case::new(m, k, n, Kind::Store, [ROW_MAJOR; 4], seed, false);
        let expected = whole.reference();
        let mut scratch = vec![f32::NAN; gemm_scratch_len(m, k, n)];
        let (row, col) = ((m as f64 * cut) as usize, (n as f64 * cut) as usize);
        for isa in all() {
            let mut c = whole.c.clone();
            let (a, b) = (whole.a.view(), whole.b.view());
            let (top, bottom) = c.view_mut().split_at_row(row).unwrap();
            gemm(isa, a.row_range(0, row).unwrap(), b, top, Epilogue::Store, &mut scratch).unwrap();
            gemm(isa, a.row_range(row, m - row).unwrap(), b, bottom, Epilogue::Store, &mut scratch).unwrap();
            assert_same("rows", &c.data, &expected[0].data);
            c.data.fill(f32::NAN);
            let (left, right) = c.view_mut().split_at_col(col).unwrap();
            gemm(isa, a, b.col_range(0, col).unwrap(), left, Epilogue::Store, &mut scratch).unwrap();
            gemm(isa, a, b.col_range(col, n - col).unwrap(), right, Epilogue::Store, &mut scratch).unwrap();
            assert_same("columns", &c.data, &expected[0].data);
        }
    }

    /// `|ĉ − c| ≤ γ_t Σ|a·b|`, against sums in f64.
    #[test]
    fn gemm_error_bound((m, k, n) in (1usize..20, depth(), 1usize..20), seed: u64) {
        let case = Case::new(m, k, n, Kind::Store, [ROW_MAJOR; 4], seed, false);
        let mut c = case.c.clone();
        let mut scratch = vec![0.0; gemm_scratch_len(m, k, n)];
        gemm(Isa::detect(), case.a.view(), case.b.view(), c.view_mut(), Epilogue::Store, &mut scratch).unwrap();
        let terms = (k.min(K_BLOCK) + k.div_ceil(K_BLOCK)).saturating_sub(1) as f64;
        let u = f64::from(f32::EPSILON) / 2.0;
        let gamma = terms * u / (1.0 - terms * u);
        for i in 0..m {
            for j in 0..n {
                let term = |p: usize| f64::from(case.a.data[i * k + p]) * f64::from(case.b.data[p * n + j]);
                let (exact, magnitude) = (0..k).fold((0.0, 0.0), |(s, t), p| (s + term(p), t + term(p).abs()));
                let error = (f64::from(c.data[i * n + j]) - exact).abs();
                prop_assert!(error <= gamma * magnitude + 1e-12 * magnitude, "{error:e} > {gamma:e}·{magnitude:e}");
            }
        }
    }
}

/// Shapes of real networks, near and far, with every transpose and epilogue.
#[test]
fn network_shapes() {
    let turned = Storage { transposed: true, ..ROW_MAJOR };
    let shapes = [
        (64, 784, 128),
        (1, 784, 128),
        (64, 128, 10),
        (33, 1030, 300),
        (600, 520, 40),
        (3, 600, 1),
        (50, 3000, 1),
        // More columns than are packed at a time; rows of A that collide in the cache.
        (30, 1024, 1100),
        // B from afar, for few rows and for many.
        (1, 700, 2100),
        (2, 1024, 1028),
        (7, 1100, 900),
        (16, 700, 2100),
        (41, 1030, 600),
        (17, 2100, 570),
    ];
    for (turn, (m, k, n)) in shapes.into_iter().enumerate() {
        for (index, kind) in kinds().into_iter().enumerate().filter(|(index, _)| (index + turn) % 3 == 0) {
            let bit = |b: usize| if index >> b & 1 == 1 { turned } else { ROW_MAJOR };
            Case::new(m, k, n, kind, [bit(0), bit(1), ROW_MAJOR, ROW_MAJOR], 7, false).check(&all());
        }
    }
}

/// B from memory, whose rows few rows of A read in parts: more than three eighths of a usual third-level cache, with what lies between the rows.
#[test]
fn weights_from_memory() {
    let wide = Storage { gap: 5000, ..ROW_MAJOR };
    let mut kinds = kinds().into_iter().cycle();
    for (m, k, n) in [(2, 701, 1000), (4, 523, 2075), (6, 700, 1500), (9, 600, 1030)] {
        for kind in kinds.by_ref().take(2) {
            Case::new(m, k, n, kind, [ROW_MAJOR, wide, ROW_MAJOR, ROW_MAJOR], 7, false).check(&all());
        }
    }
}

/// Few rows of A, and near rows of B that stream past them: longer than a panel, or a page apart.
#[test]
fn weights_from_near() {
    let page = |cols: usize| Storage { gap: 1024 - cols % 1024, ..ROW_MAJOR };
    let mut kinds = kinds().into_iter().cycle();
    for (m, k, n) in
        [(1, 91, 150), (1, 40, 900), (1, 522, 461), (2, 522, 466), (3, 47, 700), (2, 190, 101), (3, 130, 77)]
    {
        for kind in kinds.by_ref().take(4) {
            Case::new(m, k, n, kind, [ROW_MAJOR; 4], 8, false).check(&all());
        }
    }
    for (m, k, n) in [(4, 41, 1000), (7, 522, 90), (10, 42, 801), (16, 130, 81)] {
        for kind in kinds.by_ref().take(4) {
            Case::new(m, k, n, kind, [ROW_MAJOR, page(n), ROW_MAJOR, ROW_MAJOR], 8, false).check(&all());
        }
    }
}

/// Tiles of a few sums over an even and an odd number of blocks of `k`, the last as long as the others and shorter, from rows and from columns of A.
#[test]
fn blocks_in_pairs() {
    let turned = Storage { transposed: true, ..ROW_MAJOR };
    let mut kinds = kinds().into_iter().cycle();
    for (m, k, n) in [(1, 784, 10), (1, 513, 1), (3, 1025, 16), (2, 1537, 29), (1, 1030, 32), (4, 1400, 9)] {
        for kind in kinds.by_ref().take(10) {
            Case::new(m, k, n, kind, [ROW_MAJOR; 4], 8, false).check(&all());
            Case::new(m, k, n, kind, [turned, ROW_MAJOR, ROW_MAJOR, ROW_MAJOR], 8, false).check(&all());
        }
    }
}

/// Rows of B a page apart, which fall into one set of the first-level cache: few and many, near and far, for one tile of rows and for more.
#[test]
fn colliding_rows() {
    let page = Storage { gap: 24, ..ROW_MAJOR };
    let (columns, turned) = (Storage { transposed: true, ..page }, Storage { transposed: true, ..ROW_MAJOR });
    let mut kinds = kinds().into_iter().cycle();
    for (m, k, n) in [(8, 1000, 40), (4, 1000, 16), (1, 1000, 20)] {
        for kind in kinds.by_ref().take(10) {
            Case::new(k, n, 130, kind, [columns, ROW_MAJOR, ROW_MAJOR, ROW_MAJOR], 9, false).check(&all());
            Case::new(m, k, n, kind, [ROW_MAJOR, columns, ROW_MAJOR, ROW_MAJOR], 9, false).check(&all());
            Case::new(n, k, m, kind, [page, ROW_MAJOR, ROW_MAJOR, ROW_MAJOR], 9, false).check(&all());
            Case::new(n, k, 2 * m, kind, [page, ROW_MAJOR, page, page], 9, false).check(&all());
        }
    }
    for (m, k, n) in [(8, 700, 1000), (16, 300, 1000), (30, 40, 1000), (20, 1100, 1000), (70, 20, 1000)] {
        for kind in kinds.by_ref().take(10) {
            Case::new(m, k, n, kind, [ROW_MAJOR, page, ROW_MAJOR, ROW_MAJOR], 8, false).check(&all());
        }
    }
    // Short sums, whose results are most of the traffic, from rows and from columns of A.
    for ((m, k, n), a) in [((30, 40, 1000), ROW_MAJOR), ((35, 20, 488), turned), ((61, 128, 300), turned)] {
        let page = Storage { gap: 512 - n % 512, ..ROW_MAJOR };
        for kind in kinds.by_ref().take(20) {
            Case::new(m, k, n, kind, [a, page, page, page], 8, false).check(&all());
        }
    }
}

/// Operands that want another order than panel by panel: many rows past a near B, columns of A far apart, a C or an A from beyond the second-level cache.
#[test]
fn many_rows() {
    let turned = Storage { transposed: true, ..ROW_MAJOR };
    let apart = Storage { gap: 130, ..turned };
    let mut kinds = kinds().into_iter().cycle();
    for (m, k, n) in [(50, 1024, 33), (49, 523, 70), (97, 100, 131)] {
        for kind in kinds.by_ref().take(10) {
            Case::new(m, k, n, kind, [ROW_MAJOR; 4], 9, false).check(&all());
            Case::new(m, k, n, kind, [turned, ROW_MAJOR, turned, ROW_MAJOR], 9, false).check(&all());
        }
    }
    for (m, k, n) in [(33, 100, 200), (14, 523, 150), (61, 33, 600)] {
        for kind in kinds.by_ref().take(10) {
            Case::new(m, k, n, kind, [apart, ROW_MAJOR, ROW_MAJOR, ROW_MAJOR], 9, false).check(&all());
        }
    }
    for kind in kinds.by_ref().take(10) {
        Case::new(130, 49, 1100, kind, [turned, ROW_MAJOR, ROW_MAJOR, ROW_MAJOR], 9, false).check(&all());
    }
    for (m, k, n) in [(700, 49, 600), (2100, 700, 65)] {
        for kind in kinds.by_ref().take(1) {
            Case::new(m, k, n, kind, [ROW_MAJOR; 4], 9, false).check(&all());
        }
    }
}

/// Sums of a few terms, as outer products and narrow layers have them: panels of every width, results near and far, rows of C that collide.
#[test]
fn short_sums() {
    let turned = Storage { transposed: true, ..ROW_MAJOR };
    let mut kinds = kinds().into_iter().cycle();
    let wide = [(2, 600), (5, 77), (40, 30), (70, 1024), (33, 512), (300, 3), (9, 2100)];
    let narrow = [(16, 16), (29, 11), (35, 8), (21, 4), (18, 3)];
    for k in 1..=27 {
        for &(m, n) in narrow.iter().chain(if k <= 14 { &wide[..] } else { &[] }) {
            for (kind, layouts) in kinds.by_ref().zip([
                [ROW_MAJOR; 4],
                [turned, ROW_MAJOR, ROW_MAJOR, turned],
                [ROW_MAJOR, turned, ROW_MAJOR, ROW_MAJOR],
                [turned, turned, turned, ROW_MAJOR],
                [ROW_MAJOR, Storage { gap: 3, ..turned }, ROW_MAJOR, ROW_MAJOR],
            ]) {
                Case::new(m, k, n, kind, layouts, 10, false).check(&all());
            }
        }
    }
}

/// Tiles that are summed in runs, with as many sums before the epilogue as there is room for, and fewer.
#[test]
fn runs_of_tiles() {
    let turned = Storage { transposed: true, ..ROW_MAJOR };
    let mut kinds = kinds().into_iter().cycle();
    for (m, k, n) in [(12, 20, 640), (33, 17, 250), (150, 30, 48), (8, 16, 400), (100, 64, 130), (29, 100, 600)] {
        for kind in kinds.by_ref().take(10) {
            Case::new(m, k, n, kind, [ROW_MAJOR; 4], 11, false).check(&all());
            Case::new(m, k, n, kind, [turned, turned, ROW_MAJOR, ROW_MAJOR], 11, false).check(&all());
        }
    }
}

/// Few rows, whose tiles are as wide as the registers allow: every number of vectors, the last whole or not, near and in two blocks of sums.
#[test]
fn wide_tiles_of_few_rows() {
    let turned = Storage { transposed: true, ..ROW_MAJOR };
    let mut kinds = kinds().into_iter().cycle();
    for (m, most) in [(1, 30), (2, 16), (3, 11), (4, 8), (5, 7), (6, 6)] {
        for vectors in 1..=most {
            let a = if vectors % 2 == 0 { ROW_MAJOR } else { turned };
            let sizes = [
                (30, 16 * vectors),
                (19, 8 * vectors + 3),
                (530, 8 * vectors),
                (70, 16 * vectors - 5),
                (515, 4 * vectors + 1),
            ];
            for ((k, n), kind) in sizes.into_iter().zip(kinds.by_ref()) {
                Case::new(m, k, n, kind, [a, ROW_MAJOR, ROW_MAJOR, ROW_MAJOR], 12, false).check(&all());
            }
        }
    }
}

/// Few rows over a B that lies in columns, which are turned as they come: every number of vectors, the last whole or not, and every rest of eight steps.
#[test]
fn columns_of_few_rows() {
    let turned = Storage { transposed: true, ..ROW_MAJOR };
    let mut kinds = kinds().into_iter().cycle();
    // One tile of rows, several, and more than are turned.
    for m in (1..=15).chain([20, 28, 29, 60, 126, 127]) {
        for vectors in 1..=if m <= 5 { 7 } else { 3 } {
            let sizes = [
                (30 + vectors, 16 * vectors),
                (15 + m, 8 * vectors + 3),
                (530, 8 * vectors),
                (64, 16 * vectors - 5),
                // Columns that collide.
                (512, 16 * vectors + 1),
                (1024, 16 * vectors),
            ];
            for ((k, n), kind) in sizes.into_iter().zip(kinds.by_ref()) {
                Case::new(m, k, n, kind, [ROW_MAJOR, turned, ROW_MAJOR, ROW_MAJOR], 14, false).check(&all());
            }
        }
    }
}

/// Column sums are the product with a row of ones, which takes the memory of one.
#[test]
fn column_sums() {
    for (rows, cols) in [(1, 1), (64, 10), (700, 33), (64, 200), (700, 300)] {
        let x = Owned::random(rows, cols, ROW_MAJOR, 3, false);
        let expected: Vec<f32> = (0..cols).map(|j| reference::column_sum(x.view(), j)).collect();
        let ones = Mat::with_strides(&[1.0], 1, rows, 1, 0).unwrap();
        for isa in all() {
            let mut sums = vec![f32::NAN; cols];
            let mut scratch = vec![f32::NAN; gemm_scratch_len(1, rows, cols)];
            gemm(isa, ones, x.view(), MatMut::new(&mut sums, 1, cols).unwrap(), Epilogue::Store, &mut scratch).unwrap();
            assert_same("column sums", &sums, &expected);
        }
    }
}

/// Small products, which have ways of their own: one tile, several side by side and below each other, and panels in registers.
#[test]
fn small_products() {
    let transposed = Storage { transposed: true, ..ROW_MAJOR };
    let mut seed = 0;
    for m in [1, 2, 3, 4, 6, 7, 10, 11, 14, 15, 20, 27, 28, 29, 33, 50] {
        for k in [1, 2, 7, 8, 9, 13, 26, 50] {
            for n in [1, 5, 8, 13, 16, 20, 30, 33, 48, 64, 100, 130] {
                seed += 1;
                let kind =
                    [Kind::Store, Kind::Bias(Activation::Relu), Kind::Store, Kind::Accumulate][seed as usize % 4];
                let a = if seed % 3 == 0 { transposed } else { ROW_MAJOR };
                Case::new(m, k, n, kind, [a, ROW_MAJOR, ROW_MAJOR, ROW_MAJOR], seed, false).check(&all());
            }
        }
    }
}

/// One tile of rows by a B as large as needs no choice of a way, and larger; also of rows of A that are pages apart, of which fewer are read side by side.
#[test]
fn one_tile_of_rows() {
    let transposed = Storage { transposed: true, ..ROW_MAJOR };
    let mut kinds = kinds().into_iter().cycle();
    for (m, k, n) in [
        (1, 4, 8191),
        (2, 8, 4095),
        (2, 8, 4100),
        (3, 10, 2730),
        (6, 100, 320),
        (6, 100, 336),
        (14, 56, 585),
        (14, 57, 600),
    ] {
        for (kind, a) in
            [Kind::Store].into_iter().chain(kinds.by_ref().take(5)).zip([ROW_MAJOR, transposed].into_iter().cycle())
        {
            Case::new(m, k, n, kind, [a, ROW_MAJOR, ROW_MAJOR, ROW_MAJOR], 11, false).check(&all());
        }
    }
    for (m, k) in [(5, 13), (8, 26), (11, 32), (12, 7), (14, 20), (14, 33)] {
        for n in [100, 512, 530] {
            let page = Storage { gap: 1024 - k, ..ROW_MAJOR };
            for (kind, a) in
                [Kind::Store].into_iter().chain(kinds.by_ref().take(3)).zip([ROW_MAJOR, page].into_iter().cycle())
            {
                Case::new(m, k, n, kind, [a, ROW_MAJOR, ROW_MAJOR, ROW_MAJOR], 12, false).check(&all());
            }
        }
    }
}

#[test]
fn a_plan_names_what_is_wrong_with_it_and_with_its_operands() {
    let isa = Isa::detect();
    let (a, b, c) = (Layout::row_major(3, 4), Layout::row_major(4, 5), Layout::row_major(3, 5));
    let error = |a, b, c| GemmPlan::new(isa, a, b, c).map(|_| ()).unwrap_err().to_string();
    assert_eq!(error(a.t(), b, c), "a: wanted 3 rows, got 4");
    assert_eq!(error(a, b.t(), c), "b: wanted 4 rows, got 5");
    assert_eq!(error(a, Layout::row_major(4, 6), c), "b: wanted 5 columns, got 6");
    assert_eq!(error(a, b, Layout { row_stride: 4, ..c }), "elements overlap at row stride 4, column stride 1");
    assert_eq!(
        error(Layout { row_stride: usize::MAX, ..a }, b, c),
        "a: rows, columns and strides exceed the address space"
    );
    // So large that no slice holds C, and nothing is computed of it.
    let wide =
        |rows: usize, row_stride: usize| Layout { rows, cols: 1 << (usize::BITS - 4), row_stride, col_stride: 1 };
    GemmPlan::new(isa, Layout::row_major(1, 16), wide(16, 0), wide(1, 0)).unwrap();
    let plan = GemmPlan::new(isa, a, b, c).unwrap();
    let (x, y, mut z) = ([1.0; 12], [1.0; 20], [7.0; 15]);
    let mut scratch = vec![0.0; plan.scratch_len()];
    let mut error = |x: &[f32], y: &[f32], z_len: usize, epilogue: Epilogue<'_>, scratch: &mut [f32]| {
        plan.run(x, y, &mut z[..z_len], epilogue, scratch).unwrap_err().to_string()
    };
    assert_eq!(error(&x[..11], &y, 15, Epilogue::Store, &mut scratch), "a: wanted 12 elements, got 11");
    assert_eq!(error(&x, &y[..19], 15, Epilogue::Store, &mut scratch), "b: wanted 20 elements, got 19");
    assert_eq!(error(&x, &y, 14, Epilogue::Store, &mut scratch), "c: wanted 15 elements, got 14");
    assert!(error(&x, &y, 15, Epilogue::Store, &mut []).starts_with("scratch: wanted "));
    let bias = Epilogue::Bias { bias: &[0.0; 4], activation: Activation::Relu };
    assert_eq!(error(&x, &y, 15, bias, &mut scratch), "bias: wanted 5 elements, got 4");
    assert_eq!(z, [7.0; 15]);
    plan.run(&x, &y, &mut z, Epilogue::Store, &mut scratch).unwrap();
    assert_eq!(z, [4.0; 15]);
    fn threads_may_share<T: Send + Sync>(_: &T) {}
    threads_may_share(&plan);
}

/// A single row or column, and what is empty, may have any stride, even one that no pointer could follow.
#[test]
fn unused_strides_may_be_anything() {
    let tall = Mat::with_strides(&[], 20, 0, usize::MAX, 1).unwrap();
    let wide = Mat::with_strides(&[], 0, 200, 1, usize::MAX).unwrap();
    for isa in all() {
        let mut c = vec![f32::NAN; 20 * 200];
        let mut scratch = vec![f32::NAN; gemm_scratch_len(20, 0, 200)];
        gemm(isa, tall, wide, MatMut::new(&mut c, 20, 200).unwrap(), Epilogue::Store, &mut scratch).unwrap();
        assert_eq!(c, [0.0; 20 * 200]);
    }
    // A plain B, and results for one tile of rows and for several, small and large.
    for (m, n) in [(5, 30), (20, 200), (70, 300)] {
        let tall = Mat::with_strides(&[], m, 0, usize::MAX, 1).unwrap();
        for isa in all() {
            let mut c = vec![f32::NAN; m * n];
            let mut scratch = vec![f32::NAN; gemm_scratch_len(m, 0, n)];
            let (b, view) = (Mat::new(&[], 0, n).unwrap(), MatMut::new(&mut c, m, n).unwrap());
            let plan = GemmPlan::new(isa, tall.layout(), b.layout(), view.layout()).unwrap();
            gemm(isa, tall, b, view, Epilogue::Store, &mut scratch).unwrap();
            assert!(c.iter().all(|&element| element == 0.0));
            c.fill(f32::NAN);
            scratch.resize(plan.scratch_len(), f32::NAN);
            plan.run(&[], &[], &mut c, Epilogue::Store, &mut scratch).unwrap();
            assert!(c.iter().all(|&element| element == 0.0));
        }
    }
    let (a, b) = ([2.0], vec![3.0; 400]);
    let a = Mat::with_strides(&a, 1, 1, usize::MAX, usize::MAX).unwrap();
    let b = Mat::with_strides(&b, 1, 200, usize::MAX, 2).unwrap();
    for isa in all() {
        let mut c = vec![f32::NAN; 200];
        let mut scratch = vec![f32::NAN; gemm_scratch_len(1, 1, 200)];
        let view = MatMut::with_strides(&mut c, 1, 200, usize::MAX, 1).unwrap();
        let plan = GemmPlan::new(isa, a.layout(), b.layout(), view.layout()).unwrap();
        gemm(isa, a, b, view, Epilogue::Store, &mut scratch).unwrap();
        assert_eq!(c, [6.0; 200]);
        c.fill(f32::NAN);
        scratch.resize(plan.scratch_len(), f32::NAN);
        plan.run(&[2.0], &[3.0; 400], &mut c, Epilogue::Store, &mut scratch).unwrap();
        assert_eq!(c, [6.0; 200]);
    }
}

#[test]
fn packed_memory_has_its_length() {
    let b = [0.0; 6];
    let b = Mat::new(&b, 2, 3).unwrap();
    let mut memory = [7.0; 31];
    let wrong = PackedMatrix::pack(Isa::detect(), b, &mut memory).unwrap_err();
    assert_eq!(wrong.to_string(), "memory: wanted 32 elements, got 31");
    assert_eq!(memory, [7.0; 31]);
    assert!(PackedMatrix::from_packed(&memory, 2, 3).is_err());
    assert!(PackedMatrix::from_packed(&memory, usize::MAX, usize::MAX).is_err());
    let empty = PackedMatrix::from_packed(&[], 0, 3).unwrap();
    let mut c = [f32::NAN; 3];
    let a = Mat::new(&[], 1, 0).unwrap();
    let mut scratch = vec![0.0; gemm_scratch_len(1, 0, 3)];
    gemm_packed(Isa::detect(), a, empty, MatMut::new(&mut c, 1, 3).unwrap(), Epilogue::Store, &mut scratch).unwrap();
    assert_eq!(c, [0.0; 3]);
}

#[test]
fn blocks_are_part_of_the_definition() {
    // 1 + 2⁻²⁴ + 2⁻²⁴: one chain loses both halves of a unit, two blocks keep their sum.
    let k = K_BLOCK + 1;
    let mut a = vec![0.0; k];
    a[0] = 1.0;
    a[k_block_len(k)] = f32::EPSILON / 2.0;
    a[k - 1] = f32::EPSILON / 2.0;
    assert_eq!(reference::dot(k, |p| a[p], |_| 1.0), 1.0 + f32::EPSILON);
}

#[test]
fn wrong_shapes_are_named_and_c_is_untouched() {
    let case = Case::new(3, 4, 5, Kind::Accumulate, [ROW_MAJOR; 4], 1, false);
    let mut c = case.c.clone();
    let mut scratch = vec![0.0; gemm_scratch_len(3, 4, 5)];
    let isa = Isa::detect();
    let (a, b) = (case.a.view(), case.b.view());
    let mut error = |a, b, epilogue: Epilogue<'_>, scratch: &mut [f32]| {
        gemm(isa, a, b, c.view_mut(), epilogue, scratch).unwrap_err().to_string()
    };
    assert_eq!(error(a.t(), b, Epilogue::Store, &mut scratch), "a: wanted 3 rows, got 4");
    assert_eq!(error(a, b.t(), Epilogue::Store, &mut scratch), "b: wanted 4 rows, got 5");
    assert_eq!(error(a, b.col_range(0, 4).unwrap(), Epilogue::Store, &mut scratch), "b: wanted 5 columns, got 4");
    let activation = Activation::Relu;
    assert_eq!(
        error(a, b, Epilogue::Bias { bias: &[0.0; 4], activation }, &mut scratch),
        "bias: wanted 5 elements, got 4"
    );
    assert_eq!(
        error(a, b, Epilogue::Backward { activation, saved: a }, &mut scratch),
        "saved: wanted 5 columns, got 4"
    );
    let update = Update::Momentum { lr: 0.1, momentum: 0.9, l2: 0.0 };
    assert_eq!(
        error(a, b, Epilogue::Update { update, states: &mut [] }, &mut scratch),
        "states: wanted 1 matrices, got 0"
    );
    assert!(error(a, b, Epilogue::Store, &mut []).starts_with("scratch: wanted "));
    assert!(matches!(
        gemm(isa, a, b, c.view_mut(), Epilogue::Store, &mut []),
        Err(ShapeError::Length { operand: "scratch", given: 0, .. })
    ));
    assert_same("c", &c.data, &case.c.data);
}
