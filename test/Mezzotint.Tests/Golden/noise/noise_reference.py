"""Reference numbers for the noise processes, schedules and levels, in 50 digits with mpmath.

Nothing here is copied from the library's formulas: signal is the numerical integral of beta, noise the numerical solution of the
variance equation or the plain definition, drift and diffusion are numerical derivatives, tables are running products, quantiles are
roots of mpmath's incomplete beta function (and compared with SciPy's). Run with Debian's python3-mpmath 1.2.1 and python3-scipy 1.10.1:

    python3 noise_reference.py > noise_reference.json
"""
import json

import mpmath as mp
from scipy.stats import beta as scipy_beta

mp.mp.dps = 50
m = mp.mpf


def linear_beta(lo, hi):
    return lambda t: m(lo) + t * (m(hi) - m(lo))


def scaled_beta(lo, hi):
    return lambda t: (mp.sqrt(m(lo)) + t * (mp.sqrt(m(hi)) - mp.sqrt(m(lo)))) ** 2


def alpha_of_beta(beta):
    return lambda t: mp.exp(-mp.quad(beta, [0, t]) / 2)


def cosine_alpha(offset):
    s = m(offset)
    return lambda t: mp.cos((t + s) / (1 + s) * mp.pi / 2) / mp.cos(s / (1 + s) * mp.pi / 2)


def sigmoid_alpha(start, end, temperature):
    def sigmoid(x):
        return 1 / (1 + mp.exp(-x))

    start, end, temperature = m(start), m(end), m(temperature)
    first, last = sigmoid(start / temperature), sigmoid(end / temperature)
    return lambda t: mp.sqrt((last - sigmoid((t * (end - start) + start) / temperature)) / (last - first))


def zero_terminal(alpha):
    last = alpha(m(1))
    return lambda t: (alpha(t) - last) / (1 - last)


def preserving(alpha):
    return alpha, lambda t: mp.sqrt(1 - alpha(t) ** 2)


def sub_preserving(beta):
    """The variance as the solution of dv/dt = -beta v + g^2, with g^2 as Song et al. 2021 define it (equation 12)."""
    def integral(a, b):
        return mp.quad(beta, [a, b])

    def std(t):
        def integrand(s):
            return beta(s) * (1 - mp.exp(-2 * integral(0, s))) * mp.exp(-integral(s, t))
        return mp.sqrt(mp.quad(integrand, [0, t / 8, t / 4, t / 2, t]))

    return alpha_of_beta(beta), std


def one(t):
    return m(1)


PROCESSES = {
    "variance-exploding": (one, lambda t: mp.sqrt(mp.quad(lambda s: m(25) ** (2 * s), [0, t / 2, t]))),
    "linear": preserving(alpha_of_beta(linear_beta("0.1", 20))),
    "scaled-linear": preserving(alpha_of_beta(scaled_beta("0.85", 12))),
    "cosine": preserving(cosine_alpha("0.008")),
    "sigmoid": preserving(sigmoid_alpha(-3, 3, 1)),
    "sigmoid-shifted": preserving(sigmoid_alpha(0, 3, "0.3")),
    "linear-zero-terminal": preserving(zero_terminal(alpha_of_beta(linear_beta("0.1", 20)))),
    "scaled-linear-zero-terminal": preserving(zero_terminal(alpha_of_beta(scaled_beta("0.85", 12)))),
    "sub-variance-preserving": sub_preserving(linear_beta("0.1", 20)),
    "edm": (one, lambda t: t),
    "flow": (lambda t: 1 - t, lambda t: t),
}
TIMES = [0.001, 0.01, 0.0625, 0.25, 0.5, 0.75, 0.9, 0.99]


def point(alpha, std, time):
    t = m(time)  # the double itself, to the last bit
    a, s = alpha(t), std(t)
    h = t * m(10) ** -12
    drift = (mp.log(alpha(t + h)) - mp.log(alpha(t - h))) / (2 * h)
    growth = (std(t + h) ** 2 - std(t - h) ** 2) / (2 * h)
    return {"t": time, "alpha": float(a), "std": float(s), "level": float(s / a), "halfLogSnr": float(mp.log(a / s)),
            "drift": float(drift), "diffusion": float(mp.sqrt(growth - 2 * drift * s * s))}


def spaced(lo, hi, count):
    return [lo + (hi - lo) * k / (count - 1) for k in range(count)]


def from_alpha(alpha, count):
    return [min(1 - (alpha(m(k + 1) / count) / alpha(m(k) / count)) ** 2, m("0.999")) for k in range(count)]


def rescaled(betas):
    """Algorithm 1 of Lin et al. 2023, on the roots of alpha-bar."""
    roots, product = [], m(1)
    for b in betas:
        product *= 1 - b
        roots.append(mp.sqrt(product))
    first, last = roots[0], roots[-1]
    bars = [((r - last) * first / (first - last)) ** 2 for r in roots]
    return [1 - bars[0]] + [1 - bars[k] / bars[k - 1] for k in range(1, len(bars))]


LINEAR = spaced(m("1e-4"), m("0.02"), 1000)
SCALED = [r * r for r in spaced(mp.sqrt(m("0.00085")), mp.sqrt(m("0.012")), 1000)]
TABLES = {
    "linear": LINEAR,
    "scaled-linear": SCALED,
    "cosine": from_alpha(cosine_alpha("0.008"), 1000),
    "cosine-50": from_alpha(cosine_alpha("0.008"), 50),
    "sigmoid": from_alpha(sigmoid_alpha(-3, 3, 1), 1000),
    "linear-zero-terminal": rescaled(LINEAR),
    "scaled-linear-zero-terminal": rescaled(SCALED),
}


def table(betas):
    count, product, bars = len(betas), m(1), []
    for b in betas:
        product *= 1 - b
        bars.append(product)
    wanted = sorted({0, 1, count // 10, count // 4, count // 2, 3 * count // 4, 9 * count // 10, count - 2, count - 1})
    return {"count": count, "entries": [{"index": k, "beta": float(betas[k]), "squaredAlpha": float(bars[k])} for k in wanted]}


def karras(hi, lo, count, rho):
    hi, lo, rho = m(hi), m(lo), m(rho)
    return [(r ** rho) for r in spaced(hi ** (1 / rho), lo ** (1 / rho), count)]


def polyexponential(hi, lo, count, rho):
    hi, lo = mp.log(m(hi)), mp.log(m(lo))
    return [mp.exp(lo + (1 - m(k) / (count - 1)) ** m(rho) * (hi - lo)) for k in range(count)]


def quantile(p, a, b):
    """A root of mpmath's incomplete beta function, in the logarithm where the quantile is small."""
    near = float(scipy_beta.ppf(float(p), float(a), float(b)))
    low, high = (m(near) * (1 - m("1e-3")), m(near) * (1 + m("1e-3"))) if near < 0.5 else (1 - (1 - m(near)) * (1 + m("1e-3")), 1 - (1 - m(near)) * (1 - m("1e-3")))
    root = mp.findroot(lambda x: mp.betainc(m(a), m(b), 0, x, regularized=True) - p, (low, high), solver="anderson", tol=1e-60)
    assert abs(root - near) < 1e-7 * root, (p, a, b, root, near)
    return root


def quantiles():
    rows = []
    for a, b in [("0.6", "0.6"), ("0.25", "0.25"), ("0.5", 1), (1, 1), (2, 3), (5, "0.6"), ("0.25", 100), (100, 100), (30, 2)]:
        for p in [m(1) / 999, m(1) / 64, m(1) / 4, m(1) / 2, m(3) / 4, m(63) / 64]:
            p = m(float(p))
            rows.append({"p": float(p), "a": float(m(a)), "b": float(m(b)), "x": float(quantile(p, m(float(m(a))), m(float(m(b)))))})
    return rows


def main():
    json.dump({
        "processes": {name: [point(*coefficients, t) for t in TIMES] for name, coefficients in PROCESSES.items()},
        "tables": {name: table(betas) for name, betas in TABLES.items()},
        "levels": {
            "karras-18": [float(x) for x in karras(80, "0.002", 18, 7)],
            "karras-rho-3": [float(x) for x in karras("14.6", "0.03", 10, 3)],
            "exponential-10": [float(x) for x in polyexponential(80, "0.002", 10, 1)],
            "polyexponential-10": [float(x) for x in polyexponential(80, "0.002", 10, "1.5")],
            "beta-8": [float(m("0.002") + (80 - m("0.002")) * x) for x in [1] + [quantile(1 - m(k) / 7, m("0.6"), m("0.6")) for k in range(1, 7)] + [0]],
        },
        "betaQuantiles": quantiles(),
        "logBeta": [{"a": a, "b": b, "value": float(mp.log(mp.beta(m(a), m(b))))} for a in [0.25, 0.6, 1.5, 11.9, 100.0] for b in [0.25, 0.6, 7.0, 100.0]],
    }, __import__("sys").stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
