"""Golden values for every named solver: python3 make_solver_fixture.py > solvers.json

Plain Python in float64, written from the papers and independent of Mezzotint's code. What a paper states for the
variance-preserving (VP) process is computed here in VP coordinates, alpha = 1 / sqrt(1 + s^2) and std = s alpha, on
x_vp = alpha x, with the network as a predictor of noise or data as the paper has it; only the states that are written
out are divided by alpha. So the golden values also check that Mezzotint's solvers, which work on x_vp / alpha alone,
are these. Integrals are done numerically (adaptive Simpson) and weights by solving the moment equations.

The denoiser is that of a mixture of two isotropic Gaussians in closed form. Two images of two pixels; nine levels,
the last 0. Draws of noise are listed in the order in which they are used.
"""
import json
import math
import random

WEIGHTS, MEANS, STDS = [0.4, 0.6], [-1.0, 1.2], [0.5, 0.35]
LEVELS = [10.0, 6.1, 3.3, 1.9, 1.0, 0.45, 0.2, 0.08, 0.0]
IMAGES, PIXELS = 2, 2
BETA_MIN, BETA_MAX = 0.1, 20.0

random.seed(20240607)
START = [[LEVELS[0] * random.gauss(0, 1) for _ in range(PIXELS)] for _ in range(IMAGES)]
DRAWS = [[[random.gauss(0, 1) for _ in range(PIXELS)] for _ in range(IMAGES)] for _ in range(40)]


# ---- the denoiser, D(x, s), one image at a time

def denoise(x, s):
    logs, posteriors = [], []
    for w, m, c in zip(WEIGHTS, MEANS, STDS):
        v = c * c + s * s
        logs.append(math.log(w) - 0.5 * len(x) * math.log(v) - sum((p - m) ** 2 for p in x) / (2 * v))
        posteriors.append([m + (c * c / v) * (p - m) for p in x])
    top = max(logs)
    r = [math.exp(l - top) for l in logs]
    return [sum(rk * post[i] for rk, post in zip(r, posteriors)) / sum(r) for i in range(len(x))]


def slope(x, s):
    return [(a - b) / s for a, b in zip(x, denoise(x, s))]


def add(*terms):
    return [sum(c * t[i] for c, t in terms) for i in range(len(terms[0][1]))]


# ---- VP coordinates

def alpha(s):
    return 1 / math.sqrt(1 + s * s)


def std(s):
    return s * alpha(s)


def lam(s):
    return math.log(alpha(s) / std(s))


def from_lam(l):
    return math.exp(-l)


def data_vp(xv, s):
    """The data prediction x_0 of a VP state."""
    return denoise([p / alpha(s) for p in xv], s)


def noise_vp(xv, s):
    """The noise prediction of a VP state."""
    return add((1 / std(s), xv), (-alpha(s) / std(s), data_vp(xv, s)))


def to_vp(x, s):
    return [alpha(s) * p for p in x]


def from_vp(xv, s):
    return [p / alpha(s) for p in xv]


# ---- mathematics

def simpson(f, a, b, tolerance=1e-14):
    def rule(fa, fm, fb, h):
        return h / 6 * (fa + 4 * fm + fb)

    def go(a, b, fa, fm, fb, whole, tol, depth):
        m = (a + b) / 2
        l, r = f((a + m) / 2), f((m + b) / 2)
        left, right = rule(fa, l, fm, m - a), rule(fm, r, fb, b - m)
        if depth == 0 or abs(left + right - whole) < 15 * tol:
            return left + right + (left + right - whole) / 15
        return go(a, m, fa, l, fm, left, tol / 2, depth - 1) + go(m, b, fm, r, fb, right, tol / 2, depth - 1)

    total = 0.0
    for i in range(8):  # panels first, so that no symmetry fools the error estimate
        p, q = a + (b - a) * i / 8, a + (b - a) * (i + 1) / 8
        fp, fm, fq = f(p), f((p + q) / 2), f(q)
        total += go(p, q, fp, fm, fq, rule(fp, fm, fq, q - p), tolerance, 25)
    return total


def solve(matrix, right):
    n = len(right)
    rows = [list(row) + [b] for row, b in zip(matrix, right)]
    for i in range(n):
        pivot = max(range(i, n), key=lambda k: abs(rows[k][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        for k in range(n):
            if k != i:
                factor = rows[k][i] / rows[i][i]
                rows[k] = [a - factor * b for a, b in zip(rows[k], rows[i])]
    return [rows[i][n] / rows[i][i] for i in range(n)]


def lagrange(nodes, j, t):
    return math.prod((t - n) / (nodes[j] - n) for k, n in enumerate(nodes) if k != j)


# ---- the walks. Each takes one image's start and its draws, and gives the states at LEVELS[1:].

def ddim(x, draws, eta):
    """Song et al. 2021 (DDIM), equations 12 and 16, in VP; abar = alpha^2."""
    states, use = [], iter(draws)
    for s, t in zip(LEVELS, LEVELS[1:]):
        ab, ab_prev = alpha(s) ** 2, alpha(t) ** 2
        xv = to_vp(x, s)
        e = noise_vp(xv, s)
        sig = eta * math.sqrt((1 - ab_prev) / (1 - ab)) * math.sqrt(1 - ab / ab_prev)
        x0 = [(p - math.sqrt(1 - ab) * q) / math.sqrt(ab) for p, q in zip(xv, e)]
        xv = add((math.sqrt(ab_prev), x0), (math.sqrt(max(1 - ab_prev - sig * sig, 0)), e))
        if sig > 0:
            xv = add((1, xv), (sig, next(use)))
        x = from_vp(xv, t)
        states.append(x)
    return states


def ddpm(x, draws):
    """Ho et al. 2020, equations 6 and 7: the posterior q(x_{t-1} | x_t, x_0), in VP."""
    states, use = [], iter(draws)
    for s, t in zip(LEVELS, LEVELS[1:]):
        ab, ab_prev = alpha(s) ** 2, alpha(t) ** 2
        a = ab / ab_prev
        beta = 1 - a
        xv = to_vp(x, s)
        x0 = data_vp(xv, s)
        mean = add((math.sqrt(ab_prev) * beta / (1 - ab), x0), (math.sqrt(a) * (1 - ab_prev) / (1 - ab), xv))
        variance = (1 - ab_prev) / (1 - ab) * beta
        xv = add((1, mean), (math.sqrt(variance), next(use))) if t > 0 else mean
        x = from_vp(xv, t)
        states.append(x)
    return states


def churned(x, s, n, use, churn):
    if churn is None:
        return x, s
    amount, low, high, scale = churn
    gamma = min(amount / n, math.sqrt(2) - 1) if low <= s <= high else 0
    if gamma == 0:
        return x, s
    hat = s + gamma * s
    return add((1, x), (scale * math.sqrt(hat * hat - s * s), next(use))), hat


def edm(x, draws, order, churn=None):
    """Karras et al. 2022, algorithm 2; order 1 leaves the correction out."""
    states, use, n = [], iter(draws), len(LEVELS) - 1
    for s, t in zip(LEVELS, LEVELS[1:]):
        x, s = churned(x, s, n, use, churn)
        d = slope(x, s)
        y = add((1, x), (t - s, d))
        if order == 2 and t > 0:
            y = add((1, x), ((t - s) / 2, d), ((t - s) / 2, slope(y, t)))
        x = y
        states.append(x)
    return states


def dpm_solver_2(x, s, t):
    """Lu et al. 2022 (DPM-Solver), algorithm 1, r = 1/2, noise prediction in VP."""
    if t == 0:
        return denoise(x, s)
    h = lam(t) - lam(s)
    m = from_lam(lam(s) + h / 2)
    xv = to_vp(x, s)
    u = add((alpha(m) / alpha(s), xv), (-std(m) * (math.exp(h / 2) - 1), noise_vp(xv, s)))
    y = add((alpha(t) / alpha(s), xv), (-std(t) * (math.exp(h) - 1), noise_vp(u, m)))
    return from_vp(y, t)


def split(s, t, eta):
    """k-diffusion's ancestral step."""
    up = min(t, eta * math.sqrt(t * t * (s * s - t * t) / (s * s)))
    return math.sqrt(t * t - up * up), up


def dpm2(x, draws, churn=None):
    states, use, n = [], iter(draws), len(LEVELS) - 1
    for s, t in zip(LEVELS, LEVELS[1:]):
        x, s = churned(x, s, n, use, churn)
        x = dpm_solver_2(x, s, t)
        states.append(x)
    return states


def dpm2_ancestral(x, draws, eta):
    states, use = [], iter(draws)
    for s, t in zip(LEVELS, LEVELS[1:]):
        down, up = split(s, t, eta)
        x = dpm_solver_2(x, s, down)
        if up > 0:
            x = add((1, x), (up, next(use)))
        states.append(x)
    return states


def dpmpp_2s(x, draws, eta):
    """Lu et al. 2022 (DPM-Solver++), algorithm 1, r = 1/2, data prediction in VP."""
    states, use, r = [], iter(draws), 0.5
    for s, t in zip(LEVELS, LEVELS[1:]):
        down, up = split(s, t, eta)
        if down == 0:
            x = denoise(x, s)
        else:
            h = lam(down) - lam(s)
            m = from_lam(lam(s) + r * h)
            xv = to_vp(x, s)
            d0 = data_vp(xv, s)
            u = add((std(m) / std(s), xv), (-alpha(m) * (math.exp(-r * h) - 1), d0))
            d = add((1 - 1 / (2 * r), d0), (1 / (2 * r), data_vp(u, m)))
            x = from_vp(add((std(down) / std(s), xv), (-alpha(down) * (math.exp(-h) - 1), d)), down)
        if up > 0:
            x = add((1, x), (up, next(use)))
        states.append(x)
    return states


def dpmpp_sde(x, draws, eta):
    """k-diffusion's single-step stochastic solver, r = 1/2, on one path W(1 / s^2)."""
    states, use = [], iter(draws)
    for s, t in zip(LEVELS, LEVELS[1:]):
        d = denoise(x, s)
        if t == 0:
            x = d
        else:
            m = math.sqrt(s * t)
            z1, z2 = next(use), next(use)
            tau = [1 / (level * level) for level in (s, m, t)]
            w1 = [math.sqrt(tau[1] - tau[0]) * z for z in z1]
            w = add((1, w1), (math.sqrt(tau[2] - tau[1]), z2))
            whole = [p / math.sqrt(tau[2] - tau[0]) for p in w]
            down, up = split(s, m, eta)
            u = add((down / s, x), (1 - down / s, d), (up, z1))
            down, up = split(s, t, eta)
            x = add((down / s, x), (1 - down / s, denoise(u, m)), (up, whole))
        states.append(x)
    return states


def dpmpp_multistep(x, draws, order, eta):
    """
    DPM-Solver++ multistep, data prediction in VP: order 2 is algorithm 2 (or SDE-DPM-Solver++(2M)); order 3 integrates the
    parabola through the last three predictions, numerically.
    """
    states, use, old = [], iter(draws), []
    for s, t in zip(LEVELS, LEVELS[1:]):
        xv = to_vp(x, s)
        d0 = data_vp(xv, s)
        if t == 0:
            states.append(d0)
            break
        h = lam(t) - lam(s)
        k = h * (1 + eta)
        y = add((std(t) / std(s) * math.exp(-eta * h), xv))
        if not old:
            y = add((1, y), (alpha(t) * (1 - math.exp(-k)), d0))
        elif order == 2:
            r = (lam(s) - lam(old[0][0])) / h
            y = add((1, y), (alpha(t) * (1 - math.exp(-k)), d0), (alpha(t) * (1 - math.exp(-k)) / (2 * r), add((1, d0), (-1, old[0][1]))))
        else:
            points = [(s, d0)] + old[:order - 1]
            nodes = [(lam(p) - lam(s)) / h for p, _ in points]
            for j, (_, value) in enumerate(points):
                w = simpson(lambda u: k * math.exp(-(1 - u) * k) * lagrange(nodes, j, u), 0, 1)
                y = add((1, y), (alpha(t) * w, value))
        if eta > 0:
            y = add((1, y), (std(t) * math.sqrt(1 - math.exp(-2 * eta * h)), next(use)))
        old = [(s, d0)] + old
        x = from_vp(y, t)
        states.append(x)
    return states


def lms(x, draws, order):
    """Adams-Bashforth: weights by the moment equations, sum_j c_j (s_j - s)^m = (t - s)^{m+1} / (m + 1)."""
    states, past = [], []
    for s, t in zip(LEVELS, LEVELS[1:]):
        past = ([(s, slope(x, s))] + past)[:order]
        n, unit = len(past), s - t
        c = solve([[((p - s) / unit) ** m for p, _ in past] for m in range(n)], [((t - s) / unit) ** (m + 1) / (m + 1) for m in range(n)])
        x = add((1, x), *[(unit * cj, d) for cj, (_, d) in zip(c, past)])
        states.append(x)
    return states


def plms(x, draws):
    """Liu et al. 2022 (PNDM): the transfer phi is a DDIM step, here in VP; the first step is an improved Euler step."""
    def phi(x, e, s, t):
        xv = to_vp(x, s)
        x0 = [(p - std(s) * q) / alpha(s) for p, q in zip(xv, e)]
        return from_vp(add((alpha(t), x0), (std(t), e)), t)

    states, past = [], []
    for s, t in zip(LEVELS, LEVELS[1:]):
        e = noise_vp(to_vp(x, s), s)
        past = [e] + past
        if len(past) == 1:
            e = add((0.5, e), (0.5, noise_vp(to_vp(phi(x, e, s, t), t), t)))
        elif len(past) == 2:
            e = add((3 / 2, past[0]), (-1 / 2, past[1]))
        elif len(past) == 3:
            e = add((23 / 12, past[0]), (-16 / 12, past[1]), (5 / 12, past[2]))
        else:
            e = add((55 / 24, past[0]), (-59 / 24, past[1]), (37 / 24, past[2]), (-9 / 24, past[3]))
        x = phi(x, e, s, t)
        states.append(x)
    return states


def deis(x, draws, order):
    """
    Zhang, Chen 2023, tAB-DEIS on VP with linear beta: x' = Psi(t', t) x + sum_j C_j e_j,
    C_j = integral of Psi(t', tau) beta(tau) / (2 std(tau)) l_j(tau) dtau, Psi(t', tau) = alpha(t') / alpha(tau).
    """
    def big(t):
        return BETA_MIN * t + (BETA_MAX - BETA_MIN) * t * t / 2

    def time(s):  # by bisection on std / alpha = s
        low, high = 0.0, 3.0
        for _ in range(200):
            mid = (low + high) / 2
            if math.expm1(big(mid)) < s * s:
                low = mid
            else:
                high = mid
        return high if s > 0 else 0.0

    states, past = [], []
    for s, t in zip(LEVELS, LEVELS[1:]):
        xv = to_vp(x, s)
        past = ([(time(s), noise_vp(xv, s))] + past)[:order]
        nodes = [p for p, _ in past]
        y = add((alpha(t) / alpha(s), xv))
        for j, (_, e) in enumerate(past):
            def integrand(v, j=j):  # tau = v^2, so that it stays finite at 0
                tau = v * v
                ratio = 2 * v / math.sqrt(-math.expm1(-big(tau))) if v > 0 else 2 / math.sqrt(BETA_MIN)
                return alpha(t) * math.exp(big(tau) / 2) * (BETA_MIN + (BETA_MAX - BETA_MIN) * tau) / 2 * ratio * lagrange(nodes, j, tau)
            y = add((1, y), (simpson(integrand, math.sqrt(time(s)), math.sqrt(time(t))), e))
        x = from_vp(y, t)
        states.append(x)
    return states


def unipc(x, draws, order, variant, corrector, final=False):
    """
    Zhao et al. 2023, data prediction in VP: x' = (std' / std) x + alpha' (1 - e^{-h}) m_0 + alpha' B sum_k a_k (m_k - m_0) / r_k, where
    sum_k a_k r_k^{n-1} B = integral of h e^{-(1 - u) h} u^n (so that u^n is integrated exactly); with one difference a = 1/2.
    """
    def step(xv, s, t, m0, others):
        h = lam(t) - lam(s)
        b = h if variant == "bh1" else 1 - math.exp(-h)
        y = add((std(t) / std(s), xv), (alpha(t) * (1 - math.exp(-h)), m0))
        r = [(lam(p) - lam(s)) / h for p, _ in others]
        if len(r) == 1:
            a = [0.5]
        else:
            moments = [simpson(lambda u: h * math.exp(-(1 - u) * h) * u ** n, 0, 1) for n in range(1, len(r) + 1)]
            a = solve([[rk ** n for rk in r] for n in range(len(r))], [m / b for m in moments])
        for ak, rk, (_, mk) in zip(a, r, others):
            y = add((1, y), (alpha(t) * b * ak / rk, mk), (-alpha(t) * b * ak / rk, m0))
        return y

    states, past = [], []  # past: (level, corrected VP state, prediction)
    last = order
    for i, (s, t) in enumerate(zip(LEVELS, LEVELS[1:])):
        xv = to_vp(x, s)
        m = data_vp(xv, s)
        if corrector and past:
            p, pv, pm = past[0]
            xv = step(pv, p, s, pm, [(q, qm) for q, _, qm in past[1:last]] + [(s, m)])
        past = [(s, xv, m)] + past
        last = min(order, len(LEVELS) - 2 - i) if final else order
        if t == 0:
            x = m
        else:
            x = from_vp(step(xv, s, t, m, [(q, qm) for q, _, qm in past[1:last]]), t)
        states.append(x)
    return states


def sa_solver(x, draws, order, eta, corrector, final=False):
    """
    Xue et al. 2023, data prediction in VP, tau^2 = eta: x' = (std' / std) e^{-eta h} x + std' sqrt(1 - e^{-2 eta h}) z
    + sum_j b_j m_j with b_j = std' times the integral of e^{-eta (l' - l)} (1 + eta) e^l l_j(l) over the step, l_j Lagrange's basis.
    """
    def step(xv, z, s, t, points):
        h = lam(t) - lam(s)
        y = add((std(t) / std(s) * math.exp(-eta * h), xv), (std(t) * math.sqrt(1 - math.exp(-2 * eta * h)), z))
        nodes = [lam(p) for p, _ in points]
        for j, (_, m) in enumerate(points):
            def integrand(l, j=j):
                return math.exp(-eta * (lam(t) - l)) * (1 + eta) * math.exp(l) * lagrange(nodes, j, l)
            y = add((1, y), (std(t) * simpson(integrand, lam(s), lam(t)), m))
        return y

    states, past, use = [], [], iter(draws)  # past: (level, corrected VP state, prediction)
    last, z = order, None
    for i, (s, t) in enumerate(zip(LEVELS, LEVELS[1:])):
        xv = to_vp(x, s)
        m = data_vp(xv, s)
        if corrector and past:
            xv = step(past[0][1], z, past[0][0], s, [(s, m)] + [(q, qm) for q, _, qm in past[:last]])
        past = [(s, xv, m)] + past
        last = min(order, len(LEVELS) - 2 - i) if final else order
        if t == 0:
            x = m
        else:
            z = next(use) if eta > 0 else [0.0] * len(x)
            x = from_vp(step(xv, z, s, t, [(q, qm) for q, _, qm in past[:last]]), t)
        states.append(x)
    return states


def lcm(x, draws):
    """Song et al. 2023 (consistency models), algorithm 1."""
    states, use = [], iter(draws)
    for s, t in zip(LEVELS, LEVELS[1:]):
        x = denoise(x, s)
        if t > 0:
            x = add((1, x), (t, next(use)))
        states.append(x)
    return states


def predictor_corrector(x, draws, snr, steps):
    """Song et al. 2021, algorithms 2 and 4; the last step, to 0, is the mean."""
    def score(x, s):
        return [(d - p) / (s * s) for p, d in zip(x, denoise(x, s))]

    def norm(v):
        return math.sqrt(sum(p * p for p in v))

    states, use = [], iter(draws)
    for s, t in zip(LEVELS, LEVELS[1:]):
        x = add((1, x), (s * s - t * t, score(x, s)))
        if t > 0:
            x = add((1, x), (math.sqrt(s * s - t * t), next(use)))
            for _ in range(steps):
                g, z = score(x, t), next(use)
                e = 2 * (snr * norm(z) / norm(g)) ** 2
                x = add((1, x), (e, g), (math.sqrt(2 * e), z))
        states.append(x)
    return states


def exact(x, draws):
    """The path itself, by the classical Runge-Kutta method in ln s with 4000 steps between two levels; D at the end."""
    def f(x, l):
        s = math.exp(l)
        return add((1, x), (-1, denoise(x, s)))

    states = []
    for s, t in zip(LEVELS, LEVELS[1:]):
        if t == 0:
            x = denoise(x, s)
        else:
            n = 4000
            h = (math.log(t) - math.log(s)) / n
            for i in range(n):
                l = math.log(s) + i * h
                k1 = f(x, l)
                k2 = f(add((1, x), (h / 2, k1)), l + h / 2)
                k3 = f(add((1, x), (h / 2, k2)), l + h / 2)
                k4 = f(add((1, x), (h, k3)), l + h)
                x = add((1, x), (h / 6, k1), (h / 3, k2), (h / 3, k3), (h / 6, k4))
        states.append(x)
    return states


# ---- other coordinates

def flow(s):
    """Lipman et al. 2023: the time of flow matching at which the ratio of noise to signal is s."""
    return s / (1 + s)


def velocity(y, t):
    """z - x_0 of the state y = (1 - t) x_0 + t z."""
    s = t / (1 - t)
    x = [p / (1 - t) for p in y]
    return add((1, slope(x, s)), (-1, denoise(x, s)))


def heun_flow(x, draws):
    """Heun's method on dy/dt = v; the last step, to t = 0, is Euler's."""
    states = []
    for s, u in zip(LEVELS, LEVELS[1:]):
        a, b = flow(s), flow(u)
        y = [(1 - a) * p for p in x]
        v = velocity(y, a)
        z = add((1, y), (b - a, v))
        if b > 0:
            z = add((1, y), ((b - a) / 2, v), ((b - a) / 2, velocity(z, b)))
        x = [p / (1 - b) for p in z]
        states.append(x)
    return states


def lms_flow(x, draws, order):
    """Adams-Bashforth on dy/dt = v, weights by the moment equations."""
    states, past = [], []
    for s, u in zip(LEVELS, LEVELS[1:]):
        a, b = flow(s), flow(u)
        y = [(1 - a) * p for p in x]
        past = ([(a, velocity(y, a))] + past)[:order]
        n = len(past)
        c = solve([[((p - a) / (a - b)) ** m for p, _ in past] for m in range(n)], [(-1) ** (m + 1) / (m + 1) for m in range(n)])
        y = add((1, y), *[((a - b) * cj, v) for cj, (_, v) in zip(c, past)])
        x = [p / (1 - b) for p in y]
        states.append(x)
    return states


def dpmpp_flow(x, draws, order, final):
    """d(y / t)/dt = -D / t^2 with D a polynomial in t."""
    states, past = [], []
    for i, (s, u) in enumerate(zip(LEVELS, LEVELS[1:])):
        a, b = flow(s), flow(u)
        d = denoise(x, s)
        past = ([(a, d)] + past)[:order]
        if b == 0:
            states.append(d)
            break
        known = past[:len(LEVELS) - 2 - i] if final else past
        nodes = [p for p, _ in known]
        y = add((b / a * (1 - a), x))
        for j, (_, value) in enumerate(known):
            y = add((1, y), (simpson(lambda t: b * lagrange(nodes, j, t) / (t * t), b, a), value))
        x = [p / (1 - b) for p in y]
        states.append(x)
    return states


def deis_log(x, draws, order):
    """DEIS with polynomials in ln s: C_j = integral of l_j(ln s) ds."""
    states, past = [], []
    for s, t in zip(LEVELS, LEVELS[1:]):
        past = ([(math.log(s), slope(x, s))] + past)[:order]
        if t == 0:
            states.append(denoise(x, s))
            break
        nodes = [p for p, _ in past]
        for j, (_, e) in enumerate(past):
            x = add((1, x), (simpson(lambda v: math.exp(v) * lagrange(nodes, j, v), math.log(s), math.log(t)), e))
        states.append(x)
    return states


# ---- further methods

EVEN = [[1], [3 / 2, -1 / 2], [23 / 12, -16 / 12, 5 / 12], [55 / 24, -59 / 24, 37 / 24, -9 / 24]]


def ipndm(x, draws):
    """Zhang, Chen 2023, iPNDM: Adams-Bashforth for even steps, orders 1, 2, 3, then 4."""
    states, past = [], []
    for s, t in zip(LEVELS, LEVELS[1:]):
        past = ([slope(x, s)] + past)[:4]
        x = add((1, x), *[((t - s) * w, e) for w, e in zip(EVEN[len(past) - 1], past)])
        states.append(x)
    return states


def plms_runge_kutta(x, draws):
    """Liu et al. 2022 (PNDM) with its start: three classical Runge-Kutta steps, here with the middle in s."""
    states, past = [], []
    for i, (s, t) in enumerate(zip(LEVELS, LEVELS[1:])):
        e = slope(x, s)
        past = ([e] + past)[:4]
        if i < 3:
            m = (s + t) / 2
            e2 = slope(add((1, x), (m - s, e)), m)
            e3 = slope(add((1, x), (m - s, e2)), m)
            e4 = slope(add((1, x), (t - s, e3)), t)
            x = add((1, x), *[((t - s) * w, k) for w, k in ((1 / 6, e), (1 / 3, e2), (1 / 3, e3), (1 / 6, e4))])
        else:
            x = add((1, x), *[((t - s) * w, k) for w, k in zip(EVEN[3], past)])
        states.append(x)
    return states


def dpmpp_2s_alternating(x, draws):
    """diffusers, DPMSolverSinglestepScheduler of order 2 in data prediction: orders 1, 2, 1, 2, ... in VP."""
    states, start = [], None
    for i, (s, t) in enumerate(zip(LEVELS, LEVELS[1:])):
        xv = to_vp(x, s)
        m = data_vp(xv, s)
        if t == 0:
            states.append(m)
            break
        if i % 2 == 0:
            h = lam(t) - lam(s)
            y = add((std(t) / std(s), xv), (-alpha(t) * (math.exp(-h) - 1), m))
            start = (s, xv, m)
        else:
            s1, x1, m1 = start
            h, h0 = lam(t) - lam(s1), lam(s) - lam(s1)
            d1 = add((h / h0, m), (-h / h0, m1))
            y = add((std(t) / std(s1), x1), (-alpha(t) * (math.exp(-h) - 1), m1), (-0.5 * alpha(t) * (math.exp(-h) - 1), d1))
        x = from_vp(y, t)
        states.append(x)
    return states


def dpmpp_3m_published(x, draws):
    """The authors' program, multistep_dpm_solver_third_update in data prediction, and its second-order update."""
    states, past = [], []
    for s, t in zip(LEVELS, LEVELS[1:]):
        xv = to_vp(x, s)
        m0 = data_vp(xv, s)
        if t == 0:
            states.append(m0)
            break
        h = lam(t) - lam(s)
        phi_1 = math.expm1(-h)
        phi_2 = phi_1 / h + 1
        phi_3 = phi_2 / h - 0.5
        y = add((std(t) / std(s), xv), (-alpha(t) * phi_1, m0))
        if past:
            r0 = (lam(s) - past[0][0]) / h
            d10 = add((1 / r0, m0), (-1 / r0, past[0][1]))
            if len(past) == 1:
                y = add((1, y), (-0.5 * alpha(t) * phi_1, d10))
            else:
                r1 = (past[0][0] - past[1][0]) / h
                d11 = add((1 / r1, past[0][1]), (-1 / r1, past[1][1]))
                d1 = add((1 + r0 / (r0 + r1), d10), (-r0 / (r0 + r1), d11))
                d2 = add((1 / (r0 + r1), d10), (-1 / (r0 + r1), d11))
                y = add((1, y), (alpha(t) * phi_2, d1), (-alpha(t) * phi_3, d2))
        past = [(lam(s), m0)] + past
        x = from_vp(y, t)
        states.append(x)
    return states


def dpmpp_2m_heun(x, draws, eta):
    """diffusers, solver_type heun: the second term is alpha ((e^{-k} - 1) / k + 1) D_1."""
    states, use, old = [], iter(draws), None
    for s, t in zip(LEVELS, LEVELS[1:]):
        xv = to_vp(x, s)
        d0 = data_vp(xv, s)
        if t == 0:
            states.append(d0)
            break
        h = lam(t) - lam(s)
        k = h * (1 + eta)
        y = add((std(t) / std(s) * math.exp(-eta * h), xv), (alpha(t) * (1 - math.exp(-k)), d0))
        if old:
            r = (lam(s) - old[0]) / h
            y = add((1, y), (alpha(t) * (math.expm1(-k) / k + 1) / r, add((1, d0), (-1, old[1]))))
        if eta > 0:
            y = add((1, y), (std(t) * math.sqrt(1 - math.exp(-2 * eta * h)), next(use)))
        old = (lam(s), d0)
        x = from_vp(y, t)
        states.append(x)
    return states


CHURN = (6.0, 0.3, 8.0, 1.01)
CASES = {
    "ddpm": lambda x, d: ddpm(x, d),
    "ddim": lambda x, d: ddim(x, d, 0),
    "ddim eta 0.5": lambda x, d: ddim(x, d, 0.5),
    "euler": lambda x, d: edm(x, d, 1),
    "euler churn": lambda x, d: edm(x, d, 1, CHURN),
    "euler-ancestral": lambda x, d: ddim(x, d, 1),
    "heun": lambda x, d: edm(x, d, 2),
    "heun churn": lambda x, d: edm(x, d, 2, CHURN),
    "dpm2": lambda x, d: dpm2(x, d),
    "dpm2 churn": lambda x, d: dpm2(x, d, CHURN),
    "dpm2-ancestral": lambda x, d: dpm2_ancestral(x, d, 1),
    "dpmpp-2s": lambda x, d: dpmpp_2s(x, d, 0),
    "dpmpp-2s eta 1": lambda x, d: dpmpp_2s(x, d, 1),
    "dpmpp-2m": lambda x, d: dpmpp_multistep(x, d, 2, 0),
    "dpmpp-3m": lambda x, d: dpmpp_multistep(x, d, 3, 0),
    "dpmpp-sde": lambda x, d: dpmpp_sde(x, d, 1),
    "dpmpp-2m-sde": lambda x, d: dpmpp_multistep(x, d, 2, 1),
    "dpmpp-2m-sde eta 0.7": lambda x, d: dpmpp_multistep(x, d, 2, 0.7),
    "dpmpp-3m-sde": lambda x, d: dpmpp_multistep(x, d, 3, 1),
    "lms": lambda x, d: lms(x, d, 4),
    "lms order 2": lambda x, d: lms(x, d, 2),
    "plms": lambda x, d: plms(x, d),
    "deis": lambda x, d: deis(x, d, 3),
    "deis order 2": lambda x, d: deis(x, d, 2),
    "unipc": lambda x, d: unipc(x, d, 2, "bh2", True),
    "unipc bh1": lambda x, d: unipc(x, d, 2, "bh1", True),
    "unipc order 3": lambda x, d: unipc(x, d, 3, "bh2", True),
    "unipc order 3 bh1 no corrector": lambda x, d: unipc(x, d, 3, "bh1", False),
    "sa-solver": lambda x, d: sa_solver(x, d, 2, 1, True),
    "sa-solver order 3 eta 0.5": lambda x, d: sa_solver(x, d, 3, 0.5, True),
    "sa-solver no corrector": lambda x, d: sa_solver(x, d, 2, 1, False),
    "sa-solver order 2 eta 0": lambda x, d: sa_solver(x, d, 2, 0, True),
    "sa-solver order 3 lower final": lambda x, d: sa_solver(x, d, 3, 1, True, True),
    "lcm": lambda x, d: lcm(x, d),
    "predictor-corrector": lambda x, d: predictor_corrector(x, d, 0.16, 2),
    "heun flow": lambda x, d: heun_flow(x, d),
    "lms flow": lambda x, d: lms_flow(x, d, 4),
    "dpmpp-2m flow": lambda x, d: dpmpp_flow(x, d, 2, False),
    "dpmpp-3m flow": lambda x, d: dpmpp_flow(x, d, 3, False),
    "dpmpp-3m flow lower final": lambda x, d: dpmpp_flow(x, d, 3, True),
    "dpmpp-3m published": lambda x, d: dpmpp_3m_published(x, d),
    "dpmpp-2m heun": lambda x, d: dpmpp_2m_heun(x, d, 0),
    "dpmpp-2m-sde heun": lambda x, d: dpmpp_2m_heun(x, d, 1),
    "dpmpp-2s-alternating": lambda x, d: dpmpp_2s_alternating(x, d),
    "deis log": lambda x, d: deis_log(x, d, 3),
    "ipndm": lambda x, d: ipndm(x, d),
    "plms runge-kutta": lambda x, d: plms_runge_kutta(x, d),
    "unipc order 3 lower final": lambda x, d: unipc(x, d, 3, "bh2", True, True),
    "dopri5": lambda x, d: exact(x, d),
}

if __name__ == "__main__":
    cases = {}
    for name, walk in CASES.items():
        images = [walk(START[i], [draw[i] for draw in DRAWS]) for i in range(IMAGES)]
        cases[name] = [[images[i][k] for i in range(IMAGES)] for k in range(len(LEVELS) - 1)]  # [step][image][pixel]
    print(json.dumps({"levels": LEVELS, "start": START, "draws": DRAWS, "states": cases}, indent=0))
