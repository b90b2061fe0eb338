using System.Globalization;
using Mezzotint.Engine;
using Mezzotint.Networks;
using Mezzotint.Runtime;

namespace Mezzotint.Sampling;

/// <summary>The memory that drawing with a network takes on the CPU, beside the network itself.</summary>
internal static class DrawingMemory
{
    /// <summary>Estimates it.</summary>
    /// <param name="network">The shape of the network, which is in memory already.</param>
    /// <param name="height">H of the images.</param>
    /// <param name="width">W.</param>
    /// <param name="threads">How many threads evaluate.</param>
    /// <param name="images">Images that each of them draws at once.</param>
    /// <param name="precision">As <see cref="ComputePrecision"/> has it.</param>
    public static MemoryNeed Of(
        NetworkConfig network, int height, int width, int threads, int images, string precision = ComputePrecision.Automatic)
    {
        ArgumentNullException.ThrowIfNull(network);
        return Of(new NetworkMemory(network, height, width, precision), threads, images, "count", "Draw fewer at once");
    }

    /// <param name="memory">Of the network.</param>
    /// <param name="threads">How many threads evaluate.</param>
    /// <param name="images">Images that each of them draws at once.</param>
    /// <param name="key">What a user can lower.</param>
    /// <param name="remedy">The same as a sentence.</param>
    /// <param name="decoding">Bytes that decoding takes beside that.</param>
    internal static MemoryNeed Of(
        NetworkMemory memory, int threads, int images, string key, string remedy, double decoding = 0)
    {
        double maps = memory.Evaluators(threads) * memory.Evaluation(images) + threads * memory.Walk(images) + decoding;
        string drawing = string.Create(CultureInfo.InvariantCulture, $"Drawing {threads * images} images at once");
        return new(drawing, "no weights of its own", 0, maps, key, remedy);
    }
}
