using Mezzotint.Data;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Sampling;
using Mezzotint.Tests.Noise;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Sampling;

public class InversionTests
{
    private static readonly IReadOnlyDictionary<string, NoiseProcess> Processes = Mezzotint.Tests.Noise.Processes.OfEachKind;

    private static readonly GaussianMixtureDenoiser Mixture = GaussianMixtureDenoiser.TwoModes;

    public static TheoryData<string> Names { get; } = [.. Processes.Keys];

    [Theory, MemberData(nameof(Names))]
    public void Heun_brings_an_image_back_within_a_thousandth_in_100_steps(string process)
    {
        using var scope = NewDisposeScope();
        var inversion = Inversion.Of(Processes[process]);
        var x = Mixture.Draw(Processes[process].MinimumLevel, 200, 4, seed: 3);
        var z = inversion.Encode(Mixture, x);
        Assert.InRange(Rms(inversion.Decode(Mixture, z) - x), 1e-9, 1e-3);
    }

    [Theory, MemberData(nameof(Names))]
    public void The_noise_of_the_models_images_is_normal(string process)
    {
        // With one pixel an image: with several, which share their mode, the most noise of VE and EDM leaves a little of it.
        using var scope = NewDisposeScope();
        var x = Mixture.Draw(Processes[process].MinimumLevel, 4000, 1, seed: 4);
        double[] z = Inversion.Of(Processes[process]).Encode(Mixture, x).data<double>().ToArray();
        double Moment(int power) => z.Average(value => Math.Pow(value, power));
        // 4.5 standard errors of 4000 draws, and 0.02 for the mixture's own mean and variance, over the most noise.
        Assert.InRange(Moment(1), -0.07 - 0.02, 0.07 + 0.02);
        Assert.InRange(Moment(2), 0.90 - 0.02, 1.10 + 0.02);
        Assert.InRange(Moment(4), 2.30 - 0.1, 3.70 + 0.1);
    }

    [Theory]
    [InlineData("heun", 2)]
    [InlineData("dpmpp-2m", 2)]
    [InlineData("euler", 1)]
    public void What_does_not_come_back_shrinks_as_the_order_says(string name, int order)
    {
        using var scope = NewDisposeScope();
        var process = Processes["EDM"];
        var x = Mixture.Draw(process.MinimumLevel, 100, 1, seed: 3);
        double Error(int steps)
        {
            var inversion = new Inversion { Solver = Solvers.Named(name), Levels = Inversion.LevelsOf(process, steps) };
            return Rms(inversion.Decode(Mixture, inversion.Encode(Mixture, x)) - x);
        }
        Assert.InRange(Math.Log2(Error(200) / Error(400)), order - 0.3, order + 1.2); // heun's errors of both ways cancel in part
    }

    [Fact]
    public void The_shipped_model_brings_digits_back_within_a_thousandth()
    {
        using var scope = NewDisposeScope();
        using var model = ModelFolder.Read(Path.Combine(Repository.Root, "models", "seed"));
        var digits = TestData.MnistFolder is { } folder ? Mnist.Load(folder, train: false).Take(4) : Strokes.Make(4, seed: 1);
        var labels = Condition.OfLabels(digits.Labels.Select(label => (int)label));
        var images = model.Info.Pixels.Encode(tensor(digits.Pixels, [4, 1, 28, 28]).to(float64) / 255);
        var (inversion, denoiser) = (Inversion.Of(model.Info.Process), model.CreateDenoiser().For(labels));
        var z = inversion.Encode(denoiser, images);
        Assert.InRange(Rms(z), 0.7, 1.3);
        Assert.InRange(Rms(inversion.Decode(denoiser, z) - images), 0, 1e-3);
        Assert.False(z.requires_grad);
    }

    [Theory, MemberData(nameof(Names))]
    public void From_level_0_a_clean_image_comes_back_as_exactly_as_the_least_level_allows(string process)
    {
        using var scope = NewDisposeScope();
        double least = Processes[process].MinimumLevel;
        var inversion = new Inversion { Levels = Inversion.LevelsOf(Processes[process], final: FinalLevel.Zero) };
        var x = Mixture.Draw(0, 200, 4, seed: 3);
        // Up to the least level and down again D(2 x - D) is x up to the square of 1 - dD/dx, sigma^2 / s^2 of a mode.
        double ofTheFirstStep = Math.Pow(least / 0.35, 4) * Rms(x);
        Assert.InRange(Rms(inversion.Decode(Mixture, inversion.Encode(Mixture, x)) - x), 1e-9, 1e-3 + ofTheFirstStep);
    }

    [Fact]
    public void The_first_step_from_level_0_is_Eulers_with_the_estimate_at_the_least_level()
    {
        using var scope = NewDisposeScope();
        var x = Mixture.Draw(0, 20, 2, seed: 3);
        foreach (var solver in new[] { Solvers.Ddim(), Solvers.Heun(), Solvers.Lms() })
        {
            var counting = new CountingDenoiser(Mixture);
            var inversion = new Inversion { Solver = solver, Levels = [0.3, 0] };
            var noise = inversion.Encode(counting, x);
            Assert.Equal((1, 1), (counting.Calls, inversion.Evaluations));
            Assert.InRange(Rms(noise * 0.3 - (2 * x - Mixture.Denoise(x, 0.3))), 0, 1e-14);
            Assert.InRange(Rms(inversion.Decode(Mixture, noise) - Mixture.Denoise(noise * 0.3, 0.3)), 0, 1e-14);
        }
    }

    [Theory]
    [InlineData("ddim")]
    [InlineData("heun")]
    [InlineData("dpmpp-2m")]
    [InlineData("lms")]
    public void From_level_0_noise_gives_what_the_solver_draws_from_it(string name)
    {
        using var scope = NewDisposeScope();
        var (solver, levels) = (Solvers.Named(name), Inversion.LevelsOf(Processes["VP"], 30, FinalLevel.Zero));
        var noise = SolverInputs.Start(1, 20, 2);
        var inversion = new Inversion { Solver = solver, Levels = levels };
        var drawn = solver.Solve(new() { Denoiser = Mixture, Levels = levels, X = noise * levels[0] });
        Assert.InRange(Rms(inversion.Decode(Mixture, noise) - drawn), 0, 1e-12);
        var counting = new CountingDenoiser(Mixture);
        inversion.Encode(counting, drawn);
        Assert.Equal(inversion.Evaluations, counting.Calls);
    }

    [Fact]
    public void What_cannot_be_walked_back_is_refused()
    {
        using var scope = NewDisposeScope();
        var x = zeros(1, 1, 2, 2);
        var inversion = Inversion.Of(Processes["EDM"]);
        void Refused<T>(string why, Func<Tensor> walk) where T : Exception =>
            Assert.Contains(why, Assert.Throws<T>(walk).Message, StringComparison.Ordinal);
        var (ancestral, churning) = (Solvers.EulerAncestral(), Solvers.Heun(new() { Amount = 5 }));
        Refused<MezzotintException>(
            "'euler-ancestral' draws noise", () => (inversion with { Solver = ancestral }).Encode(Mixture, x));
        Refused<MezzotintException>("draws noise", () => (inversion with { Solver = churning }).Decode(Mixture, x));
        Refused<ArgumentException>("at least two", () => (inversion with { Levels = [3] }).Encode(Mixture, x));
        Refused<ArgumentException>("do not fall", () => (inversion with { Levels = [1, 3] }).Encode(Mixture, x));
    }

    private static double Rms(Tensor error) => error.pow(2).mean().sqrt().item<double>();
}
