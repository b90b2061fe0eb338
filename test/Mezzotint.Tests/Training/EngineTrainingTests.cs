using Mezzotint.Data;
using Mezzotint.Engine;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using Mezzotint.Tests.Engine;
using Mezzotint.Tests.Serving;
using Mezzotint.Training;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Training;

/// <summary>Training by the engine beside training by libtorch: what is fast must not decide what is learned.</summary>
public class EngineTrainingTests
{
    private static readonly UNetConfig Model = new() { NumResBlocks = 1 };

    private static readonly ResidualUNetConfig Small =
        new() { ModelChannels = 16, HeadChannels = 16, ChannelMultipliers = [1], ResidualBlocks = [1] };

    private static readonly TrainingObjective Objective = new() { FilledStep = 0.1 };

    /// <summary>A loss of every shape that there is, and one of a program's own.</summary>
    private static readonly Dictionary<string, TrainingTask> Tasks = new()
    {
        ["denoising"] = new DenoisingTask(Model, Objective),
        ["own"] = new DenoisingTask(Model, Objective with { Loss = new OwnWeighting() }),
        ["dropout"] = new DenoisingTask(Model with { Unconditional = true }, Objective) { LabelDropout = 0.5 },
        ["changes"] = new DenoisingTask(Small with { KnowsChanges = true }, Objective) { Augment = 0.5 },
        ["consistency"] = new ConsistencyTask(Model, Objective, new ConsistencyTuning()),
    };

    public static TheoryData<string, string> KindsAndTasks =>
        new(from kind in new[] { nameof(EngineKind.On), nameof(EngineKind.Plain) } from task in Tasks.Keys select (kind, task));

    [Theory]
    [MemberData(nameof(KindsAndTasks))]
    public void A_loss_and_its_gradients_are_those_of_autograd(string kind, string name)
    {
        using var chosen = Engines.Use(kind);
        AssertAsAutograd<EngineReplica>(Tasks[name], progress: 0.5, losses: false);
    }

    [Theory]
    [InlineData(nameof(EngineKind.On))]
    [InlineData(nameof(EngineKind.Plain))]
    public void The_loss_of_a_student_on_its_teachers_path_and_its_gradients_are_those_of_autograd(string kind)
    {
        using var chosen = Engines.Use(kind);
        var distillation = new ConsistencyDistillation { Teacher = new() { Guidance = 2, High = 1 } };
        using var teacher = (Model with { Unconditional = true }).Build(seed: 7);
        var task = new ConsistencyTask(teacher.Config, Objective, distillation) { Teacher = teacher };
        AssertAsAutograd<EngineReplica>(task, progress: 0.5, losses: true);
    }

    [Theory]
    [InlineData(nameof(EngineKind.On))]
    [InlineData(nameof(EngineKind.Plain))]
    public void A_text_encoder_that_learns_has_the_gradients_of_autograd(string kind)
    {
        using var chosen = Engines.Use(kind);
        var (prompts, encoder) = WordedPipeline.NewPrompts();
        using var _ = encoder;
        var task = new DenoisingTask(WordedPipeline.Config with { InChannels = 1, OutChannels = 1 }, Objective)
            { Prompts = prompts with { Trained = true }, LabelDropout = 0.3 };
        AssertAsAutograd<EngineReplica>(task, progress: 0.5, losses: true);
    }

    public static TheoryData<string, int, double> Autoencoders => new(
        from kind in new[] { nameof(EngineKind.On), nameof(EngineKind.Plain) }
        from margin in new[] { 0, 2 }
        from adversarial in new[] { 0, 0.5 }
        select (kind, margin, adversarial));

    [Theory]
    [MemberData(nameof(Autoencoders))]
    public void An_autoencoders_loss_and_its_gradients_are_those_of_autograd(string kind, int margin, double adversarial)
    {
        using var chosen = Engines.Use(kind);
        var task = new AutoencoderTask(
            new()
            {
                BlockOutChannels = [8, 24], LayersPerBlock = 1, NormNumGroups = 4, InChannels = 1, OutChannels = 1,
                Margin = margin,
            },
            new() { Divergence = 1e-2, Adversarial = adversarial, DiscriminatorChannels = 8 });
        AssertAsAutograd<AutoencoderReplica>(task, progress: 1, losses: adversarial == 0); // else autograd is part of the loss
    }

    /// <summary>The loss of five images of a batch of seven, and its gradients.</summary>
    private static void AssertAsAutograd<TReplica>(TrainingTask task, double progress, bool losses)
    {
        using var scope = NewDisposeScope();
        using var network = task.Build(seed: 2);
        foreach (var (_, parameter) in network.named_parameters()) // what starts at zero hides the layers before it
        {
            using var noGradient = no_grad();
            if (parameter.count_nonzero().item<long>() == 0 && parameter.dim() > 1)
                parameter.normal_(0, 0.1);
        }
        using var flat = FlatParameters.Of(network);
        using var generator = new Generator(3, CPU);
        using var data = new ResidentImages(SmallExperiment.Train, CPU);
        var indices = arange(5, dtype: int64);
        var (images, labels) = data.Batch(indices);
        var draw = task.Draw(generator, data, indices, progress);
        var each = task.Losses(network, images, labels, draw);
        var wanted = each.sum() / 7;
        wanted.backward();
        var gradients = flat.Gradients.clone();

        flat.Gradients.zero_();
        using var replica = task.NewReplica(network, 8, 8, CPU, ComputePrecision.Float32, training: true);
        Assert.IsType<TReplica>(replica);
        var made = zeros(1);
        replica.Backward(images, labels, draw, batch: 7, made);
        Assert.Equal(wanted.item<float>(), made.item<float>(), 1e-5f * wanted.item<float>());
        TensorAssert.Close(gradients, flat.Gradients, 1e-4);
        using var noGrad = no_grad();
        if (losses)
            TensorAssert.Close(each, replica.Losses(images, labels, draw), 1e-5);
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
        using var step = new TrainingStep(config.Task, network, training, threads, CPU);
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

    /// <summary>A loss weighting of a program's own.</summary>
    private sealed record OwnWeighting : LossWeighting
    {
        protected override double OfImage(double level) => 3 / (1 + level);
    }
}
