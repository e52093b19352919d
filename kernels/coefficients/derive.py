"""Prints the coefficients of `kernels/src/reference/math.rs` (python3 with mpmath; about a minute)."""

from mpmath import mp, mpf, log

from minimax import minimax_f32, to_f32


def series(f, terms):
    """Taylor coefficients of f at 0."""
    return mp.taylor(f, 0, terms)


def show(name, coefficients, error):
    print(f"{name}: greatest relative error 2^{float(log(error, 2)):.2f}")
    for c in coefficients:
        print(f"    {float(c)!r}")


LN2 = mp.ln(2)


def near_zero(f, drop, t):
    """(f(t) − its first `drop` Taylor terms)/t^drop, by series where the quotient would cancel."""
    if abs(t) < mpf("0.01"):
        return sum(c * t**i for i, c in enumerate(TAYLOR[f][drop:]))
    return (f(t) - sum(c * t**i for i, c in enumerate(TAYLOR[f][:drop]))) / t**drop


TAYLOR = {}


def with_series(f):
    TAYLOR[f] = series(f, 24)
    return f


exp = with_series(mp.exp)
log1p = with_series(lambda t: mp.log(1 + t))
tanh_ratio = lambda u: mp.tanh(mp.sqrt(u)) / mp.sqrt(u)
TAYLOR[tanh_ratio] = mp.taylor(mp.tanh, 0, 41)[1::2]

if __name__ == "__main__":
    hi = to_f32(LN2)
    print(f"ln 2 = {float(hi)!r} + {float(to_f32(LN2 - hi))!r}; log2 e = {float(to_f32(1 / LN2))!r}")
    # e^r = 1 + r + r²·q(r), e^r from 3/4 to 3/2
    show("exp", *minimax_f32(lambda r: near_zero(exp, 2, r), lambda r: r * r / mp.exp(r), 4, mp.log(mpf(3) / 4), mp.log(mpf(3) / 2)))
    # ln(1 + f) = f + f²·q(f)
    show("ln", *minimax_f32(lambda f: near_zero(log1p, 2, f), lambda f: abs(f * f / mp.log(1 + f)), 8, -0.25, 0.5))
    # tanh x = x + x³·q(x²), in u = x²
    show("tanh", *minimax_f32(lambda u: near_zero(tanh_ratio, 1, u), lambda u: u / tanh_ratio(u), 2, 0, 0.2554**2))
