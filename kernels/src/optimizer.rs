//! How a gradient changes the weights.
//!
//! To add a rule: a variant of [`Update`] with its row in each `match` here, its [`Rule`], and its definition in
//! [`reference`](crate::reference).

use crate::isa::Isa;
use crate::lanes::{get, put};
use crate::matrix::{ShapeError, check_dimension, check_length};
use crate::simd::{Kernel, Simd};

/// Calls `$body` with the [`Rule`] of an [`Update`] as `$rule`.
macro_rules! with_rule {
    ($update:expr, $rule:ident => $body:expr) => {
        match $update {
            $crate::optimizer::Update::Sgd { lr, l2 } => {
                let $rule = $crate::optimizer::Sgd::new(lr, l2);
                $body
            }
            $crate::optimizer::Update::Momentum { lr, momentum, l2 } => {
                let $rule = $crate::optimizer::Momentum::new(lr, momentum, l2);
                $body
            }
        }
    };
}
pub(crate) use with_rule;

/// The most matrices of state that a rule keeps beside the weights.
pub const MAX_STATES: usize = 1;

/// One step of an optimiser on a weight `w` with the gradient `g`, element by element. `l2` is the weight decay: the penalty
/// `l2/2 · w²` adds `l2 · w` to the gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Update {
    /// Gradient descent: `w ← w − lr·(g + l2·w)`, computed as `fma(−lr, fma(l2, w, g), w)`.
    Sgd {
        /// Learning rate.
        lr: f32,
        /// Weight decay.
        l2: f32,
    },
    /// Momentum (heavy ball): `v ← momentum·v + (g + l2·w)`, then `w ← w − lr·v`, each one fused multiply-add.
    ///
    /// # Source
    /// Polyak, USSR Comput. Math. Math. Phys. 4(5), 1964; in the form of Sutskever et al., ICML 2013, with the learning rate outside.
    Momentum {
        /// Learning rate.
        lr: f32,
        /// Share of the velocity that is kept.
        momentum: f32,
        /// Weight decay.
        l2: f32,
    },
}

impl Update {
    /// Number of matrices of state, each of the shape of the weights, that begin as zeros.
    pub const fn states(&self) -> usize {
        match self {
            Update::Sgd { .. } => 0,
            Update::Momentum { .. } => 1,
        }
    }

    /// The same rule with this weight decay.
    pub const fn with_decay(self, l2: f32) -> Update {
        match self {
            Update::Sgd { lr, .. } => Update::Sgd { lr, l2 },
            Update::Momentum { lr, momentum, .. } => Update::Momentum { lr, momentum, l2 },
        }
    }
}

/// One step of an optimiser on weights whose gradient is known: what the epilogue
/// [`Epilogue::Update`](crate::Epilogue::Update) does, with the same bits.
///
/// # Shapes
/// `gradient`, `weights` and every state have the same length.
/// # Errors
/// [`ShapeError`]; nothing is written.
pub fn update(
    isa: Isa,
    update: Update,
    gradient: &[f32],
    weights: &mut [f32],
    states: &mut [&mut [f32]],
) -> Result<(), ShapeError> {
    check_length("gradient", weights.len(), gradient.len())?;
    check_dimension("states", "slices", update.states(), states.len())?;
    for state in states.iter() {
        check_length("state", weights.len(), state.len())?;
    }
    with_rule!(update, rule => isa.run(Step { rule, gradient, weights, states }));
    Ok(())
}

struct Step<'a, 'b, R> {
    rule: R,
    gradient: &'a [f32],
    weights: &'a mut [f32],
    states: &'a mut [&'b mut [f32]],
}

impl<R: Rule> Kernel for Step<'_, '_, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for j in (0..self.weights.len()).step_by(S::LANES) {
            let mut values = [simd.splat(0.0); MAX_STATES];
            for (value, state) in values.iter_mut().zip(&*self.states) {
                *value = get(simd, state, j);
            }
            let w = self.rule.step(simd, get(simd, self.gradient, j), get(simd, self.weights, j), &mut values);
            put(simd, self.weights, j, w);
            for (value, state) in values.into_iter().zip(&mut *self.states) {
                put(simd, state, j, value);
            }
        }
    }
}

/// One rule over vectors: the new weights from the gradient, the weights and the states, which change in place.
pub(crate) trait Rule: Copy {
    const STATES: usize;
    fn step<S: Simd>(self, simd: S, g: S::F, w: S::F, states: &mut [S::F; MAX_STATES]) -> S::F;
}

#[derive(Clone, Copy)]
pub(crate) struct Sgd {
    lr: f32,
    l2: f32,
}

#[derive(Clone, Copy)]
pub(crate) struct Momentum {
    lr: f32,
    momentum: f32,
    l2: f32,
}

impl Rule for Sgd {
    const STATES: usize = 0;
    #[inline(always)]
    fn step<S: Simd>(self, simd: S, g: S::F, w: S::F, _: &mut [S::F; MAX_STATES]) -> S::F {
        simd.fma(simd.splat(-self.lr), simd.fma(simd.splat(self.l2), w, g), w)
    }
}

impl Rule for Momentum {
    const STATES: usize = 1;
    #[inline(always)]
    fn step<S: Simd>(self, simd: S, g: S::F, w: S::F, [velocity, ..]: &mut [S::F; MAX_STATES]) -> S::F {
        *velocity = simd.fma(simd.splat(self.momentum), *velocity, simd.fma(simd.splat(self.l2), w, g));
        simd.fma(simd.splat(-self.lr), *velocity, w)
    }
}

impl Sgd {
    pub(crate) fn new(lr: f32, l2: f32) -> Sgd {
        Sgd { lr, l2 }
    }
}

impl Momentum {
    pub(crate) fn new(lr: f32, momentum: f32, l2: f32) -> Momentum {
        Momentum { lr, momentum, l2 }
    }
}
