//! Which operand's rows the vectors run along: whichever way costs less, or some columns one way and the rest the other.

use super::super::blocking::{few_registers, multiplies_at_half_rate, rows_collide};
use super::Loops;
use crate::simd::Simd;

/// What a second part costs beside its sums, in multiply-adds of vectors: a call's worth of choices.
const PART: usize = 256;
/// Costs are counted in quarters of a multiply-add.
const QUARTERS: usize = 4;

impl<S: Simd> Loops<'_, S> {
    /// The product in the order that is cheaper, or in two parts: the columns that fill vectors, and the rest with vectors down
    /// the rows of A.
    #[inline(always)]
    pub(super) fn divided(self) -> [Option<Self>; 2] {
        let direct = self.b.col_stride == 1 && self.c_as_seen().col_stride == 1;
        if const { S::LANES == 1 } || direct && (self.m == 1 || self.n.is_multiple_of(S::LANES)) {
            return [Some(self), None];
        }
        let turned = Loops {
            m: self.n,
            n: self.m,
            a: self.b.t(),
            b: self.a.t(),
            row: self.col,
            col: self.row,
            turned: !self.turned,
            packed: false,
            ..self
        };
        let cost = self.cost();
        let rest = self.n % S::LANES;
        if rest > 0 && rest < self.n {
            let at = self.n - rest;
            let main = Loops { n: at, ..self };
            let rest = Loops { m: rest, a: turned.a.at(at, 0), row: turned.row + at, ..turned };
            if main.cost().saturating_add(rest.cost()).saturating_add(QUARTERS * PART) < cost.min(turned.cost()) {
                return [Some(main), Some(rest)];
            }
        }
        [Some(if turned.cost() < cost { turned } else { self }), None]
    }

    /// What the product costs in this order, in quarters of multiply-adds of vectors: those of its sums, and what it takes to turn an operand and results
    /// that lie across its vectors.
    #[inline(always)]
    fn cost(&self) -> usize {
        if multiplies_at_half_rate::<S>() { self.cost_at_half_rate() } else { self.cost_at_full_rate() }
    }

    /// What its multiply-adds cost.
    #[inline(always)]
    fn cost_of_sums(&self) -> usize {
        self.m.saturating_mul(self.k).saturating_mul(QUARTERS).saturating_mul(self.n.div_ceil(S::LANES))
    }

    /// What it takes for each result that lies across the vectors: `turned`, or more if rows of C fall into few sets of the first-level cache.
    #[inline(always)]
    fn cost_of_results(&self, turned: usize) -> usize {
        const COLLIDING: usize = 48;
        let each = match self.c_as_seen().col_stride {
            1 => 0,
            _ if self.n == 1 => 0,
            apart if rows_collide(apart) => COLLIDING,
            _ => turned,
        };
        self.c_len().saturating_mul(each)
    }

    /// (Fitted to shapes measured in both orders and in two parts: 350 with AVX-512, 920 with AVX2 on a Zen 3 that others share. What it chooses takes 0.5 and 1.7% longer than the best choice, in the geometric mean.)
    #[inline(always)]
    fn cost_at_full_rate(&self) -> usize {
        /// For an element of B, on the way to the registers, in the longest vectors; twice that if it is copied first, as more rows of A than a tile has do, or turn it several times.
        const TURN_B: usize = 1;
        /// For an element of C, whose lines are visited several times.
        const TURN_C: usize = 10;
        /// Multiply-adds that a processor begins while one is under way: so many chains keep it busy.
        const CHAINS: usize = 8;
        let across = self.b.col_stride != 1;
        let vectors = self.n.div_ceil(S::LANES);
        let sums = self.cost_of_sums();
        // What as many chains as that would take, in each panel: a few take no less.
        let panels = (vectors / if across { 2 } else { CHAINS }).max(1);
        let waits = self.k.saturating_mul(QUARTERS * CHAINS).saturating_mul(panels);
        // With fewer registers and shorter vectors turning takes more instructions, and a load of an element beside each multiply-add leaves little time for others.
        let few = few_registers::<S>();
        let turn = if few { 2 * TURN_B } else { TURN_B };
        let (turn_b, on_the_way) = match across {
            false => (0, false),
            true if self.m > S::TURNED_ROWS[0] => (2 * turn, false),
            true => (turn, true),
        };
        // A panel of one vector loads an element of A for every multiply-add.
        let loads = match () {
            () if vectors > 1 && !(on_the_way && self.m > S::TURNED_ROWS[1]) => 0,
            () if !few => sums / 6,
            () if on_the_way => sums / 4,
            () => sums / 2,
        };
        let reads = loads.saturating_add(self.k.saturating_mul(self.n).saturating_mul(turn_b));
        waits.max(sums.saturating_add(reads)).saturating_add(self.cost_of_results(TURN_C))
    }

    /// Where a multiply-add of the longest vectors takes a unit two cycles, the next loads and the turning hide behind it. (Fitted to 260 shapes measured in both orders on a Zen 4: what it
    /// chooses takes 0.3% longer than the better one.)
    #[inline(always)]
    fn cost_at_half_rate(&self) -> usize {
        /// Multiply-adds that keep it busy: so many chains, or the time in which a vector is turned.
        const CHAINS: usize = 4;
        const TURNING: usize = 6;
        /// For an element of B that is copied first.
        const TURN_AND_COPY_B: usize = 1;
        /// For an element of C.
        const TURN_C: usize = 2;
        /// To begin to turn results.
        const TURN_RESULTS: usize = 256 * QUARTERS;
        let vectors = self.n.div_ceil(S::LANES);
        let sums = self.cost_of_sums();
        let (least, reads) = match self.b.col_stride {
            1 => (CHAINS * (vectors / CHAINS).max(1), 0),
            // (Where columns collide, their lines come late.)
            _ if self.turns() => (TURNING * vectors, sums / if self.columns_collide() { 6 } else { 16 }),
            _ => (TURNING * vectors, self.k.saturating_mul(self.n).saturating_mul(TURN_AND_COPY_B)),
        };
        let results = match self.cost_of_results(TURN_C) {
            0 => 0,
            some => some.saturating_add(TURN_RESULTS),
        };
        sums.saturating_add(reads).max(self.k.saturating_mul(QUARTERS * least)).saturating_add(results)
    }
}
