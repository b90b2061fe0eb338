using System.Runtime.InteropServices;
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
    /// <param name="loss">Receives the mean loss, at process 0 alone: a tensor of one element.</param>
    /// <param name="gradients">Those of the first replica: [P].</param>
    /// <param name="exchange">The processes that share the batch.</param>
    public static void Add(CoupledTask task, IReadOnlyList<nn.Module> networks, WorkerThreads threads,
        Func<int, BatchPart?> partOf, BatchDraw draw, Tensor loss, Tensor gradients, Exchange exchange)
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
            using var scope = NewDisposeScope();
            var embedded = OfAll([.. parts.Select(part => part.Embeddings).OfType<Tensor>()], exchange);
            var gradient = OfEmbeddings(task, networks[0], embedded, draw, loss);
            if (!exchange.IsFirst) // the parameters of the loss have their gradient once
                KeepNothing(loss, gradients);
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

    /// <summary>The embeddings of all images of the batch, in the order of replicas and processes: [B, E].</summary>
    private static unsafe Tensor OfAll(Tensor[] parts, Exchange exchange)
    {
        using var noGrad = no_grad();
        if (exchange.IsAlone)
            return cat([.. parts.Select(part => part.detach())]);
        var own = parts.Length == 0 ? empty(0) : cat([.. parts.Select(part => part.detach())]).cpu();
        byte[] sizes = new byte[2 * sizeof(long) * exchange.Size];
        exchange.GatherToAll(
            MemoryMarshal.AsBytes<long>(parts.Length == 0 ? [0, 0] : own.shape), sizes);
        long[] counts = MemoryMarshal.Cast<byte, long>(sizes).ToArray();
        long width = counts.Where((_, i) => i % 2 == 1).Max();
        var all = empty(counts.Where((_, i) => i % 2 == 0).Sum(), width);
        exchange.GatherToAll(
            new ReadOnlySpan<byte>(Adam.Address(own), checked((int)(own.numel() * sizeof(float)))),
            new Span<byte>(Adam.Address(all), checked((int)(all.numel() * sizeof(float)))));
        return parts.Length == 0 ? all : all.to(parts[0].device);
    }

    private static void KeepNothing(Tensor loss, Tensor gradients)
    {
        using var noGrad = no_grad();
        loss.zero_();
        gradients.zero_();
    }

    /// <summary>The gradient of the mean loss by the embeddings of all images; that by its own parameters is added.</summary>
    private static Tensor OfEmbeddings(CoupledTask task, nn.Module network, Tensor embedded, BatchDraw draw, Tensor loss)
    {
        using var scope = NewDisposeScope();
        var all = embedded.requires_grad_();
        var mean = task.Losses(network, all, draw).mean();
        mean.backward();
        using var noGrad = no_grad();
        loss.copy_(mean);
        return all.grad!.MoveToOuterDisposeScope();
    }
}
