namespace Mezzotint.Noise;

/// <summary>
/// The sigmoid schedule: alpha(t)^2 = (S(b) - S(u(t))) / (S(b) - S(a)), S(u) = 1 / (1 + exp(-u)), u(t) = a + t (b - a), with
/// a = start / temperature and b = end / temperature.
/// </summary>
/// <remarks>
/// Jabri, Fleet and Chen 2023, "Scalable Adaptive Computation for Iterative Generation", arXiv 2212.11972; in this form Chen
/// 2023, "On the Importance of Noise Scheduling for Diffusion Models", arXiv 2301.10972, algorithm 1. alpha(1) is 0. As a table,
/// no beta is above 0.999.
/// </remarks>
public sealed record SigmoidSchedule : NoiseSchedule
{
    /// <summary>The sigmoid's argument at t = 0, times the temperature.</summary>
    public double Start { get; init; } = -3;

    /// <summary>The sigmoid's argument at t = 1, times the temperature; more than <see cref="Start"/>.</summary>
    public double End { get; init; } = 3;

    /// <summary>Above 1 the fading is more even, below 1 more sudden; more than 0.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Where the level is <see cref="NoiseProcess.PureNoiseLevel"/>: 0.9999998 with the defaults.</summary>
    public override double MaximumTime => Time(LogAlphaAt(NoiseProcess.PureNoiseLevel));

    private double A => Start / Temperature;

    private double B => End / Temperature;

    /// <summary>1 - alpha^2. S(x) - S(y) = sinh((x - y) / 2) / (2 cosh(x / 2) cosh(y / 2)) loses no digits where x is close to
    /// y.</summary>
    private double Variance(double t) =>
        Math.Sinh(t * (B - A) / 2) / Math.Sinh((B - A) / 2) * Math.Cosh(B / 2) / Math.Cosh((A + t * (B - A)) / 2);

    private double SquaredAlpha(double t) =>
        Math.Sinh((1 - t) * (B - A) / 2) / Math.Sinh((B - A) / 2) * Math.Cosh(A / 2) / Math.Cosh((A + t * (B - A)) / 2);

    /// <inheritdoc/>
    public override double LogAlpha(double t)
    {
        double variance = Variance(t);
        return variance < 0.5 ? 0.5 * Exponentials.LogOnePlus(-variance) : 0.5 * Math.Log(SquaredAlpha(t));
    }

    /// <inheritdoc/>
    public override double Beta(double t)
    {
        // S'(u) (b - a) / (S(b) - S(u)), with S' = 1 / (4 cosh(u / 2)^2)
        double u = A + t * (B - A);
        return (B - A) * Math.Cosh(B / 2) / (2 * Math.Cosh(u / 2) * Math.Sinh((1 - t) * (B - A) / 2));
    }

    /// <inheritdoc/>
    public override double Time(double logAlpha)
    {
        double below = Sigmoid(A), above = Sigmoid(-B); // S(a) and 1 - S(b)
        double span = 1 - below - above;
        double squaredAlpha = Math.Exp(2 * logAlpha), variance = -Exponentials.ExpMinusOne(2 * logAlpha);
        double u = Math.Log((below + variance * span) / (above + squaredAlpha * span));
        return (u - A) / (B - A);
    }

    /// <inheritdoc/>
    public override NoiseSchedule WithZeroTerminalSnr() => this;

    /// <inheritdoc/>
    public override void Validate()
    {
        Check.Range("process.schedule.temperature", Temperature, Temperature is >= 0.01 and <= 100, "between 0.01 and 100");
        Check.Range("process.schedule.start", Start, Math.Abs(Start) <= 20 * Temperature, "within 20 temperatures of 0");
        Check.Range(
            "process.schedule.end", End, Math.Abs(End) <= 20 * Temperature && (End - Start) >= 0.01 * Temperature,
            "more than process.schedule.start, within 20 temperatures of 0");
    }

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));
}
