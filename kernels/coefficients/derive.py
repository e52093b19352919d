"""Prints the coefficients of `kernels/src/reference/{math,gelu}.rs` (python3 with mpmath; a minute)."""

from mpmath import mp, mpf, log

from intervals import minimax_on_intervals
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
    # 2·√(2/π)·(1, 0.044715): the first in 21 bits, and what they lack
    two_u = [2 * mp.sqrt(2 / mp.pi) * c for c in (1, mpf("0.044715"))]
    rounded = [mp.nint(two_u[0] * 2**20) / 2**20, to_f32(two_u[1])]
    print(f"TWO_U_UPPER {[float(c) for c in rounded]}")
    print(f"TWO_U_LOWER {[float(to_f32(c - r)) for c, r in zip(two_u, rounded)]}")
    print(f"TWO_U_SLOPE {[float(to_f32(two_u[0])), float(to_f32(3 * two_u[1]))]}")
    # The normal distribution's tail without its exponential, −(1 − Φ(a))·e^(a²/2)
    scale = to_f32(15 / mpf("14.63"))
    tail = lambda a: -mp.erfc(a / mp.sqrt(2)) * mp.exp(a * a / 2) / 2
    centres, rows, error = minimax_on_intervals(tail, 6, scale, mpf("14.625"))
    print(f"INTERVALS {float(scale)!r}\nCENTRES {[float(c) for c in centres]}")
    print(f"MINUS_TAIL: greatest relative error 2^{float(log(error, 2)):.2f}")
    for power in range(7):
        print(f"    {[float(row[power]) for row in rows]}")
