using System.Globalization;

namespace Mezzotint.Noise;

/// <summary>
/// A discrete schedule: T steps, of which step k = 1 ... T takes the fraction beta_k of the variance, alpha(k / T)^2 = (1 -
/// beta_1) ... (1 - beta_k).
/// </summary>
/// <remarks>
/// The chain of Ho et al. 2020, "Denoising Diffusion Probabilistic Models", arXiv 2006.11239, equation 4. It is the continuous
/// process whose beta(t) is -T ln(1 - beta_k) between (k - 1) / T and k / T. ln alpha is linear between the entries, and all that
/// holds in continuous time holds here. The time of entry k is k / T; its index, from 0, is k - 1.
/// </remarks>
public sealed record TableSchedule : NoiseSchedule
{
    /// <summary>The most entries of a table.</summary>
    public const int MaximumCount = 1_000_000;

    private readonly double[] _betas;
    private readonly (NoiseSchedule Schedule, int TableLength, bool ZeroTerminalSnr)? _recipe;
    private readonly double[] _logAlphas; // at k / T for k = 0 ... T; the last is finite even where alpha is 0

    /// <summary>Makes a schedule from its betas.</summary>
    /// <param name="betas">beta_1 ... beta_T, each more than 0 and below 1; the last may be 1, which leaves no signal.</param>
    /// <exception cref="MezzotintException">There is no beta, there are too many, or one is out of its range; the message names
    /// it.</exception>
    public TableSchedule(IEnumerable<double> betas) : this(betas, null) { }

    internal TableSchedule(IEnumerable<double> betas, (NoiseSchedule Schedule, int TableLength, bool ZeroTerminalSnr)? recipe)
    {
        _recipe = recipe;
        ArgumentNullException.ThrowIfNull(betas);
        _betas = [.. betas.Take(MaximumCount + 1)];
        Check.Range(
            "process.schedule.table_length", _betas.Length, _betas.Length is >= 1 and <= MaximumCount,
            $"between 1 and {MaximumCount}");
        _logAlphas = new double[Count + 1];
        for (int k = 0; k < Count; k++)
        {
            double beta = _betas[k];
            Check.Range(
                $"betas[{k}]", beta, beta is > 0 and < 1 || beta == 1 && k == Count - 1,
                "more than 0 and below 1 (the last may be 1)");
            _logAlphas[k + 1] = _logAlphas[k] + 0.5 * Exponentials.LogOnePlus(-beta);
        }
        if (_betas[^1] == 1)
        {
            double last = LogAlphaAt(NoiseProcess.PureNoiseLevel);
            _logAlphas[^1] = last < _logAlphas[^2] ? last : _logAlphas[^2] - Math.Log(2);
        }
        SquaredAlphas =
            Array.AsReadOnly([.. _logAlphas.Skip(1).Select((logAlpha, k) => _betas[k] == 1 ? 0 : Math.Exp(2 * logAlpha))]);
    }

    /// <summary>Betas evenly spaced from the first to the last, as diffusers' <c>beta_schedule = "linear"</c>: Ho et al. 2020,
    /// arXiv 2006.11239, section 4.</summary>
    /// <param name="betaStart">beta of the first entry, more than 0 and below 1.</param>
    /// <param name="betaEnd">beta of the last, at least the first and below 1.</param>
    /// <param name="count">T, 2 or more.</param>
    /// <exception cref="MezzotintException">A number is out of its range.</exception>
    public static TableSchedule Linear(double betaStart = 0.0001, double betaEnd = 0.02, int count = 1000) =>
        new LinearSchedule { BetaMin = Scaled(betaStart, count), BetaMax = Scaled(betaEnd, count) }.ToTable(count);

    /// <summary>Betas whose roots are evenly spaced, as diffusers' <c>beta_schedule = "scaled_linear"</c>: Rombach et al. 2022,
    /// arXiv 2112.10752.</summary>
    /// <inheritdoc cref="Linear"/>
    public static TableSchedule ScaledLinear(double betaStart = 0.00085, double betaEnd = 0.012, int count = 1000) =>
        new ScaledLinearSchedule { BetaMin = Scaled(betaStart, count), BetaMax = Scaled(betaEnd, count) }.ToTable(count);

    /// <summary>beta as a schedule in continuous time has it: T times as much, to 15 digits, so that 0.00085 of 1000 is
    /// 0.85.</summary>
    private static double Scaled(double beta, int count)
    {
        Check.Range("beta", beta, beta is > 0 and < 1, "more than 0 and below 1");
        return (double)((decimal)beta * count);
    }

    /// <summary>The number T of entries.</summary>
    public int Count => _betas.Length;

    /// <summary>beta_1 ... beta_T.</summary>
    public IReadOnlyList<double> Betas => _betas.AsReadOnly();

    /// <summary>alpha^2 after each step, alpha-bar in the paper: T falling numbers. The last is exactly 0 where no signal is
    /// left.</summary>
    public IReadOnlyList<double> SquaredAlphas { get; }

    /// <inheritdoc/>
    public override bool EndsWithoutSignal => _betas[^1] == 1;

    /// <summary>Null for a table of a program's own betas.</summary>
    internal override (NoiseSchedule Schedule, int TableLength, bool ZeroTerminalSnr)? Recipe => _recipe;

    /// <summary>The time of the first entry: 1 / T.</summary>
    public override double MinimumTime => TimeOf(0);

    /// <summary>The time of an entry: (index + 1) / T.</summary>
    /// <param name="index">From 0 to T - 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such entry.</exception>
    public double TimeOf(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
        return (index + 1.0) / Count;
    }

    /// <summary>The index of the entry at a time, which networks with discrete time take: t T - 1, a fraction between two
    /// entries.</summary>
    /// <param name="t">The time; before the first entry it counts as the first.</param>
    public double IndexAt(double t) => Math.Clamp(t * Count - 1, 0, Count - 1);

    /// <summary>ln alpha(t): linear between the entries. Where the last beta is 1, the level at t = 1 counts as
    /// <see cref="NoiseProcess.PureNoiseLevel"/>, or as twice the one before where that is beyond it already.</summary>
    /// <param name="t">The time; it is held between 0 and 1.</param>
    public override double LogAlpha(double t)
    {
        double place = Math.Clamp(t, 0, 1) * Count;
        int k = Segment(place);
        return _logAlphas[k] + (place - k) * (_logAlphas[k + 1] - _logAlphas[k]);
    }

    /// <inheritdoc/>
    public override double Beta(double t)
    {
        int k = Segment(Math.Clamp(t, 0, 1) * Count);
        return 2 * Count * (_logAlphas[k] - _logAlphas[k + 1]);
    }

    /// <inheritdoc/>
    public override double Time(double logAlpha)
    {
        if (logAlpha <= _logAlphas[^1])
            return 1;
        // The last entry above it: ln alpha falls, so the search runs over its negative.
        int found = Array.BinarySearch(_logAlphas, logAlpha, Falling);
        int k = found >= 0 ? Math.Min(found, Count - 1) : Math.Max(~found - 1, 0);
        return Math.Max(0, (k + (_logAlphas[k] - logAlpha) / (_logAlphas[k] - _logAlphas[k + 1])) / Count);
    }

    /// <summary>This table.</summary>
    /// <param name="count">T, as it is.</param>
    /// <exception cref="MezzotintException">The table has another length.</exception>
    public override TableSchedule ToTable(int count)
    {
        Check.Range(
            "process.schedule.table_length", count, count == Count,
            $"{Count}, as the table is: cut the continuous schedule instead");
        return this;
    }

    /// <summary>The table with alpha_k replaced by (alpha_k - alpha_T) alpha_1 / (alpha_1 - alpha_T): 0 at the end, unchanged at
    /// the first entry.</summary>
    /// <exception cref="MezzotintException">The table has a single entry.</exception>
    public override NoiseSchedule WithZeroTerminalSnr()
    {
        Check.Range("process.schedule.table_length", Count, Count > 1, "2 or more for zero terminal signal-to-noise");
        if (_betas[^1] == 1)
            return this;
        // 1 - beta_k is the ratio of neighbouring alpha^2. alpha_k - alpha_T is taken from the logarithms, which keeps its
        // digits.
        var betas = new double[Count];
        betas[0] = _betas[0];
        betas[^1] = 1;
        for (int k = 1; k < Count - 1; k++)
        {
            double ratio = Exponentials.ExpMinusOne(_logAlphas[k + 1] - _logAlphas[^1]) / Exponentials.ExpMinusOne(
                _logAlphas[k] - _logAlphas[^1]);
            betas[k] = 1 - ratio * ratio;
        }
        return new TableSchedule(betas, _recipe is { } made ? made with { ZeroTerminalSnr = true } : null);
    }

    /// <summary>Nothing is left to check: the constructor did.</summary>
    public override void Validate() { }

    /// <summary>Two tables are equal where their betas are.</summary>
    /// <param name="other">Another table.</param>
    public bool Equals(TableSchedule? other) => other is not null && _betas.AsSpan().SequenceEqual(other._betas);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Count, _betas[0], _betas[^1]);

    /// <summary>The number of entries and the range of the betas.</summary>
    public override string ToString() =>
        string.Create(
            CultureInfo.InvariantCulture, $"TableSchedule {{ Count = {Count}, Betas = {_betas[0]:G4} ... {_betas[^1]:G4} }}");

    private static readonly IComparer<double> Falling = Comparer<double>.Create((a, b) => b.CompareTo(a));

    /// <summary>The step that ends at a place or contains it: an entry has its own beta, even where k / T T has been rounded
    /// up.</summary>
    private int Segment(double place) => Math.Clamp((int)Math.Ceiling(place - 1e-9) - 1, 0, Count - 1);
}
