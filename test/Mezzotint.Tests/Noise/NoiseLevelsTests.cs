using CsCheck;
using Mezzotint.Noise;
using static Mezzotint.Tests.Noise.Processes;

namespace Mezzotint.Tests.Noise;

public class NoiseLevelsTests
{
    private static readonly Gen<FinalLevel> Finals = Gen.Bool.Select(zero => zero ? FinalLevel.Zero : FinalLevel.Minimum);
    private static readonly string[] OverTable = ["linspace", "leading", "leading-plus-one", "trailing", "lcm"];

    private static Gen<string> OneOf(IReadOnlyList<string> names) => Gen.Int[0, names.Count - 1].Select(i => names[i]);

    /// <summary>The promise of every function: steps + 1 levels, strictly falling, from the most noise to the end that was asked
    /// for.</summary>
    private static void AssertLevels(double[] levels, NoiseProcess process, string name, int steps, FinalLevel final)
    {
        Assert.Equal(steps + 1, levels.Length);
        for (int i = 1; i < levels.Length; i++)
            if (!(levels[i] < levels[i - 1])) // the message is made only where it is needed
                Assert.Fail($"{name}, {steps} steps, {process}: level {i} is {levels[i]} after {levels[i - 1]}");
        Assert.True(double.IsFinite(levels[0]));
        if (!name.StartsWith("leading", StringComparison.Ordinal))
            Assert.Equal(process.MaximumLevel, levels[0]);
        double least = OverTable.Contains(name) && process.Table is { } table
            ? process.Level(table.TimeOf(0)) : process.MinimumLevel;
        Assert.Equal(final == FinalLevel.Zero ? 0 : least, levels[^1]);
        Assert.True(levels[^2] >= least);
    }

    [Fact]
    public void Any_process_any_name_any_steps_make_exactly_the_levels_that_were_asked_for() =>
        Gen.Select(Any, OneOf(NoiseLevels.Names), Gen.OneOf(Gen.Int[1, 12], Gen.Int[1, 1000]), Finals).Sample(
            (process, name, steps, final) =>
        {
            int entries = OverTable.Contains(name) ? process.Table?.Count ?? int.MaxValue : int.MaxValue;
            int count = final == FinalLevel.Minimum ? steps + 1 : steps;
            if (count <= entries)
                AssertLevels(NoiseLevels.Named(name, process, steps, final), process, name, steps, final);
            else
                Assert.StartsWith(
                    $"steps = {steps}: must be at most {entries - (count - steps)} for {name} levels",
                    Assert.Throws<MezzotintException>(() => NoiseLevels.Named(name, process, steps, final)).Message,
                    StringComparison.Ordinal);
        }, iter: 4000);

    /// <summary>Every number of steps over tables of 1000 entries: 23,984 sets of levels.</summary>
    [Theory]
    [InlineData("linspace")]
    [InlineData("leading")]
    [InlineData("leading-plus-one")]
    [InlineData("trailing")]
    public void Every_number_of_steps_fits_into_a_table(string name)
    {
        foreach (
            var process in (NoiseProcess[])[All["linear-table"], All["cosine-table"], All["scaled-linear-zero-terminal-table"]])
            for (int steps = 1; steps <= 1000; steps++)
            {
                AssertLevels(NoiseLevels.Named(name, process, steps), process, name, steps, FinalLevel.Zero);
                if (steps < 1000)
                    AssertLevels(
                        NoiseLevels.Named(name, process, steps, FinalLevel.Minimum), process, name, steps, FinalLevel.Minimum);
            }
    }

    [Theory]
    [MemberData(nameof(Names), MemberType = typeof(Processes))]
    public void One_step_and_a_thousand_work_for_every_process_and_name(string process)
    {
        foreach (string name in NoiseLevels.Names)
            foreach (int steps in (int[])[1, 2, 3, 999, 1000])
            {
                AssertLevels(NoiseLevels.Named(name, All[process], steps), All[process], name, steps, FinalLevel.Zero);
                if (steps < 1000)
                    AssertLevels(
                        NoiseLevels.Named(name, All[process], steps, FinalLevel.Minimum), All[process], name, steps,
                        FinalLevel.Minimum);
            }
    }

    [Fact]
    public void Karras_levels_agree_with_50_digit_arithmetic_and_the_paper()
    {
        double[] levels = NoiseLevels.Karras(new Edm(), 18);
        AssertAgree("karras-18", levels[..^1]);
        Assert.Equal((80, 0.002, 0), (levels[0], levels[^2], levels[^1])); // Karras et al. 2022, table 1: N = 18 for CIFAR-10
        AssertAgree("karras-rho-3", NoiseLevels.Karras(14.6, 0.03, 9, FinalLevel.Minimum, rho: 3));
    }

    [Fact]
    public void Exponential_and_polyexponential_levels_agree_with_50_digit_arithmetic()
    {
        AssertAgree("exponential-10", NoiseLevels.Exponential(80, 0.002, 10)[..^1]);
        AssertAgree("exponential-10", NoiseLevels.Polyexponential(80, 0.002, 10)[..^1]);
        AssertAgree("exponential-10", NoiseLevels.LogSnrUniform(new Edm(), 9, FinalLevel.Minimum));
        AssertAgree("polyexponential-10", NoiseLevels.Polyexponential(80, 0.002, 10, rho: 1.5)[..^1]);
    }

    [Fact]
    public void Beta_levels_agree_with_50_digit_arithmetic() => AssertAgree("beta-8", NoiseLevels.Beta(new Edm(), 8)[..^1]);

    /// <summary>Lin et al. 2023, table 2, T = 1000 and 10 steps; timesteps count from 1 there.</summary>
    [Theory]
    [InlineData("leading", new[] { 901, 801, 701, 601, 501, 401, 301, 201, 101, 1 })]
    [InlineData("linspace", new[] { 1000, 889, 778, 667, 556, 445, 334, 223, 112, 1 })]
    [InlineData("trailing", new[] { 1000, 900, 800, 700, 600, 500, 400, 300, 200, 100 })]
    public void Spacings_over_a_table_are_those_of_the_paper(string name, int[] timesteps)
    {
        var process = All["linear-table"];
        double[] levels = NoiseLevels.Named(name, process, 10);
        for (int i = 0; i < 10; i++)
            Assert.Equal(process.Level(timesteps[i] / 1000.0), levels[i], 1e-9 * levels[i]);
    }

    [Fact]
    public void Spacings_take_whole_entries_of_the_table() =>
        Gen.Select(OneOf(OverTable), Gen.Int[1, 300], Gen.Int[300, 1100], Finals).Sample((name, steps, entries, final) =>
    {
        var process = new VariancePreserving { Schedule = new CosineSchedule().ToTable(entries) };
        if (final == FinalLevel.Minimum && steps == entries)
            return;
        foreach (double level in NoiseLevels.Named(name, process, steps, final))
            if (level > 0)
            {
                double index = process.Table!.IndexAt(process.Time(level));
                Assert.Equal(Math.Round(index), index, 1e-6);
            }
    }, iter: 100);

    [Fact]
    public void Uniform_levels_are_those_of_the_process_times()
    {
        foreach (var process in All.Values)
        {
            double[] expected = Array.ConvertAll(process.Times(20), process.Level);
            double[] zero = NoiseLevels.Uniform(process, 20), minimum = NoiseLevels.Uniform(process, 19, FinalLevel.Minimum);
            for (int i = 0; i < 20; i++)
            {
                AssertClose(expected[i], zero[i], 1e-12);
                Assert.Equal(zero[i], minimum[i]);
            }
        }
    }

    [Fact]
    public void Log_snr_levels_are_evenly_spaced_in_half_log_snr()
    {
        foreach (var process in All.Values)
        {
            double[] lambda = Array.ConvertAll(
                NoiseLevels.LogSnrUniform(process, 25, FinalLevel.Minimum), level => process.HalfLogSnr(process.Time(level)));
            for (int i = 1; i < lambda.Length; i++)
                Assert.Equal((lambda[^1] - lambda[0]) / 25, lambda[i] - lambda[i - 1], 1e-6);
        }
    }

    [Fact]
    public void Rho_of_one_spaces_Karras_levels_evenly_and_a_large_rho_like_exponential_ones()
    {
        double[] even = NoiseLevels.Karras(10, 1, 9, FinalLevel.Minimum, rho: 1), large = NoiseLevels.Karras(10, 1, 9, rho: 1e6),
            exponential = NoiseLevels.Exponential(10, 1, 9);
        for (int i = 0; i < 9; i++)
        {
            Assert.Equal(10 - i, even[i], 1e-12);
            Assert.Equal(exponential[i], large[i], 1e-5);
        }
    }

    [Fact]
    public void Beta_of_one_and_one_is_uniform() =>
        Assert.All(
            NoiseLevels.Beta(All["linear"], 30, alpha: 1, beta: 1).Zip(NoiseLevels.Uniform(All["linear"], 30)),
            pair => Assert.Equal(pair.Second, pair.First, 1e-9 * pair.Second));

    [Fact]
    public void Any_shapes_make_levels() =>
        Gen.Select(Any, Gen.Int[1, 200], Gen.Double[0.25, 100], Gen.Double[0.25, 100], Finals).Sample(
            (process, steps, alpha, beta, final) =>
        AssertLevels(NoiseLevels.Beta(process, steps, final, alpha, beta), process, "beta", steps, final), iter: 200);

    [Fact]
    public void Any_rho_makes_levels_or_says_why_not() =>
        Gen.Select(Any, Gen.Int[1, 1000], Gen.Double[-3, 3], Gen.Bool).Sample((process, steps, logRho, karras) =>
    {
        string name = karras ? "karras" : "polyexponential";
        try
        {
            AssertLevels(
                NoiseLevels.Named(name, process, steps, rho: Math.Pow(10, logRho)), process, name, steps, FinalLevel.Zero);
        }
        catch (MezzotintException tooMany)
        {
            Assert.Matches($"^steps = {steps}: the {name} levels between .* leave no room", tooMany.Message);
        }
    }, iter: 500);

    [Theory]
    [InlineData(
        "karas",
        "levels 'karas': not known; did you mean 'karras'? There are karras, exponential, polyexponential, beta, linspace, "
        + "leading, trailing, leading-plus-one, uniform, log-snr, flow, lcm.")]
    [InlineData(
        "Trailing",
        "levels 'Trailing': not known; did you mean 'trailing'? There are karras, exponential, polyexponential, beta, linspace, "
        + "leading, trailing, leading-plus-one, uniform, log-snr, flow, lcm.")]
    [InlineData(
        "something else",
        "levels 'something else': not known; there are karras, exponential, polyexponential, beta, linspace, leading, trailing, "
        + "leading-plus-one, uniform, log-snr, flow, lcm.")]
    public void An_unknown_name_is_answered_with_the_names(string name, string message) =>
        Assert.Equal(message, Assert.Throws<MezzotintException>(() => NoiseLevels.Named(name, new Edm(), 10)).Message);

    [Fact]
    public void What_makes_no_levels_is_refused()
    {
        foreach (string name in NoiseLevels.Names)
        {
            Assert.Throws<ArgumentOutOfRangeException>("steps", () => NoiseLevels.Named(name, new Edm(), 0));
            Assert.Throws<ArgumentOutOfRangeException>("steps", () => NoiseLevels.Named(name, new Edm(), -5));
            Assert.Throws<ArgumentNullException>("process", () => NoiseLevels.Named(name, null!, 10));
        }
        Assert.Throws<ArgumentException>(() => NoiseLevels.Karras(1, 2, 10));
        Assert.Throws<ArgumentException>(() => NoiseLevels.Exponential(1, 0, 10));
        Assert.Throws<ArgumentException>(() => NoiseLevels.Exponential(double.PositiveInfinity, 1, 10));
        Assert.Throws<ArgumentException>(() => NoiseLevels.Karras(double.NaN, 1, 10));
        Assert.Equal(
            "levels.rho = 0: must be more than 0.",
            Assert.Throws<MezzotintException>(() => NoiseLevels.Karras(80, 1, 10, rho: 0)).Message);
        Assert.Equal(
            "levels.alpha = 0.1: must be between 0.25 and 100.",
            Assert.Throws<MezzotintException>(() => NoiseLevels.Beta(new Edm(), 10, alpha: 0.1)).Message);
        Assert.Equal(
            "levels.beta = NaN: must be between 0.25 and 100.",
            Assert.Throws<MezzotintException>(() => NoiseLevels.Beta(new Edm(), 10, beta: double.NaN)).Message);
        Assert.Contains(
            "leave no room for so many",
            Assert.Throws<MezzotintException>(() => NoiseLevels.Exponential(1, 1 - 1e-15, 100)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Levels_can_be_written_down_one_a_step()
    {
        Assert.Equal([80, 2.5, 0.8, 0], NoiseLevels.Named("80,2.5,0.8", new Edm(), 3));
        Assert.Equal([80, 2.5, 0.002], NoiseLevels.Named("80, 2.5", new Edm(), 2, FinalLevel.Minimum));
        Assert.Equal([40, 0], NoiseLevels.Named("4e1", new Edm(), 1));
        void Refused(string list, int steps, string why) =>
            Assert.Contains(
                why, Assert.Throws<MezzotintException>(() => NoiseLevels.Named(list, new Edm(), steps)).Message,
                StringComparison.Ordinal);
        Refused("80,2.5", 3, "are 2, for 3 steps: name one a step");
        Refused("81", 1, "each must be a number between 0.002 and 80");
        Refused("80,0.001", 2, "each must be a number between 0.002 and 80");
        Refused("80,x", 2, "each must be a number between 0.002 and 80");
        Refused("80,", 2, "each must be a number between 0.002 and 80");
        Assert.Equal([40, 5, 5, 0], NoiseLevels.Named("40,5,5", new Edm(), 3));
        Refused("1,2", 2, "none may be above the one before it");
    }

    private static void AssertAgree(string name, double[] levels)
    {
        double[] expected =
        [
            .. Reference.GetProperty("levels").GetProperty(name).EnumerateArray().Select(level => level.GetDouble()),
        ];
        Assert.Equal(expected.Length, levels.Length);
        for (int i = 0; i < levels.Length; i++)
            AssertClose(expected[i], levels[i], 1e-11, $"{name}[{i}]");
    }
}
