//! Optimisers: update rules with their settings, checked, and what each step of them passes to the kernels.

use crate::error::Error;
use std::fmt;
use steadynet_kernels::Update;

/// How a gradient changes the parameters. Weight decay applies to weights and not to biases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Optimizer {
    rule: Rule,
    lr: f32,
    l2: f32,
}

/// A rule with the settings that are its own.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Rule {
    Sgd,
    Momentum { momentum: f32 },
    Nesterov { momentum: f32 },
    Adam(Adam),
    AdamW { adam: Adam, weight_decay: f32 },
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Adam {
    beta1: f32,
    beta2: f32,
    epsilon: f32,
}

/// The settings of the paper.
const ADAM: Adam = Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

/// Every rule as it begins, by name.
const RULES: [Rule; 5] = [
    Rule::Sgd,
    Rule::Momentum { momentum: 0.9 },
    Rule::Nesterov { momentum: 0.9 },
    Rule::Adam(ADAM),
    Rule::AdamW { adam: ADAM, weight_decay: 0.01 },
];

impl Rule {
    const fn name(&self) -> &'static str {
        match self {
            Rule::Sgd => "sgd",
            Rule::Momentum { .. } => "momentum",
            Rule::Nesterov { .. } => "nesterov",
            Rule::Adam(_) => "adam",
            Rule::AdamW { .. } => "adamw",
        }
    }

    /// A learning rate to begin with: Adam's steps have its length whatever the gradient.
    const fn usual_lr(&self) -> f32 {
        match self {
            Rule::Sgd | Rule::Momentum { .. } | Rule::Nesterov { .. } => 0.05,
            Rule::Adam(_) | Rule::AdamW { .. } => 0.001,
        }
    }

    /// The settings that the rule has beside the learning rate and `l2`, by name.
    fn settings(&mut self) -> impl Iterator<Item = (Setting, &mut f32)> {
        let (momentum, adam, weight_decay) = match self {
            Rule::Sgd => (None, None, None),
            Rule::Momentum { momentum } | Rule::Nesterov { momentum } => (Some(momentum), None, None),
            Rule::Adam(adam) => (None, Some(adam), None),
            Rule::AdamW { adam, weight_decay } => (None, Some(adam), Some(weight_decay)),
        };
        let adam = adam.map(|Adam { beta1, beta2, epsilon }| {
            [(Setting::Beta1, beta1), (Setting::Beta2, beta2), (Setting::Epsilon, epsilon)]
        });
        let momentum = momentum.map(|momentum| (Setting::Momentum, momentum));
        let weight_decay = weight_decay.map(|weight_decay| (Setting::WeightDecay, weight_decay));
        momentum.into_iter().chain(adam.into_iter().flatten()).chain(weight_decay)
    }
}

/// A setting that some optimisers have beside the learning rate and L2 weight decay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Setting {
    /// Share of the velocity that is kept.
    Momentum,
    /// Share of the first moment that is kept.
    Beta1,
    /// Share of the second moment that is kept.
    Beta2,
    /// What keeps Adam's quotient finite.
    Epsilon,
    /// AdamW's decay, apart from the moments.
    WeightDecay,
}

impl Setting {
    /// Its name in messages and model files.
    pub const fn name(self) -> &'static str {
        match self {
            Setting::Momentum => "momentum",
            Setting::Beta1 => "beta1",
            Setting::Beta2 => "beta2",
            Setting::Epsilon => "epsilon",
            Setting::WeightDecay => "weight_decay",
        }
    }

    /// The values that it may have, in words, and whether `value` is one.
    const fn check(self, value: f32) -> (&'static str, bool) {
        match self {
            Setting::Momentum | Setting::Beta1 | Setting::Beta2 => {
                ("a number from 0 to below 1", value >= 0.0 && value < 1.0)
            }
            Setting::Epsilon => ABOVE_0.check(value),
            Setting::WeightDecay => NOT_NEGATIVE.check(value),
        }
    }
}

/// A range of finite numbers.
struct Range {
    words: &'static str,
    zero: bool,
}

const ABOVE_0: Range = Range { words: "a finite number above 0", zero: false };
const NOT_NEGATIVE: Range = Range { words: "a finite number, not negative", zero: true };

impl Range {
    const fn check(self, value: f32) -> (&'static str, bool) {
        (self.words, value.is_finite() && (value > 0.0 || self.zero && value == 0.0))
    }
}

impl Optimizer {
    /// Every name that [`Optimizer::from_name`] takes.
    pub const NAMES: &'static [&'static str] =
        &[RULES[0].name(), RULES[1].name(), RULES[2].name(), RULES[3].name(), RULES[4].name()];

    const fn new(rule: Rule, lr: f32) -> Optimizer {
        Optimizer { rule, lr, l2: 0.0 }
    }

    /// Gradient descent, `w ← w − lr·g`.
    pub const fn sgd(lr: f32) -> Optimizer {
        Optimizer::new(Rule::Sgd, lr)
    }

    /// Gradient descent with momentum, `v ← momentum·v + g`, `w ← w − lr·v`.
    pub const fn momentum(lr: f32, momentum: f32) -> Optimizer {
        Optimizer::new(Rule::Momentum { momentum }, lr)
    }

    /// Gradient descent with Nesterov's momentum, `v ← momentum·v + g`, `w ← w − lr·(g + momentum·v)`.
    pub const fn nesterov(lr: f32, momentum: f32) -> Optimizer {
        Optimizer::new(Rule::Nesterov { momentum }, lr)
    }

    /// Adam: `w ← w − lr·m̂/(√v̂ + ε)` with the moments `m ← β₁·m + (1 − β₁)·g` and `v ← β₂·v + (1 − β₂)·g²`, corrected for their
    /// beginning at zero. β₁ = 0.9, β₂ = 0.999 and ε = 10⁻⁸ unless [set](Optimizer::with).
    ///
    /// # Source
    /// Kingma & Ba, "Adam: a method for stochastic optimization", ICLR 2015.
    pub const fn adam(lr: f32) -> Optimizer {
        Optimizer::new(Rule::Adam(ADAM), lr)
    }

    /// Adam with weight decay apart from the moments: `w` also loses `lr · weight_decay · w`.
    ///
    /// # Source
    /// Loshchilov & Hutter, "Decoupled weight decay regularization", ICLR 2019.
    pub const fn adamw(lr: f32, weight_decay: f32) -> Optimizer {
        Optimizer::new(Rule::AdamW { adam: ADAM, weight_decay }, lr)
    }

    /// The optimiser of that name with its usual settings (and the usual learning rate, unless one is given), or `None`.
    pub fn from_name(name: &str, lr: Option<f32>) -> Option<Optimizer> {
        let rule = RULES.into_iter().find(|rule| rule.name() == name)?;
        Some(Optimizer::new(rule, lr.unwrap_or(rule.usual_lr())))
    }

    /// The learning rate.
    pub const fn lr(&self) -> f32 {
        self.lr
    }

    /// The same optimiser with another value for a setting, or `None` if it has no such setting.
    pub fn with(mut self, setting: Setting, value: f32) -> Option<Optimizer> {
        let (_, place) = self.rule.settings().find(|(own, _)| *own == setting)?;
        *place = value;
        Some(self)
    }

    /// The settings that it has beside the learning rate and `l2`, with their values.
    pub fn settings(&self) -> Vec<(Setting, f32)> {
        let mut rule = self.rule;
        rule.settings().map(|(setting, value)| (setting, *value)).collect()
    }

    /// Adds L2 weight decay: the penalty `l2/2 · Σw²`, whose gradient is `l2·w`.
    #[must_use]
    pub const fn l2(mut self, l2: f32) -> Optimizer {
        self.l2 = l2;
        self
    }

    /// Numbers that it keeps for each parameter from step to step.
    pub fn states(self) -> usize {
        self.steps().next().map_or(0, |update| update.states())
    }

    /// What each step passes to the kernels, from the first on, without end.
    ///
    /// # Determinism
    /// The learning rates and corrections of Adam come from powers of β that are products in `f64`, one factor a step.
    pub fn steps(self) -> Steps {
        Steps { optimizer: self, powers: [1.0; 2] }
    }

    pub(crate) fn check(mut self) -> Result<(), Error> {
        let check = |name, (wanted, ok), given: f32| {
            if ok { Ok(()) } else { Err(Error::Setting { name, wanted, given: given.to_string() }) }
        };
        self.rule.settings().try_for_each(|(setting, value)| check(setting.name(), setting.check(*value), *value))?;
        check("learning rate", ABOVE_0.check(self.lr), self.lr)?;
        check("l2", NOT_NEGATIVE.check(self.l2), self.l2)
    }
}

impl fmt::Display for Optimizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rule.name())
    }
}

/// The [steps](Optimizer::steps) of an optimiser.
#[derive(Clone, Debug)]
pub struct Steps {
    optimizer: Optimizer,
    /// `β₁ᵗ` and `β₂ᵗ` after `t` steps.
    powers: [f64; 2],
}

impl Iterator for Steps {
    type Item = Update;

    /// Never `None`.
    fn next(&mut self) -> Option<Update> {
        let Optimizer { rule, lr, l2 } = self.optimizer;
        let mut adam = |Adam { beta1, beta2, epsilon }, weight_decay: f32| {
            let [first, second] = &mut self.powers;
            *first *= f64::from(beta1);
            *second *= f64::from(beta2);
            let rate = (f64::from(lr) / (1.0 - *first)) as f32;
            let correction = (1.0 / (1.0 - *second)) as f32;
            let shrink = (f64::from(lr) * f64::from(weight_decay)) as f32;
            Update::Adam { rate, beta1, beta2, epsilon, correction, l2, shrink }
        };
        Some(match rule {
            Rule::Sgd => Update::Sgd { lr, l2 },
            Rule::Momentum { momentum } => Update::Momentum { lr, momentum, l2 },
            Rule::Nesterov { momentum } => Update::Nesterov { lr, momentum, l2 },
            Rule::Adam(settings) => adam(settings, 0.0),
            Rule::AdamW { adam: settings, weight_decay } => adam(settings, weight_decay),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_an_optimizer_with_settings_that_can_be_set() {
        for name in Optimizer::NAMES {
            let optimizer = Optimizer::from_name(name, Some(0.1)).unwrap();
            assert_eq!(optimizer.to_string(), *name);
            optimizer.check().unwrap();
            for (setting, value) in optimizer.settings() {
                assert_eq!(optimizer.with(setting, value), Some(optimizer));
                let other = optimizer.with(setting, 0.25).unwrap();
                assert!(other.settings().contains(&(setting, 0.25)));
                for wrong in [-1.0, f32::NAN, f32::INFINITY] {
                    let error = optimizer.with(setting, wrong).unwrap().check().unwrap_err().to_string();
                    assert!(error.starts_with(&format!("{}: wanted ", setting.name())), "{error}");
                }
            }
        }
        assert_eq!(Optimizer::from_name("newton", None), None);
        assert_eq!(Optimizer::sgd(0.1).with(Setting::Momentum, 0.9), None);
        assert_eq!(Optimizer::adam(0.1).with(Setting::WeightDecay, 0.9), None);
    }

    /// Adam's first step has the length `lr` in every direction, whatever the gradient: what the corrections are for.
    #[test]
    fn the_first_step_of_adam_is_as_long_as_the_learning_rate() {
        let isa = steadynet_kernels::Isa::detect();
        for optimizer in [Optimizer::adam(0.01), Optimizer::adamw(0.01, 0.0)] {
            let (mut w, mut m, mut v) = ([1.0f32; 3], [0.0; 3], [0.0; 3]);
            let update = optimizer.steps().next().unwrap();
            steadynet_kernels::update(isa, update, &[1e-3, -20.0, 0.5], &mut w, &mut [&mut m, &mut v]).unwrap();
            for (w, expected) in w.iter().zip([0.99, 1.01, 0.99]) {
                assert!((w - expected).abs() < 1e-6, "{w} is not {expected}");
            }
        }
        // Decay takes its share whatever the gradient.
        let (mut w, mut m, mut v) = ([2.0f32], [0.0], [0.0]);
        let update = Optimizer::adamw(0.01, 0.5).steps().next().unwrap();
        steadynet_kernels::update(isa, update, &[0.0], &mut w, &mut [&mut m, &mut v]).unwrap();
        assert_eq!(w, [1.99]);
    }

    #[test]
    fn corrections_tend_to_1() {
        let updates: Vec<Update> = Optimizer::adam(0.5).steps().take(20_000).collect();
        let corrections = updates.iter().map(|update| match update {
            Update::Adam { rate, correction, .. } => (*rate, *correction),
            other => panic!("{other:?}"),
        });
        let corrections: Vec<(f32, f32)> = corrections.collect();
        assert!(
            (corrections[0].0 - 5.0).abs() < 1e-5 && (corrections[0].1 - 1000.0).abs() < 0.1,
            "{:?}",
            corrections[0]
        );
        assert!(corrections.windows(2).all(|pair| pair[1].0 <= pair[0].0 && pair[1].1 <= pair[0].1));
        assert_eq!(corrections[19_999], (0.5, 1.0));
    }
}
