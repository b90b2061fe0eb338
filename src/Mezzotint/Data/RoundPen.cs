namespace Mezzotint.Data;

/// <summary>A point under the pen.</summary>
/// <param name="X">To the right.</param>
/// <param name="Y">Downwards.</param>
/// <param name="Radius">The pen's radius there, in pixels.</param>
/// <param name="Down">Whether the pen came here drawing; false where a stroke begins.</param>
internal readonly record struct PenPoint(double X, double Y, double Radius, bool Down);

/// <summary>
/// Draws a line with a round pen into an image of coverages from 0 to 1, its edges one pixel soft.
/// </summary>
/// <remarks>
/// A pixel at distance d from the line's middle, where the pen has radius r, is covered by clamp(r - d + 1/2, 0, 1).
/// Where lines cross, the pixel keeps the larger of the two: ink does not get whiter than white.
/// </remarks>
internal static class RoundPen
{
    /// <summary>Draws the straight line from <paramref name="a"/> to <paramref name="b"/>.</summary>
    /// <param name="coverage">[size, size], row-major; pixel (0, 0) has its centre at (0.5, 0.5).</param>
    /// <param name="size">Rows and columns of the image.</param>
    /// <param name="a">Where the line begins.</param>
    /// <param name="b">Where it ends; the same point as <paramref name="a"/> gives a dot.</param>
    public static void Line(Span<double> coverage, int size, PenPoint a, PenPoint b)
    {
        double reach = Math.Max(a.Radius, b.Radius) + 0.5;
        int left = First(Math.Min(a.X, b.X) - reach, size), right = First(Math.Max(a.X, b.X) + reach, size);
        int top = First(Math.Min(a.Y, b.Y) - reach, size), bottom = First(Math.Max(a.Y, b.Y) + reach, size);
        double dx = b.X - a.X, dy = b.Y - a.Y;
        double lengthSquared = dx * dx + dy * dy;
        double inverse = lengthSquared > 0 ? 1 / lengthSquared : 0;

        for (int row = top; row < bottom; row++)
            for (int column = left; column < right; column++)
            {
                double px = column + 0.5 - a.X, py = row + 0.5 - a.Y;
                double along = Math.Clamp((px * dx + py * dy) * inverse, 0, 1); // of the line, the nearest point
                double ex = px - along * dx, ey = py - along * dy;
                double edge = a.Radius + along * (b.Radius - a.Radius) + 0.5;
                double distanceSquared = ex * ex + ey * ey;
                if (edge <= 0 || distanceSquared >= edge * edge)
                    continue;
                double covered = Math.Min(edge - Math.Sqrt(distanceSquared), 1);
                ref double pixel = ref coverage[row * size + column];
                if (covered > pixel)
                    pixel = covered;
            }
    }

    /// <summary>The first pixel whose centre is not before <paramref name="position"/>, within the image.</summary>
    private static int First(double position, int size) => (int)Math.Clamp(Math.Ceiling(position - 0.5), 0, size);
}
