//! What the standalone formats have code for.

use super::{Output, Plan};
use steadynet_kernels::Activation;

/// The activations of which `runtime.rs.txt` and `runtime.h.txt` have a function.
pub(super) const ACTIVATIONS: &[Activation] =
    &[Activation::Identity, Activation::Sigmoid, Activation::Tanh, Activation::Relu];

/// A part of a runtime's text: from the line `part NAME` to the next one.
pub(super) fn part<'a>(text: &'a str, name: &str) -> &'a str {
    let marker = format!("//// {name}\n");
    let Some((_, behind)) = text.split_once(&marker) else { return "" };
    behind.split_once("//// ").map_or(behind, |(part, _)| part)
}

/// The parts of a runtime that a model's code needs, in their order.
pub(super) fn parts(plan: &Plan<'_>) -> Vec<&'static str> {
    let (sigmoid, tanh) = (plan.uses(Activation::Sigmoid), plan.uses(Activation::Tanh));
    let softmax = plan.output == Output::Softmax;
    let wanted = [
        ("fma", true),
        ("exp parts", sigmoid || tanh || softmax),
        ("power", sigmoid || tanh),
        ("scale", sigmoid || softmax),
        ("relu", plan.uses(Activation::Relu)),
        ("sigmoid", sigmoid),
        ("tanh", tanh),
        ("softmax", softmax),
    ];
    wanted.into_iter().filter(|&(_, wanted)| wanted).map(|(name, _)| name).collect()
}
