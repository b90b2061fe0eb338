using System.Text.Json;
using Mezzotint.Formats;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Sampling;

/// <summary>Golden numbers: Golden/seed/make_seed_fixture.py, an independent PyTorch program, with the Gaussian draws it
/// recorded.</summary>
public class EulerMaruyamaTests
{
    [Fact]
    public void Walk_agrees_with_the_PyTorch_reference_at_every_step()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var golden = Golden("attention_sampling");
        using var network = ReferenceNetwork();
        var process = new VarianceExploding();
        double[] levels = NoiseLevels.Uniform(process, 10);
        var draws = new Queue<Tensor>([.. Values(golden, "draws").unbind(0)]);
        var input = new SolverInput
        {
            Denoiser = new NetworkDenoiser(network, process, new ScoreParameterisation())
                .For(Condition.OfClasses(Values(golden, "labels"))),
            Levels = levels,
            X = Values(golden, "initial") * levels[0],
            Noise = (_, _) => draws.Dequeue(),
        };

        int steps = 0;
        foreach (var step in EulerMaruyama.For(process).Walk(input))
        {
            // after the last step the result is the mean, without its noise
            var expected = Values(golden, step.Index == 9 ? "means" : "states")[step.Index];
            Assert.True(RelativeError(step.X, expected) < 1e-5, $"step {step.Index}: {RelativeError(step.X, expected)}");
            if (step.Index == 9)
                Assert.True(RelativeError(step.X.clamp(0, 1), Values(golden, "final_clamped")) < 1e-5);
            steps++;
        }
        Assert.Equal(10, steps);
    }

    [Fact]
    public void Times_agree_with_the_PyTorch_reference()
    {
        using var scope = NewDisposeScope();
        double[] expected = Values(Golden("attention_sampling"), "times64").data<double>().ToArray();
        double[] times = new VarianceExploding().Times(10);
        Assert.Equal(expected.Length, times.Length);
        for (int i = 0; i < times.Length; i++)
            Assert.Equal(expected[i], times[i], 1e-15);
    }

    public static TheoryData<NoiseProcess> Processes =>
        [new VarianceExploding(), new VariancePreserving(), new SubVariancePreserving(), new FlowMatching()];

    [Theory]
    [MemberData(nameof(Processes))]
    public void The_mean_of_samples_from_a_Gaussian_is_its_mean_and_so_is_the_spread(NoiseProcess process)
    {
        ArgumentNullException.ThrowIfNull(process);
        // For x_0 ~ N(m, s^2) the denoiser is linear: D(x, sigma) = m + s^2 / (s^2 + sigma^2) (x - m).
        using var scope = NewDisposeScope();
        const double mean = 0.7, spread = 0.4;
        using var generator = new Generator(5, CPU);
        double[] levels = NoiseLevels.Uniform(process, 1000);
        var result = EulerMaruyama.For(process).Solve(new SolverInput
        {
            Denoiser = new GaussianDenoiser(mean, spread),
            Levels = levels,
            X = randn(1, 1, 100, 100, generator: generator) * levels[0],
            Noise = (_, _) => randn(1, 1, 100, 100, generator: generator),
        });

        // 10,000 draws: the standard error of the mean is 0.004, of the spread 0.003; the rest is the bias of a prior without
        // mean and of the steps.
        Assert.Equal(mean, result.mean().item<float>(), 0.03);
        Assert.Equal(spread, result.std().item<float>(), 0.03);
    }

    public static TheoryData<NoiseProcess> Others =>
        [new VariancePreserving(), new SubVariancePreserving(), new Edm(), new FlowMatching()];

    [Theory]
    [MemberData(nameof(Others))]
    public void The_last_step_does_not_throw_the_image_past_its_estimate(NoiseProcess process)
    {
        // Data of one single image, which is then the estimate everywhere. A step of g^2 dt = 2 std^2 mirrors x at it, and is the
        // longest that time leaves room for (a tenth more where beta grows on the way); a longer one throws x out.
        ArgumentNullException.ThrowIfNull(process);
        using var scope = NewDisposeScope();
        using var generator = new Generator(5, CPU);
        foreach (int steps in new[] { 3, 20, 200 })
        {
            double[] levels = NoiseLevels.Uniform(process, steps);
            var spread = new List<double>();
            foreach (var step in EulerMaruyama.For(process).Walk(new SolverInput
            {
                Denoiser = new GaussianDenoiser(0, 0),
                Levels = levels,
                X = SolverInputs.Start(levels[0], 16),
                Noise = (_, _) => randn(16, 1, 1, 1, dtype: float64, generator: generator),
            }))
                spread.Add(step.X.std().item<double>());
            Assert.True(spread[^1] <= spread[^2] * 1.2, $"{steps} steps: {spread[^2]:g3}, then {spread[^1]:g3}");
        }
    }

    [Fact]
    public void Each_image_depends_on_its_own_stream_alone()
    {
        using var scope = NewDisposeScope();
        using var alone = new ImageNoise([9], 1, 8, 8, CPU);
        using var among = new ImageNoise([7, 8, 9], 1, 8, 8, CPU);
        for (int draw = 0; draw < 3; draw++)
            Assert.True(alone.Next()[0].equal(among.Next()[2]).all().item<bool>());
    }

    internal static UNet ReferenceNetwork(string fixture = "attention")
    {
        var file = Golden(fixture);
        var config = JsonSerializer.Deserialize<UNetConfig>(
            file.Metadata["config"], new JsonSerializerOptions { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower })!;
        var network = new UNet(config);
        foreach (var (name, parameter) in network.named_parameters())
            file.Tensors["weights." + name].CopyTo(parameter);
        return network;
    }

    private static SafetensorsFile Golden(string name) =>
        SafetensorsFile.Read(Path.Combine(AppContext.BaseDirectory, "Golden", "seed", name + ".safetensors"));

    private static Tensor Values(SafetensorsFile file, string name)
    {
        var data = file.Tensors[name];
        var tensor = empty(
            data.Shape, dtype: data.Type switch { ElementType.Float64 => float64, ElementType.Int64 => int64, _ => float32 });
        data.CopyTo(tensor);
        return tensor;
    }

    private static double RelativeError(Tensor actual, Tensor expected) =>
        ((actual - expected).abs().max() / expected.abs().max()).item<float>();

    private sealed class GaussianDenoiser(double mean, double spread) : IDenoiser
    {
        public Tensor Denoise(Tensor x, double sigma) =>
            (x - mean) * (spread * spread / (spread * spread + sigma * sigma)) + mean;
    }
}
