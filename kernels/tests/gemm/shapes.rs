//! Shapes for each way that a product may be computed.

use crate::case::{Case, Kind, all, kinds};
use crate::common::{ROW_MAJOR, Storage, lowered};
use steadynet_kernels::Activation;

const TURNED: Storage = Storage { transposed: true, ..ROW_MAJOR };

/// Of epilogues, one in so many under an emulator.
const EMULATED: usize = 3;

/// Each shape with the next `count` epilogues (fewer under an emulator), each of these in every layout.
fn check(
    shapes: &[(usize, usize, usize)],
    kinds: &mut impl Iterator<Item = Kind>,
    count: usize,
    layouts: &[[Storage; 4]],
    seed: u64,
) {
    let count = if lowered() { count.div_ceil(EMULATED) } else { count };
    for &(m, k, n) in shapes {
        for kind in kinds.by_ref().take(count) {
            for &layouts in layouts {
                Case::new(m, k, n, kind, layouts, seed, false).check(&all());
            }
        }
    }
}

/// Shapes of real networks, near and far, with every transpose and epilogue.
#[test]
fn network_shapes() {
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
    let every = if lowered() { 3 * EMULATED } else { 3 };
    for (turn, (m, k, n)) in shapes.into_iter().enumerate() {
        for (index, kind) in kinds().into_iter().enumerate().filter(|(index, _)| (index + turn) % every == 0) {
            let bit = |b: usize| if index >> b & 1 == 1 { TURNED } else { ROW_MAJOR };
            Case::new(m, k, n, kind, [bit(0), bit(1), ROW_MAJOR, ROW_MAJOR], 7, false).check(&all());
        }
    }
}

/// B from memory, whose rows few rows of A read in parts: more than three eighths of a usual third-level cache, with what lies between the rows.
#[test]
fn weights_from_memory() {
    let wide = Storage { gap: 5000, ..ROW_MAJOR };
    let mut kinds = kinds().into_iter().cycle();
    check(
        &[(2, 701, 1000), (4, 523, 2075), (6, 700, 1500), (9, 600, 1030)],
        &mut kinds,
        2,
        &[[ROW_MAJOR, wide, ROW_MAJOR, ROW_MAJOR]],
        7,
    );
    // Few columns, which one tile has, or two for want of a whole last vector, and those of a few panels.
    let scattered = Storage { step: 2, ..ROW_MAJOR };
    check(
        &[(1, 30_000, 29), (5, 16_000, 50), (8, 24_000, 32), (5, 60_000, 12), (3, 1501, 500), (6, 1101, 605)],
        &mut kinds,
        1,
        &[ROW_MAJOR, TURNED, scattered].map(|a| [a, ROW_MAJOR, ROW_MAJOR, ROW_MAJOR]),
        7,
    );
}

/// Few rows of A, and near rows of B that stream past them: longer than a panel, or a page apart.
#[test]
fn weights_from_near() {
    let page = |cols: usize| Storage { gap: 1024 - cols % 1024, ..ROW_MAJOR };
    let mut kinds = kinds().into_iter().cycle();
    check(
        &[
            (1, 91, 150),
            (1, 40, 900),
            (1, 522, 461),
            (2, 522, 466),
            (3, 47, 700),
            (2, 190, 101),
            (3, 130, 77),
            (1, 530, 113),
            (2, 530, 61),
            (11, 130, 307),
        ],
        &mut kinds,
        4,
        &[[ROW_MAJOR; 4]],
        8,
    );
    for (m, k, n) in [(4, 41, 1000), (7, 522, 90), (10, 42, 801), (10, 20, 1000), (16, 130, 81)] {
        for kind in kinds.by_ref().take(4) {
            Case::new(m, k, n, kind, [ROW_MAJOR, page(n), ROW_MAJOR, ROW_MAJOR], 8, false).check(&all());
        }
    }
}

/// Tiles of a few sums over an even and an odd number of blocks of `k`, the last as long as the others and shorter, from rows and from columns of A.
#[test]
fn blocks_in_pairs() {
    let mut kinds = kinds().into_iter().cycle();
    check(
        &[(1, 784, 10), (1, 513, 1), (3, 1025, 16), (2, 1537, 29), (1, 1030, 32), (4, 1400, 9)],
        &mut kinds,
        10,
        &[[ROW_MAJOR; 4], [TURNED, ROW_MAJOR, ROW_MAJOR, ROW_MAJOR]],
        8,
    );
}

/// Rows of A in groups past blocks of columns of B, in one block of `k` and in two: as they lie, in columns a page apart and near, in rows that collide; more rows than sums are kept of, and parts
/// of vectors at every end.
#[test]
fn groups_of_rows() {
    let columns = |rows: usize| Storage { gap: 1024 - rows % 1024, ..TURNED };
    let rows = |cols: usize| Storage { gap: 512 - cols % 512, ..ROW_MAJOR };
    let mut kinds = kinds().into_iter().cycle();
    for (m, k, n) in [(101, 261, 530), (230, 520, 300), (98, 515, 291)] {
        for (a, b) in [(ROW_MAJOR, TURNED), (columns(m), ROW_MAJOR), (TURNED, rows(n)), (rows(k), ROW_MAJOR)] {
            let layouts = [[a, b, ROW_MAJOR, ROW_MAJOR]];
            check(&[(m, k, n)], &mut kinds, 3, &layouts, 9);
            // Its sums are kept outside C.
            check(&[(m, k, n)], &mut [Kind::Accumulate].into_iter(), 1, &layouts, 9);
        }
    }
}

/// Rows of B a page apart, which fall into one set of the first-level cache: few and many, near and far, for one tile of rows and for more.
#[test]
fn colliding_rows() {
    let page = Storage { gap: 24, ..ROW_MAJOR };
    let columns = Storage { transposed: true, ..page };
    let mut kinds = kinds().into_iter().cycle();
    for (m, k, n) in [(8, 1000, 40), (4, 1000, 16), (1, 1000, 20)] {
        for kind in kinds.by_ref().take(10) {
            Case::new(k, n, 130, kind, [columns, ROW_MAJOR, ROW_MAJOR, ROW_MAJOR], 9, false).check(&all());
            Case::new(m, k, n, kind, [ROW_MAJOR, columns, ROW_MAJOR, ROW_MAJOR], 9, false).check(&all());
            Case::new(n, k, m, kind, [page, ROW_MAJOR, ROW_MAJOR, ROW_MAJOR], 9, false).check(&all());
            Case::new(n, k, 2 * m, kind, [page, ROW_MAJOR, page, page], 9, false).check(&all());
        }
    }
    check(
        &[(8, 700, 1000), (16, 300, 1000), (30, 40, 1000), (20, 1100, 1000), (70, 20, 1000)],
        &mut kinds,
        10,
        &[[ROW_MAJOR, page, ROW_MAJOR, ROW_MAJOR]],
        8,
    );
    // Short sums, whose results are most of the traffic, from rows and from columns of A.
    for ((m, k, n), a) in [((30, 40, 1000), ROW_MAJOR), ((35, 20, 488), TURNED), ((61, 128, 300), TURNED)] {
        let page = Storage { gap: 512 - n % 512, ..ROW_MAJOR };
        for kind in kinds.by_ref().take(20) {
            Case::new(m, k, n, kind, [a, page, page, page], 8, false).check(&all());
        }
    }
}

/// Operands that want another order than panel by panel: many rows past a near B, columns of A far apart, a C or an A from beyond the second-level cache.
#[test]
fn many_rows() {
    let apart = Storage { gap: 130, ..TURNED };
    let mut kinds = kinds().into_iter().cycle();
    check(
        &[(50, 1024, 33), (49, 523, 70), (97, 100, 131)],
        &mut kinds,
        10,
        &[[ROW_MAJOR; 4], [TURNED, ROW_MAJOR, TURNED, ROW_MAJOR]],
        9,
    );
    check(
        &[(33, 100, 200), (14, 523, 150), (61, 33, 600)],
        &mut kinds,
        10,
        &[[apart, ROW_MAJOR, ROW_MAJOR, ROW_MAJOR]],
        9,
    );
    check(&[(130, 49, 1100)], &mut kinds, 10, &[[TURNED, ROW_MAJOR, ROW_MAJOR, ROW_MAJOR]], 9);
    check(
        &[(700, 49, 600), (2100, 700, 65), (2100, 700, 40), (54, 1700, 250), (1700, 4, 1000)],
        &mut kinds,
        1,
        &[[ROW_MAJOR; 4]],
        9,
    );
    check(&[(70, 12, 1024)], &mut kinds, 10, &[[ROW_MAJOR, TURNED, ROW_MAJOR, ROW_MAJOR]], 9);
    let page = Storage { gap: 1024 - 100, ..ROW_MAJOR };
    check(&[(540, 520, 70), (1100, 500, 260)], &mut kinds, 1, &[[TURNED, ROW_MAJOR, ROW_MAJOR, ROW_MAJOR]], 9);
    check(&[(2100, 140, 100)], &mut kinds, 1, &[[TURNED, page, ROW_MAJOR, ROW_MAJOR]], 9);
}

/// Operands from beyond the second-level cache whose lines fall into few of its sets: a B in rows, an A in columns.
#[test]
fn lines_that_share_sets() {
    let mut kinds = kinds().into_iter().cycle();
    check(&[(7, 700, 512), (12, 700, 640), (16, 1000, 768), (72, 1024, 384)], &mut kinds, 2, &[[ROW_MAJOR; 4]], 10);
    check(&[(16, 2100, 384)], &mut kinds, 1, &[[ROW_MAJOR; 4]], 10);
    let gap = Storage { gap: 7, ..ROW_MAJOR };
    check(&[(17, 1000, 377), (20, 1000, 761)], &mut kinds, 2, &[[ROW_MAJOR, gap, ROW_MAJOR, ROW_MAJOR]], 10);
    let columns = [TURNED, ROW_MAJOR, ROW_MAJOR, ROW_MAJOR];
    check(&[(256, 1100, 16), (256, 1100, 40), (384, 700, 30)], &mut kinds, 2, &[columns], 10);
}

/// Sums of a few terms, as outer products and narrow layers have them: panels of every width, results near and far, rows of C that collide.
#[test]
fn short_sums() {
    let mut kinds = kinds().into_iter().cycle();
    let wide = [(2, 600), (5, 77), (40, 30), (70, 1024), (33, 512), (300, 3), (9, 2100)];
    let narrow = [(16, 16), (29, 11), (35, 8), (21, 4), (18, 3)];
    for k in 1..=27 {
        for &(m, n) in narrow.iter().chain(if k <= 14 { &wide[..] } else { &[] }) {
            for (kind, layouts) in kinds.by_ref().zip([
                [ROW_MAJOR; 4],
                [TURNED, ROW_MAJOR, ROW_MAJOR, TURNED],
                [ROW_MAJOR, TURNED, ROW_MAJOR, ROW_MAJOR],
                [TURNED, TURNED, TURNED, ROW_MAJOR],
                [ROW_MAJOR, Storage { gap: 3, ..TURNED }, ROW_MAJOR, ROW_MAJOR],
            ]) {
                Case::new(m, k, n, kind, layouts, 10, false).check(&all());
            }
        }
    }
    // A few tiles one below the other, and many panels.
    let layouts = [[ROW_MAJOR; 4], [TURNED, ROW_MAJOR, TURNED, ROW_MAJOR]];
    check(&[(9, 16, 500), (8, 13, 301), (7, 23, 261)], &mut kinds, 6, &layouts, 10);
}

/// Tiles that are summed in runs, with as many sums before the epilogue as there is room for, and fewer.
#[test]
fn runs_of_tiles() {
    let mut kinds = kinds().into_iter().cycle();
    check(
        &[(12, 20, 640), (33, 17, 250), (150, 30, 48), (8, 16, 400), (100, 64, 130), (29, 100, 600)],
        &mut kinds,
        10,
        &[[ROW_MAJOR; 4], [TURNED, TURNED, ROW_MAJOR, ROW_MAJOR]],
        11,
    );
}

/// Few rows, whose tiles are as wide as the registers allow: every number of vectors, the last whole or not, near and in two blocks of sums.
#[test]
fn wide_tiles_of_few_rows() {
    let mut kinds = kinds().into_iter().cycle();
    for (m, most) in [(1, 30), (2, 16), (3, 11), (4, 8), (5, 7), (6, 6)] {
        for vectors in 1..=most {
            let a = if vectors % 2 == 0 { ROW_MAJOR } else { TURNED };
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
                for a in [ROW_MAJOR, TURNED] {
                    Case::new(m, k, n, kind, [a, TURNED, ROW_MAJOR, ROW_MAJOR], 14, false).check(&all());
                }
            }
        }
    }
}

/// A few columns for many rows, down which vectors run: as many as fill vectors, fewer and more, and more than go through the epilogue together.
#[test]
fn few_columns() {
    let mut kinds = kinds().into_iter().cycle();
    check(
        &[
            (64, 50, 10),
            (33, 129, 3),
            (17, 530, 10),
            (50, 80, 20),
            (40, 64, 15),
            (388, 30, 10),
            (450, 30, 10),
            (1300, 20, 5),
        ],
        &mut kinds,
        8,
        &[[ROW_MAJOR; 4], [ROW_MAJOR, TURNED, TURNED, ROW_MAJOR]],
        15,
    );
}

/// Small products, which have ways of their own: one tile, several side by side and below each other, and panels in registers.
#[test]
fn small_products() {
    let mut seed = 0;
    for m in [1, 2, 3, 4, 6, 7, 10, 11, 14, 15, 20, 27, 28, 29, 33, 50] {
        for k in [1, 2, 7, 8, 9, 13, 26, 50] {
            for n in [1, 5, 8, 13, 16, 20, 30, 33, 48, 64, 100, 130] {
                seed += 1;
                let kind =
                    [Kind::Store, Kind::Bias(Activation::Relu), Kind::Store, Kind::Accumulate][seed as usize % 4];
                let a = if seed % 3 == 0 { TURNED } else { ROW_MAJOR };
                Case::new(m, k, n, kind, [a, ROW_MAJOR, ROW_MAJOR, ROW_MAJOR], seed, false).check(&all());
            }
        }
    }
}

/// One tile of rows by a B as large as needs no choice of a way, and larger; also of rows of A that are pages apart, of which fewer are read side by side.
#[test]
fn one_tile_of_rows() {
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
            [Kind::Store].into_iter().chain(kinds.by_ref().take(5)).zip([ROW_MAJOR, TURNED].into_iter().cycle())
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

/// A packed B past one row to three, a tile and several: panels as wide as a tile, of which the last has few columns, half of them and all; in one block of `k` and in two. It may have been packed for another instruction set.
#[test]
fn packed_weights() {
    let mut kinds = kinds().into_iter().cycle();
    let shapes = [
        (1, 300, 17),
        (1, 131, 128),
        (1, 600, 100),
        (1, 517, 72),
        (2, 200, 33),
        (2, 521, 90),
        (2, 75, 144),
        (3, 301, 20),
        (3, 514, 65),
        (3, 66, 80),
        (4, 530, 45),
        (7, 90, 124),
        (31, 260, 35),
        (40, 520, 267),
    ];
    for (m, k, n) in shapes {
        for (kind, a) in kinds.by_ref().take(4).zip([ROW_MAJOR, TURNED].into_iter().cycle()) {
            Case::new(m, k, n, kind, [a, ROW_MAJOR, ROW_MAJOR, ROW_MAJOR], 10, false).check_packed(&all());
        }
        Case::new(m, k, n, kinds.next().unwrap(), [ROW_MAJOR, TURNED, TURNED, ROW_MAJOR], 10, false)
            .check_packed(&all());
    }
}
