using System.Security.Cryptography;
using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>
/// Several processes take each step of the optimiser by themselves, and must come to the same weights: they compare a hash.
/// </summary>
internal static class WeightComparison
{
    /// <summary>Compares, in all processes at once.</summary>
    /// <param name="exchange">The processes.</param>
    /// <param name="weights">[P].</param>
    /// <param name="step">The step that made them.</param>
    /// <exception cref="MezzotintException">At process 0: the weights of another one differ from its own. The others do not come
    /// back then.</exception>
    public static void Check(Exchange exchange, Tensor weights, long step)
    {
        using var scope = NewDisposeScope();
        byte[] own = SHA256.HashData(weights.cpu().bytes);
        var all = exchange.Gather(own);
        int differing = exchange.Broadcast(all.ToList().FindIndex(other => !other.AsSpan().SequenceEqual(own)));
        if (differing < 0)
            return;
        if (!exchange.IsFirst)
            exchange.Barrier(); // process 0 tells it, and ends the job
        throw new MezzotintException(
            $"After step {step} process {differing} has other weights than process 0: their machines do not compute alike. Take "
            + "machines with the same processor and the same programs, and go on from the last checkpoint with --resume.");
    }
}
