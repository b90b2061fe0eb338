namespace Mezzotint.Noise;

/// <summary>The straight path from image to noise: alpha(t) = 1 - t, std(t) = t, so x_t = (1 - t) x_0 + t z.</summary>
/// <remarks>
/// Its velocity dx/dt along a path is z - x_0. Lipman et al. 2023, "Flow Matching for Generative Modeling", arXiv 2210.02747; Liu
/// et al. 2023, "Flow Straight and Fast", arXiv 2209.03003. As a stochastic differential equation it has f = -1 / (1 - t) and g^2
/// = 2 t / (1 - t). Neither has a bound at t = 1, where the signal ends: <see cref="MaximumTime"/> is where the level is
/// <see cref="NoiseProcess.PureNoiseLevel"/>.
/// </remarks>
public sealed record FlowMatching : NoiseProcess
{
    /// <summary>The first time that is trained and sampled, in (0, 1).</summary>
    public override double MinimumTime { get; init; } = 1e-3;

    /// <inheritdoc/>
    public override bool EndsWithoutSignal => true;

    /// <summary>4096 / 4097 = 0.99976.</summary>
    public override double MaximumTime => Time(PureNoiseLevel);

    /// <summary>
    /// s, which draws the grid of times towards the noise where it is more than 1, as large images need, and towards the image
    /// where it is less; 1 leaves it even. It bears on <see cref="Times"/> and <see cref="ShiftTime"/> alone: a trained network
    /// keeps its meaning of t.
    /// </summary>
    public double Shift { get; init; } = 1;

    /// <summary>The shifted time t' = s t / (1 + (s - 1) t): the level is multiplied by s.</summary>
    /// <remarks>Esser et al. 2024, "Scaling Rectified Flow Transformers for High-Resolution Image Synthesis", arXiv 2403.03206,
    /// equation 23.</remarks>
    /// <param name="t">A time, 0 to 1, for instance a draw from the distribution that training has without shift.</param>
    public double ShiftTime(double t) => Shift * t / (1 + (Shift - 1) * t);

    /// <inheritdoc/>
    public override double Alpha(double t) => 1 - t;

    /// <inheritdoc/>
    public override double Std(double t) => t;

    /// <inheritdoc/>
    public override double Time(double level) => double.IsPositiveInfinity(level) ? 1 : level / (1 + level);

    /// <summary>f(t) = -1 / (1 - t).</summary>
    /// <param name="t">The time, 0 to <see cref="MaximumTime"/>.</param>
    public override double Drift(double t) => -1 / (1 - t);

    /// <summary>g(t) = sqrt(2 t / (1 - t)).</summary>
    /// <param name="t">The time, 0 to <see cref="MaximumTime"/>.</param>
    public override double Diffusion(double t) => Math.Sqrt(2 * t / (1 - t));

    /// <summary>The process's own grid of times: from <see cref="MaximumTime"/> down to <see cref="MinimumTime"/>, even before
    /// the shift.</summary>
    /// <param name="count">The number of times, 2 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is below 2.</exception>
    public override double[] Times(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 2);
        double first = Unshift(MaximumTime), last = Unshift(MinimumTime);
        var times = new double[count];
        for (int i = 0; i < count; i++)
            times[i] = ShiftTime(first + (last - first) * i / (count - 1));
        (times[0], times[^1]) = (MaximumTime, MinimumTime);
        return times;
    }

    /// <inheritdoc/>
    public override void Validate()
    {
        Check.Range("process.minimum_time", MinimumTime, MinimumTime > 0 && MinimumTime < MaximumTime, "between 0 and 0.9997");
        Check.Range("process.shift", Shift, Shift is >= 0.01 and <= 100, "between 0.01 and 100");
    }

    private double Unshift(double t) => t / (Shift - (Shift - 1) * t);
}
