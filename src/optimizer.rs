//! Optimisers: a kernel's update rule with its settings checked.

use crate::error::Error;
use std::fmt;
use steadynet_kernels::Update;

/// How a gradient changes the parameters. Weight decay applies to weights and not to biases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Optimizer(Update);

impl Optimizer {
    /// Every name that [`Optimizer::from_name`] takes.
    pub const NAMES: &'static [&'static str] = &["sgd", "momentum"];

    /// Gradient descent, `w ← w − lr·g`.
    pub const fn sgd(lr: f32) -> Optimizer {
        Optimizer(Update::Sgd { lr, l2: 0.0 })
    }

    /// Gradient descent with momentum, `v ← momentum·v + g`, `w ← w − lr·v`.
    pub const fn momentum(lr: f32, momentum: f32) -> Optimizer {
        Optimizer(Update::Momentum { lr, momentum, l2: 0.0 })
    }

    /// The optimiser of that name, or `None`; one without momentum ignores it.
    pub fn from_name(name: &str, lr: f32, momentum: f32) -> Option<Optimizer> {
        match name {
            "sgd" => Some(Optimizer::sgd(lr)),
            "momentum" => Some(Optimizer::momentum(lr, momentum)),
            _ => None,
        }
    }

    /// Adds L2 weight decay: the penalty `l2/2 · Σw²`, whose gradient is `l2·w`.
    #[must_use]
    pub const fn l2(self, l2: f32) -> Optimizer {
        Optimizer(self.0.with_decay(l2))
    }

    /// The kernel's rule.
    pub const fn update(self) -> Update {
        self.0
    }

    pub(crate) fn check(self) -> Result<(), Error> {
        let setting = |name, wanted, given: f32, ok: bool| {
            if ok { Ok(()) } else { Err(Error::Setting { name, wanted, given: given.to_string() }) }
        };
        let lr_and_l2 = |lr: f32, l2: f32| {
            setting("learning rate", "a finite number above 0", lr, lr.is_finite() && lr > 0.0)?;
            setting("l2", "a finite number, not negative", l2, l2.is_finite() && l2 >= 0.0)
        };
        match self.0 {
            Update::Sgd { lr, l2 } => lr_and_l2(lr, l2),
            Update::Momentum { lr, momentum, l2 } => {
                setting("momentum", "a number from 0 to below 1", momentum, (0.0..1.0).contains(&momentum))?;
                lr_and_l2(lr, l2)
            }
            // The kernels' list may grow: what is not checked here is not run.
            unknown => {
                Err(Error::Setting { name: "optimizer", wanted: "sgd or momentum", given: format!("{unknown:?}") })
            }
        }
    }
}

impl fmt::Display for Optimizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Update::Sgd { .. } => f.write_str("sgd"),
            Update::Momentum { .. } => f.write_str("momentum"),
            // A rule that the kernels have and this list has not.
            unknown => write!(f, "{unknown:?}"),
        }
    }
}
