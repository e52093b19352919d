//! Loops that are always unrolled.

/// The body for each `v` of a list (all from 0 to 27, if none is given) that is below a constant. (LLVM unrolls by itself only what stays short. An array that a
/// longer loop indexes is kept in memory, not in registers. The compiler checks the body once for each of the list, so short lists build faster.)
macro_rules! each {
    ($v:ident < $count:expr, $body:expr) => {
        each!($v in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27; $v < $count, $body)
    };
    ($v:ident in $($value:literal)*; $_:ident < $count:expr, $body:expr) => {
        $(if const { $value < $count } {
            let $v = $value;
            $body
        })*
    };
}
pub(super) use each;
