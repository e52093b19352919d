//! The order of the rows in an epoch: a function of the seed and the epoch.

use steadynet_kernels::random::Random;

/// Streams of shuffles have this bit set. Other users of a training's seed take streams below it.
pub const SHUFFLE_STREAMS: u64 = 1 << 63;

/// Fills `indices` with a random permutation of `0 .. indices.len()`, whatever it held.
///
/// # Math
/// Fisher–Yates from the last place down: place `i` gets one of the places `0 ..= i`, each within 2⁻⁶⁴ of probability
/// `1/(i + 1)`, drawn at index `i` of stream `SHUFFLE_STREAMS + epoch` (the top bit of `epoch` is ignored).
/// # Shapes
/// At most 2³² indices: more rows a [`Dataset`](super::Dataset) does not hold. Never allocates.
/// # Determinism
/// The same permutation on every machine and for every previous content.
/// # Source
/// Durstenfeld, "Algorithm 235: random permutation", CACM 7(7), 1964.
pub fn shuffle(indices: &mut [u32], seed: u64, epoch: u64) {
    for (i, index) in indices.iter_mut().enumerate() {
        *index = i as u32;
    }
    let random = Random::new(seed, SHUFFLE_STREAMS | epoch);
    for i in (1..indices.len()).rev() {
        let j = random.below(i as u64, i as u64 + 1);
        indices.swap(i, j as usize);
    }
}

/// A random permutation of `0 .. rows`, as [`shuffle`] makes it.
pub fn shuffled_indices(rows: u32, seed: u64, epoch: u64) -> Vec<u32> {
    let mut indices = vec![0; rows as usize];
    shuffle(&mut indices, seed, epoch);
    indices
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_order_is_fixed() {
        // Calculated by another program. The contract: these never change.
        assert_eq!(shuffled_indices(10, 42, 0), [8, 2, 3, 7, 4, 6, 0, 9, 1, 5]);
        assert_eq!(shuffled_indices(10, 42, 1), [8, 5, 1, 7, 2, 4, 0, 6, 9, 3]);
    }

    #[test]
    fn every_order_is_equally_likely() {
        let mut counts = std::collections::BTreeMap::new();
        for epoch in 0..6000 {
            *counts.entry(shuffled_indices(3, 1, epoch)).or_insert(0u32) += 1;
        }
        assert_eq!(counts.len(), 6);
        // 1000 expected of each; the standard deviation is below 29.
        assert!(counts.values().all(|&count| count.abs_diff(1000) < 150), "{counts:?}");
    }

    proptest! {
        #[test]
        fn it_is_a_permutation_whatever_was_there(seed: u64, epoch: u64, mut indices: Vec<u32>) {
            let rows = indices.len() as u32;
            shuffle(&mut indices, seed, epoch);
            prop_assert_eq!(&indices, &shuffled_indices(rows, seed, epoch));
            indices.sort();
            prop_assert!(indices.into_iter().eq(0..rows));
        }
    }
}
