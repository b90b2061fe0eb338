using System.Globalization;

namespace Mezzotint.Noise;

/// <summary>What the noise levels end with.</summary>
public enum FinalLevel
{
    /// <summary>0: the last step goes from the least noise to the clean image.</summary>
    Zero,

    /// <summary>The process's least level: the last step ends there.</summary>
    Minimum,
}

/// <summary>
/// The noise levels that a solver walks down: n + 1 of them for n steps, strictly falling, from the most noise to 0 or to the
/// least noise.
/// </summary>
/// <remarks>
/// A level is the ratio of noise to signal, the standard deviation of the noise in VE coordinates (see
/// <see cref="NoiseProcess"/>). With <see cref="FinalLevel.Zero"/>, n levels are spread from the most to the least and 0 follows;
/// with <see cref="FinalLevel.Minimum"/>, n + 1 are, and the last is the least. One step from the most noise straight to the end
/// is always possible. The name of a function says how they are spread. Karras, exponential, polyexponential and log-SNR spread
/// the levels themselves, and so does flow. Uniform and beta spread times. Linspace, leading and trailing spread the entries of a
/// discrete table.
/// </remarks>
public static class NoiseLevels
{
    /// <summary>The names that <see cref="Named"/> knows.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        "karras", "exponential", "polyexponential", "beta", "linspace", "leading", "trailing", "leading-plus-one", "uniform",
        "log-snr", "flow", "lcm",
    ];

    /// <summary>The levels of a process by the name of their spread, as after <c>--levels</c> on the command line.</summary>
    /// <param name="name">One of <see cref="Names"/>; or the levels themselves, such as "80,2.5,0.8", one a step: few steps need
    /// chosen ones.</param>
    /// <param name="process">Gives the range and, where the spread is over time, the levels.</param>
    /// <param name="steps">The number of steps, 1 or more.</param>
    /// <param name="final">The last level.</param>
    /// <param name="rho">The exponent of <c>karras</c> and <c>polyexponential</c>; null for their own, 7 and 1.</param>
    /// <returns>steps + 1 levels.</returns>
    /// <exception cref="MezzotintException">The name is unknown; or a setting does not fit, as the functions of that name
    /// say.</exception>
    public static double[] Named(
        string name, NoiseProcess process, int steps, FinalLevel final = FinalLevel.Zero, double? rho = null)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name.Length > 0 && char.IsAsciiDigit(name[0]))
            return Listed(name, process, steps, final);
        return name switch
        {
            "karras" => Karras(process, steps, final, rho ?? 7),
            "exponential" => Exponential(process, steps, final),
            "polyexponential" => Polyexponential(process, steps, final, rho ?? 1),
            "beta" => Beta(process, steps, final),
            "linspace" => Linspace(process, steps, final),
            "leading" => Leading(process, steps, final),
            "trailing" => Trailing(process, steps, final),
            "leading-plus-one" => LeadingPlusOne(process, steps, final),
            "uniform" => Uniform(process, steps, final),
            "log-snr" => LogSnrUniform(process, steps, final),
            "flow" => Flow(process, steps, final),
            "lcm" => Lcm(process, steps, final),
            _ => throw new MezzotintException($"levels {Printable.Quote(name)}: not known{Spelling.Remedy(name, Names)}")
                { Key = "levels" },
        };
    }

    /// <summary>Levels that are written down, before the final one.</summary>
    private static double[] Listed(string list, NoiseProcess process, int steps, FinalLevel final)
    {
        ArgumentNullException.ThrowIfNull(process);
        double[] levels =
        [
            .. list.Split(',').Select(text =>
                double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double level) ? level : double.NaN),
        ];
        double last = final == FinalLevel.Minimum ? process.MinimumLevel : 0;
        const double Rounding = 1e-9;
        if (levels.Any(level =>
            !(level >= process.MinimumLevel * (1 - Rounding) && level <= process.MaximumLevel * (1 + Rounding))))
            throw new MezzotintException(
                string.Create(
                CultureInfo.InvariantCulture,
                $"levels {Printable.Quote(list)}: each must be a number between {process.MinimumLevel:G6} and "
                + $"{process.MaximumLevel:G6}, those of the process.")) { Key = "levels" };
        if (levels.Length != steps)
            throw new MezzotintException(
                $"levels {Printable.Quote(list)} are {levels.Length}, for {steps} steps: name one a step; the last step goes to "
                + $"{(last > 0 ? "the least" : "0")} by itself.") { Key = "levels" };
        double[] all = [.. levels, last];
        return all.Zip(all.Skip(1), (high, low) => high >= low).All(falls => falls) ? all
            : throw new MezzotintException($"levels {Printable.Quote(list)}: none may be above the one before it.")
                { Key = "levels" };
    }

    /// <summary>Evenly spaced after taking the rho-th root: more levels where there is little noise.</summary>
    /// <remarks>Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models", arXiv 2206.00364,
    /// equation 5.</remarks>
    /// <param name="maximum">The first level; more than <paramref name="minimum"/>.</param>
    /// <param name="minimum">The least level, more than 0.</param>
    /// <param name="steps">The number of steps, 1 or more.</param>
    /// <param name="final">The last level.</param>
    /// <param name="rho">1 for even levels, without end for even logarithms; more than 0. The paper has 7.</param>
    /// <returns>steps + 1 levels.</returns>
    /// <exception cref="MezzotintException"><paramref name="rho"/> is out of its range, or there is no room for so many
    /// levels.</exception>
    /// <exception cref="ArgumentException">The range or the number of steps is none.</exception>
    public static double[] Karras(double maximum, double minimum, int steps, FinalLevel final = FinalLevel.Zero, double rho = 7)
    {
        CheckRho(rho);
        // Levels in units of the first: nothing overflows, whatever rho is.
        double root = Math.Pow(minimum / maximum, 1 / rho);
        return Spread("karras", maximum, minimum, steps, final, done => maximum * Math.Pow(1 + done * (root - 1), rho));
    }

    /// <inheritdoc cref="Karras(double, double, int, FinalLevel, double)"/>
    /// <param name="process">Gives the range.</param>
    /// <param name="steps">The number of steps, 1 or more.</param>
    /// <param name="final">The last level.</param>
    /// <param name="rho">1 for even levels, without end for even logarithms; more than 0. The paper has 7.</param>
    public static double[] Karras(NoiseProcess process, int steps, FinalLevel final = FinalLevel.Zero, double rho = 7) =>
        Karras(MaximumOf(process), process.MinimumLevel, steps, final, rho);

    /// <summary>Evenly spaced logarithms: each level is the same part of the one before.</summary>
    /// <param name="maximum">The first level; more than <paramref name="minimum"/>.</param>
    /// <param name="minimum">The least level, more than 0.</param>
    /// <param name="steps">The number of steps, 1 or more.</param>
    /// <param name="final">The last level.</param>
    /// <returns>steps + 1 levels.</returns>
    /// <exception cref="MezzotintException">There is no room for so many levels.</exception>
    /// <exception cref="ArgumentException">The range or the number of steps is none.</exception>
    public static double[] Exponential(double maximum, double minimum, int steps, FinalLevel final = FinalLevel.Zero) =>
        Spread("exponential", maximum, minimum, steps, final, done => maximum * Math.Pow(minimum / maximum, done));

    /// <inheritdoc cref="Exponential(double, double, int, FinalLevel)"/>
    /// <param name="process">Gives the range.</param>
    /// <param name="steps">The number of steps, 1 or more.</param>
    /// <param name="final">The last level.</param>
    public static double[] Exponential(NoiseProcess process, int steps, FinalLevel final = FinalLevel.Zero) =>
        Exponential(MaximumOf(process), process.MinimumLevel, steps, final);

    /// <summary>Logarithms spaced by a power: ln level = ln minimum + (1 - i / (n - 1))^rho (ln maximum - ln minimum).</summary>
    /// <remarks>As the sampler collection k-diffusion of K. Crowson defines it.</remarks>
    /// <param name="maximum">The first level; more than <paramref name="minimum"/>.</param>
    /// <param name="minimum">The least level, more than 0.</param>
    /// <param name="steps">The number of steps, 1 or more.</param>
    /// <param name="final">The last level.</param>
    /// <param name="rho">1 for even logarithms; above, more levels where there is little noise; more than 0.</param>
    /// <returns>steps + 1 levels.</returns>
    /// <exception cref="MezzotintException"><paramref name="rho"/> is out of its range, or there is no room for so many
    /// levels.</exception>
    /// <exception cref="ArgumentException">The range or the number of steps is none.</exception>
    public static double[] Polyexponential(
        double maximum, double minimum, int steps, FinalLevel final = FinalLevel.Zero, double rho = 1)
    {
        CheckRho(rho);
        return Spread(
            "polyexponential", maximum, minimum, steps, final,
            done => minimum * Math.Pow(maximum / minimum, Math.Pow(1 - done, rho)));
    }

    /// <inheritdoc cref="Polyexponential(double, double, int, FinalLevel, double)"/>
    /// <param name="process">Gives the range.</param>
    /// <param name="steps">The number of steps, 1 or more.</param>
    /// <param name="final">The last level.</param>
    /// <param name="rho">1 for even logarithms; above, more levels where there is little noise; more than 0.</param>
    public static double[] Polyexponential(NoiseProcess process, int steps, FinalLevel final = FinalLevel.Zero, double rho = 1) =>
        Polyexponential(MaximumOf(process), process.MinimumLevel, steps, final, rho);

    /// <summary>Evenly spaced half log signal-to-noise ratios. In VE coordinates that ratio is -ln level, so these are the
    /// exponential levels by the name that they have where time is something else.</summary>
    /// <remarks>Lu et al. 2022, "DPM-Solver", arXiv 2206.00927, section 3.3.</remarks>
    /// <param name="process">Gives the range.</param>
    /// <param name="steps">The number of steps, 1 or more.</param>
    /// <param name="final">The last level.</param>
    /// <returns>steps + 1 levels.</returns>
    /// <exception cref="MezzotintException">There is no room for so many levels.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The number of steps is none.</exception>
    public static double[] LogSnrUniform(NoiseProcess process, int steps, FinalLevel final = FinalLevel.Zero)
    {
        double first = -Math.Log(MaximumOf(process)), last = -Math.Log(process.MinimumLevel);
        return Spread(
            "log-snr", process.MaximumLevel, process.MinimumLevel, steps, final,
            done => Math.Exp(-(first + done * (last - first))));
    }

    /// <summary>
    /// Evenly spaced in t = level / (s + level), which is the time of flow matching for s = 1, and shifted for others: half of
    /// the steps are above level s, whatever the process. No other spread has so small an error over all processes and solvers
    /// (docs/solver-errors.md).
    /// </summary>
    /// <remarks>Esser et al. 2024, "Scaling Rectified Flow Transformers for High-Resolution Image Synthesis", arXiv 2403.03206,
    /// equation 23: levels even in t, multiplied by s.</remarks>
    /// <param name="process">Gives the range.</param>
    /// <param name="steps">The number of steps, 1 or more.</param>
    /// <param name="final">The last level.</param>
    /// <param name="scale">s, more than 0: about the standard deviation of the data.</param>
    /// <returns>steps + 1 levels.</returns>
    /// <exception cref="MezzotintException"><paramref name="scale"/> is out of its range, or there is no room for so many
    /// levels.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The number of steps is none.</exception>
    public static double[] Flow(
        NoiseProcess process, int steps, FinalLevel final = FinalLevel.Zero, double scale = 0.5)
    {
        Check.Range("levels.scale", scale, double.IsFinite(scale) && scale > 0, "more than 0");
        double maximum = MaximumOf(process), minimum = process.MinimumLevel;
        // 1 - t is computed as such: where levels start at thousands it has few digits left otherwise.
        double first = maximum / (scale + maximum), last = minimum / (scale + minimum), left = scale / (scale + maximum);
        return Spread("flow", maximum, minimum, steps, final,
            done => scale * (first + done * (last - first)) / (left + done * (first - last)));
    }

    /// <summary>The process's own times, <see cref="NoiseProcess.Times"/>: evenly spaced, and for flow matching
    /// shifted.</summary>
    /// <param name="process">The process.</param>
    /// <param name="steps">The number of steps, 1 or more.</param>
    /// <param name="final">The last level.</param>
    /// <returns>steps + 1 levels.</returns>
    /// <exception cref="MezzotintException">There is no room for so many levels.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The number of steps is none.</exception>
    public static double[] Uniform(NoiseProcess process, int steps, FinalLevel final = FinalLevel.Zero)
    {
        double maximum = MaximumOf(process);
        int count = CountOf(steps, final);
        double[] times = count == 1 ? [process.MaximumTime] : process.Times(count);
        return SpreadByIndex("uniform", maximum, process.MinimumLevel, steps, final, i => process.Level(times[i]));
    }

    /// <summary>Times at evenly spaced quantiles of a Beta distribution: more of them at both ends where the shapes are below
    /// 1.</summary>
    /// <remarks>Lee et al. 2024, "Beta Sampling is All You Need", arXiv 2407.12173; time is continuous here, so no two fall on
    /// one entry.</remarks>
    /// <param name="process">The process.</param>
    /// <param name="steps">The number of steps, 1 or more.</param>
    /// <param name="final">The last level.</param>
    /// <param name="alpha">The first shape: the lower, the more times near the image; 0.25 to 100. The paper has 0.6.</param>
    /// <param name="beta">The second shape: the lower, the more times near the noise; 0.25 to 100. The paper has 0.6.</param>
    /// <returns>steps + 1 levels.</returns>
    /// <exception cref="MezzotintException">A shape is out of its range, or there is no room for so many levels.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The number of steps is none.</exception>
    public static double[] Beta(
        NoiseProcess process, int steps, FinalLevel final = FinalLevel.Zero, double alpha = 0.6, double beta = 0.6)
    {
        Check.Range("levels.alpha", alpha, alpha is >= 0.25 and <= 100, "between 0.25 and 100");
        Check.Range("levels.beta", beta, beta is >= 0.25 and <= 100, "between 0.25 and 100");
        double maximum = MaximumOf(process), first = process.MaximumTime, last = process.MinimumTime;
        return Spread("beta", maximum, process.MinimumLevel, steps, final,
            done => process.Level(last + (first - last) * BetaDistribution.Quantile(1 - done, done, alpha, beta)));
    }

    /// <summary>Entries of the table from the last to the first, evenly spaced and rounded.</summary>
    /// <remarks>Lin et al. 2023, "Common Diffusion Noise Schedules and Sample Steps Are Flawed", arXiv 2305.08891, table 2. A
    /// single step starts from the last entry. A process in continuous time counts as a table of 1000 entries, evenly spaced in
    /// its time (more where there are more steps).</remarks>
    /// <param name="process">The process.</param>
    /// <param name="steps">The number of steps, 1 or more: at most the entries, and with <see cref="FinalLevel.Minimum"/> one
    /// less.</param>
    /// <param name="final">The last level; the minimum is the first entry of the table.</param>
    /// <returns>steps + 1 levels.</returns>
    /// <exception cref="MezzotintException">There are more steps than the table has entries.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The number of steps is none.</exception>
    public static double[] Linspace(NoiseProcess process, int steps, FinalLevel final = FinalLevel.Zero) =>
        FromTable(
            "linspace", process, steps, final,
            (count, entries, i) => count == 1 ? entries - 1 : Rounded((long)(count - 1 - i) * (entries - 1), count - 1));

    /// <summary>Entries 0, d, 2 d ... of the table, taken from the top, with d = entries / steps rounded down: the last entry is
    /// left out, and so is the most noise. This is how many published models were sampled, and what Lin et al. call
    /// flawed.</summary>
    /// <inheritdoc cref="Linspace"/>
    public static double[] Leading(NoiseProcess process, int steps, FinalLevel final = FinalLevel.Zero) =>
        FromTable("leading", process, steps, final, (count, entries, i) => (count - 1 - i) * (entries / count));

    /// <summary>Entries of the table from the last one down, entries / steps apart and rounded: the first entry is left out where
    /// it can be.</summary>
    /// <inheritdoc cref="Linspace"/>
    public static double[] Trailing(NoiseProcess process, int steps, FinalLevel final = FinalLevel.Zero) =>
        final == FinalLevel.Minimum
            ? FromTable(
                "trailing", process, steps, final,
                (count, entries, i) => Rounded((long)(count - 1 - i) * (entries - 1), count - 1))
            : FromTable(
                "trailing", process, steps, final, (count, entries, i) => Rounded((long)(count - i) * entries, count) - 1);

    /// <summary>As <see cref="Leading"/>, each entry one later: entries 1, 1 + d, 1 + 2 d ..., taken from the top. So Stable
    /// Diffusion 1 and 2 were sampled when they were published (steps_offset = 1 of the library diffusers).</summary>
    /// <remarks>With <see cref="FinalLevel.Minimum"/> the first entry follows these, so that d is that of as many
    /// steps.</remarks>
    /// <inheritdoc cref="Linspace"/>
    public static double[] LeadingPlusOne(NoiseProcess process, int steps, FinalLevel final = FinalLevel.Zero) =>
        FromTable(
            "leading-plus-one", process, steps, final,
            (_, entries, i) => entries / steps is var apart && i == steps ? 0
                : (steps - 1 - i) * apart + Math.Min(1, entries - 1 - (steps - 1) * apart)); // as many as entries: from the first

    /// <summary>Some of the 50 entries that latent consistency models were distilled over, from the last one down: the steps are
    /// spread over them and rounded to more noise. More steps than 50 are spread over all entries.</summary>
    /// <remarks>Luo et al. 2023, "Latent Consistency Models", arXiv 2310.04378, section 4.3; the entries are those of the
    /// published models.</remarks>
    /// <inheritdoc cref="Linspace"/>
    public static double[] Lcm(NoiseProcess process, int steps, FinalLevel final = FinalLevel.Zero) =>
        FromTable("lcm", process, steps, final, (_, entries, i) =>
        {
            int parts = steps <= DistilledOver && entries >= DistilledOver ? DistilledOver : entries;
            int done = (int)((long)i * parts / steps);
            return i == steps ? 0 : entries - 1 - done * (entries / parts); // the least, where that is asked for
        });

    private const int DistilledOver = 50;

    /// <summary>The levels of some entries: <paramref name="indexOf"/> takes how many there are, how many the table has, and
    /// which one is asked for.</summary>
    private static double[] FromTable(
        string name, NoiseProcess process, int steps, FinalLevel final, Func<int, int, int, int> indexOf)
    {
        MaximumOf(process);
        int count = CountOf(steps, final);
        int entries = process.Table?.Count ?? Math.Max(NoiseProcess.EntriesOfContinuousTime, count);
        Check.Range(
            "steps", steps, count <= entries,
            $"at most {entries - (count - steps)} for {name} levels: the table of the process has {entries} entries");
        var levels = new double[steps + 1];
        for (int i = 0; i < count; i++)
            levels[i] = process.LevelOfEntry(indexOf(count, entries, i), entries);
        return Falling(name, levels);
    }

    /// <summary>Levels by the part of the way that is done, from 0 at the most noise to 1 at the least.</summary>
    private static double[] Spread(
        string name, double maximum, double minimum, int steps, FinalLevel final, Func<double, double> levelOf)
    {
        int count = CountOf(steps, final);
        return SpreadByIndex(name, maximum, minimum, steps, final, i => levelOf(i / (count - 1.0)));
    }

    /// <summary>Levels by index. Both ends are what they are meant to be to the last bit.</summary>
    private static double[] SpreadByIndex(
        string name, double maximum, double minimum, int steps, FinalLevel final, Func<int, double> levelOf)
    {
        if (!(minimum > 0 && minimum < maximum && double.IsFinite(maximum)))
            throw new ArgumentException(
                $"Levels lie between a minimum above 0 and a finite maximum above it, not between {minimum} and {maximum}.",
                nameof(maximum));
        int count = CountOf(steps, final);
        var levels = new double[steps + 1];
        levels[0] = maximum;
        for (int i = 1; i < count - 1; i++)
            levels[i] = levelOf(i);
        if (count > 1)
            levels[count - 1] = minimum;
        return Falling(name, levels);
    }

    /// <summary>The number of levels before a final 0.</summary>
    private static int CountOf(int steps, FinalLevel final)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(steps);
        return final == FinalLevel.Minimum ? steps + 1 : steps;
    }

    private static double MaximumOf(NoiseProcess process)
    {
        ArgumentNullException.ThrowIfNull(process);
        return process.MaximumLevel;
    }

    private static int Rounded(long numerator, long denominator) => (int)((2 * numerator + denominator) / (2 * denominator));

    private static double[] Falling(string name, double[] levels)
    {
        for (int i = 1; i < levels.Length; i++)
            if (!(levels[i] < levels[i - 1]))
                throw new MezzotintException(
                    $"steps = {levels.Length - 1}: the {name} levels between {levels[0]:G6} and {levels[^1]:G6} leave no room "
                    + $"for so many; ask for fewer steps or other settings.") { Key = "steps" };
        return levels;
    }

    private static void CheckRho(double rho) => Check.Range("levels.rho", rho, double.IsFinite(rho) && rho > 0, "more than 0");
}
