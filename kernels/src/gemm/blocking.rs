//! Block sizes: the one that is part of the contract, and those that only move data.

use crate::caches::{first_level_bytes, second_level_bytes};
use crate::simd::{Simd, TileRows};

/// Longest chain of fused multiply-adds in one element of a product. Part of [the contract](crate#products).
pub const K_BLOCK: usize = 512;

/// Length of the `k` blocks of a product: `k` cut into `⌈k / K_BLOCK⌉` equal parts, rounded up (the last may be shorter).
///
/// A function of `k` alone. Equal parts (392 + 392 for 784, not 512 + 272) bound the error better and leave no short
/// block whose sums cost more to add than to compute.
pub const fn k_block_len(k: usize) -> usize {
    if k <= K_BLOCK { k } else { k.div_ceil(k.div_ceil(K_BLOCK)) }
}

/// Most columns of B that are packed at a time: `K_BLOCK × MAX_NC × 4 B = 1 MiB`. [`packed_cols`] takes fewer where the second-level cache is small.
pub(super) const MAX_NC: usize = 512;
/// Rows of the block of sums that is kept when C cannot hold them: `SUM_ROWS × MAX_NC × 4 B = 448 KiB`.
pub(super) const SUM_ROWS: usize = 224;
/// Most rows of A with which a far B streams past once, from end to end: so few that memory, not arithmetic, limits the product.
pub(super) const STREAM_ROWS: usize = 16;
/// Sums that are kept while rows of B stream past (and as many of earlier blocks): 16 KiB of the first-level cache.
pub(super) const STREAM_SUMS: usize = 4096;
/// Rows of B that stream past together: one way through the sums serves all of them.
pub(super) const STREAMED: usize = 4;
/// How many rows ahead those are that a stream asks for: some ten KiB, the time that memory takes.
pub(super) const ASKED_ROWS: usize = 2 * STREAMED;
/// The widest vector, in lanes: what packed panels are padded to in the worst case.
pub(super) const MAX_LANES: usize = 16;
/// Elements of a page of memory: what lies so many apart shares a set of a first-level cache.
pub(super) const PAGE: usize = 4096 / size_of::<f32>();
/// Sums that are taken through the epilogue together, if C cannot hold them: 16 KiB of the first-level cache.
pub(super) const SUMS: usize = 4096;

/// Height of the tallest tile of `width` vectors.
pub(super) const fn tile_rows(rows: TileRows, width: usize) -> usize {
    match width {
        1 => rows.one,
        2 => rows.two,
        3 => rows.three,
        4 => rows.four,
        _ => {
            let mut height = rows.widest.len();
            while height > 0 && rows.widest[height - 1] < width {
                height -= 1;
            }
            height
        }
    }
}

/// What a table of the widest tiles of one row, of two, and so on says of `rows`; 0 past its end.
pub(super) const fn widest(table: &[usize], rows: usize) -> usize {
    if 0 < rows && rows <= table.len() { table[rows - 1] } else { 0 }
}

/// Registers for vectors.
pub(super) const fn registers<S: Simd>() -> usize {
    if S::TILE_ROWS.two > 6 { 32 } else { 16 }
}

/// Whether there are no more than 16.
pub(super) const fn few_registers<S: Simd>() -> bool {
    registers::<S>() == 16
}

/// The fewest rows of a tile of two vectors that copies the rows of B that it reads: what the tallest leaves when [`balanced`] with another.
/// (More rows than any tile has where vectors are single elements, which need no copy.)
pub(super) const fn copying_rows<S: Simd>() -> usize {
    if S::LANES == 1 { usize::MAX } else { S::TILE_ROWS.two.div_ceil(2) }
}

/// The most rows of A with which a B streams past: as many as the way of the sums costs less time than what panels would wait for; more where B is `slow`, because it comes from memory, or
/// from near in rows that collide.
///
/// With the longest vectors, a tile that asks for rows of B overtakes the stream as soon as it can be made. With the smaller first-level cache, panels of a B from the
/// third-level one do so before (on a Zen 4 6×1000×1000 68 → 93% of the peak, 6×784×512 73 → 91, with AVX2 12×500×2000 76 → 90); tiles of four rows already where they
/// `come_soon`.
pub(super) fn stream_rows<S: Simd>(slow: bool, come_soon: bool) -> usize {
    const MOST_IF_SLOW: usize = 10;
    const MOST_IF_STORES_WAIT: usize = 2;
    match () {
        () if S::LANES == MAX_LANES && slow => MOST_IF_SLOW,
        () if S::LANES == MAX_LANES && stores_keep_up::<S>() => copying_rows::<S>() - 1,
        () if S::LANES == MAX_LANES => MOST_IF_STORES_WAIT,
        () if few_registers::<S>() && !slow && first_level_is_smaller() => match come_soon {
            true => copying_rows::<S>(),
            false => S::TILE_ROWS.two,
        },
        () => STREAM_ROWS,
    }
}

/// Rows of A that share what is read of a streaming B: a register for each of their elements in [`STREAMED`] columns, a sum a row, and one of B.
pub(super) const fn rows_in_stream<S: Simd>() -> usize {
    if registers::<S>() > 16 { 6 } else { 3 }
}

/// Height of the tallest of equal tiles of two vectors.
#[inline(always)]
pub(super) fn equal_height<S: Simd>(rows: usize) -> usize {
    rows.div_ceil(rows.div_ceil(S::TILE_ROWS.two))
}

/// Whether equal tiles of two vectors would be too low to hide the latency of multiply-adds (2 units × 4 cycles and some to spare), and
/// tiles of three could be as high.
#[inline(always)]
fn low<S: Simd>(rows: usize) -> bool {
    if rows <= S::TILE_ROWS.two {
        return false;
    }
    let height = equal_height::<S>(rows);
    2 * height < 10 && height <= S::TILE_ROWS.three
}

/// What decides how wide the tiles of a product are.
#[derive(Clone, Copy)]
pub(super) struct Tiling {
    /// Rows of the product.
    pub rows: usize,
    /// The most rows that a tile may have, however narrow.
    pub tallest: usize,
    /// Whether rows of B are readable to the end of their last vector. If not, that is read in part, which costs time in the inner loop: where it costs too much
    /// it gets a panel of its own.
    pub padded: bool,
    pub form: Form,
}

/// What tiles are like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// As large as registers allow, with the fewest loads.
    Large,
    /// Rather wide than tall: C is most of the traffic then, of which such tiles write more of a row at a time, and what they read more often stays in the
    /// first-level cache: B.
    Low,
    /// So, for short sums: not as tall as registers allow. What stays near is a panel of B and the rows of A.
    Flat,
    /// A vector wide.
    Narrow,
    /// Two vectors wide, and a last one by itself: as tall as those allow, whatever the number of vectors.
    Pairs,
}

/// Elements of a B that stays in the first-level cache while rows of A and C pass: three quarters of the smaller one.
pub(super) const SMALL_B: usize = 3 << 11;

/// The form of tiles whose sums go to C.
///
/// Where sums are short, large tiles are not the best: they are more instructions than a processor looks ahead (some 300 to 500), so that their start and their
/// stores do not overlap with the tile before. For sums of 13 to 30 terms on a Zen 4, 4 × 4 vectors take 2 to 7% less time than 6 × 4, 4 × 2 take 2 to 13% less than 14 × 2,
/// and 12 × 1 up to 17% less than 12 × 2.
#[inline(always)]
pub(super) fn form<S: Simd>(m: usize, k: usize, n: usize) -> Form {
    const MOST_K: usize = 32;
    const MOST_COLS: usize = 1024;
    match () {
        () if S::LANES == 1 => Form::Large,
        () if m > S::TILE_ROWS.two => match () {
            () if k <= MOST_K && n <= MOST_COLS => Form::Flat,
            () if k.saturating_mul(n) <= SMALL_B => Form::Low,
            () => Form::Large,
        },
        // (Each multiply-add loads an element of A: too many, were there two a cycle.)
        () if m > FLAT_ROWS && k <= MOST_K && multiplies_at_half_rate::<S>() => Form::Narrow,
        () => Form::Large,
    }
}

/// Rows of a [flat](Form::Flat) tile of three or four vectors, where registers allow more.
const FLAT_ROWS: usize = 4;

impl Tiling {
    /// Height of the tallest tile of `width` vectors.
    #[inline(always)]
    pub fn tile_rows<S: Simd>(self, width: usize) -> usize {
        let rows = tile_rows(S::TILE_ROWS, width).min(self.tallest);
        if self.form != Form::Flat || width == 1 || few_registers::<S>() {
            return rows;
        }
        // (Eight sums would be no more than the chains that two multiply-adds a cycle need.)
        rows.min(if width == 2 && !multiplies_at_half_rate::<S>() { 2 * FLAT_ROWS } else { FLAT_ROWS })
    }
}

/// Rows of A that tiles can read side by side where they are pages apart: the first-level cache has a line for each page that it is large, whatever its sets. (A quarter more cost no time in tiles of 9 and 10 rows with 8 such lines; 13 took 15% longer than rows that do not collide.)
pub(super) fn rows_pages_apart() -> usize {
    let lines = first_level_bytes() / size_of::<f32>() / PAGE;
    (lines + lines / 4).max(2)
}

/// Rows of `k` elements of A that stay in the first-level cache while panels of B pass: in five eighths of it.
pub(super) fn rows_that_stay(k: usize) -> usize {
    (first_level_bytes() / 8 * 5 / size_of::<f32>() / k.max(1)).max(2)
}

/// Whether sums in the first-level cache can be written as fast as vectors come from the second-level one. Those with AVX-512 that have the smaller first-level cache
/// (Zen 4) take two cycles for the longest vectors: 1×256×512 takes 5.3 µs there in panels, 7.2 as a stream.
pub(super) fn stores_keep_up<S: Simd>() -> bool {
    !has_smaller_first_level::<S>()
}

/// Whether a multiply-add of the longest vectors takes a unit two cycles, as on a Zen 4: other work hides behind it. (Intel's first processors with AVX-512 are
/// taken for such, too.)
pub(super) fn multiplies_at_half_rate<S: Simd>() -> bool {
    has_smaller_first_level::<S>()
}

/// Whether this is a processor with AVX-512 and the smaller first-level cache.
fn has_smaller_first_level<S: Simd>() -> bool {
    S::LANES == MAX_LANES && first_level_is_smaller()
}

/// The smaller of the two sizes of first-level caches that there are, in bytes.
pub(super) const SMALLER_FIRST_LEVEL: usize = 1 << 15;

/// Whether the first-level cache is not the larger of the two sizes that there are.
fn first_level_is_smaller() -> bool {
    first_level_bytes() <= SMALLER_FIRST_LEVEL
}

/// The widest tile for what remains of a row of C, `cols` columns.
///
/// Few rows want wide tiles, which keep enough independent sums in flight; many rows want two vectors, the shape with
/// the fewest loads per multiply-add that leaves a tall tile.
#[inline(always)]
pub(super) fn tile_width<S: Simd>(tiling: Tiling, cols: usize) -> usize {
    let Tiling { rows, padded, form, .. } = tiling;
    // (With few registers a tile of three vectors and one of the part take less time than two of two, of which one reads the part: masks cost something.)
    let three_and_part = few_registers::<S>() && cols / S::LANES == 3 && rows > S::TILE_ROWS.two;
    let whole = padded || rows <= S::PARTIAL_ROWS && !three_and_part;
    let vectors = if whole { cols.div_ceil(S::LANES) } else { cols / S::LANES }.max(1);
    let fits = |width: usize| rows <= tiling.tile_rows::<S>(width);
    // The last three of equal width, as far as that goes: a narrow tile of few rows would have too few chains. (No division, which takes as long as a small
    // tile.)
    let equal = |most: usize| match vectors.div_ceil(most) {
        1 => vectors,
        2 => vectors.div_ceil(2),
        3 => vectors.div_ceil(3),
        _ => most,
    };
    let has_three = tile_rows(S::TILE_ROWS, 3) > 0;
    match form {
        Form::Narrow => return 1,
        Form::Pairs => return vectors.min(2),
        Form::Flat | Form::Low if has_three => {
            return match vectors {
                1..=4 => vectors,
                // (A panel of one vector would follow.)
                5 => 3,
                _ => 4,
            };
        }
        _ => {}
    }
    // One panel is read from end to end, each row of B after the other: the fastest way that it can come from the second-level cache.
    if has_three && vectors <= widest(&S::TILE_ROWS.widest, rows) {
        vectors
    } else if has_three && fits(8) {
        equal(8)
    } else if has_three && fits(4) {
        equal(4)
    } else if vectors >= 4 && fits(4) {
        4
    } else if has_three
        && (vectors == 3 || vectors > 3 && (fits(3) && vectors % 2 == 1 || low::<S>(rows) && vectors % 3 != 1))
    {
        3
    } else {
        vectors.min(2)
    }
}

/// Panels of B of the same width, one beside the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Panels {
    /// Column where the first begins.
    pub start: usize,
    /// Vectors of a panel.
    pub width: usize,
    pub times: usize,
}

/// The panels from column `jc` of `n` on that have the same width; a single one may be filled in part.
#[inline(always)]
pub(super) fn panels<S: Simd>(tiling: Tiling, jc: usize, n: usize) -> Panels {
    let cols = n - jc;
    let width = tile_width::<S>(tiling, cols);
    let panel = width * S::LANES;
    // Where a panel is followed by one of its width, so are all, until few vectors are left. (To ask for each takes as long as a tile of few rows.)
    // (Columns that do not fill another vector may not count.)
    let few = (3 * width).max(widest(&S::TILE_ROWS.widest, tiling.rows)) * S::LANES + (S::LANES - 1);
    let mut times = 1;
    while (times + 1) * panel <= cols && tile_width::<S>(tiling, cols - times * panel) == width {
        times += match cols.saturating_sub(times * panel + few) {
            0 => 1,
            many => many.div_ceil(panel),
        };
    }
    Panels { start: jc, width, times }
}

/// Whether rows so many elements apart fall into the same few sets of a cache with 64 sets of 64-byte lines.
pub(super) const fn rows_collide(row_stride: usize) -> bool {
    row_stride > 0 && row_stride.is_multiple_of(PAGE / 2)
}

/// Whether rows so many elements apart fall into an eighth of the sets of a cache, or fewer.
pub(super) const fn rows_share_sets(row_stride: usize) -> bool {
    row_stride > 0 && row_stride.is_multiple_of(PAGE / 8)
}

/// Whether elements so many apart fall into one set of a first-level cache: they are pages apart.
pub(super) const fn pages_apart(stride: usize) -> bool {
    stride > 0 && stride.is_multiple_of(PAGE)
}

/// The width of a tile of strips, or of one that asks for rows of B, for what remains of a row of C: two vectors, if they are there.
#[inline(always)]
pub(super) fn pair_width<S: Simd>(rows: usize, cols: usize) -> usize {
    let whole = rows <= S::PARTIAL_ROWS || cols >= 2 * S::LANES;
    if whole { cols.div_ceil(S::LANES).min(2) } else { 1 }
}

/// Columns of B in blocks of `k_block` rows that stay near: half of the second-level cache, through which rows of A and C pass too.
/// Every block of columns reads A again, so there should be few. (As many are packed at a time; where rows of A come in groups, up to [`MAX_NC`].)
pub(super) fn packed_cols(k_block: usize, n: usize) -> usize {
    const UNIT: usize = 2 * MAX_LANES;
    let most = second_level_bytes() / 2 / size_of::<f32>() / k_block.max(1);
    let most = (most - most % UNIT).clamp(UNIT, MAX_NC);
    // Equal blocks of whole tiles.
    n.div_ceil(n.div_ceil(most)).next_multiple_of(UNIT).min(most)
}

/// Start and length of part `index` when `len` is cut into parts of at most `max`, as equal as they come.
pub(super) fn balanced(len: usize, max: usize, index: usize) -> (usize, usize) {
    let parts = len.div_ceil(max);
    let (short, longer) = (len / parts, len % parts);
    (index * short + index.min(longer), short + usize::from(index < longer))
}

/// Equal parts, one after the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Run {
    pub start: usize,
    /// Length of a part.
    pub len: usize,
    /// Number of parts.
    pub times: usize,
}

/// [`runs`] as they come. (Not an array, which would be read in halves of its stores' order.)
#[derive(Clone, Copy)]
pub(super) struct Runs {
    start: usize,
    end: usize,
    short: usize,
    /// Parts that are one longer than `short`, and all the others.
    longer: usize,
    others: usize,
}

/// The parts of [`balanced`] as runs of equal ones: the longer, then the others.
#[inline(always)]
pub(super) fn runs(len: usize, max: usize) -> Runs {
    // A division takes as long as a small tile.
    if len <= max {
        return Runs { start: 0, end: len, short: len, longer: 0, others: 1 };
    }
    let parts = len.div_ceil(max);
    let (short, longer) = (len / parts, len % parts);
    Runs { start: 0, end: len, short, longer, others: parts - longer }
}

impl Iterator for Runs {
    type Item = Run;

    #[inline(always)]
    fn next(&mut self) -> Option<Run> {
        if self.start >= self.end {
            return None;
        }
        let start = self.start;
        let (len, times) = if self.longer > 0 { (self.short + 1, self.longer) } else { (self.short, self.others) };
        self.longer = 0;
        self.start += len * times;
        Some(Run { start, len, times })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::Isa;
    use crate::simd::Kernel;

    #[test]
    fn k_blocks_cover_k() {
        for k in (0..3000usize).chain([60_000, 1 << 20]) {
            let len = k_block_len(k);
            assert!(len <= K_BLOCK);
            if k > 0 {
                assert_eq!(k.div_ceil(len), k.div_ceil(K_BLOCK));
            }
        }
        assert_eq!(k_block_len(784), 392);
    }

    const FORMS: [Form; 5] = [Form::Large, Form::Low, Form::Flat, Form::Narrow, Form::Pairs];

    /// Panels of each width, asked for one after the other.
    fn counted<S: Simd>(tiling: Tiling, cols: usize) -> Panels {
        let width = tile_width::<S>(tiling, cols);
        let panel = width * S::LANES;
        let next_is_as_wide =
            |times: &usize| (times + 1) * panel <= cols && tile_width::<S>(tiling, cols - times * panel) == width;
        let more = (1..).take_while(next_is_as_wide).count();
        Panels { start: 0, width, times: 1 + more }
    }

    struct PanelsAreCounted;

    impl Kernel for PanelsAreCounted {
        type Output = ();

        fn run<S: Simd>(self, _: S) {
            panels_are_counted::<S>();
        }
    }

    fn panels_are_counted<S: Simd>() {
        for rows in 1..50 {
            for tallest in [usize::MAX, 5, 2] {
                for (padded, form) in [false, true].into_iter().flat_map(|padded| FORMS.map(|form| (padded, form))) {
                    let tiling = Tiling { rows, tallest, padded, form };
                    for cols in (1..200).chain((200..1500).step_by(7)) {
                        assert_eq!(
                            panels::<S>(tiling, 0, cols),
                            counted::<S>(tiling, cols),
                            "{rows} rows, {cols} columns"
                        );
                    }
                }
            }
        }
    }

    struct TilesAreMade;

    impl Kernel for TilesAreMade {
        type Output = ();

        fn run<S: Simd>(self, _: S) {
            tiles_are_made::<S>();
        }
    }

    fn tiles_are_made<S: Simd>() {
        for rows in 1..50 {
            for (padded, form) in [false, true].into_iter().flat_map(|padded| FORMS.map(|form| (padded, form))) {
                let tiling = Tiling { rows, tallest: usize::MAX, padded, form };
                for cols in 1..700 {
                    let mut jc = 0;
                    while jc < cols {
                        let Panels { width, times, .. } = panels::<S>(tiling, jc, cols);
                        let tall = rows.min(tiling.tile_rows::<S>(width));
                        assert!(
                            (1..=tile_rows(S::TILE_ROWS, width)).contains(&tall),
                            "{form:?}: {rows}×{cols}, {width}"
                        );
                        jc += times * width * S::LANES;
                        let partial = jc > cols && !padded;
                        assert!(
                            !partial || times == 1 && (width == 1 || rows <= S::PARTIAL_ROWS),
                            "{form:?}: {rows}×{cols}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn every_panel_has_tiles_that_are_made() {
        Isa::available().for_each(|isa| isa.run(TilesAreMade));
    }

    #[test]
    fn panels_of_a_width_are_counted_without_asking_for_each() {
        Isa::available().for_each(|isa| isa.run(PanelsAreCounted));
    }

    #[test]
    fn balanced_parts_cover_the_whole() {
        for len in 1..200usize {
            for max in 1..20 {
                let mut next = 0;
                for index in 0..len.div_ceil(max) {
                    let (start, part) = balanced(len, max, index);
                    assert_eq!(start, next);
                    assert!((1..=max).contains(&part));
                    next += part;
                }
                assert_eq!(next, len);
                let parts = |run: Run| (0..run.times).map(move |i| (run.start + i * run.len, run.len));
                let runs = runs(len, max).flat_map(parts);
                assert!(runs.eq((0..len.div_ceil(max)).map(|index| balanced(len, max, index))));
            }
        }
    }
}
