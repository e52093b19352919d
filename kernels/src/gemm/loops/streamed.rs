//! A B that streams past a few rows of A: from afar, or in rows that panels would read in pieces.

use super::super::blocking::{MAX_LANES, PAGE, STREAM_SUMS, STREAMED, balanced, k_block_len, rows_in_stream};
use super::super::scratch::parts;
use super::super::stream::Stream;
use super::Loops;
use crate::caches::second_level_bytes;
use crate::simd::Simd;

impl<S: Simd> Loops<'_, S> {
    /// Few rows of A: each row of B is read once, from end to end, some at a time, and the sums of all columns stay in the
    /// first-level cache.
    ///
    /// # Safety
    /// That of [`run`](Self::run).
    #[inline(always)]
    pub(super) unsafe fn run_streamed(&self) {
        let k_block = k_block_len(self.k).max(1);
        let simd = self.simd;
        // From a near cache a single row comes faster than several at a time, if its vectors are so long that a store for each keeps up.
        let one_by_one = self.m == 1 && S::LANES == MAX_LANES && self.b_bytes() < second_level_bytes();
        let max_cols = STREAM_SUMS / self.m / MAX_LANES * MAX_LANES;
        // The prefetchers of a machine begin anew at each part of a row. (That of one row of A is long.)
        let asks = self.vast() && self.m > 1 && max_cols < self.b.row_stride;
        for jc in (0..self.n).step_by(max_cols) {
            let cols = max_cols.min(self.n - jc);
            let (total, stride) = self.place_of_sums(jc, cols);
            let chain = total.wrapping_add(self.m * stride);
            for pc in (0..self.k).step_by(k_block) {
                let end = self.k.min(pc + k_block);
                let mut p = pc;
                while p < end {
                    let together = if end - p >= STREAMED && !one_by_one { STREAMED } else { 1 };
                    let times = if self.m <= rows_in_stream::<S>() { (end - p) / together } else { 1 };
                    for index in 0..self.m.div_ceil(rows_in_stream::<S>()) {
                        let (i, rows) = balanced(self.m, rows_in_stream::<S>(), index);
                        let stream = Stream {
                            a: self.a.at(i, p),
                            b: self.b.at(p, jc),
                            cols,
                            sums: if pc == 0 { total } else { chain }.wrapping_add(i * stride),
                            sums_row_stride: stride,
                            first: p == pc,
                            times,
                            asks,
                        };
                        // SAFETY: the rows lie inside the product; the scratch has room for two blocks of sums.
                        unsafe { stream.run(simd, rows, together) }
                    }
                    p += together * times;
                }
                if pc > 0 {
                    for i in 0..self.m {
                        for j in (i * stride..i * stride + cols).step_by(S::LANES) {
                            // SAFETY: both blocks have `m` rows of `cols` elements, padded to whole vectors.
                            unsafe {
                                let sum = simd.add(simd.load(total.add(j)), simd.load(chain.add(j)));
                                simd.store(total.add(j), sum);
                            }
                        }
                    }
                }
            }
            // SAFETY: the block lies inside the product, and its sums are complete.
            unsafe { self.finish_at(Some((total, stride)), 0, jc, self.m, cols) }
        }
    }

    /// Where two blocks of sums of `cols` columns from `jc` on are, and how many elements their rows are apart.
    ///
    /// A load waits for earlier stores that the machine cannot tell from its own place: those at the same place of another page, in one of 16 pages on a Zen 4 (2×784×1000 took
    /// 42 µs or, where the second row of sums follows the first at nearly a page, 95, from run to run; 1×1024×1024 46 or, where sums lie just behind B's place in a page, 75).
    /// So rows that are written together begin in different parts of a page, and rows of B that all begin at one place of a page in the middle between two, if there
    /// is room.
    #[inline(always)]
    fn place_of_sums(&self, jc: usize, cols: usize) -> (*mut f32, usize) {
        let padded = cols.next_multiple_of(S::LANES);
        let part = PAGE / self.m.min(rows_in_stream::<S>()) / MAX_LANES * MAX_LANES;
        let stride = if self.m > 1 { padded + (part + PAGE - padded % PAGE) % PAGE } else { padded };
        let start = if self.panels_collide() {
            let ahead = self.b.at(0, jc).ptr.addr().wrapping_sub(self.scratch.addr()) / size_of::<f32>();
            (ahead + part / 2) % PAGE / MAX_LANES * MAX_LANES
        } else {
            0
        };
        if start + 2 * self.m * stride <= parts(self.m, self.k, self.n).len() {
            (self.scratch.wrapping_add(start), stride)
        } else {
            (self.scratch, padded)
        }
    }
}
