using Mezzotint.Data;
using Mezzotint.Engine;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using Mezzotint.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>
/// A network learns to take noise off images: a time and noise are drawn for each image, and <see cref="DenoisingLoss"/> is
/// lowered.
/// </summary>
/// <param name="model">The network, with the classes and channels of its data.</param>
/// <param name="objective">The process, what the network predicts, and which levels of noise count how much.</param>
public class DenoisingTask(NetworkConfig model, TrainingObjective objective) : TrainingTask
{
    /// <summary>The network.</summary>
    public NetworkConfig Model => model;

    /// <summary>The process, what the network predicts, and which levels of noise count how much.</summary>
    public TrainingObjective Objective => objective;

    /// <summary>How captions are read, where they are learned instead of classes; opened.</summary>
    public TextPrompts? Prompts { get; init; }

    /// <summary>The probability that an image is learned without its label, or with an empty caption: 0 to 1.</summary>
    public double LabelDropout { get; init; }

    /// <summary>The probability of each change of an image that the network is told of: see
    /// <see cref="TrainingConfig.Augment"/>.</summary>
    public double Augment { get; init; }

    /// <inheritdoc/>
    public override nn.Module Build(long seed = 0) => PromptedNetwork.Of(model.Build(seed), Prompts);

    /// <inheritdoc/>
    public override BatchDraw Draw(
        Generator generator, ResidentImages data, Tensor indices, double progress) =>
        WithCaptions(NoiseDraw.From(generator, objective, indices.shape[0], data.Shape, LabelDropout), data, indices, generator)
            .WithChanges(generator, Augment);

    /// <inheritdoc/>
    public override BatchDraw DrawForTest(Generator generator, ResidentImages data, Tensor indices) =>
        WithCaptions(NoiseDraw.From(generator, objective, indices.shape[0], data.Shape), data, indices);

    /// <inheritdoc/>
    public sealed override Tensor Losses(nn.Module network, Tensor images, Tensor labels, BatchDraw draw)
    {
        var ((denoiser, encoder), drawn) = (PromptedNetwork.Parts(network), (NoiseDraw)draw);
        var asked = encoder is null ? Asked(labels, drawn) : Condition.OfContext(encoder.call(drawn.Tokens!));
        return Losses(denoiser.call, network is TaughtNetworks taught ? taught.Teacher.call : null, images, asked, drawn);
    }

    /// <inheritdoc/>
    public override void Check(ImageSet images)
    {
        DataFit.Check(model, images, Codec);
        DataFit.CheckCaptions(model, images, Prompts);
    }

    /// <summary>The loss of each image, the network asked by whatever computes it: [B].</summary>
    internal Tensor Losses(NetworkCall network, NetworkCall? teacher, Tensor images, Condition asked, NoiseDraw draw)
    {
        var terms = Terms(network, teacher, images, asked, draw);
        return terms.Losses(network(terms.X, terms.Times, terms.Condition));
    }

    /// <summary>What the network is asked, and the loss of its answer.</summary>
    /// <param name="network">For targets that are an estimate of its own, without gradients.</param>
    /// <param name="teacher">For targets that are a teacher's, likewise; null where there is none.</param>
    /// <param name="images">x_0: [B, C, H, W].</param>
    /// <param name="asked">What is asked for: B rows.</param>
    /// <param name="draw">What was drawn for them.</param>
    internal virtual RegressionTerms Terms(
        NetworkCall network, NetworkCall? teacher, Tensor images, Condition asked, NoiseDraw draw) =>
        draw.Changes is not { } changes ? DenoisingLoss.Terms(images, asked, draw)
            : DenoisingLoss.Terms(changes.Apply(images), asked.WithChanges(changes.Numbers), draw);

    /// <summary>The captions of the images, or their classes, or none where the draw withholds them.</summary>
    internal Condition Asked(Tensor labels, NoiseDraw draw)
    {
        if (draw.Tokens is { } tokens)
            return Condition.OfContext(Prompts!.Opened.Encode(tokens));
        if (draw.Dropped is null)
            return model.InRows(Condition.OfClasses(labels));
        using Scalar noLabel = model.NoLabel!.Value;
        return model.InRows(Condition.OfClasses(labels.masked_fill(draw.Dropped, noLabel)));
    }

    private protected NoiseDraw WithCaptions(
        NoiseDraw draw, ResidentImages data, Tensor indices, Generator? generator = null) => Prompts is null ? draw
        : draw with { Tokens = CaptionDraw.Tokens(Prompts, data.Images, indices, draw.Dropped, generator), Dropped = null };

    internal sealed override string LossSettings => "[process], [parameterisation], [loss] or [pixels]";

    internal sealed override Replica NewReplica(
        nn.Module network, int height, int width, Device device, string precision, bool training) =>
        EngineReplica.Of(this, network, height, width, device, precision, training)
            ?? base.NewReplica(network, height, width, device, precision, training);
}
