"""Golden values for the figures of an evaluation: python3 make_evaluation_fixture.py > evaluation.json

Computed with NumPy and SciPy, straight from the definitions and independent of Mezzotint's code: the matrix root by
scipy.linalg.sqrtm (a Schur decomposition of the unsymmetric product, where Mezzotint solves symmetric eigenvalue
problems), kernels and neighbours over explicit pairs, principal components by a singular value decomposition of the
data (where Mezzotint takes the eigenvectors of the covariance).
"""
import json
import sys

import numpy
import scipy
import scipy.linalg

random = numpy.random.RandomState(20240611)


def points(count, scale, shift, skew):
    base = random.randn(count, 6) * scale
    base[:, 1] += skew * base[:, 0]
    return numpy.round(base + shift, 6)


A = points(40, 1.0, 0.0, 0.5)
B = points(53, 0.8, 0.3, -0.4)
FEW = points(4, 1.0, 0.1, 0.2)  # fewer points than coordinates: a singular covariance
SHIFT = numpy.array([3.0, 0, 0, 0, 0, 0])


def frechet(x, y):
    sx, sy = numpy.cov(x, rowvar=False), numpy.cov(y, rowvar=False)
    root = scipy.linalg.sqrtm(sx @ sy)
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + numpy.trace(sx + sy - 2 * root.real))


def kernel(x, y):
    return (float(x @ y) / len(x) + 1) ** 3


def kernel_distance(x, y):
    n, m = len(x), len(y)
    xx = sum(kernel(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    yy = sum(kernel(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    xy = sum(kernel(a, b) for a in x for b in y) / (n * m)
    return xx + yy - 2 * xy


def kernel_error(x, y):
    """First-order variance of the U-statistic: the variance of each point's own contribution."""
    n, m = len(x), len(y)
    a = [sum(kernel(x[i], x[j]) for j in range(n) if j != i) / (n - 1) - sum(kernel(x[i], b) for b in y) / m for i in range(n)]
    b = [sum(kernel(y[i], y[j]) for j in range(m) if j != i) / (m - 1) - sum(kernel(y[i], c) for c in x) / n for i in range(m)]
    return float(numpy.sqrt(4 * numpy.var(a, ddof=1) / n + 4 * numpy.var(b, ddof=1) / m))


def coverage(which, ground, k):
    radii = [sorted(numpy.linalg.norm(ground[i] - ground[j]) for j in range(len(ground)) if j != i)[k - 1] for i in range(len(ground))]
    inside = [any(numpy.linalg.norm(p - g) <= r for g, r in zip(ground, radii)) for p in which]
    return sum(inside) / len(which)


def vendi(x, squared_width):
    k = numpy.array([[numpy.exp(-((a - b) ** 2).sum() / squared_width) for b in x] for a in x])
    w = numpy.linalg.eigvals(k / len(x)).real
    w = w[w > 0]
    return float(numpy.exp(-(w * numpy.log(w)).sum()))


IMAGES = random.randint(0, 256, size=(30, 12)).astype(numpy.uint8)   # 30 images of 3 x 4
OTHERS = random.randint(0, 256, size=(7, 12)).astype(numpy.uint8)


def components(train, images):
    centred = train / 255.0 - train.mean(0) / 255.0
    _, _, axes = numpy.linalg.svd(centred, full_matrices=True)
    return numpy.abs((images / 255.0 - train.mean(0) / 255.0) @ axes.T)  # an axis has no sign


def nearest(images, among):
    distances = numpy.array([[numpy.sqrt(((a.astype(float) - b.astype(float)) ** 2).sum()) / 255 for b in among] for a in images])
    return distances.argmin(1).tolist(), distances.min(1).tolist()


index, distance = nearest(OTHERS, IMAGES)
json.dump({
    "provenance": "make_evaluation_fixture.py, Python %d.%d, NumPy %s, SciPy %s" % (*sys.version_info[:2], numpy.__version__, scipy.__version__),
    "a": A.tolist(), "b": B.tolist(), "few": FEW.tolist(),
    "frechet_a_b": frechet(A, B), "frechet_few_b": frechet(FEW, B), "frechet_a_shifted": frechet(A, A + SHIFT),
    "mean_a": A.mean(0).tolist(), "covariance_a": numpy.cov(A, rowvar=False).ravel().tolist(),
    "kernel_a_b": kernel_distance(A, B), "kernel_error_a_b": kernel_error(A, B),
    "precision_a_b": coverage(B, A, 3), "recall_a_b": coverage(A, B, 3),
    "vendi_a": vendi(A, 4.0), "vendi_b": vendi(B, 1.5),
    "total_variance_a": float(A.var(0, ddof=1).sum()),
    "images": IMAGES.tolist(), "others": OTHERS.tolist(),
    "components": components(IMAGES, OTHERS).tolist(),
    "nearest": index, "nearest_distance": distance,
    "percentiles": [float(numpy.percentile(distance, p)) for p in (0, 1, 30, 50, 100)],
}, sys.stdout, indent=None, separators=(",", ":"))
print()
