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
                let $rule = $crate::optimizer::Sgd { lr, l2 };
                $body
            }
            $crate::optimizer::Update::Momentum { lr, momentum, l2 } => {
                let $rule = $crate::optimizer::Momentum { lr, momentum, l2 };
                $body
            }
            $crate::optimizer::Update::Nesterov { lr, momentum, l2 } => {
                let $rule = $crate::optimizer::Nesterov { lr, momentum, l2 };
                $body
            }
            $crate::optimizer::Update::Adam { rate, beta1, beta2, epsilon, correction, l2, shrink } => {
                let $rule = $crate::optimizer::Adam { rate, beta1, beta2, epsilon, correction, l2, shrink };
                $body
            }
        }
    };
}
pub(crate) use with_rule;

/// The most matrices of state that a rule keeps beside the weights.
pub const MAX_STATES: usize = 2;

/// One step of an optimiser on a weight `w` with the gradient `g`, element by element. `l2` is a weight decay: the penalty
/// `l2/2 · w²` adds `l2 · w` to the gradient.
///
/// What is computed, operation by operation, is [`reference::step`](crate::reference::step).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Update {
    /// Gradient descent: `w ← w − lr·(g + l2·w)`.
    Sgd {
        /// Learning rate.
        lr: f32,
        /// Weight decay.
        l2: f32,
    },
    /// Momentum (heavy ball): `v ← momentum·v + (g + l2·w)`, then `w ← w − lr·v`.
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
    /// Nesterov's momentum: with `d = g + l2·w`, `v ← momentum·v + d`, then `w ← w − lr·(d + momentum·v)`.
    ///
    /// # Source
    /// Nesterov, Soviet Math. Doklady 27, 1983; in the form of Sutskever et al., ICML 2013, written for the weights at which the
    /// gradient is taken.
    Nesterov {
        /// Learning rate.
        lr: f32,
        /// Share of the velocity that is kept.
        momentum: f32,
        /// Weight decay.
        l2: f32,
    },
    /// Adam and AdamW: with `d = g + l2·w`, `m ← β₁·m + (1 − β₁)·d`, `v ← β₂·v + (1 − β₂)·d²`, then
    /// `w ← w − shrink·w − rate · m / (√(v·correction) + ε)`.
    ///
    /// The bias of moments that begin at zero is corrected by what step `t = 1, 2, …` passes: `rate = lr / (1 − β₁ᵗ)` and
    /// `correction = 1 / (1 − β₂ᵗ)`. AdamW's decay λ, apart from the moments, is `shrink = lr·λ`.
    ///
    /// # Source
    /// Kingma & Ba, ICLR 2015; Loshchilov & Hutter, ICLR 2019.
    Adam {
        /// Learning rate, over the sum of the weights in the first moment.
        rate: f32,
        /// Share of the first moment that is kept.
        beta1: f32,
        /// Share of the second moment that is kept.
        beta2: f32,
        /// What keeps the quotient finite.
        epsilon: f32,
        /// One over the sum of the weights in the second moment.
        correction: f32,
        /// Weight decay as a penalty.
        l2: f32,
        /// Share of the weight that is taken off, whatever its gradient.
        shrink: f32,
    },
}

impl Update {
    /// Number of matrices of state, each of the shape of the weights, that begin as zeros.
    pub const fn states(&self) -> usize {
        match self {
            Update::Sgd { .. } => 0,
            Update::Momentum { .. } | Update::Nesterov { .. } => 1,
            Update::Adam { .. } => 2,
        }
    }

    /// The same rule without weight decay: that of biases.
    pub const fn without_decay(mut self) -> Update {
        match &mut self {
            Update::Sgd { l2, .. } | Update::Momentum { l2, .. } | Update::Nesterov { l2, .. } => *l2 = 0.0,
            Update::Adam { l2, shrink, .. } => (*l2, *shrink) = (0.0, 0.0),
        }
        self
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
    pub lr: f32,
    pub l2: f32,
}

impl Rule for Sgd {
    const STATES: usize = 0;
    #[inline(always)]
    fn step<S: Simd>(self, simd: S, g: S::F, w: S::F, _: &mut [S::F; MAX_STATES]) -> S::F {
        simd.fma(simd.splat(-self.lr), simd.fma(simd.splat(self.l2), w, g), w)
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Momentum {
    pub lr: f32,
    pub momentum: f32,
    pub l2: f32,
}

impl Rule for Momentum {
    const STATES: usize = 1;
    #[inline(always)]
    fn step<S: Simd>(self, simd: S, g: S::F, w: S::F, [velocity, ..]: &mut [S::F; MAX_STATES]) -> S::F {
        *velocity = simd.fma(simd.splat(self.momentum), *velocity, simd.fma(simd.splat(self.l2), w, g));
        simd.fma(simd.splat(-self.lr), *velocity, w)
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Nesterov {
    pub lr: f32,
    pub momentum: f32,
    pub l2: f32,
}

impl Rule for Nesterov {
    const STATES: usize = 1;
    #[inline(always)]
    fn step<S: Simd>(self, simd: S, g: S::F, w: S::F, [velocity, ..]: &mut [S::F; MAX_STATES]) -> S::F {
        let g = simd.fma(simd.splat(self.l2), w, g);
        *velocity = simd.fma(simd.splat(self.momentum), *velocity, g);
        simd.fma(simd.splat(-self.lr), simd.fma(simd.splat(self.momentum), *velocity, g), w)
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Adam {
    pub rate: f32,
    pub beta1: f32,
    pub beta2: f32,
    pub epsilon: f32,
    pub correction: f32,
    pub l2: f32,
    pub shrink: f32,
}

impl Rule for Adam {
    const STATES: usize = 2;
    #[inline(always)]
    fn step<S: Simd>(self, simd: S, g: S::F, w: S::F, [m, v]: &mut [S::F; MAX_STATES]) -> S::F {
        let g = simd.fma(simd.splat(self.l2), w, g);
        *m = simd.fma(simd.splat(self.beta1), *m, simd.mul(simd.splat(1.0 - self.beta1), g));
        let square = simd.mul(simd.mul(simd.splat(1.0 - self.beta2), g), g);
        *v = simd.fma(simd.splat(self.beta2), *v, square);
        let spread = simd.add(simd.sqrt(simd.mul(*v, simd.splat(self.correction))), simd.splat(self.epsilon));
        let w = simd.fma(simd.splat(-self.shrink), w, w);
        simd.fma(simd.splat(-self.rate), simd.div(*m, spread), w)
    }
}
