using Mezzotint.Data;
using Mezzotint.Engine;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using Mezzotint.Tests.Engine;
using Mezzotint.Training;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Training;

/// <summary>Training by the engine beside training by libtorch: what is fast must not decide what is learned.</summary>
public class EngineTrainingTests
{
    private static readonly UNetConfig Model = new() { NumResBlocks = 1 };

    private static readonly ResidualUNetConfig Small =
        new() { ModelChannels = 16, HeadChannels = 16, ChannelMultipliers = [1], ResidualBlocks = [1] };

    [Theory]
    [InlineData(nameof(EngineKind.On), false)]
    [InlineData(nameof(EngineKind.On), true)]
    [InlineData(nameof(EngineKind.Plain), false)]
    [InlineData(nameof(EngineKind.Plain), true)]
    public void A_loss_and_its_gradients_are_those_of_autograd(string kind, bool consistency)
    {
        using var chosen = Engines.Use(kind);
        using var scope = NewDisposeScope();
        using var network = new UNet(Model, seed: 2);
        using var flat = FlatParameters.Of(network);
        using var generator = new Generator(3, CPU);
        var objective = new TrainingObjective { Distillation = consistency ? new ConsistencyTuning() : new NoDistillation() };
        var (images, labels) = (rand(5, 1, 8, 8), randint(10, [5, 1], dtype: int64));
        var draw = NoiseDraw.From(generator, objective, 5, 1, 8, 8, progress: 0.5);
        var wanted = DenoisingLoss.PerImage(network, images, labels, draw).sum() / 7;
        wanted.backward();
        var gradients = flat.Gradients.clone();

        flat.Gradients.zero_();
        using var engine = NetworkEngine.For(network, 8, 8, bfloat16: false, training: true)!;
        using var noGrad = no_grad();
        var terms = DenoisingLoss.Terms((x, t, classes) => NetworkEvaluator.Evaluate(engine, x, t, classes), images, labels, draw);
        float made = terms.Backward(engine, labels, batch: 7);
        engine.TakeGradients();
        Assert.Equal(wanted.item<float>(), made, 1e-5f * wanted.item<float>());
        TensorAssert.Close(gradients, flat.Gradients, 1e-4);
    }

    [Fact]
    public void The_optimisers_parts_do_what_its_step_does()
    {
        using var scope = NewDisposeScope();
        const int count = 1003;
        var (whole, parts, first, second) = (randn(count), zeros(count), randn(count), randn(count));
        parts.copy_(whole);
        using var adam = new Adam(whole);
        using var fused = new Adam(parts);
        for (int step = 1; step <= 3; step++)
        {
            adam.Step(whole, (first + second) * 0.5, 1e-2, step);
            var (a, b) = (first.clone(), second.clone());
            foreach (var (start, length) in new[] { (0, 500), (500, 3), (503, 500) })
                fused.StepPart(parts, [a, b], 0.5f, 1e-2, step, start, length);
            Assert.Equal(0, a.abs().max().item<float>() + b.abs().max().item<float>());
        }
        TensorAssert.Close(whole, parts, 1e-6);
        TensorAssert.Close(adam.FirstMoment, fused.FirstMoment, 1e-6);
        TensorAssert.Close(adam.SecondMoment, fused.SecondMoment, 1e-6);
    }

    [Theory]
    [InlineData(nameof(EngineKind.On))]
    [InlineData(nameof(EngineKind.Plain))]
    public void In_bfloat16_the_loss_falls_as_it_does_in_float32(string kind)
    {
        // The twin is slow.
        var (model, steps, batch) = kind == nameof(EngineKind.On) ? ((NetworkConfig)Model, 200, 32) : (Small, 80, 4);
        double[] half, single;
        using (Engines.Use(kind, bfloat16: true))
            half = Curve(ComputePrecision.Bfloat16, model, steps, batch);
        using (Engines.UseAny())
            single = Curve(ComputePrecision.Float32, model, steps, batch);
        Assert.NotEqual(half[^1], single[^1]);
        Assert.True(single[^1] < 0.5 * single[0], $"it learns nothing: {single[0]} to {single[^1]}");
        for (int i = 0; i < half.Length; i++)
            Assert.InRange(half[i] / single[i], 0.9, 1.1); // a tenth of the steps' own noise
    }

    [Fact]
    public void Bfloat16_is_refused_where_there_is_none()
    {
        using var off = EngineChoice.Use(TileKernel.HasBfloat16Code ? EngineKind.Off : EngineKind.On);
        var error = Assert.Throws<MezzotintException>(() => ComputePrecision.Resolve(ComputePrecision.Bfloat16, CPU));
        Assert.Contains("auto or float32", error.Message, StringComparison.Ordinal);
    }

    /// <summary>The mean loss of each tenth of the steps.</summary>
    private static double[] Curve(string precision, NetworkConfig model, int steps, int batch)
    {
        using var scope = NewDisposeScope();
        using var network = model.Build(3);
        using var data = new ResidentImages(Strokes.Make(256, seed: 1, size: 8), CPU);
        using var threads = new WorkerThreads(2);
        var training = new TrainingConfig { Precision = precision, Replicas = 2 };
        var config = new ExperimentConfig { Model = model, Training = training };
        using var step = new TrainingStep(network, config, weights => new Adam(weights), threads, CPU);
        var loss = zeros(1);
        var curve = new List<double>();
        double sum = 0;
        int tenth = steps / 10;
        for (int i = 0; i < steps; i++)
        {
            using var generator = RandomSeeds.Generator(1, RandomPurpose.TrainingNoise, i);
            step.Run(data, arange(i % 8 * batch, (i % 8 + 1) * batch), generator, 2e-3, i + 1, 0, loss);
            sum += loss.item<float>();
            if (i % tenth == tenth - 1)
            {
                curve.Add(sum / tenth);
                sum = 0;
            }
        }
        return [.. curve];
    }
}
