//! Steps of optimisers.

use crate::fma::fma;
use crate::optimizer::Update;

/// One step of an optimiser: the new weight; the states change in place.
pub fn step(update: Update, g: f32, w: f32, states: &mut [f32]) -> f32 {
    match update {
        Update::Sgd { lr, l2 } => fma(-lr, fma(l2, w, g), w),
        Update::Momentum { lr, momentum, l2 } => {
            states[0] = fma(momentum, states[0], fma(l2, w, g));
            fma(-lr, states[0], w)
        }
        Update::Nesterov { lr, momentum, l2 } => {
            let g = fma(l2, w, g);
            states[0] = fma(momentum, states[0], g);
            fma(-lr, fma(momentum, states[0], g), w)
        }
        Update::Adam { rate, beta1, beta2, epsilon, correction, l2, shrink } => {
            let g = fma(l2, w, g);
            states[0] = fma(beta1, states[0], (1.0 - beta1) * g);
            states[1] = fma(beta2, states[1], ((1.0 - beta2) * g) * g);
            let spread = libm::sqrtf(states[1] * correction) + epsilon;
            fma(-rate, states[0] / spread, fma(-shrink, w, w))
        }
    }
}
