using CsCheck;
using Mezzotint.Noise;
using Mezzotint.Tests.Networks;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Noise;

public class VarianceExplodingTests
{
    private static readonly VarianceExploding Seed = new();

    [Fact]
    public void Std_and_diffusion_agree_with_PyTorch_in_float64()
    {
        var golden = new SeedFixture("process_and_crop");
        using var scope = NewDisposeScope();
        double[] t = golden["process.t64"].data<double>().ToArray();
        double[] std = golden["process.std64"].data<double>().ToArray(), g = golden["process.g64"].data<double>().ToArray();
        for (int i = 0; i < t.Length; i++)
        {
            AssertClose(std[i], Seed.Std(t[i]), 1e-12);
            AssertClose(g[i], Seed.Diffusion(t[i]), 1e-14);
        }
    }

    [Theory]
    [InlineData("two_levels")]
    [InlineData("attention")]
    public void Std_of_a_tensor_agrees_with_PyTorch_in_float32(string name)
    {
        var golden = new SeedFixture(name);
        using var scope = NewDisposeScope();
        golden.AssertAgrees("std", Seed.Std(golden["t"]));
        golden.AssertAgrees("std64", Seed.Std(golden["t"].to(float64)));
        golden.AssertAgrees("x_t", golden["x"] + Seed.Std(golden["t"]).view(-1, 1, 1, 1) * golden["z"]);
    }

    [Fact]
    public void The_grid_of_500_times_is_PyTorchs_linspace()
    {
        using var scope = NewDisposeScope();
        double[] golden = new SeedFixture("process_and_crop")["process.times500_64"].data<double>().ToArray();
        double[] times = Seed.Times(500);
        Assert.Equal(500, times.Length);
        for (int i = 0; i < times.Length; i++)
            AssertClose(golden[i], times[i], 1e-12);
        Assert.Equal(1, times[0]);
    }

    private static readonly Gen<(VarianceExploding Process, double T)> Any = Gen.Select(
        Gen.Double[1.01, 1000].Select(sigma => new VarianceExploding { Sigma = sigma }), Gen.Double[1e-4, 1]);

    [Fact]
    public void Std_squared_is_the_integral_of_the_squared_diffusion() =>
        Gen.Select(Gen.Double[1.1, 50], Gen.Double[0.01, 1]).Sample((sigma, t) =>
    {
        var process = new VarianceExploding { Sigma = sigma };
        const int Steps = 2000; // Simpson's rule
        double integral = 0;
        for (int i = 0; i <= Steps; i++)
        {
            double g = process.Diffusion(t * i / Steps);
            integral += g * g * (i == 0 || i == Steps ? 1 : i % 2 == 1 ? 4 : 2);
        }
        AssertClose(integral * t / Steps / 3, process.Std(t) * process.Std(t), 1e-8);
    }, iter: 50);

    [Fact]
    public void Time_is_the_inverse_of_std() =>
        Any.Sample(sample => AssertClose(sample.T, sample.Process.Time(sample.Process.Std(sample.T)), 1e-9));

    [Fact]
    public void Std_is_zero_at_the_start_and_grows_with_time() => Any.Sample(sample =>
    {
        Assert.Equal(0, sample.Process.Std(0));
        Assert.True(sample.Process.Std(sample.T) > 0);
        Assert.True(sample.Process.Std(sample.T) < sample.Process.Std(sample.T * 1.001));
        Assert.True(sample.Process.Diffusion(sample.T) < sample.Process.Diffusion(sample.T * 1.001));
    });

    [Fact]
    public void Std_of_a_tensor_is_that_of_the_numbers() => Any.Sample(sample =>
    {
        using var scope = NewDisposeScope();
        AssertClose(sample.Process.Std(sample.T), sample.Process.Std(tensor(sample.T)).item<double>(), 1e-9);
        AssertClose(sample.Process.Std(sample.T), sample.Process.Std(tensor((float)sample.T)).item<float>(), 1e-5);
    }, iter: 100, threads: 1);

    [Fact]
    public void Times_go_down_in_equal_steps_from_1_to_the_minimum() =>
        Gen.Select(Gen.Int[2, 600], Gen.Double[1e-5, 0.9]).Sample((count, minimum) =>
    {
        double[] times = new VarianceExploding { MinimumTime = minimum }.Times(count);
        Assert.Equal((count, 1.0), (times.Length, times[0]));
        AssertClose(minimum, times[^1], 1e-10);
        double step = (1 - minimum) / (count - 1);
        for (int i = 1; i < count; i++)
            Assert.True(Math.Abs(times[i - 1] - times[i] - step) < 1e-12);
    }, iter: 50);

    [Theory]
    [InlineData(1)]
    [InlineData(0)]
    [InlineData(-3)]
    public void Fewer_than_two_times_are_no_grid(int count) =>
        Assert.Throws<ArgumentOutOfRangeException>(nameof(count), () => Seed.Times(count));

    [Theory]
    [InlineData(1, "1")]
    [InlineData(0.5, "0.5")]
    [InlineData(-25, "-25")]
    [InlineData(double.NaN, "NaN")]
    [InlineData(double.PositiveInfinity, "Infinity")]
    public void Validate_names_a_wrong_sigma(double sigma, string value) =>
        Assert.Equal(
            $"process.sigma = {value}: must be more than 1.",
            Assert.Throws<MezzotintException>(new VarianceExploding { Sigma = sigma }.Validate).Message);

    [Theory]
    [InlineData(0, "0")]
    [InlineData(1, "1")]
    [InlineData(-1, "-1")]
    [InlineData(double.NaN, "NaN")]
    public void Validate_names_a_wrong_minimum_time(double time, string value) =>
        Assert.Equal(
            $"process.minimum_time = {value}: must be between 0 and 1.",
            Assert.Throws<MezzotintException>(new VarianceExploding { MinimumTime = time }.Validate).Message);

    [Fact]
    public void A_minimum_time_at_which_the_noise_rounds_to_nothing_is_refused() =>
        Assert.StartsWith(
            "process.minimum_time = 1E-30: must be further from 0",
            Assert.Throws<MezzotintException>(new VarianceExploding { MinimumTime = 1e-30 }.Validate).Message,
            StringComparison.Ordinal);

    [Fact]
    public void The_seeds_settings_are_valid()
    {
        Seed.Validate();
        Assert.Equal((25, 1e-3), (Seed.Sigma, Seed.MinimumTime));
    }

    private static void AssertClose(double expected, double actual, double relative) =>
        Assert.True(Math.Abs(actual - expected) <= relative * Math.Abs(expected), $"{actual:R} instead of {expected:R}");
}
