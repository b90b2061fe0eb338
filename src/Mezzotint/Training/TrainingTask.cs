using Mezzotint.Data;
using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>
/// What a network is trained for: which network, what is drawn at random for a batch, and the loss of each of its images. A
/// <see cref="Trainer"/> does everything else: order, replicas, gradients, optimiser, averages, checkpoints.
/// </summary>
/// <remarks>
/// <see cref="DenoisingTask"/>, <see cref="ConsistencyTask"/> and <see cref="ClassifierTask"/> are the library's. A program
/// derives its own: the losses may ask a module of any inputs and outputs, as long as autograd can follow them. A task serves
/// all threads at once, so it must not change.
/// </remarks>
public abstract class TrainingTask
{
    /// <summary>How pixels become the numbers in <c>images</c>; left as they are, from 0 to 1, unless set.</summary>
    public ImageCodec Codec { get; init; } = new PixelScaling();

    /// <summary>Makes the network.</summary>
    /// <param name="seed">Of its fresh weights: the same seed gives the same weights, bit for bit. 0 to 2^32 - 1.</param>
    public abstract nn.Module Build(long seed = 0);

    /// <summary>Draws on the CPU what the losses of a training batch leave to chance.</summary>
    /// <param name="generator">The source; it is named by the run's seed and the step.</param>
    /// <param name="data">What is learned from.</param>
    /// <param name="indices">Which of its images the batch has: int64 [B], on the CPU.</param>
    /// <param name="progress">The part of the training that is done, 0 to 1.</param>
    public abstract BatchDraw Draw(
        Generator generator, ResidentImages data, Tensor indices, double progress);

    /// <summary>The same for test images, whose losses should be comparable from epoch to epoch.</summary>
    /// <param name="generator">The source; it is named by the run's seed and the batch, so each epoch draws the same.</param>
    /// <param name="data">The test images.</param>
    /// <param name="indices">Which of them the batch has: int64 [B], on the CPU.</param>
    public abstract BatchDraw DrawForTest(Generator generator, ResidentImages data, Tensor indices);

    /// <summary>The loss of each image: [B]. Their mean over the whole batch is what a step lowers.</summary>
    /// <param name="network">A network that <see cref="Build"/> made, or a replica that shares its weights.</param>
    /// <param name="images">The images, or the part of the batch that a replica takes: [B, C, H, W].</param>
    /// <param name="labels">Their classes: int64 [B, 1].</param>
    /// <param name="draw">What was drawn for them, on the device of the images.</param>
    public abstract Tensor Losses(nn.Module network, Tensor images, Tensor labels, BatchDraw draw);

    /// <summary>Figures of an epoch beside the loss on the test images, by the name that the log gives them.</summary>
    /// <param name="network">The network as it is evaluated: the running average of the weights where there is one.</param>
    /// <param name="test">The test images.</param>
    /// <param name="threads">What shares the work.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public virtual IReadOnlyDictionary<string, double> Figures(
        nn.Module network, ResidentImages test, WorkerThreads threads, CancellationToken cancellation = default) =>
        new Dictionary<string, double>();

    /// <summary>Makes sure that the network can be given images.</summary>
    /// <exception cref="MezzotintException">It cannot; the message has the numbers that do not fit.</exception>
    public virtual void Check(ImageSet images)
    {
        ArgumentNullException.ThrowIfNull(images);
        if (images.Count == 0)
            throw new MezzotintException($"{images.Name} has no images.");
    }

    /// <summary>Whether <see cref="Build"/> gives another's network first, whose weights are to be as before when the training
    /// ends.</summary>
    internal virtual bool LendsNetwork => false;

    /// <summary>The stream of random numbers of a step. Its number is part of what makes a run repeatable.</summary>
    internal virtual RandomPurpose Randomness => RandomPurpose.TrainingNoise;

    /// <summary>The settings that decide whether a loss is finite, for messages.</summary>
    internal virtual string LossSettings => "the task";

    /// <summary>Puts a network to work on one thread; by libtorch unless the task knows an engine.</summary>
    /// <param name="network">The network; it stays the caller's, and its weights stay where they are.</param>
    /// <param name="height">H of its images.</param>
    /// <param name="width">W.</param>
    /// <param name="device">Where it is.</param>
    /// <param name="precision">As <see cref="Engine.ComputePrecision"/> has it.</param>
    /// <param name="training">Whether its parameters have gradients.</param>
    internal virtual Replica NewReplica(
        nn.Module network, int height, int width, Device device, string precision, bool training) =>
        new LibtorchReplica(this, network);
}
