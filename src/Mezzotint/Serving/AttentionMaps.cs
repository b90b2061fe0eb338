using System.Globalization;
using Mezzotint.Networks;
using static TorchSharp.torch;

namespace Mezzotint.Serving;

/// <summary>What a model attends to in one evaluation: how much each place of its maps looks at each token of what is asked
/// for.</summary>
/// <remarks>Of a prompt, the tokens are those of its start, its words, its end and what fills it up; of classes, each class is
/// one. Where there is one token alone, every place gives it all of its attention.</remarks>
/// <param name="Estimates">The evaluation itself.</param>
/// <param name="Layers">The layers that attend, in the order of the network.</param>
public sealed record AttentionMaps(NoisyEstimates Estimates, IReadOnlyList<AttentionLayer> Layers)
{
    /// <summary>The mean of all layers, at the size of the largest map; a place of a smaller one stands for all places that lie
    /// in it.</summary>
    public AttentionLayer Mean()
    {
        var (tokens, height, width) = (Layers[0].Tokens, Layers.Max(layer => layer.Height), Layers.Max(layer => layer.Width));
        float[] mean = new float[tokens * height * width];
        foreach (var layer in Layers)
            for (int i = 0; i < mean.Length; i++)
            {
                var (token, row, column) = (i / (height * width), i / width % height, i % width);
                int place = row * layer.Height / height * layer.Width + column * layer.Width / width;
                mean[i] += layer.Weights[token * layer.Height * layer.Width + place] / Layers.Count;
            }
        return new("mean", Layers.Sum(layer => layer.Heads), tokens, height, width, mean);
    }

    /// <summary>Checks that a plan has what this needs.</summary>
    /// <exception cref="InvalidRequestException">It has not.</exception>
    internal static void Check(GenerationPlan plan, DenoisingNetwork network, string? layer)
    {
        List<string> names = [.. AttentionReading.Of(network.Description).Select(each => AttentionReading.NameOf(each.Layer))];
        if (names.Count == 0)
            throw new InvalidRequestException(
                $"The network of '{plan.Model.Name}' has no attention to what is asked for: it takes that in as a vector.")
                { Key = "model" };
        if (plan.Labels.Count != 1)
            throw new InvalidRequestException($"Attention is shown of one image, not of {plan.Labels.Count}.") { Key = "count" };
        if (layer is not null && !names.Contains(layer))
            throw new InvalidRequestException(
                $"There is no layer '{layer}' that attends; there are {string.Join(", ", names)}.") { Key = "layer" };
    }

    /// <summary>Makes sure that the maps of one image fit into memory in libtorch, which keeps more of them than the engine
    /// does.</summary>
    /// <param name="bytes">What they take.</param>
    /// <param name="available">Bytes of the machine.</param>
    /// <param name="held">Bytes that the process has already.</param>
    /// <exception cref="InvalidRequestException">They do not fit.</exception>
    internal static void CheckMemory(double bytes, double available, double held)
    {
        if (bytes + held > available)
            throw new InvalidRequestException(string.Create(CultureInfo.InvariantCulture,
                $"Showing attention takes about {bytes / 1e9:F1} GB, and of {available / 1e9:F1} GB this process holds "
                + $"{held / 1e9:F1} already.")) { Key = "model" };
    }

    /// <summary>Asks.</summary>
    internal static AttentionMaps Of(
        GenerationPlan plan, double level, SizedNetworks.Lease lease, DenoisingNetwork network, CancellationToken cancellation)
    {
        var alone = plan with { Request = plan.Request with { Guidance = null, Negative = null, Classifier = null } };
        List<AttentionLayer> layers = [];
        var estimates = NoisyWalk.Run(alone, level, lease, Watched, cancellation);
        return new(estimates, layers);

        Tensor Watched(Tensor x, Tensor t, Condition condition)
        {
            condition = network.Config.InRows(condition);
            var reading = new AttentionReading(network.Description, x, condition.Mask, cancellation);
            var output = network.Watched(x, t, condition, reading.See);
            layers = reading.Layers;
            return output;
        }
    }
}
