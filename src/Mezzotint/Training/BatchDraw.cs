using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>
/// What a <see cref="TrainingTask"/> draws at random for the images of a batch, such as their noise. It is drawn once for the
/// whole batch, so it does not depend on how many replicas share the batch.
/// </summary>
public abstract record BatchDraw
{
    /// <summary>The draw of a task that leaves nothing to chance.</summary>
    public static BatchDraw Nothing { get; } = new NothingDrawn();

    /// <summary>The same draw on another device.</summary>
    public abstract BatchDraw MoveTo(Device device);

    /// <summary>The draw of <paramref name="count"/> images from <paramref name="start"/> on.</summary>
    public abstract BatchDraw Slice(long start, long count);

    private sealed record NothingDrawn : BatchDraw
    {
        public override BatchDraw MoveTo(Device device) => this;

        public override BatchDraw Slice(long start, long count) => this;
    }
}
