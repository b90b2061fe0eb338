using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>A replica's part of a batch.</summary>
/// <param name="Start">Its first image in the batch.</param>
/// <param name="Images">[B, C, H, W].</param>
/// <param name="Labels">int64 [B, 1].</param>
/// <param name="Draw">What was drawn for them.</param>
internal sealed record BatchPart(long Start, Tensor Images, Tensor Labels, BatchDraw Draw);

/// <summary>The gradients of a batch whose images are coupled: see <see cref="CoupledTask"/>.</summary>
internal static class CoupledGradients
{
    /// <summary>Adds the gradients of the mean loss to those of each replica's weights.</summary>
    /// <param name="task">What is learned.</param>
    /// <param name="networks">The replicas, one a thread.</param>
    /// <param name="threads">The threads.</param>
    /// <param name="partOf">A replica's part, made on its thread; null where there is none for it.</param>
    /// <param name="draw">What was drawn for the whole batch.</param>
    /// <param name="loss">Receives the mean loss: a tensor of one element.</param>
    public static void Add(CoupledTask task, IReadOnlyList<nn.Module> networks, WorkerThreads threads,
        Func<int, BatchPart?> partOf, BatchDraw draw, Tensor loss)
    {
        var parts = new (Tensor? Embeddings, long Start)[threads.Count]; // each holds its graph
        try
        {
            threads.Run(replica =>
            {
                using var scope = NewDisposeScope(); // scopes belong to their thread
                if (partOf(replica) is { } part)
                    parts[replica] = (task.Embed(networks[replica], part.Images, part.Labels, part.Draw)
                        .DetachFromDisposeScope(), part.Start);
            });
            Tensor[] embedded = [.. parts.Select(part => part.Embeddings).OfType<Tensor>()];
            var gradient = OfEmbeddings(task, networks[0], embedded, draw, loss);
            threads.Run(replica =>
            {
                using var scope = NewDisposeScope();
                if (parts[replica] is ({ } embeddings, var start))
                    embeddings.backward([gradient.narrow(0, start, embeddings.shape[0])]);
            });
        }
        finally
        {
            foreach (var (embeddings, _) in parts)
                embeddings?.Dispose();
        }
    }

    /// <summary>The gradient of the mean loss by the embeddings of all images; that by its own parameters is added.</summary>
    private static Tensor OfEmbeddings(CoupledTask task, nn.Module network, Tensor[] parts, BatchDraw draw, Tensor loss)
    {
        using var scope = NewDisposeScope();
        var all = cat([.. parts.Select(part => part.detach())]).requires_grad_();
        var mean = task.Losses(network, all, draw).mean();
        mean.backward();
        using var noGrad = no_grad();
        loss.copy_(mean);
        return all.grad!.MoveToOuterDisposeScope();
    }
}
