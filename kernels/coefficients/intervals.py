"""Piecewise polynomials on 16 intervals, whose coefficients a vector looks up with one permutation each.

A magnitude a belongs to the interval that four bits of w = 1 + scale*a name: the two lowest of the exponent and the two highest of the
fraction, so that intervals grow with a. In it f(a) = c[0] + d*(c[1] + d*(...)) with d = a - centre, which is exact in binary32. The centre
is chosen, near the middle, where f is almost a binary32 number, so that rounding c[0] costs nothing.
"""

from mpmath import mpf

from minimax import minimax_f32, to_f32

INTERVALS = 16
# Centres are multiples of this, which makes a - centre exact.
GRAIN = mpf(2) ** -16
POINTS = 48


def ends(i, scale):
    """The ends of interval i, a little beyond which rounding may carry w."""
    start = lambda i: ((1 + mpf(i % 4) / 4) * 2 ** (i // 4) - 1) / scale
    slack = mpf(2) ** -22
    return max(start(i) * (1 - slack), mpf(0)), start(i + 1) * (1 + slack)


def centre(f, lo, hi):
    """Near the middle, where f is almost a binary32 number."""
    middle, reach = round((lo + hi) / 2 / GRAIN), int((hi - lo) / GRAIN / 20)
    candidates = [(middle + k) * GRAIN for k in range(-reach, reach + 1, reach // 200 + 1)]
    return min(candidates, key=lambda c: abs(f(c) - to_f32(f(c))) / abs(f(c)))


def minimax_on_intervals(f, degree, scale, top):
    """(centres, their rows of coefficients, greatest relative error) for 0 <= a <= top. The first interval has centre 0, where f is exact."""
    centres, rows, worst = [], [], mpf(0)
    for i in range(INTERVALS):
        lo, hi = ends(i, scale)
        hi = min(hi, top)
        c = mpf(0) if i == 0 else centre(f, lo, hi)
        weight = lambda d: 1 / abs(f(c + d))
        coefficients, error = minimax_f32(lambda d: f(c + d), weight, degree, lo - c, hi - c, [to_f32(f(c))], POINTS)
        centres.append(c)
        rows.append(coefficients)
        worst = max(worst, error)
    # The lowest interval's w begins with the bits 0x3f8: number 12 of 16.
    order = [(i + 4) % INTERVALS for i in range(INTERVALS)]
    return [centres[i] for i in order], [rows[i] for i in order], worst
