//! The command `steadynet`.

fn main() {}
