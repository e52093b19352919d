"""Prints the coefficients of `kernels/src/reference/math.rs` (python3 with mpmath; ten seconds)."""

from mpmath import mp, mpf, log

from minimax import minimax_f32, to_f32


def show(name, coefficients, error):
    print(f"{name}: greatest relative error 2^{float(log(error, 2)):.2f}")
    for c in coefficients:
        print(f"    {float(c)!r}")


def near_zero(f, drop, t):
    """(f(t) − its first `drop` Taylor terms)/t^drop, by series where the quotient would cancel."""
    if abs(t) < mpf("0.01"):
        return sum(c * t**i for i, c in enumerate(TAYLOR[f][drop:]))
    return (f(t) - sum(c * t**i for i, c in enumerate(TAYLOR[f][:drop]))) / t**drop


TAYLOR = {}


def with_series(f):
    TAYLOR[f] = mp.taylor(f, 0, 24)
    return f


exp = with_series(mp.exp)
log1p = with_series(lambda t: mp.log(1 + t))
tanh_ratio = lambda u: mp.tanh(mp.sqrt(u)) / mp.sqrt(u)
TAYLOR[tanh_ratio] = mp.taylor(mp.tanh, 0, 41)[1::2]

if __name__ == "__main__":
    ln2 = mp.ln(2)
    hi = to_f32(ln2)
    upper = mp.floor(ln2 * 2**14) / 2**14
    print(f"LN2_HI {float(hi)!r} LN2_LO {float(to_f32(ln2 - hi))!r}")
    print(f"LN2_UPPER {float(upper)!r} LN2_LOWER {float(to_f32(ln2 - upper))!r}")
    print(f"LOG2_E {float(to_f32(1 / ln2))!r} ROUND_SHIFT {float(to_f32(mpf('0.5') - log(mpf('1.5'), 2)))!r}")
    # e^r = 1 + r + r²·q(r), e^r from 3/4 to 3/2
    show("EXP", *minimax_f32(lambda r: near_zero(exp, 2, r), lambda r: r * r / mp.exp(r), 4, log(mpf(3) / 4), log(mpf(3) / 2)))
    # ln(1 + f) = f + f²·q(f)
    show("LN", *minimax_f32(lambda f: near_zero(log1p, 2, f), lambda f: abs(f * f / log(1 + f)), 8, -0.25, 0.5))
    # tanh x = x + x³·q(x²), in u = x²
    show("TANH", *minimax_f32(lambda u: near_zero(tanh_ratio, 1, u), lambda u: u / tanh_ratio(u), 2, 0, 0.2554**2))
