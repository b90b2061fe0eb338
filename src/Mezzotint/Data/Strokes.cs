using Mezzotint.Runtime;

namespace Mezzotint.Data;

/// <summary>
/// Digits written by an imagined hand: a data set made from a seed, with no file at all, that looks like MNIST.
/// </summary>
/// <remarks>
/// Image i is a function of (seed, i): one of the variants of its digit (<see cref="DigitShapes"/>) is taken through
/// <code>
/// p' = p + N(0, s^2)                              the hand misses the points it aims at
/// path = a cubic Hermite curve through the p'     with the tangents of Catmull and Rom (1974), one-sided at corners
/// q = p + sum of sine waves of p                  elastic bend
/// (x, y) = R(angle) [width, slant; 0, 1] q        proportions, slant, rotation
/// </code>
/// then, as MNIST was made, fitted into a box of 20/28 of the image and centred by its mass, drawn with <see cref="RoundPen"/>
/// in a random thickness that varies along the stroke, and scaled to values from 0 (ground) to 255 (ink).
/// All in float64; sines and logarithms may differ in the last bit between systems, the values after rounding practically never
/// do.
/// </remarks>
public static class Strokes
{
    private const int PiecesPerSpan = 6;
    private static readonly string[] Digits = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

    /// <summary>Draws a data set.</summary>
    /// <param name="count">The number of images; image i shows the digit i mod 10, so that the classes are balanced.</param>
    /// <param name="seed">Image i depends on the seed and on i, not on the count.</param>
    /// <param name="size">Rows and columns of an image, at least 8.</param>
    /// <returns>Grey images [count, 1, size, size], white on black, and their digits.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is negative or <paramref name="size"/> too small,
    /// or all images together exceed 2 GB.</exception>
    public static ImageSet Make(int count, long seed, int size = 28)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 8);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((Int128)count * size * size, Array.MaxLength, nameof(count));
        byte[] pixels = new byte[count * size * size];
        byte[] labels = new byte[count];
        double[] coverage = new double[size * size];
        var path = new List<PenPoint>();
        for (int i = 0; i < count; i++)
        {
            labels[i] = (byte)(i % 10);
            Draw(labels[i], new RandomStream(seed, i), size, path, coverage, pixels.AsSpan(i * size * size, size * size));
        }
        return new ImageSet($"strokes (seed {seed})", pixels, labels, 1, size, size, Digits);
    }

    private static void Draw(int digit, RandomStream random, int size, List<PenPoint> path, double[] coverage, Span<byte> pixels)
    {
        var variants = DigitShapes.ByDigit[digit];
        var strokes = variants[random.Below(variants.Length)];
        double scale = size / 28.0;
        double radius = scale * Math.Clamp(random.Normal(1.25, 0.3), 0.75, 1.9);

        path.Clear();
        double jitter = Math.Abs(random.Normal(0.019, 0.007));
        var bend = new ElasticBend(random);
        var shear = new Slant(random, digit == 7 ? 0.95 : 0.65); // a narrow 7 could be a 1
        double pressure = random.Uniform(0, 0.22), phase = random.Uniform(0, 2 * Math.PI);
        foreach (var stroke in strokes)
        {
            bool down = false;
            foreach (var (x, y) in Curve(Missed(stroke, jitter, random)))
            {
                var (u, v) = bend.Apply(x, y);
                (u, v) = shear.Apply(u, v);
                path.Add(new(u, v, radius * (1 + pressure * Math.Sin(phase + 0.35 * path.Count)), down));
                down = true;
            }
        }
        Place(path, size, random);

        Array.Clear(coverage);
        for (int i = 1; i < path.Count; i++)
            if (path[i].Down)
                RoundPen.Line(coverage, size, path[i - 1], path[i]);
        Develop(coverage, random.Uniform(0.86, 1.2), pixels);
    }

    /// <summary>The points that the hand reaches instead of those it aims at.</summary>
    private static PathPoint[] Missed(PathPoint[] stroke, double deviation, RandomStream random) =>
        Array.ConvertAll(stroke, p => p with { X = random.Normal(p.X, deviation), Y = random.Normal(p.Y, deviation) });

    /// <summary>
    /// A cubic Hermite curve through the points: on each span, h(t) = a + m t + (3 (b - a) - 2 m - n) t^2 + (2 (a - b) + m + n)
    /// t^3.
    /// </summary>
    private static IEnumerable<(double X, double Y)> Curve(PathPoint[] points)
    {
        yield return (points[0].X, points[0].Y);
        for (int i = 1; i < points.Length; i++)
        {
            var (a, b) = (points[i - 1], points[i]);
            // At corners and ends the tangent is the span's own direction; elsewhere it is parallel to the chord of the
            // neighbours.
            var before = i > 1 && !a.Corner ? points[i - 2] : a;
            var after = i + 1 < points.Length && !b.Corner ? points[i + 1] : b;
            double mx = (b.X - before.X) / (before == a ? 1 : 2), my = (b.Y - before.Y) / (before == a ? 1 : 2);
            double nx = (after.X - a.X) / (after == b ? 1 : 2), ny = (after.Y - a.Y) / (after == b ? 1 : 2);
            for (int k = 1; k <= PiecesPerSpan; k++)
            {
                double t = (double)k / PiecesPerSpan;
                yield return (Hermite(a.X, b.X, mx, nx, t), Hermite(a.Y, b.Y, my, ny, t));
            }
        }
    }

    private static double Hermite(double a, double b, double m, double n, double t) =>
        a + t * (m + t * (3 * (b - a) - 2 * m - n + t * (2 * (a - b) + m + n)));

    /// <summary>Fits the path, pen included, into the box and puts its centre of mass into the middle, to half a pixel as in
    /// MNIST.</summary>
    private static void Place(List<PenPoint> path, int size, RandomStream random)
    {
        double pixel = size / 28.0;
        double left = path.Min(p => p.X), right = path.Max(p => p.X);
        double top = path.Min(p => p.Y), bottom = path.Max(p => p.Y);
        double pen = path.Max(p => p.Radius);
        double box = 20 * pixel * random.Uniform(0.9, 1.0);
        double zoom = (box - 2 * pen) / Math.Max(right - left, bottom - top);

        double mass = 0, sumX = 0, sumY = 0; // of the ink: of each piece, its length times its width
        for (int i = 1; i < path.Count; i++)
        {
            if (!path[i].Down)
                continue;
            var (a, b) = (path[i - 1], path[i]);
            double ink = Math.Sqrt((b.X - a.X) * (b.X - a.X) + (b.Y - a.Y) * (b.Y - a.Y)) * (a.Radius + b.Radius);
            mass += ink;
            sumX += ink * (a.X + b.X) / 2;
            sumY += ink * (a.Y + b.Y) / 2;
        }
        double shiftX = size / 2.0 - zoom * sumX / mass + pixel * random.Uniform(-0.5, 0.5);
        double shiftY = size / 2.0 - zoom * sumY / mass + pixel * random.Uniform(-0.5, 0.5);
        double margin = pen + 0.5 + pixel; // of ground, all around, even where the mass lies far from the middle of the digit
        shiftX = Math.Clamp(shiftX, margin - zoom * left, size - margin - zoom * right);
        shiftY = Math.Clamp(shiftY, margin - zoom * top, size - margin - zoom * bottom);
        for (int i = 0; i < path.Count; i++)
            path[i] = path[i] with { X = zoom * path[i].X + shiftX, Y = zoom * path[i].Y + shiftY };
    }

    /// <summary>Ink times coverage, cut off at white.</summary>
    private static void Develop(double[] coverage, double ink, Span<byte> pixels)
    {
        for (int i = 0; i < pixels.Length; i++)
            pixels[i] = (byte)(255 * Math.Min(1, ink * coverage[i]) + 0.5);
    }

    /// <summary>A smooth displacement of the plane: two plane waves, each pushing into a random direction.</summary>
    private readonly struct ElasticBend
    {
        private readonly double[] waves = new double[10];

        public ElasticBend(RandomStream random)
        {
            for (int k = 0; k < waves.Length; k += 5)
            {
                double direction = random.Uniform(0, 2 * Math.PI), frequency = random.Uniform(2.5, 5.5); // in radians a unit
                (waves[k], waves[k + 1]) = (frequency * Math.Cos(direction), frequency * Math.Sin(direction));
                waves[k + 2] = random.Uniform(0, 2 * Math.PI);
                (waves[k + 3], waves[k + 4]) =
                    (Math.Clamp(random.Normal(0, 0.035), -0.06, 0.06), Math.Clamp(random.Normal(0, 0.035), -0.06, 0.06));
            }
        }

        public (double X, double Y) Apply(double x, double y)
        {
            double u = x, v = y;
            for (int k = 0; k < waves.Length; k += 5)
            {
                double wave = Math.Sin(waves[k] * x + waves[k + 1] * y + waves[k + 2]);
                u += waves[k + 3] * wave;
                v += waves[k + 4] * wave;
            }
            return (u, v);
        }
    }

    /// <summary>Proportions, slant and rotation: a linear map of the plane.</summary>
    private readonly struct Slant
    {
        private readonly double xx, xy, yx, yy;

        public Slant(RandomStream random, double narrowest)
        {
            double width = random.Uniform(narrowest, 1.05);
            double slant = Math.Clamp(random.Normal(0.12, 0.18), -0.3, 0.55); // hands lean to the right
            double angle = Math.Clamp(random.Normal(0, 0.09), -0.2, 0.2);
            double cos = Math.Cos(angle), sin = Math.Sin(angle);
            (xx, xy) = (cos * width, -cos * slant - sin);
            (yx, yy) = (sin * width, -sin * slant + cos);
        }

        public (double X, double Y) Apply(double x, double y) => (xx * x + xy * y, yx * x + yy * y);
    }
}
