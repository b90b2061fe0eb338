namespace Mezzotint.Engine;

/// <summary>
/// The relation of a convolution, big[S i + k - pad] to small[i] through W[small channel, big channel, k], in both directions.
/// Gathered, it is a convolution forward and a transposed one's gradient. Spread, it is a transposed convolution and a
/// convolution's gradient. A linear layer is one of side 1.
/// </summary>
/// <remarks>Dumoulin, Visin 2016, "A guide to convolution arithmetic for deep learning", arXiv 1603.07285, section 4.</remarks>
internal abstract unsafe class Convolution : IDisposable
{
    private readonly ChannelLayout _outputs;
    private readonly NativeArray<float>? _bias;

    /// <summary>Prepares.</summary>
    /// <param name="outputs">The channels that are made.</param>
    /// <param name="start">What is added to.</param>
    protected Convolution(ChannelLayout outputs, TileStart start) =>
        (_outputs, _bias) = (outputs, start == TileStart.Bias ? new(PackedWeights.Padded(outputs.Width)) : null);

    /// <summary>From big to small: [h, w, small channels, filled up to a multiple of 16] in float32.</summary>
    /// <param name="shape">The sides.</param>
    /// <param name="big">What is read.</param>
    /// <param name="small">What is made.</param>
    /// <param name="start">What is added to.</param>
    /// <param name="memory">How it may compute.</param>
    public static Convolution Gather(
        ConvolutionShape shape, Map big, Map small, TileStart start, ConvolutionMemory memory = default) =>
        memory is { Crew: { } crew, Shared: { } shared } && StreamedConvolution.Does(big, small)
            ? new StreamedConvolution(shape, big, small, start, crew, shared)
        : PackedWinograd.Does(shape, big, small, memory) ? new PackedWinograd(big, small, start, memory, spread: false)
        : DirectConvolution.Gathering(shape, big, small, start);

    /// <summary>From small to big.</summary>
    /// <inheritdoc cref="Gather"/>
    public static Convolution Spread(
        ConvolutionShape shape, Map big, Map small, TileStart start, ConvolutionMemory memory = default) =>
        PackedWinograd.Does(shape, small, big, memory) ? new PackedWinograd(small, big, start, memory, spread: true)
        : DirectConvolution.Spreading(shape, big, small, start);

    /// <summary>[outputs]; null where none is added.</summary>
    protected float* Bias => _bias is null ? null : _bias.Data;

    /// <summary>Takes the weights as they are now.</summary>
    /// <param name="weights">[small channels, big channels, kernel, kernel].</param>
    /// <param name="bias">One a channel that is made; null for none.</param>
    public void Pack(float* weights, float* bias = null)
    {
        Take(weights);
        TakeBias(bias);
    }

    /// <summary>Computes.</summary>
    /// <param name="input">The map that is gathered from, or spread.</param>
    /// <param name="output">A plain map of float32.</param>
    /// <param name="second">A map of another image; null for none.</param>
    /// <param name="secondOutput">Likewise.</param>
    public virtual void Run(Map input, float* output, Map? second = null, float* secondOutput = null)
    {
        Multiply(input, output);
        if (second is not null)
            Multiply(second, secondOutput);
    }

    public virtual void Dispose() => _bias?.Dispose();

    /// <summary>Takes the weights, as <see cref="Pack"/> has them.</summary>
    protected abstract void Take(float* weights);

    /// <summary>Takes the bias, likewise.</summary>
    protected void TakeBias(float* bias)
    {
        for (int i = 0; i < _outputs.Count && bias != null; i++)
            _bias!.Data[_outputs.At[i]] = bias[i];
    }

    /// <summary>Computes one image.</summary>
    protected abstract void Multiply(Map input, float* output);
}

/// <summary>What a convolution may use beside its weights; without it weights are packed and multiplied place by place.</summary>
/// <param name="Shared">Gives memory that it has while it computes, of so many numbers.</param>
/// <param name="Crew">The threads of a large network, whose weights are read where they lie; null for one thread.</param>
/// <param name="Patches">Where it makes its input's patches, if it makes some; null where nothing else reads them.</param>
internal readonly record struct ConvolutionMemory(
    Func<long, Scratch> Shared, Crew? Crew = null, WinogradPatches? Patches = null);

/// <summary>The sides of a convolution.</summary>
/// <param name="Kernel">Rows and columns of its weights.</param>
/// <param name="Stride">S.</param>
/// <param name="Pad">Rows above the big map, and columns before it, that count as zeros.</param>
internal readonly record struct ConvolutionShape(int Kernel, int Stride = 1, int Pad = 0)
{
    /// <summary>Rows below the big map, and columns after it, that count as zeros.</summary>
    public int After { get; init; } = Pad;

    /// <summary>Zeros that the big map needs around it, where it is gathered.</summary>
    public int BigBorder => Math.Max(Pad, After);

    /// <summary>Zeros that the small map needs around it, where it is spread.</summary>
    public int SmallBorder => Math.Max((Kernel - 1 - Pad) / Stride, (Stride - 1 + Pad) / Stride);
}
