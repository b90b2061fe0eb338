namespace Mezzotint.Training;

/// <summary>
/// The arithmetic of power-function averages: at step t the weights of step tau count p(tau) = (gamma + 1) tau^gamma / t^(gamma +
/// 1), tau from 0 to t. An average of any width is a combination of ones that were kept.
/// </summary>
/// <remarks>Karras et al. 2024, "Analyzing and Improving the Training Dynamics of Diffusion Models", arXiv 2312.02696, section 3
/// and appendix C.</remarks>
public static class PowerFunctionAverage
{
    /// <summary>The width of gamma = 0, every step alike: 1 / sqrt(12) = 0.2887 of the training.</summary>
    public const double LargestWidth = 0.28;

    /// <summary>One average that is at hand.</summary>
    /// <param name="Width">Its width, a standard deviation over the length up to its step.</param>
    /// <param name="Step">The step that it was taken at.</param>
    public readonly record struct Snapshot(double Width, long Step);

    /// <summary>Whether there is an average of a width.</summary>
    public static bool IsWidth(double width) => width is > 0.001 and <= LargestWidth;

    /// <summary>The gamma of a width: the positive root of (gamma + 1) / ((gamma + 2)^2 (gamma + 3)) = width^2.</summary>
    /// <param name="width">More than 0.001, at most <see cref="LargestWidth"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such width.</exception>
    public static double Exponent(double width)
    {
        if (!IsWidth(width))
            throw new ArgumentOutOfRangeException(
                nameof(width), width, $"A width is more than 0.001 and at most {LargestWidth}.");
        double low = 0, high = 1 / width; // the variance falls with gamma, and is below 1 / gamma^2
        for (int i = 0; i < 200 && high - low > 1e-14 * high; i++)
        {
            double middle = (low + high) / 2;
            if (Variance(middle) > width * width)
                low = middle;
            else
                high = middle;
        }
        return (low + high) / 2;
    }

    /// <summary>The width of a gamma.</summary>
    /// <param name="exponent">gamma, 0 or more.</param>
    public static double Width(double exponent) => Math.Sqrt(Variance(exponent));

    /// <summary>
    /// The factors with which snapshots add up to an average of another width. Their combined profile is nearest to the wanted
    /// one by least squares over the steps. They add up to nearly 1; some may be negative.
    /// </summary>
    /// <param name="snapshots">What is at hand.</param>
    /// <param name="target">What is wished for: a width at a step.</param>
    /// <exception cref="ArgumentException">There is no snapshot, or one is there twice.</exception>
    public static double[] Reconstruct(IReadOnlyList<Snapshot> snapshots, Snapshot target)
    {
        ArgumentNullException.ThrowIfNull(snapshots);
        if (snapshots.Count == 0 || snapshots.Distinct().Count() < snapshots.Count)
            throw new ArgumentException("An average is made of one or more different snapshots.", nameof(snapshots));
        (double Exponent, double Step)[] profiles =
        [
            .. snapshots.Append(target).Select(snapshot => (Exponent(snapshot.Width), (double)snapshot.Step)),
        ];
        int n = snapshots.Count;
        var gram = new double[n, n + 1]; // the last column is the right-hand side
        for (int i = 0; i < n; i++)
            for (int j = 0; j <= n; j++)
                gram[i, j] = Inner(profiles[i], profiles[j]);
        return Solve(gram);
    }

    /// <summary>The integral of the product of two profiles over the steps that both cover.</summary>
    internal static double Inner((double Exponent, double Step) a, (double Exponent, double Step) b)
    {
        // (ga + 1)(gb + 1) / (ga + gb + 1) m^(ga + gb + 1) / (ta^(ga + 1) tb^(gb + 1)), as ratios of the steps, whose powers
        // alone have no bound
        double m = Math.Min(a.Step, b.Step);
        double ratio = (a.Exponent + 1) * Math.Log(m / a.Step) + (b.Exponent + 1) * Math.Log(m / b.Step);
        return (a.Exponent + 1) * (b.Exponent + 1) / (a.Exponent + b.Exponent + 1) * Math.Exp(ratio) / m;
    }

    private static double Variance(double exponent) => (exponent + 1) / ((exponent + 2) * (exponent + 2) * (exponent + 3));

    /// <summary>Gauss's elimination with complete pivoting. Rows that are the sum of others to within rounding get the factor 0:
    /// they add nothing.</summary>
    private static double[] Solve(double[,] a)
    {
        int n = a.GetLength(0);
        var scale = new double[n]; // profiles of unit norm, or early narrow ones would outweigh all others
        for (int i = 0; i < n; i++)
            scale[i] = 1 / Math.Sqrt(a[i, i]);
        for (int i = 0; i < n; i++)
            for (int j = 0; j <= n; j++)
                a[i, j] *= scale[i] * (j < n ? scale[j] : 1);
        int[] order = [.. Enumerable.Range(0, n)];
        int rank = 0;
        for (; rank < n; rank++)
        {
            int pivot = rank; // the matrix is positive: its largest entry is on the diagonal
            for (int i = rank + 1; i < n; i++)
                if (a[order[i], order[i]] > a[order[pivot], order[pivot]])
                    pivot = i;
            (order[rank], order[pivot]) = (order[pivot], order[rank]);
            int p = order[rank];
            if (a[p, p] < 1e-12)
                break;
            for (int i = rank + 1; i < n; i++)
            {
                double factor = a[order[i], p] / a[p, p];
                for (int j = 0; j <= n; j++)
                    a[order[i], j] -= factor * a[p, j];
            }
        }
        var x = new double[n];
        for (int k = rank - 1; k >= 0; k--)
        {
            int p = order[k];
            double sum = a[p, n];
            for (int j = k + 1; j < rank; j++)
                sum -= a[p, order[j]] * x[order[j]];
            x[p] = sum / a[p, p];
        }
        for (int i = 0; i < n; i++)
            x[i] *= scale[i];
        return x;
    }
}
