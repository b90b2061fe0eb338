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
    private readonly int _channels;

    /// <summary>Makes room.</summary>
    /// <param name="map">Such a map as will be read.</param>
    /// <param name="images">How many there are, from 1.</param>
    public WinogradPatches(Map map, int images)
    {
        (Tiles, Images, _channels) = (new(map.Height, map.Width, map.Channels), images, map.Channels);
        Step = StepOf(images * Tiles.Count, _channels);
        _numbers = new((long)WinogradMatrices.Points * Step);
    }

    /// <summary>The tiles of an image.</summary>
    public WinogradTiles Tiles { get; }

    /// <summary>How many images there is room for.</summary>
    public int Images { get; }

    /// <summary>Which of them is made.</summary>
    public int Image { get; set; }

    /// <summary>From a point's numbers to the next one's.</summary>
    public int Step { get; }

    /// <summary>The first tile of an image.</summary>
    public float* Of(int image) => _numbers.Data + (long)image * Tiles.Count * _channels;

    /// <summary>From a point's numbers to the next one's, of so many tiles.</summary>
    public static int StepOf(int tiles, int channels) => (tiles + MoreRows) * channels + Lanes.Count;

    public void Dispose()
    {
        Tiles.Dispose();
        _numbers.Dispose();
    }
}
