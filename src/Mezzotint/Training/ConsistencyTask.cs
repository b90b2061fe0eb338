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

    private DriftField? _drift; // made of the first data that a step draws from

    /// <inheritdoc/>
    public override BatchDraw Draw(Generator generator, ResidentImages data, Tensor indices, double progress)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(indices);
        var draw = Draw(generator, data, indices, LabelDropout, progress, Drifting(data, indices));
        if (tuning.Drift.Weight > 0)
            (_drift ??= new(tuning.Drift, Codec, data)).Begin(generator, data.Shape);
        return WithCaptions(draw, data, indices, generator);
    }

    /// <inheritdoc/>
    public override BatchDraw DrawForTest(Generator generator, ResidentImages data, Tensor indices) =>
        WithCaptions(Draw(generator, data, indices, labelDropout: 0, progress: 1), data, indices);

    internal override RegressionTerms Terms(
        NetworkCall network, NetworkCall? teacher, Tensor images, Condition asked, NoiseDraw draw)
    {
        if (_drift is null || ConsistencyLoss.Parts(draw) is not ({ Length: > 0 } drifting, var others))
            return Consistent(network, teacher, images, asked, draw);
        var drift = ConsistencyLoss.DriftTerms(
            network, _drift, classes => Model.InRows(Condition.OfClasses(classes)), ConsistencyLoss.Rows(draw, Rows(drifting)));
        if (others.Length == 0)
            return drift;
        var rest = Rows(others);
        return Consistent(network, teacher, images.index_select(0, rest),
            Condition.OfClasses(asked.Classes!.index_select(0, rest)), ConsistencyLoss.Rows(draw, rest)).Then(drift);

        Tensor Rows(long[] rows) => tensor(rows, device: images.device);
    }

    /// <inheritdoc/>
    public override void Check(ImageSet images)
    {
        base.Check(images);
        tuning.Drift.CheckImages(images, Model.CorpusLength);
    }

    private RegressionTerms Consistent(
        NetworkCall network, NetworkCall? teacher, Tensor images, Condition asked, NoiseDraw draw) =>
        ConsistencyLoss.Terms(network, teacher, Model, images, asked, draw, tuning.Guidance?.ByClassifier);

    /// <summary>The classes of the rows of a batch that drift: as many as the settings say, one here and one there, so that each
    /// replica has its part.</summary>
    private int?[]? Drifting(ResidentImages data, Tensor indices)
    {
        double part = tuning.Drift.Part;
        return tuning.Drift.Weight == 0 ? null : [.. indices.data<long>().Select((image, row) =>
            Math.Floor((row + 1) * part) > Math.Floor(row * part) ? data.Images.Labels[image] : (int?)null)];
    }

    private NoiseDraw Draw(Generator generator, ResidentImages data, Tensor indices, double labelDropout, double progress,
        int?[]? drifting = null) =>
        NoiseDraw.From(generator, Objective, indices.shape[0], data.Shape, labelDropout,
            times => ConsistencyLoss.FactorsOf(Objective, tuning, times, progress, drifting));
}
