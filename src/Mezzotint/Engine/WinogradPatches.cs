namespace Mezzotint.Engine;

/// <summary>
/// The patches of a map at the 36 points, of some images: [point][image][tile][channel]. A convolution makes and multiplies them;
/// the gradient of its weights reads them again.
/// </summary>
/// <remarks>The numbers of a point lie a vector further apart than they are long, or all 36 would want the same lines of a
/// cache.</remarks>
internal sealed unsafe class WinogradPatches : IDisposable
{
    /// <summary>Rows behind the last tile that a product may read.</summary>
    private const int MoreRows = 16;

    private readonly NativeArray<float> _numbers;

    /// <summary>Makes room for the images that a gradient multiplies together.</summary>
    /// <param name="map">Such a map as will be read.</param>
    public WinogradPatches(Map map)
    {
        (Tiles, Channels) = (new(map.Height, map.Width, map.Channels), map.Channels);
        Images = WinogradGradient.Images(Tiles.Count);
        Step = StepOf(Images * Tiles.Count, Channels);
        _numbers = new((long)WinogradMatrices.Points * Step);
    }

    /// <summary>Of the map.</summary>
    public int Channels { get; }

    /// <summary>The tiles of an image.</summary>
    public WinogradTiles Tiles { get; }

    /// <summary>How many images there is room for.</summary>
    public int Images { get; }

    /// <summary>Which of them is made.</summary>
    public int Image { get; set; }

    /// <summary>From a point's numbers to the next one's.</summary>
    public int Step { get; }

    /// <summary>The first tile of an image.</summary>
    public float* Of(int image) => _numbers.Data + (long)image * Tiles.Count * Channels;

    /// <summary>From a point's numbers to the next one's, of so many tiles.</summary>
    public static int StepOf(int tiles, int channels) => (tiles + MoreRows) * channels + Lanes.Count;

    public void Dispose()
    {
        Tiles.Dispose();
        _numbers.Dispose();
    }
}
