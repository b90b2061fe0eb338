using Mezzotint.Engine;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using Mezzotint.Sampling;
using Mezzotint.Tests.Sampling;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Engine;

/// <summary>The switch that users have: MEZZOTINT_ENGINE.</summary>
public class EngineSwitchTests
{
    [Fact]
    public void The_same_seeds_give_the_same_images_by_the_engine_and_by_libtorch()
    {
        using var model = ModelFolder.Read(Path.Combine(Repository.Root, "models", "seed"));
        byte[] Draw(string engine)
        {
            using var variable = new Variable(engine);
            using var evaluator = new NetworkEvaluator(model.Network, 28, 28, CPU, ComputePrecision.Float32);
            Assert.Equal(engine != "off", evaluator.ByImage);
            var sampler = model.With(ComputePrecision.Float32).CreateSampler();
            var request = new SamplingRequest
                { Condition = Condition.OfLabels([3, 7]), Seed = 11, Steps = 10, Solver = Solvers.Heun() };
            return Drawn.Images(sampler, request).Pixels;
        }
        byte[] libtorch = Draw("off");
        Assert.True(libtorch.Distinct().Count() > 10, "the images are flat");
        // float32 differs in its last digits, which can turn a rounding.
        string[] engines = TileKernel.HasCode ? ["on", "vectors"] : TileVectors.IsSupported ? ["vectors"] : ["plain"];
        foreach (string engine in engines)
            Assert.All(Draw(engine).Zip(libtorch), pixel => Assert.InRange(pixel.First - pixel.Second, -1, 1));
    }

    /// <summary>Where the processor has bfloat16 it is the default, so it is tested where the processor has none, too.</summary>
    [Fact]
    public void Images_in_bfloat16_are_those_of_float32_but_for_its_rounding()
    {
        using var any = Engines.UseAny(bfloat16: true);
        using var model = ModelFolder.Read(Path.Combine(Repository.Root, "models", "seed"));
        byte[] Draw(string precision)
        {
            var request = new SamplingRequest
                { Condition = Condition.OfLabels([3]), Seed = 11, Steps = 3, Solver = Solvers.Heun() };
            return Drawn.Images(model.With(precision).CreateSampler(), request).Pixels;
        }
        byte[] rounded = Draw(ComputePrecision.Bfloat16), single = Draw(ComputePrecision.Float32);
        Assert.NotEqual(single, rounded);
        Assert.InRange(single.Zip(rounded, (a, b) => (double)Math.Abs(a - b)).Average(), 0, 5);
    }

    [Fact]
    public void Where_it_is_off_there_is_no_bfloat16_and_the_error_says_why()
    {
        using var variable = new Variable("off");
        Assert.Null(ComputePrecision.Engine);
        Assert.Equal(ComputePrecision.Float32, ComputePrecision.Resolve(ComputePrecision.Automatic, CPU));
        var error = Assert.Throws<MezzotintException>(() => ComputePrecision.Resolve(ComputePrecision.Bfloat16, CPU));
        Assert.Contains("MEZZOTINT_ENGINE is off", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_value_is_refused_by_name()
    {
        using var variable = new Variable("fast");
        var error = Assert.Throws<MezzotintException>(() => ComputePrecision.Engine);
        Assert.Equal("MEZZOTINT_ENGINE", error.Key);
        Assert.Contains("on, off, vectors or plain", error.Message, StringComparison.Ordinal);
    }

    /// <summary>Sets it for a while; tests run one after the other.</summary>
    private sealed class Variable : IDisposable
    {
        private readonly string? _before = Environment.GetEnvironmentVariable(EngineChoice.Variable);

        public Variable(string value) => Environment.SetEnvironmentVariable(EngineChoice.Variable, value);

        public void Dispose() => Environment.SetEnvironmentVariable(EngineChoice.Variable, _before);
    }
}
