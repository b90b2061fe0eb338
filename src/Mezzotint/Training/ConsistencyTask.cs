using Mezzotint.Data;
using Mezzotint.Networks;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>
/// A denoiser is tuned to come to the same end from two levels of noise, so that it draws in few steps:
/// <see cref="ConsistencyLoss"/>.
/// </summary>
/// <param name="model">The network, with the classes and channels of its data.</param>
/// <param name="objective">The process, what the network predicts, and which levels are drawn.</param>
/// <param name="tuning">How near the two levels of a pair are, and the metric.</param>
public sealed class ConsistencyTask(NetworkConfig model, TrainingObjective objective, ConsistencyTuning tuning)
    : DenoisingTask(model, objective)
{
    /// <summary>The network whose paths are learned, for <see cref="ConsistencyDistillation"/>; null where there is none, or its
    /// weights come from another process.</summary>
    public DenoisingNetwork? Teacher { get; init; }

    /// <inheritdoc/>
    public override nn.Module Build(long seed = 0) => tuning is not ConsistencyDistillation ? base.Build(seed)
        : new TaughtNetworks(Model, Teacher, seed);

    /// <inheritdoc/>
    public override BatchDraw Draw(
        Generator generator, ResidentImages data, Tensor indices, double progress) =>
        WithCaptions(Draw(generator, data, indices, LabelDropout, progress), data, indices, generator);

    /// <inheritdoc/>
    public override BatchDraw DrawForTest(Generator generator, ResidentImages data, Tensor indices) =>
        WithCaptions(Draw(generator, data, indices, labelDropout: 0, progress: 1), data, indices);

    internal override RegressionTerms Terms(
        NetworkCall network, NetworkCall? teacher, Tensor images, Condition asked, NoiseDraw draw) =>
        ConsistencyLoss.Terms(network, teacher, Model, images, asked, draw);

    private NoiseDraw Draw(
        Generator generator, ResidentImages data, Tensor indices, double labelDropout, double progress) =>
        NoiseDraw.From(generator, Objective, indices.shape[0], data.Shape, labelDropout,
            times => ConsistencyLoss.FactorsOf(Objective, tuning, times, progress));
}
