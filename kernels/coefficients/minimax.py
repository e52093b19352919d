"""Minimax polynomials with binary32 coefficients: Lawson's iteration, then one coefficient after the other is rounded.

For each polynomial q the greatest error |weight(t)·(q(t) − target(t))| on an interval is made least. The lowest coefficient is
then rounded to binary32 and the others are fitted anew around it, and so on upward, so that each absorbs what the rounding
of those before it cost. (Lawson's iteration, unlike Remez's exchange, does not mind weights that vanish inside the interval.)
"""

import struct

from mpmath import mp, mpf, lu_solve, matrix

mp.dps = 34
POINTS = 160
ITERATIONS = 40


def to_f32(x):
    """The nearest binary32 value."""
    return mpf(struct.unpack("f", struct.pack("f", float(x)))[0])


def points(lo, hi, count):
    """Chebyshev nodes from lo to hi."""
    return [(lo + hi) / 2 - (hi - lo) / 2 * mp.cos(mp.pi * (2 * i + 1) / (2 * count)) for i in range(count)]


def lawson(values, powers):
    """Coefficients of the `powers` of t that minimise the greatest weighted error over `values`: (t, target, weight)."""
    rows = [([w * t**p for p in powers], w * y) for t, y, w in values]
    share = [mpf(1) / len(rows)] * len(rows)
    n = len(powers)
    best, best_error = None, mpf("inf")
    for _ in range(ITERATIONS):
        a, b = matrix(n, n), matrix(n, 1)
        for s, (basis, y) in zip(share, rows):
            scaled = [s * v for v in basis]
            for i in range(n):
                b[i] += scaled[i] * y
                for j in range(i, n):
                    a[i, j] += scaled[i] * basis[j]
        for i in range(n):
            for j in range(i):
                a[i, j] = a[j, i]
        c = lu_solve(a, b)
        errors = [abs(sum(c[i] * v for i, v in enumerate(basis)) - y) for basis, y in rows]
        if max(errors) < best_error:
            best, best_error = [c[i] for i in range(n)], max(errors)
        total = sum(s * e for s, e in zip(share, errors))
        share = [s * e / total for s, e in zip(share, errors)]
    return best


def minimax_f32(target, weight, degree, lo, hi, fixed=(), count=POINTS):
    """Coefficients 0..degree as binary32 values, the lowest of them `fixed`, and the greatest weighted error that they leave."""
    values = [(t, target(t), weight(t)) for t in points(mpf(lo), mpf(hi), count)]
    chosen = list(fixed)
    for power in range(len(chosen), degree + 1):
        rest = [(t, y - sum(c * t**i for i, c in enumerate(chosen)), w) for t, y, w in values]
        chosen.append(to_f32(lawson(rest, range(power, degree + 1))[0]))
    error = max(abs(w * (sum(c * t**i for i, c in enumerate(chosen)) - y)) for t, y, w in values)
    return chosen, error
