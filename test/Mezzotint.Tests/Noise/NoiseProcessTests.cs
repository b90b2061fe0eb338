using CsCheck;
using Mezzotint.Noise;
using Mezzotint.Runtime;
using static Mezzotint.Tests.Noise.Processes;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Noise;

/// <summary>What holds for every process.</summary>
public class NoiseProcessTests
{
    [Fact]
    public void With_timesteps_a_network_sees_the_index_of_the_tables_entry_and_fractions_between()
    {
        var table = new ScaledLinearSchedule().ToTable(1000);
        var process = new VariancePreserving { Schedule = table, Timesteps = true };
        process.Validate();
        Assert.Equal((0, 999), (process.TimeInput(table.TimeOf(0)), process.TimeInput(table.TimeOf(999))));
        Assert.Equal(500.25, process.TimeInput((table.TimeOf(500) * 3 + table.TimeOf(501)) / 4), 1e-9);
        Assert.Equal(0.5, (process with { Timesteps = false }).TimeInput(0.5));
        Assert.NotEqual(process, process with { Timesteps = false });
        Assert.Contains("process.timesteps = true: must be false, or the schedule a table",
            Assert.Throws<MezzotintException>(new VariancePreserving { Timesteps = true }.Validate).Message,
            StringComparison.Ordinal);
    }

    /// <summary>The reference integrates beta and the variance equation numerically and differentiates numerically, in 50
    /// digits.</summary>
    [Theory]
    [InlineData("variance-exploding")]
    [InlineData("linear")]
    [InlineData("scaled-linear")]
    [InlineData("cosine")]
    [InlineData("sigmoid")]
    [InlineData("sigmoid-shifted")]
    [InlineData("linear-zero-terminal")]
    [InlineData("scaled-linear-zero-terminal")]
    [InlineData("sub-variance-preserving")]
    [InlineData("edm")]
    [InlineData("flow")]
    public void Coefficients_agree_with_50_digit_arithmetic(string name)
    {
        var process = All[name];
        foreach (var point in Reference.GetProperty("processes").GetProperty(name).EnumerateArray())
        {
            double Expected(string key) => point.GetProperty(key).GetDouble();
            double t = Expected("t");
            AssertClose(Expected("alpha"), process.Alpha(t), 1e-13, $"alpha({t})");
            AssertClose(Expected("std"), process.Std(t), 1e-13, $"std({t})");
            AssertClose(Expected("level"), process.Level(t), 1e-13, $"level({t})");
            AssertClose(Expected("drift"), process.Drift(t), 1e-12, $"drift({t})");
            AssertClose(Expected("diffusion"), process.Diffusion(t), 1e-12, $"diffusion({t})");
            Assert.Equal(Expected("halfLogSnr"), process.HalfLogSnr(t), 1e-12);
            AssertClose(t, process.Time(Expected("level")), 1e-11, $"time of the level at {t}");
        }
    }

    [Fact]
    public void Time_is_the_inverse_of_level() => AnyMoment.Sample(sample =>
    {
        // Near t = 1 a time has too few digits for a level without bound: there the level is what must come back.
        var (process, t) = sample;
        double level = process.Level(t);
        AssertClose(t, process.Time(level), 1e-9);
        AssertClose(level, process.Level(process.Time(level)), 1e-7);
    }, iter: 2000);

    [Fact]
    public void Time_at_half_log_snr_is_the_inverse_of_half_log_snr() => AnyMoment.Sample(sample =>
    {
        AssertClose(sample.T, sample.Process.TimeAtHalfLogSnr(sample.Process.HalfLogSnr(sample.T)), 1e-9);
        Assert.Equal(
            Math.Log(sample.Process.Alpha(sample.T) / sample.Process.Std(sample.T)), sample.Process.HalfLogSnr(sample.T), 1e-9);
    }, iter: 2000);

    [Fact]
    public void Levels_grow_with_time_and_stay_finite() =>
        Gen.Select(Any, Gen.Double[0, 1], Gen.Double[0, 1]).Sample((process, a, b) =>
    {
        double At(double part) => process.Level(process.MinimumTime + part * (process.MaximumTime - process.MinimumTime));
        Assert.True(process.MinimumLevel > 0 && double.IsFinite(process.MaximumLevel));
        if (Math.Abs(a - b) > 1e-9)
            Assert.True(At(Math.Min(a, b)) < At(Math.Max(a, b)));
        process.Validate();
    }, iter: 1000);

    [Fact]
    public void Level_is_the_ratio_of_std_and_alpha() => AnyMoment.Sample(sample =>
        AssertClose(sample.Process.Std(sample.T) / sample.Process.Alpha(sample.T), sample.Process.Level(sample.T), 1e-9),
        iter: 1000);

    [Fact]
    public void Drift_is_the_derivative_of_log_alpha_and_diffusion_that_of_the_variance() => AnyMoment.Sample(sample =>
    {
        var (process, t) = sample;
        // Inside one step of a table, away from its kinks; and not at the very end, where coefficients that have no bound bend
        // fast.
        double h = 1e-6 * t;
        if (process.Table is { } table)
        {
            double step = 1.0 / table.Count;
            t = (Math.Floor(Math.Min(t, 1 - step / 2) * table.Count) + 0.5) * step;
            h = Math.Min(h, step / 4);
        }
        if (t > 0.999 * process.MaximumTime)
            return;
        double f = (Math.Log(process.Alpha(t + h)) - Math.Log(process.Alpha(t - h))) / (2 * h);
        if (!(Math.Abs(f - process.Drift(t)) <= 1e-4 * Math.Abs(f) + 1e-6 / t))
            Assert.Fail($"{process} at {t}: f = {process.Drift(t)} instead of {f}");
        double growth = (Math.Pow(process.Std(t + h), 2) - Math.Pow(process.Std(t - h), 2)) / (2 * h);
        double squared = growth - 2 * f * process.Std(t) * process.Std(t), g = process.Diffusion(t);
        if (!(Math.Abs(squared - g * g) <= 1e-4 * squared + 1e-6))
            Assert.Fail($"{process} at {t}: g^2 = {g * g} instead of {squared}");
    }, iter: 2000);

    /// <summary>dm/dt = f m and dv/dt = 2 f v + g^2 by the classical Runge-Kutta method, from one end of the range to the
    /// other.</summary>
    [Theory]
    [MemberData(nameof(Names), MemberType = typeof(Processes))]
    public void The_moments_of_the_stochastic_differential_equation_are_alpha_and_std(string name)
    {
        var process = All[name];
        double end = process.Time(Math.Min(process.MaximumLevel, 100));
        // Steps even in the logarithm of the level; in a table, a fixed number within each of its steps, as f and g jump between
        // those.
        double[] times = process.Table is { } table
            ? [.. Enumerable.Range(0, 64 * table.Count).Select(i => (1 + i / 64.0) / table.Count).Where(time => time < end), end]
            : [
                .. Enumerable.Range(0, 4001).Select(i =>
                    process.Time(process.MinimumLevel * Math.Pow(process.Level(end) / process.MinimumLevel, i / 4000.0)))];
        double mean = process.Alpha(times[0]), variance = process.Std(times[0]) * process.Std(times[0]);
        for (int i = 1; i < times.Length; i++)
        {
            double h = times[i] - times[i - 1];
            // Just within the step, so that a table's coefficients are the step's own.
            double[] stages = [times[i - 1] + 1e-6 * h, times[i - 1] + h / 2, times[i]];
            var rates = Array.ConvertAll(stages, s => (F: process.Drift(s), G2: Math.Pow(process.Diffusion(s), 2)));
            mean = RungeKutta(mean, h, (y, k) => rates[k].F * y);
            variance = RungeKutta(variance, h, (y, k) => 2 * rates[k].F * y + rates[k].G2);
        }
        AssertClose(process.Alpha(end), mean, 1e-6, "alpha");
        AssertClose(process.Std(end), Math.Sqrt(variance), 1e-6, "std");
    }

    private static double RungeKutta(double y, double h, Func<double, int, double> rate)
    {
        double k1 = rate(y, 0), k2 = rate(y + h / 2 * k1, 1), k3 = rate(y + h / 2 * k2, 1), k4 = rate(y + h * k3, 2);
        return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4);
    }

    /// <summary>Euler-Maruyama forward in time from x_0 = 1.5; 4,000 paths leave standard errors of 1.6 % (mean, in std) and 1.1
    /// % (std).</summary>
    [Theory]
    [InlineData("variance-exploding")]
    [InlineData("linear")]
    [InlineData("cosine")]
    [InlineData("sigmoid-table")]
    [InlineData("sub-variance-preserving")]
    [InlineData("edm")]
    [InlineData("flow")]
    public void Simulated_paths_have_the_mean_and_the_std_of_the_closed_form(string name)
    {
        var process = All[name];
        const int Paths = 4000, Steps = 250;
        var random = new RandomStream(11);
        double end = process.Time(Math.Min(process.MaximumLevel, 10));
        double[] times = [.. Enumerable.Range(0, Steps + 1).Select(i => end * i / Steps)];
        double[] f = Array.ConvertAll(times, process.Drift), g = Array.ConvertAll(times, t => process.Diffusion(Math.Max(t, 0)));
        double sum = 0, sumOfSquares = 0, h = end / Steps;
        for (int path = 0; path < Paths; path++)
        {
            double x = 1.5;
            for (int i = 0; i < Steps; i++)
            {
                // The middle of each step: the mean of both ends' coefficients.
                double drift = 0.5 * (f[i] + f[i + 1]), diffusion = Math.Sqrt(0.5 * (g[i] * g[i] + g[i + 1] * g[i + 1]));
                x += drift * x * h + diffusion * Math.Sqrt(h) * random.Normal();
            }
            sum += x;
            sumOfSquares += x * x;
        }
        double mean = sum / Paths, std = Math.Sqrt(sumOfSquares / Paths - mean * mean);
        Assert.True(
            Math.Abs(mean - 1.5 * process.Alpha(end)) < 0.065 * process.Std(end),
            $"mean {mean} instead of {1.5 * process.Alpha(end)}");
        Assert.True(Math.Abs(std / process.Std(end) - 1) < 0.05, $"std {std} instead of {process.Std(end)}");
    }

    [Fact]
    public void Times_go_down_evenly_from_the_last_to_the_first() => Gen.Select(Any, Gen.Int[2, 600]).Sample((process, count) =>
    {
        double[] times = process.Times(count);
        Assert.Equal(count, times.Length);
        Assert.Equal(process.MaximumTime, times[0]);
        AssertClose(process.MinimumTime, times[^1], 1e-10);
        for (int i = 1; i < count; i++)
            Assert.True(times[i] < times[i - 1]);
        if (process is not FlowMatching { Shift: not 1 })
            for (int i = 1; i < count; i++)
                AssertClose((times[0] - times[^1]) / (count - 1), times[i - 1] - times[i], 1e-8);
    }, iter: 300);

    [Fact]
    public void Fewer_than_two_times_are_no_grid()
    {
        foreach (var process in All.Values)
            Assert.Throws<ArgumentOutOfRangeException>("count", () => process.Times(1));
    }

    [Theory]
    [MemberData(nameof(Names), MemberType = typeof(Processes))]
    public void Coefficients_of_tensors_are_those_of_numbers(string name)
    {
        using var scope = NewDisposeScope();
        var process = All[name];
        double[] times = process.Times(7);
        double[] alpha = [.. process.Alpha(tensor(times)).data<double>()], std = [.. process.Std(tensor(times)).data<double>()];
        for (int i = 0; i < times.Length; i++)
        {
            AssertClose(process.Alpha(times[i]), alpha[i], 1e-13);
            AssertClose(process.Std(times[i]), std[i], 1e-12);
        }
        var single = process.Std(tensor(times).to(float32).view(7, 1));
        Assert.Equal(float32, single.dtype);
        Assert.Equal([7, 1], single.shape);
    }

    [Theory]
    [MemberData(nameof(Names), MemberType = typeof(Processes))]
    public void Perturb_adds_noise_by_the_time_of_each_image(string name)
    {
        using var scope = NewDisposeScope();
        var process = All[name];
        double[] times = process.Times(3);
        using var generator = new Generator(1, CPU);
        Tensor images = rand(3, 1, 2, 2, generator: generator), noise = randn(3, 1, 2, 2, generator: generator);
        var x = process.Perturb(images, noise, tensor(times));
        Assert.Equal((float32, true), (x.dtype, x.shape.SequenceEqual(images.shape)));
        for (int i = 0; i < 3; i++)
        {
            double expected = process.Alpha(times[i]) * images[i, 0, 1, 0].item<float>()
                + process.Std(times[i]) * noise[i, 0, 1, 0].item<float>();
            Assert.Equal(expected, x[i, 0, 1, 0].item<float>(), 1e-5 * (1 + process.Std(times[i])));
        }
        Assert.Throws<ArgumentException>(() => process.Perturb(images, noise, tensor(times)[..2]));
        Assert.Throws<ArgumentException>(() => process.Perturb(images, noise[..2], tensor(times)));
    }

    [Theory]
    [MemberData(nameof(Names), MemberType = typeof(Processes))]
    public void The_prior_is_a_Gaussian_of_the_last_std(string name)
    {
        using var scope = NewDisposeScope();
        var process = All[name];
        using var generator = new Generator(2, CPU);
        var x = process.PriorSample(randn(50, 1, 20, 20, generator: generator));
        Assert.Equal(process.Std(process.MaximumTime), process.PriorStd);
        Assert.Equal(process.PriorStd, x.std().item<float>(), 0.02 * process.PriorStd);
        double[] density = [.. process.PriorLogDensity(x).data<double>()];
        Assert.Equal(50, density.Length);
        double expected = 0; // pixel by pixel
        foreach (float pixel in x[7].data<float>())
            expected += Math.Log(
                Math.Exp(-0.5 * Math.Pow(pixel / process.PriorStd, 2)) / (process.PriorStd * Math.Sqrt(2 * Math.PI)));
        AssertClose(expected, density[7], 1e-6);
        AssertClose(expected, process.PriorLogDensity(x[7].to(float64).square().sum().item<double>(), 400), 1e-6);
    }

    [Fact]
    public void Equal_settings_make_equal_processes()
    {
        Assert.Equal(
            new VariancePreserving { Schedule = new LinearSchedule().ToTable(100) },
            new VariancePreserving { Schedule = new LinearSchedule().ToTable(100) });
        Assert.NotEqual(
            new VariancePreserving { Schedule = new LinearSchedule().ToTable(100) },
            new VariancePreserving { Schedule = new LinearSchedule().ToTable(101) });
        Assert.Equal(new Edm() { MaximumSigma = 3 } as NoiseProcess, new Edm() { MaximumSigma = 3 });
        Assert.NotEqual<NoiseProcess>(new Edm(), new FlowMatching());
    }

    public static TheoryData<NoiseProcess, string> Wrong => new()
    {
        {
            new VariancePreserving { Schedule = new LinearSchedule { BetaMin = 0 } },
            "process.schedule.beta_min = 0: must be more than 0."
        },
        {
            new VariancePreserving { Schedule = new LinearSchedule { BetaMax = 0.05 } },
            "process.schedule.beta_max = 0.05: must be process.schedule.beta_min or more."
        },
        {
            new VariancePreserving { Schedule = new ScaledLinearSchedule { BetaMax = double.NaN } },
            "process.schedule.beta_max = NaN: must be process.schedule.beta_min or more."
        },
        {
            new VariancePreserving { Schedule = new ScaledLinearSchedule { BetaMin = -1 }.WithZeroTerminalSnr() },
            "process.schedule.beta_min = -1: must be more than 0."
        },
        {
            new SubVariancePreserving { Schedule = new CosineSchedule { Offset = -0.1 } },
            "process.schedule.offset = -0.1: must be between 0 and 1."
        },
        {
            new VariancePreserving { Schedule = new SigmoidSchedule { Temperature = 0 } },
            "process.schedule.temperature = 0: must be between 0.01 and 100."
        },
        {
            new VariancePreserving { Schedule = new SigmoidSchedule { Start = 3 } },
            "process.schedule.end = 3: must be more than process.schedule.start, within 20 temperatures of 0."
        },
        {
            new VariancePreserving { Schedule = new SigmoidSchedule { Start = -21 } },
            "process.schedule.start = -21: must be within 20 temperatures of 0."
        },
        { new VariancePreserving { MinimumTime = 1 }, "process.minimum_time = 1: must be between 0 and the last time." },
        { new SubVariancePreserving { MinimumTime = -1 }, "process.minimum_time = -1: must be between 0 and the last time." },
        { new Edm { MinimumTime = 0 }, "process.minimum_time = 0: must be more than 0." },
        { new Edm { MaximumSigma = 0.001 }, "process.maximum_sigma = 0.001: must be more than process.minimum_time." },
        { new FlowMatching { Shift = 0 }, "process.shift = 0: must be between 0.01 and 100." },
        { new FlowMatching { MinimumTime = 1 }, "process.minimum_time = 1: must be between 0 and 0.9997." },
    };

    [Theory]
    [MemberData(nameof(Wrong), DisableDiscoveryEnumeration = true)]
    public void Validate_names_the_setting(NoiseProcess process, string message) =>
        Assert.Equal(message, Assert.Throws<MezzotintException>(process.Validate).Message);
}
