//! What a product keeps in the memory that its caller lends.

use super::blocking::{K_BLOCK, MAX_LANES, MAX_NC, STREAM_ROWS, STREAM_SUMS, SUM_ROWS};

/// The parts of the scratch for a product of `m × k` by `k × n`, in elements, as the packed way needs them. The others share them: strips keep sums, chains
/// and a copied panel in the first; short products columns turned to rows in the first, sums in the others (right behind the rows, if those are read in place); columns that are copied before they are turned lie in the first two, sums of turned ones behind these (beyond the third, if they are many); streams keep theirs at
/// the beginning.
pub(super) struct Parts {
    /// A packed block of B: `k_block × n` columns, up to `MAX_NC`, padded to whole tiles.
    pub b: usize,
    /// The packed rows of A of one tile or of a group of tiles, or their packed columns, whose last vector may be padding; these run on into the sums where C holds those.
    pub a: usize,
    /// Sums that C cannot hold between blocks of `k`.
    pub sums: usize,
}

impl Parts {
    /// Elements of all of them.
    pub const fn len(&self) -> usize {
        self.b + self.a + self.sums
    }
}

/// For the loops in their order.
pub(super) const fn parts(m: usize, k: usize, n: usize) -> Parts {
    // Not `k_block_len`, which falls where one block becomes two: scratch for a batch must be enough for a smaller one.
    let k_block = min(k, K_BLOCK);
    let cols = min(n, MAX_NC).next_multiple_of(2 * MAX_LANES);
    // At most `STREAM_SUMS` sums of columns padded to whole vectors.
    let stream = 2 * min(min(m, STREAM_ROWS) * min(n, STREAM_SUMS).next_multiple_of(MAX_LANES), STREAM_SUMS);
    let sums = if k > K_BLOCK { min(m, SUM_ROWS) * cols } else { 0 };
    let a_rows = if has_groups(k, n) { GROUP_ROWS } else { MAX_LANES };
    Parts { b: k_block * cols, a: a_rows * a_row_len(k_block), sums: if sums > stream { sums } else { stream } }
}

/// Rows of A of a group of tiles: with 512 terms, 198 KiB of the second-level cache. (48 took up to 7% longer, 144 about as long.)
pub(super) const GROUP_ROWS: usize = 96;

/// Whether there is room for the rows of A of a group: where they take less than columns of B do.
pub(super) const fn has_groups(k: usize, n: usize) -> bool {
    const LEAST_K: usize = 256;
    const LEAST_COLS: usize = 256;
    k >= LEAST_K && n >= LEAST_COLS
}

/// Most tiles of rows that each turn the columns of B for themselves, whose sums lie behind the first two [`parts`].
pub(super) const MOST_TILES: usize = 9;

/// Elements from row to row of packed rows of A: an odd number of cache lines, so that the rows of a tile spread over all sets
/// of the first-level cache.
pub(super) const fn a_row_len(k: usize) -> usize {
    (k.div_ceil(MAX_LANES) | 1) * MAX_LANES
}

/// Enough for the loops in either order, for every smaller product too, and quickly computed: each product asks.
pub(super) const fn len(m: usize, k: usize, n: usize) -> usize {
    let longer = max(m, n);
    let Parts { b, a, sums: stream } = parts(STREAM_ROWS, min(k, K_BLOCK), longer);
    let sums = if k > K_BLOCK { max(parts(m, k, n).sums, parts(n, k, m).sums) } else { 0 };
    b + a + max(stream, sums)
}

const fn min(a: usize, b: usize) -> usize {
    if a < b { a } else { b }
}

const fn max(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_that_turn_have_room() {
        // As wide as they are for so many rows, with tiles of two rows at least.
        const TALLEST: usize = 14;
        for m in 1..=MOST_TILES * TALLEST {
            let vectors = if m <= 2 * MOST_TILES { 3 } else { 2 };
            for k in [1, 100, 512, 513, 2000] {
                for n in 1..200usize {
                    let cols = (vectors * MAX_LANES).min(n.next_multiple_of(MAX_LANES));
                    let Parts { b, a, .. } = parts(m, k, n);
                    assert!(b + a + m * cols <= len(m, k, n), "{m}×{k}×{n}");
                }
            }
        }
    }

    #[test]
    fn there_is_enough_for_both_orders_and_for_smaller_products() {
        let sizes = [1, 2, 13, 14, 15, 16, 17, 31, 33, 100, 223, 225, 511, 512, 513, 1000, 4095, 4097, 10_000];
        for m in sizes {
            for k in sizes {
                for n in sizes {
                    let len = len(m, k, n);
                    for parts in [parts(m, k, n), parts(n, k, m)] {
                        assert!(parts.len() <= len, "{m}×{k}×{n}");
                    }
                    for smaller in [(m - 1, k, n), (m, k - 1, n), (m, k, n - 1)] {
                        assert!(self::len(smaller.0, smaller.1, smaller.2) <= len, "{m}×{k}×{n}, {smaller:?}");
                    }
                }
            }
        }
    }
}
