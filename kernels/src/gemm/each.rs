//! Loops that are always unrolled.

/// The body for each `v` from 0 to below a constant, of at most 28. (LLVM unrolls by itself only what stays short. An array that a longer loop indexes is kept in
/// memory, not in registers.)
macro_rules! each {
    ($v:ident < $count:expr, $body:expr) => {
        each!($v < $count, $body, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27)
    };
    ($v:ident < $count:expr, $body:expr, $($value:literal)*) => {
        $(if const { $value < $count } {
            let $v = $value;
            $body
        })*
    };
}
pub(super) use each;
