using Mezzotint.Runtime;
using Mezzotint.Settings;
using static TorchSharp.torch;

namespace Mezzotint.Noise;

/// <summary>
/// How an image becomes noise: x_t = alpha(t) x_0 + std(t) z with z ~ N(0, I), for times from <see cref="MinimumTime"/> to
/// <see cref="MaximumTime"/>. All coefficients are float64; a new process needs to override only what is abstract.
/// </summary>
/// <remarks>
/// It is the law of the stochastic differential equation dx = f(t) x dt + g(t) dw, with f = d ln alpha / dt and g^2 = d std^2 /
/// dt - 2 f std^2. (Kingma et al. 2021, "Variational Diffusion Models", arXiv 2107.00630; for the linear equation in general:
/// Sarkka and Solin 2019, "Applied Stochastic Differential Equations", chapter 6).
/// <para>
/// All processes are one in <em>VE coordinates</em>: xHat = x / alpha(t) = x_0 + level z with level = std(t) / alpha(t), the
/// ratio of noise to signal (Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models", arXiv
/// 2206.00364, section 2). Denoisers, solvers and noise levels work there; <see cref="Time"/> leads back.
/// </para>
/// </remarks>
[SettingsKind("ve", typeof(VarianceExploding))]
[SettingsKind("vp", typeof(VariancePreserving))]
[SettingsKind("sub-vp", typeof(SubVariancePreserving))]
[SettingsKind("edm", typeof(Edm))]
[SettingsKind("flow", typeof(FlowMatching))]
public abstract record NoiseProcess
{
    /// <summary>
    /// The level that stands for pure noise where a process ends with no signal at all and its level has no bound. Its
    /// <see cref="MaximumTime"/> is where it has this level, a signal-to-noise ratio of 2^-24. A pixel's whole range is then
    /// 1/4096 of the noise.
    /// </summary>
    public const double PureNoiseLevel = 4096;

    /// <summary>As how many entries a process without a table counts where entries are asked for.</summary>
    public const int EntriesOfContinuousTime = 1000;

    /// <summary>The first time that is trained and sampled, more than 0: at 0 there is no noise, and the score has no
    /// bound.</summary>
    public abstract double MinimumTime { get; init; }

    /// <summary>The last time, where sampling starts; the level is finite there.</summary>
    public abstract double MaximumTime { get; }

    /// <summary>The level at <see cref="MinimumTime"/>.</summary>
    public double MinimumLevel => Level(MinimumTime);

    /// <summary>The level at <see cref="MaximumTime"/>: the standard deviation of the start in VE coordinates.</summary>
    public double MaximumLevel => Level(MaximumTime);

    /// <summary>The standard deviation of the prior N(0, PriorStd^2 I) that x starts from, in the process's own
    /// coordinates.</summary>
    public double PriorStd => Std(MaximumTime);

    /// <summary>The discrete table that the process is made of, or null where its time is continuous.</summary>
    public virtual TableSchedule? Table => null;

    /// <summary>Whether alpha reaches 0 in the end, and <see cref="MaximumTime"/> is where a level stands for that: see
    /// <see cref="PureNoiseLevel"/>.</summary>
    public virtual bool EndsWithoutSignal => false;

    /// <summary>The time as a network sees it: t itself, unless its range is too wide for that.</summary>
    /// <param name="t">The time, more than 0, to <see cref="MaximumTime"/>.</param>
    public virtual double TimeInput(double t) => t;

    /// <summary>The factor of the image in x_t.</summary>
    /// <param name="t">The time, 0 to <see cref="MaximumTime"/>.</param>
    public abstract double Alpha(double t);

    /// <summary>The standard deviation of the noise in x_t.</summary>
    /// <param name="t">The time, 0 to <see cref="MaximumTime"/>.</param>
    public abstract double Std(double t);

    // The tensor overloads stand here, beside those of numbers: were they declared in a derived record, C# would prefer them
    // there even for a number, which converts to a tensor.

    /// <summary>The factors of the images in x_t.</summary>
    /// <param name="t">Times, 0 to <see cref="MaximumTime"/>.</param>
    /// <returns>Computed in float64, in the shape, precision and place of <paramref name="t"/>.</returns>
    public virtual Tensor Alpha(Tensor t) => ForEach(t, Alpha);

    /// <summary>The standard deviations of the noise in x_t.</summary>
    /// <param name="t">Times, 0 to <see cref="MaximumTime"/>.</param>
    /// <returns>In the shape, precision and place of <paramref name="t"/>.</returns>
    public virtual Tensor Std(Tensor t) => ForEach(t, Std);

    /// <summary>The ratio of noise to signal, std / alpha: the standard deviation of the noise in VE coordinates. It grows with
    /// time.</summary>
    /// <param name="t">The time, 0 to <see cref="MaximumTime"/>.</param>
    public virtual double Level(double t) => Std(t) / Alpha(t);

    /// <summary>The level of an entry of the process's table: what other programs call an integer timestep.</summary>
    /// <param name="index">From 0, the least noise. A process in continuous time counts as a table of
    /// <see cref="EntriesOfContinuousTime"/> entries, evenly spaced in its time.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such entry.</exception>
    public double LevelOfEntry(int index) => LevelOfEntry(index, Table?.Count ?? EntriesOfContinuousTime);

    internal double LevelOfEntry(int index, int entries)
    {
        if (Table is { } table)
            return Level(table.TimeOf(index));
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, entries);
        return Level(index == entries - 1 ? MaximumTime : MinimumTime + (MaximumTime - MinimumTime) * index / (entries - 1));
    }

    /// <summary>The time at which the ratio of noise to signal is <paramref name="level"/>: the inverse of
    /// <see cref="Level"/>.</summary>
    /// <param name="level">A level, 0 to <see cref="MaximumLevel"/>.</param>
    public abstract double Time(double level);

    /// <summary>ln(alpha / std): half the logarithm of the signal-to-noise ratio alpha^2 / std^2. It falls with time.</summary>
    /// <param name="t">The time, more than 0, to <see cref="MaximumTime"/>.</param>
    public double HalfLogSnr(double t) => -Math.Log(Level(t));

    /// <summary>The inverse of <see cref="HalfLogSnr"/>.</summary>
    /// <param name="halfLogSnr">Half the logarithm of a signal-to-noise ratio.</param>
    public double TimeAtHalfLogSnr(double halfLogSnr) => Time(Math.Exp(-halfLogSnr));

    /// <summary>The drift coefficient f(t) of dx = f(t) x dt + g(t) dw: d ln alpha / dt, 0 or less.</summary>
    /// <param name="t">The time, 0 to <see cref="MaximumTime"/>.</param>
    public abstract double Drift(double t);

    /// <summary>The diffusion coefficient g(t) of dx = f(t) x dt + g(t) dw.</summary>
    /// <param name="t">The time, 0 to <see cref="MaximumTime"/>.</param>
    public abstract double Diffusion(double t);

    /// <summary>The same process backwards in time, from noise to images.</summary>
    /// <param name="stochasticity">1 for the reverse stochastic differential equation, 0 for the probability-flow ordinary one; 0
    /// or more.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="stochasticity"/> is negative or not finite.</exception>
    public ReverseProcess Reverse(double stochasticity = 1) => new(this, stochasticity);

    /// <summary>The process's own grid of times: from <see cref="MaximumTime"/> down to <see cref="MinimumTime"/>, evenly
    /// spaced.</summary>
    /// <param name="count">The number of times, 2 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is below 2.</exception>
    public virtual double[] Times(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 2);
        var times = new double[count];
        for (int i = 0; i < count; i++)
            times[i] = MaximumTime + (MinimumTime - MaximumTime) * i / (count - 1);
        times[^1] = MinimumTime;
        return times;
    }

    /// <summary>The logarithm of the prior's density, in nats: -n/2 ln(2 pi PriorStd^2) - |x|^2 / (2 PriorStd^2).</summary>
    /// <remarks>In VE coordinates, where the start is xHat = x / alpha, the density is that of x times alpha^n: add n ln
    /// Alpha(MaximumTime).</remarks>
    /// <param name="squaredNorm">|x|^2, the sum of the squared pixels, in the process's own coordinates.</param>
    /// <param name="count">The number n of pixels and channels.</param>
    public double PriorLogDensity(double squaredNorm, long count)
    {
        double variance = PriorStd * PriorStd;
        return -0.5 * count * Math.Log(2 * Math.PI * variance) - squaredNorm / (2 * variance);
    }

    /// <summary>The logarithm of the prior's density at each image, in nats.</summary>
    /// <param name="x">Images at <see cref="MaximumTime"/>, in the process's own coordinates: [B, ...].</param>
    /// <returns>float64 [B].</returns>
    public Tensor PriorLogDensity(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        using var scope = NewDisposeScope();
        long count = x.shape[0] == 0 ? 0 : x.numel() / x.shape[0];
        var squaredNorm = x.to(float64).Squared().reshape(x.shape[0], count).sum(1); // [B]
        return squaredNorm.Times(-1 / (2 * PriorStd * PriorStd)).Plus(PriorLogDensity(0, count)).MoveToOuterDisposeScope();
    }

    /// <summary>A draw from the prior, in the process's own coordinates; in VE coordinates the start is
    /// <see cref="MaximumLevel"/> times the same noise.</summary>
    /// <param name="noise">z ~ N(0, I).</param>
    public Tensor PriorSample(Tensor noise) => noise.Times(PriorStd);

    /// <summary>Adds noise: x_t = alpha(t) x_0 + std(t) z, a time for each image.</summary>
    /// <param name="images">x_0: [B, ...].</param>
    /// <param name="noise">z ~ N(0, I), of the same shape.</param>
    /// <param name="times">[B].</param>
    /// <returns>x_t in the process's own coordinates, in the precision of the images: [B, ...].</returns>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public Tensor Perturb(Tensor images, Tensor noise, Tensor times)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(noise);
        ArgumentNullException.ThrowIfNull(times);
        if (images.dim() == 0 || !images.shape.SequenceEqual(noise.shape) || !times.shape.SequenceEqual([images.shape[0]]))
            throw new ArgumentException(
                $"Images of [{string.Join(", ", images.shape)}] need noise of the same shape and one time each, not "
                + $"[{string.Join(", ", noise.shape)}] and [{string.Join(", ", times.shape)}].",
                nameof(images));
        using var scope = NewDisposeScope();
        long[] column = [images.shape[0], .. Enumerable.Repeat(1L, (int)images.dim() - 1)];
        var alpha = Alpha(times).to(images.dtype).to(images.device).view(column); // [B, 1, ...]
        var std = Std(times).to(images.dtype).to(images.device).view(column);     // [B, 1, ...]
        return (alpha * images).Plus(std * noise).MoveToOuterDisposeScope();
    }

    /// <summary>Checks the ranges of the settings.</summary>
    /// <exception cref="MezzotintException">A setting is out of its range; the message names it.</exception>
    public abstract void Validate();

    private static Tensor ForEach(Tensor t, Func<double, double> coefficient)
    {
        ArgumentNullException.ThrowIfNull(t);
        using var scope = NewDisposeScope();
        double[] times = t.detach().to(float64).cpu().contiguous().data<double>().ToArray();
        return tensor(Array.ConvertAll(times, time => coefficient(time))).view(t.shape).to(t.dtype).to(t.device)
            .MoveToOuterDisposeScope();
    }
}
