using Mezzotint.Data;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Serving;
using Mezzotint.Tests.Sampling;
using Mezzotint.Training;

namespace Mezzotint.Tests.Training;

/// <summary>
/// Each process, parameterisation, weighting, distribution of times, average and rate in a training that is real but small.
/// </summary>
public class TrainingKindsTests
{
    private static readonly Dictionary<string, ExperimentConfig> OfName = new()
    {
        ["edm"] =
            new() { Process = new Edm(), Parameterisation = new EdmPreconditioning(), Loss = new EdmWeighting(),
            Times = new LogNormalLevels { Stratified = true } },
        ["flow"] =
            new() { Process = new FlowMatching(), Parameterisation = new FlowParameterisation(), Loss = new SimpleWeighting(),
            Times = new LogitNormalTimes() },
        ["vp, epsilon"] =
            new() { Process = new VariancePreserving { Schedule = new CosineSchedule().ToTable(1000) },
            Parameterisation = new EpsilonParameterisation(), Loss = new MinSnrWeighting() },
        ["vp, v, zero terminal SNR"] =
            new() { Process = new VariancePreserving { Schedule = new LinearSchedule().WithZeroTerminalSnr() },
            Parameterisation = new VelocityParameterisation(), Loss = new SoftMinSnrWeighting() },
        ["sub-vp, x0"] =
            new() { Process = new SubVariancePreserving(), Parameterisation = new ImageParameterisation(),
            Loss = new P2Weighting(), Times = new UniformTimes { Stratified = true } },
    };

    public static TheoryData<string> Kinds => [.. OfName.Keys];

    private static ExperimentConfig Small(string name) => OfName[name] with
    {
        Pixels = new PixelScaling { Mean = 0.5, Scale = 0.5 },
        Model = new ResidualUNetConfig { PatchSize = 2, ModelChannels = 16, ChannelMultipliers = [1, 1], ResidualBlocks = [1, 1],
            HeadChannels = 16, Unconditional = true },
        Training = SmallExperiment.Config.Training with
        {
            Epochs = 20, LearningRate = 1e-2, GradientClip = 1, LabelDropout = 0.2,
            Schedule = new CosineRate { WarmUp = 3 }, Average = new PowerAverage { Widths = [0.05, 0.2] },
        },
        Sampling = new() { Sampler = "heun", Levels = "karras", Steps = 5 },
    };

    [Theory, MemberData(nameof(Kinds))]
    public void Every_kind_lowers_its_loss_and_draws(string kind)
    {
        var config = Small(kind);
        // random images have nothing in common: only these can be learned
        using var trainer = new Trainer(config, SmallExperiment.Train, SmallExperiment.Train);
        double before = trainer.Evaluate();
        for (int i = 0; i < 6; i++)
            Run(trainer, 10);
        double after = trainer.Evaluate();
        Assert.True(after < 0.95 * before, $"{before} -> {after}");
        var model =
            Drawn.Model((DenoisingNetwork)trainer.Network, SmallExperiment.Train.Height, config.Process, config.Parameterisation);
        using var pipeline = new DiffusionPipeline(model with { Info = model.Info with { Sampling = config.Sampling } });
        Assert.Equal(2, pipeline.Generate([3, 4], new() { Seed = 5 }).Count);
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Every_kind_goes_on_to_the_bit(string kind)
    {
        var config = Small(kind);
        using var straight = new Trainer(config, SmallExperiment.Train, SmallExperiment.Test);
        Run(straight, 7);
        using var first = new Trainer(config, SmallExperiment.Train, SmallExperiment.Test);
        Run(first, 4);
        using var second = new Trainer(config, SmallExperiment.Train, SmallExperiment.Test);
        second.Restore(
            new Checkpoint { Step = first.Step, EpochsReported = 0, EpochLoss = 0, SinceLog = (0, 0), Elapsed = TimeSpan.Zero,
            Tensors = first.Tensors() });
        Run(second, 3);
        var (wanted, got) = (straight.Tensors(), second.Tensors());
        Assert.Equal(
            ["average_0", "average_1", "first_moment", "second_moment", "weights"], wanted.Keys.Order(StringComparer.Ordinal));
        foreach (var (tensor, data) in wanted)
            Assert.True(data.Bytes.Span.SequenceEqual(got[tensor].Bytes.Span), tensor);
    }

    private static void Run(Trainer trainer, int steps)
    {
        for (int i = 0; i < steps; i++)
            trainer.TrainStep();
        trainer.ReadLosses();
    }
}
