//! What the benchmarks share with each other and with the command `steadynet bench gemm`: shapes as people write them, operands, and the
//! check of results.

#[path = "../../src/bin/steadynet/bench/gemm/check.rs"]
pub mod check;
#[path = "../../src/bin/steadynet/bench/gemm/operand.rs"]
pub mod operand;
#[path = "../../src/bin/steadynet/bench/gemm/product.rs"]
pub mod product;
#[path = "../../src/bin/steadynet/bench/gemm/shape.rs"]
pub mod shape;
