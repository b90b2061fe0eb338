using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>
/// A task whose losses couple the images of a batch, as contrastive ones do: each image is embedded by itself, and the loss of a
/// batch follows from the embeddings of all its images.
/// </summary>
/// <remarks>
/// The replicas of a network embed a part of the batch each. The losses are computed once, of all embeddings together; their
/// gradients go back to the replicas, each of which takes those of its part back to its weights. So a batch means the same
/// however many replicas share it.
/// </remarks>
public abstract class CoupledTask : TrainingTask
{
    /// <summary>What the network says of each image by itself.</summary>
    /// <param name="network">A network that <see cref="TrainingTask.Build"/> made, or a replica that shares its weights.</param>
    /// <param name="images">The images, or the part of the batch that a replica takes: [B, C, H, W].</param>
    /// <param name="labels">Their classes: int64 [B, 1].</param>
    /// <param name="draw">What was drawn for them, on the device of the images.</param>
    /// <returns>[B, E].</returns>
    public abstract Tensor Embed(nn.Module network, Tensor images, Tensor labels, BatchDraw draw);

    /// <summary>The loss of each image of a whole batch: [B]. Their mean is what a step lowers.</summary>
    /// <param name="network">The network, for parameters of the loss itself, such as a temperature.</param>
    /// <param name="embeddings">Of all images of the batch: [B, E].</param>
    /// <param name="draw">What was drawn for all of them.</param>
    public abstract Tensor Losses(nn.Module network, Tensor embeddings, BatchDraw draw);

    /// <summary>The loss of each image of a whole batch: [B].</summary>
    public sealed override Tensor Losses(nn.Module network, Tensor images, Tensor labels, BatchDraw draw) =>
        Losses(network, Embed(network, images, labels, draw), draw);
}
