using Mezzotint.Networks;

namespace Mezzotint.Training;

/// <summary>Networks for images of a size, the best first, each of about a quarter of the work of the one before.</summary>
internal static class DraftNetwork
{
    /// <summary>The largest map that a network of a few minutes or hours on a CPU computes in full.</summary>
    private const int LargestMap = 32;

    /// <summary>A network for less time than it needs computes no smaller map: its pictures would have no edges.</summary>
    private const int LeastMap = 8;

    /// <summary>The largest map of the middle, whose attention looks at each pair of places.</summary>
    private const int LargestMiddle = 16;

    private const int Channels = 48, Head = 32, LargestPatch = 8, MostLevels = 4;

    /// <summary>The shapes that take such images.</summary>
    /// <param name="height">H.</param>
    /// <param name="width">W.</param>
    /// <param name="classes">Whether there are classes to choose from, and so a row for none.</param>
    public static IReadOnlyList<ResidualUNetConfig> For(int height, int width, bool classes)
    {
        int side = Math.Max(height, width);
        // Small images in full; from 17 pixels on squares of 2 x 2 are taken together, which costs little of the quality.
        int least = 1;
        while (side / least > LargestMap || least == 1 && side > LargestMiddle)
            least *= 2;
        ResidualUNetConfig[] fitting = [.. Fitting([least, 2 * least, 4 * least])];
        if (fitting.Length == 0) // sides that cannot be halved often
            fitting = [.. Fitting([least / 2, least / 4, 1]).Take(1)];
        return fitting.Length > 0 ? fitting : [Shape(patch: 1, levels: 1, classes)]; // takes any side

        IEnumerable<ResidualUNetConfig> Fitting(IEnumerable<int> patches) =>
            from patch in patches
            where patch is >= 1 and <= LargestPatch && (patch <= least || side / patch >= LeastMap)
            let levels = Levels(height, width, patch)
            where levels is not null
            select Shape(patch, levels.Value, classes);
    }

    /// <summary>As few levels as bring the map of the middle down; null where the sides cannot be halved that often.</summary>
    private static int? Levels(int height, int width, int patch)
    {
        int levels = 2;
        while (levels < MostLevels && Math.Max(height, width) / patch >> (levels - 1) > LargestMiddle / 2)
            levels++;
        for (; levels >= 1; levels--)
            if (height % (patch << (levels - 1)) == 0 && width % (patch << (levels - 1)) == 0)
                return Math.Max(height, width) / patch >> (levels - 1) <= LargestMiddle ? levels : null;
        return null;
    }

    private static ResidualUNetConfig Shape(int patch, int levels, bool classes) => new()
    {
        PatchSize = patch,
        ModelChannels = Channels,
        ChannelMultipliers = [1, .. Enumerable.Repeat(2, levels - 1)],
        ResidualBlocks = [.. Enumerable.Repeat(1, levels - 1), levels == 1 ? 1 : 2],
        HeadChannels = levels == 1 ? Channels : Head,
        Unconditional = classes,
    };
}
