using System.Runtime.Intrinsics;
using Mezzotint.Networks;
using static Mezzotint.Engine.WinogradMatrices;

namespace Mezzotint.Engine;

/// <summary>
/// A convolution of 3 x 3 in float32 with a quarter of the multiplications, on one thread: patches of 6 x 6 places and weights
/// are both brought to 36 points (<see cref="WinogradMatrices"/>), each point is a matrix product over the channels, and the sums
/// are brought back to 4 x 4 places. The weights are brought there once, when they are packed.
/// </summary>
/// <remarks>The sums differ from those of <see cref="MapProduct"/> by rounding: WinogradTests has how much.</remarks>
internal sealed unsafe class PackedWinograd : Convolution
{
    private const int Taps = Kernel * Kernel, MostTiles = 64;

    /// <summary>Places of the smallest maps. Below that few tiles would share all weights; and in the midst of a network, where
    /// many channels come together, small gradients would have more of the rounding than <c>NetworkEngineTests</c> allows.
    /// </summary>
    private const int FewestPlaces = 144;

    private readonly WinogradTiles _tiles;
    private readonly NativeArray<float> _weights; // [point][block][input][output of the block]
    private readonly WinogradPatches? _kept;
    private readonly bool _adds, _spread;
    private readonly Scratch _scratch;
    private readonly Dictionary<int, MapProduct> _products = []; // by the number of tiles
    private readonly int _inputs, _outputs, _block, _weightStep, _sumStep, _patchStep;

    /// <summary>Prepares.</summary>
    /// <param name="input">What is read.</param>
    /// <param name="output">What is made.</param>
    /// <param name="start">What is added to.</param>
    /// <param name="memory">Its own while it computes, and where the patches are made for the gradient of the weights.</param>
    /// <param name="spread">Whether the small map is read and the big one made.</param>
    public PackedWinograd(Map input, Map output, TileStart start, ConvolutionMemory memory, bool spread)
        : base(output.Layout, start)
    {
        (_inputs, _outputs, _kept) = (input.Channels, output.Channels, memory.Patches);
        (_adds, _spread) = (start == TileStart.Output, spread);
        _tiles = new(input.Height, input.Width, _inputs);
        int vectors = MapProduct.VectorsOf(_outputs), rows = 0;
        _block = vectors * Lanes.Count;
        int most = Math.Min(MostTiles, _tiles.Count);
        foreach (int count in new[] { most, _tiles.Count % most }.Where(count => count > 0).Distinct())
        {
            int together = WinogradTiles.Quotient(count, TileShape.MostPlaces(vectors));
            int columns = WinogradTiles.Quotient(count, together);
            rows = Math.Max(rows, together * columns);
            _products[count] = new(
                new(false, vectors, _inputs, TileStart.Zero) { Inputs = [], Outputs = [], Taps = [0] }, _block, together, columns,
                new(columns * _inputs * sizeof(float), _inputs * sizeof(float)),
                new(columns * _block * sizeof(float), _block * sizeof(float)));
        }
        _weightStep = _outputs * _inputs + Lanes.Count;
        _weights = new((long)Points * _weightStep);
        _sumStep = rows * _block + Lanes.Count;
        _patchStep = _kept?.Step ?? WinogradPatches.StepOf(most, _inputs);
        _scratch = memory.Shared((long)Points * (_sumStep + (_kept is null ? _patchStep : 0)));
    }

    /// <summary>Whether it computes such a convolution.</summary>
    /// <param name="shape">The sides.</param>
    /// <param name="input">What is read.</param>
    /// <param name="output">What is made.</param>
    /// <param name="memory">How it may compute.</param>
    public static bool Does(ConvolutionShape shape, Map input, Map output, ConvolutionMemory memory) =>
        memory is { Crew: null, Shared: not null } && WinogradTiles.Do(shape, input, output, FewestPlaces);

    /// <summary>Numbers that such a layer takes beside those of one with packed weights: the weights at 36 points in place of
    /// nine taps, and in a training the patches.</summary>
    /// <param name="layer">The layer, in float32.</param>
    /// <param name="training">Whether it is trained.</param>
    public static double NumbersMore(LayerShape layer, bool training)
    {
        if (layer.Kernel != Kernel || layer.InputPlaces != layer.OutputPlaces || layer.OutputPlaces < FewestPlaces
            || layer.Inputs % Lanes.Count != 0 || layer.Outputs % Lanes.Count != 0)
            return 0;
        double weights = layer.Weights / Taps * (Points - Taps), tiles = layer.OutputPlaces / (Side * Side);
        return training
            ? 3 * weights + Points * tiles * WinogradGradient.Images((int)tiles) * (layer.Inputs + layer.Outputs) : weights;
    }

    public override void Dispose()
    {
        base.Dispose();
        _tiles.Dispose();
        _weights.Dispose();
    }

    /// <summary>Brings the weights to the points: G g G^T, those that are spread turned about.</summary>
    protected override void Take(float* weights)
    {
        var (outputStep, inputStep) = _spread ? (Taps, _outputs * Taps) : (_inputs * Taps, Taps);
        float* taps = stackalloc float[Taps * Lanes.Count];
        float* columns = stackalloc float[Patch * Kernel * Lanes.Count];
        for (int output = 0; output < _outputs; output += Lanes.Count)
            for (int input = 0; input < _inputs; input++)
            {
                float* from = weights + (long)output * outputStep + (long)input * inputStep;
                for (int lane = 0; lane < Lanes.Count; lane++, from += outputStep)
                    for (int tap = 0; tap < Taps; tap++)
                        taps[tap * Lanes.Count + lane] = from[_spread ? Taps - 1 - tap : tap];
                for (int x = 0; x < Kernel; x++)
                    WeightsToPoints(Vector512.Load(taps + x * Lanes.Count), Vector512.Load(taps + (Kernel + x) * Lanes.Count),
                        Vector512.Load(taps + (2 * Kernel + x) * Lanes.Count), columns + x * Lanes.Count,
                        Kernel * Lanes.Count);
                float* to = _weights.Data + ((long)(output / _block) * _inputs + input) * _block + output % _block;
                for (int y = 0; y < Patch; y++)
                {
                    float* row = columns + y * Kernel * Lanes.Count;
                    WeightsToPoints(Vector512.Load(row), Vector512.Load(row + Lanes.Count),
                        Vector512.Load(row + 2 * Lanes.Count), to + (long)y * Patch * _weightStep, _weightStep);
                }
            }
    }

    protected override void Multiply(Map input, float* output)
    {
        float* sums = _scratch.Data;
        for (int first = 0, count; first < _tiles.Count; first += count)
        {
            count = Math.Min(MostTiles, _tiles.Count - first);
            float* patches = _kept is null ? sums + (long)Points * _sumStep
                : _kept.Of(_kept.Image) + (long)first * _inputs;
            for (int tile = 0; tile < count; tile++)
                _tiles.BringPatch(input, first + tile, patches + (long)tile * _inputs, _patchStep);
            var product = _products[count];
            for (int block = 0; block < _outputs; block += _block)
            {
                float* weights = _weights.Data + (long)block * _inputs;
                for (int point = 0; point < Points; point++)
                    product.RunBlock(0, (byte*)(patches + (long)point * _patchStep),
                        (byte*)(weights + (long)point * _weightStep), sums + (long)point * _sumStep, null);
                for (int tile = 0; tile < count; tile++)
                    for (int lane = 0; lane < _block; lane += Lanes.Count)
                        _tiles.BringBack(sums + (long)tile * _block + lane, _sumStep, first + tile, output + block + lane,
                            _outputs, Bias == null ? Vector512<float>.Zero : Vector512.Load(Bias + block + lane), _adds);
            }
        }
    }
}
