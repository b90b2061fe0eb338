using Mezzotint.Networks;
using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>
/// Several spaces in which images are points: the embeddings of trained networks; of each of their maps the means over the
/// quarters of the image and the deviations over all places; the same of the maps of random convolutions; and the pixels,
/// coarsely.
/// </summary>
internal sealed class FeatureSpaces
{
    private const long Seed = 990_000; // of the random convolutions; an evaluation has others
    private const int Random = 2, Quarters = 2, Coarse = 8;
    private const double Least = 1e-6; // of a variance, so that its root has a slope

    private readonly IReadOnlyList<FeatureMaps> _networks;
    private readonly Tensor[][] _random;

    /// <summary>Prepares.</summary>
    /// <param name="networks">The trained networks, which stay the caller's.</param>
    /// <param name="device">Where the images are.</param>
    public FeatureSpaces(IReadOnlyList<FeatureMaps> networks, Device device)
    {
        _networks = networks;
        _random = [.. Enumerable.Range(0, Random)
            .Select(i => RandomFilters.Weights(networks[0].Shape.Channels, Seed + i)
            .Select(weights => weights.to(device).DetachFromDisposeScope()).ToArray())];
    }

    /// <summary>The points, and the classifiers' scores. They have the gradients of the images.</summary>
    /// <param name="pixels">Values in [0, 1]: [B, C, H, W].</param>
    /// <returns>In each space [B, F]; and of each classifier [B, classes].</returns>
    public (Tensor[] Points, Tensor[] Scores) Of(Tensor pixels)
    {
        var seen = _networks.Select(network => network.See(pixels)).ToArray();
        var random = _random.Select(weights => RandomFilters.Maps(pixels, weights)).ToArray();
        return ([
            .. seen.SelectMany(of => of.Maps.Select(Statistics).Append(of.Embedding)),
            .. random[0].Select((_, layer) => cat([.. random.Select(maps => Statistics(maps[layer]))], 1)),
            nn.functional.adaptive_avg_pool2d(pixels, [Coarse, Coarse]).flatten(1),
        ], [.. seen.Where(of => of.Scores is not null).Select(of => of.Scores!)]);
    }

    private static Tensor Statistics(Tensor map)
    {
        var quarters = nn.functional.adaptive_avg_pool2d(map, [Quarters, Quarters]).flatten(1);
        var variances = map.Squared().mean([2, 3]) - map.mean([2, 3]).Squared(); // rounding may leave one below 0
        return cat([quarters, variances.relu().Plus(Least).sqrt()], 1);
    }
}
