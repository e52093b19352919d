"""Piecewise polynomials in 16 intervals, whose coefficients vectors look up with one permutation.

A magnitude a belongs to the interval that the first four bits behind the leading one of w = 1 + step*a name: the two lowest bits of the
exponent and two bits of the fraction, so that intervals grow with a. In it, f(a) = c[0] + d*(c[1] + d*(...)) with d = a - centre, exact in
binary32. The centre is chosen, near the middle, where f is almost a binary32 number, so that rounding c[0] costs nothing.
"""

from mpmath import mpf

from minimax import minimax_f32, to_f32

INTERVALS = 16
# Centres are multiples of this, which makes a - centre exact.
GRAIN = mpf(2) ** -16


def interval(i, step):
    """The ends of interval i, a little beyond which rounding may carry w."""
    start = lambda i: ((1 + mpf(i % 4) / 4) * 2 ** (i // 4) - 1) / step
    slack = mpf(2) ** -22
    return max(start(i) * (1 - slack), mpf(0)), start(i + 1) * (1 + slack)


def centre(f, lo, hi):
    """Near the middle, where f is almost a binary32 number."""
    middle, reach = round((lo + hi) / 2 / GRAIN), int((hi - lo) / GRAIN / 20)
    candidates = [(middle + k) * GRAIN for k in range(-reach, reach + 1, reach // 200 + 1)]
    return min(candidates, key=lambda c: abs(f(c) - to_f32(f(c))) / f(c))


def table(f, degree, step, top, at_zero):
    """(centres, rows of coefficients, greatest relative error) for 0 <= a <= top; interval 0 has centre 0 and begins with `at_zero`."""
    centres, rows, worst = [], [], mpf(0)
    for i in range(INTERVALS):
        lo, hi = interval(i, mpf(step))
        if lo >= top:
            centres.append(mpf(0))
            rows.append([mpf(0)] * (degree + 1))
            continue
        hi = min(hi, mpf(top))
        c = mpf(0) if i == 0 else centre(f, lo, hi)
        fixed = at_zero if i == 0 else [to_f32(f(c))]
        # Relative to the value; at 0 the fixed coefficients leave an error that vanishes faster.
        weight = lambda d: 1 / f(c + d) if c + d > 0 else mpf(0)
        coefficients, error = minimax_f32(lambda d: f(c + d), weight, degree, lo - c, hi - c, fixed, 48)
        centres.append(c)
        rows.append(coefficients)
        worst = max(worst, error)
    return centres, rows, worst


def show(name, centres, rows, worst, log):
    """Prints the table as Rust: entry 12 + i (modulo 16) belongs to interval i, whose w begins with the bits 0x3f8 + 2i."""
    print(f"{name}: greatest relative error 2^{float(log(worst, 2)):.2f}")
    order = [(j + 4) % INTERVALS for j in range(INTERVALS)]
    line = lambda values: "    [" + ", ".join(repr(float(to_f32(values[i]))) for i in order) + "],"
    print("    // centres")
    print(line(centres))
    for power in range(len(rows[0])):
        print(line([row[power] for row in rows]))
