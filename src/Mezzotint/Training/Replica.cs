using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>A network at work for a task, on one thread: the losses of images, and the gradients of its weights.</summary>
internal abstract class Replica : IDisposable
{
    /// <summary>The loss of each image: [B].</summary>
    public abstract Tensor Losses(Tensor images, Tensor labels, BatchDraw draw);

    /// <summary>Adds to the gradients of the weights those of the sum of the losses over the size of the batch.</summary>
    /// <param name="images">[B, C, H, W].</param>
    /// <param name="labels">int64 [B, 1].</param>
    /// <param name="draw">What was drawn for them.</param>
    /// <param name="batch">The images of the whole batch, of which these are a part.</param>
    /// <param name="loss">Receives that sum: a tensor of one element.</param>
    public abstract void Backward(Tensor images, Tensor labels, BatchDraw draw, long batch, Tensor loss);

    /// <summary>Is told during <see cref="Backward"/>, by those that can tell, from which address on all gradients of the network
    /// are final.</summary>
    public Action<nint>? Final { get; set; }

    public abstract void Dispose();

    /// <summary>The same, which takes its part of a batch in so many pieces.</summary>
    public Replica InPieces(int pieces) => pieces == 1 ? this : new ReplicaInPieces(this, pieces);
}

/// <summary>Another replica, which is given its part of a batch in pieces, one after the other.</summary>
internal sealed class ReplicaInPieces(Replica inner, int pieces) : Replica
{
    public override Tensor Losses(Tensor images, Tensor labels, BatchDraw draw) => inner.Losses(images, labels, draw);

    public override void Backward(Tensor images, Tensor labels, BatchDraw draw, long batch, Tensor loss)
    {
        long count = images.shape[0], size = (count + pieces - 1) / pieces;
        using var sum = zeros_like(loss);
        for (long start = 0; start < count; start += size)
        {
            using var scope = NewDisposeScope(); // the memory of a piece is free before the next
            long taken = Math.Min(size, count - start);
            inner.Final = start + taken == count ? Final : null;
            inner.Backward(
                images.narrow(0, start, taken), labels.narrow(0, start, taken), draw.Slice(start, taken), batch, loss);
            using var noGrad = no_grad();
            sum.AddInPlace(loss);
        }
        using var done = no_grad();
        loss.copy_(sum);
    }

    public override void Dispose() => inner.Dispose();
}

/// <summary>By libtorch and autograd.</summary>
internal sealed class LibtorchReplica(TrainingTask task, nn.Module network) : Replica
{
    public override Tensor Losses(Tensor images, Tensor labels, BatchDraw draw) => task.Losses(network, images, labels, draw);

    public override void Backward(Tensor images, Tensor labels, BatchDraw draw, long batch, Tensor loss)
    {
        var mean = Losses(images, labels, draw).sum().Over(batch);
        mean.backward();
        using var noGrad = no_grad();
        loss.copy_(mean);
    }

    public override void Dispose() { }
}
