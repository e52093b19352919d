//! Random numbers without a state: each is a function of a seed, a stream and an index, never of who asked first.

/// The Philox 4x32-10 generator: four random words for every (seed, stream, counter).
///
/// # Math
/// The key of the cipher is the seed, its 128-bit counter `(counter, stream)`, low words first. Word `index` of a stream
/// is word `index mod 4` of block `⌊index / 4⌋`. Numbers of one index are made from the same words, so draw from one
/// stream with one method.
/// # Determinism
/// Integer operations and exact scalings only: the same on every machine, in any order, from any thread.
/// # Source
/// Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11, 2011.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Random {
    seed: u64,
    stream: u64,
}

const ROUNDS: usize = 10;
const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// What the key grows by from round to round: the golden ratio and √3 − 1.
const KEY_STEPS: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

impl Random {
    /// The generator of one stream of one seed. Streams are independent of each other, as seeds are.
    pub const fn new(seed: u64, stream: u64) -> Self {
        Random { seed, stream }
    }

    /// Four random words.
    pub const fn block(&self, counter: u64) -> [u32; 4] {
        philox([low(counter), high(counter), low(self.stream), high(self.stream)], [low(self.seed), high(self.seed)])
    }

    /// 32 random bits.
    pub const fn bits(&self, index: u64) -> u32 {
        self.block(index / 4)[(index % 4) as usize]
    }

    /// A uniform number in `[0, 1)`: a multiple of 2⁻²⁴, each equally likely.
    pub const fn uniform(&self, index: u64) -> f32 {
        (self.bits(index) >> 8) as f32 * (1.0 / (1 << 24) as f32)
    }

    /// A uniform number in `(0, 1)`: an odd multiple of 2⁻²⁴, each equally likely, so that `u` and `1 − u` are too.
    /// A quantile function takes it without reaching an infinity.
    pub const fn open_uniform(&self, index: u64) -> f32 {
        ((self.bits(index) >> 9) * 2 + 1) as f32 * (1.0 / (1 << 24) as f32)
    }

    /// A uniform integer below `n` (0 for `n = 0`), made of the words `2·index` and `2·index + 1` (modulo 2⁶⁴).
    ///
    /// # Numerics
    /// `⌊x·n / 2⁶⁴⌋` of 64 random bits `x`: each value has a probability within 2⁻⁶⁴ of `1/n`.
    pub const fn below(&self, index: u64, n: u64) -> u64 {
        let block = self.block(index % (1 << 63) / 2);
        let at = (index % 2 * 2) as usize;
        let x = block[at] as u64 | (block[at + 1] as u64) << 32;
        ((x as u128 * n as u128) >> 64) as u64
    }
}

const fn low(x: u64) -> u32 {
    x as u32
}

const fn high(x: u64) -> u32 {
    (x >> 32) as u32
}

const fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    let mut round = 0;
    while round < ROUNDS {
        let left = MULTIPLIERS[0] as u64 * counter[0] as u64;
        let right = MULTIPLIERS[1] as u64 * counter[2] as u64;
        counter = [high(right) ^ counter[1] ^ key[0], low(right), high(left) ^ counter[3] ^ key[1], low(left)];
        key = [key[0].wrapping_add(KEY_STEPS[0]), key[1].wrapping_add(KEY_STEPS[1])];
        round += 1;
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The vectors for `philox4x32 10` in Random123's `kat_vectors`.
    #[test]
    fn known_answers() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox([u32::MAX; 4], [u32::MAX; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        let counter = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        let answer = [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1];
        assert_eq!(philox(counter, [0xa409_3822, 0x299f_31d0]), answer);
        let random = Random::new(0x299f_31d0_a409_3822, 0x0370_7344_1319_8a2e);
        assert_eq!(random.block(0x85a3_08d3_243f_6a88), answer);
    }

    #[test]
    fn words_are_the_blocks_in_order() {
        let random = Random::new(7, 1);
        for index in 0..16 {
            assert_eq!(random.bits(index), random.block(index / 4)[index as usize % 4]);
        }
        assert_eq!(random.bits(u64::MAX), random.block(u64::MAX / 4)[3]);
        let x = random.bits(6) as u64 | (random.bits(7) as u64) << 32;
        assert_eq!(random.below(3, 1 << 63), x >> 1);
    }

    #[test]
    fn uniform_numbers_have_the_moments_of_their_distribution() {
        let random = Random::new(42, 3);
        let n = 1u64 << 16;
        let (mut sum, mut squares, mut open_sum) = (0.0f64, 0.0f64, 0.0f64);
        let mut counts = [0u32; 10];
        for index in 0..n {
            let u = random.uniform(index) as f64;
            sum += u;
            squares += u * u;
            open_sum += random.open_uniform(index) as f64;
            counts[random.below(index, 10) as usize] += 1;
        }
        // Five standard deviations of each estimate.
        let bound = 5.0 / (n as f64).sqrt();
        assert!((sum / n as f64 - 0.5).abs() < bound * (1.0f64 / 12.0).sqrt());
        assert!((open_sum / n as f64 - 0.5).abs() < bound * (1.0f64 / 12.0).sqrt());
        assert!((squares / n as f64 - 1.0 / 3.0).abs() < bound * (4.0f64 / 45.0).sqrt());
        for count in counts {
            assert!((count as f64 / n as f64 - 0.1).abs() < bound * 0.3, "{counts:?}");
        }
    }

    #[test]
    fn open_interval_excludes_its_ends() {
        // The extreme words, through the formula of `open_uniform`.
        let value = |bits: u32| ((bits >> 9) * 2 + 1) as f32 * (1.0 / (1 << 24) as f32);
        assert_eq!(value(0), 1.0 / 16_777_216.0);
        assert_eq!(value(u32::MAX), 1.0 - 1.0 / 16_777_216.0);
    }

    proptest! {
        #[test]
        fn numbers_keep_to_their_range(seed: u64, stream: u64, index: u64, n: u64) {
            let random = Random::new(seed, stream);
            let u = random.uniform(index);
            prop_assert!((0.0..1.0).contains(&u));
            let open = random.open_uniform(index);
            prop_assert!(open > 0.0 && open < 1.0);
            prop_assert!(random.below(index, n) < n || n == 0);
            prop_assert_eq!(random.below(index, 1), 0);
        }
    }
}
