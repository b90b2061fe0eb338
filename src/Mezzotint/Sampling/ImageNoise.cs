using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>Noise of which each image has a stream of its own, so that an image does not depend on the batch it is drawn
/// in.</summary>
public sealed class ImageNoise : IDisposable
{
    private readonly Generator[] _generators;
    private readonly long[] _shape;
    private readonly Device _device;

    /// <summary>Starts one stream an image.</summary>
    /// <param name="seeds">One an image, each 0 to 2^32 - 1.</param>
    /// <param name="channels">C.</param>
    /// <param name="height">H.</param>
    /// <param name="width">W.</param>
    /// <param name="device">Where the noise is wanted; it is drawn on the CPU, so that a seed means the same everywhere.</param>
    public ImageNoise(IEnumerable<long> seeds, long channels, long height, long width, Device device)
    {
        _generators = [.. seeds.Select(seed => new Generator((ulong)seed, CPU))];
        _shape = [_generators.Length, channels, height, width];
        _device = device;
    }

    /// <summary>The next draw of each stream, z ~ N(0, I): [B, C, H, W].</summary>
    public Tensor Next()
    {
        using var scope = NewDisposeScope();
        var noise = empty(_shape);
        for (int i = 0; i < _generators.Length; i++)
            noise[i].normal_(generator: _generators[i]);
        return noise.to(_device).MoveToOuterDisposeScope();
    }

    /// <summary>Frees the generators.</summary>
    public void Dispose()
    {
        foreach (var generator in _generators)
            generator.Dispose();
    }
}
