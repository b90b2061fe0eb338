using static TorchSharp.torch;

namespace Mezzotint.Engine;

/// <summary>A convolution of a large network, whose weights are read where they lie whenever it computes, by threads that share
/// an image.</summary>
internal sealed unsafe class StreamedConvolution : Convolution
{
    private readonly StreamedWeights? _direct;
    private readonly StreamedWinograd? _winograd;
    private StoredWeights _weights;

    /// <summary>Prepares.</summary>
    /// <param name="shape">The sides.</param>
    /// <param name="big">What is read.</param>
    /// <param name="small">What is made.</param>
    /// <param name="start">What is added to.</param>
    /// <param name="crew">The threads.</param>
    /// <param name="shared">Gives memory that it has while it computes, of so many numbers.</param>
    public StreamedConvolution(
        ConvolutionShape shape, Map big, Map small, TileStart start, Crew crew, Func<long, Scratch> shared)
        : base(small.Layout, start)
    {
        if (StreamedWinograd.Does(shape, big, small))
        {
            _winograd = new(crew, big.Channels, small, shared);
            return;
        }
        var (tile, read, written) = DirectConvolution.Gathered(shape, big, small, start);
        _direct = new(crew, tile, big.Channels, small.Channels, small.Height, (read.Row, written.Row),
            (of, rows) => new(of, small.Channels, rows, small.Width, read, written));
    }

    /// <summary>Whether it computes one: where the channels are whole vectors.</summary>
    /// <param name="big">What is read.</param>
    /// <param name="small">What is made.</param>
    public static bool Does(Map big, Map small) => WinogradTiles.IsVectors(big) && WinogradTiles.IsVectors(small);

    /// <summary>Takes the place of weights of any type, and the bias as it is now.</summary>
    /// <param name="weights">[small channels, big channels, kernel, kernel].</param>
    /// <param name="bias">One a channel that is made; null for none.</param>
    public void Stream(StoredWeights weights, float* bias)
    {
        _weights = weights;
        TakeBias(bias);
    }

    public override void Run(Map input, float* output, Map? second = null, float* secondOutput = null)
    {
        _direct?.Run(input.Origin, _weights, output, Bias, second is null ? null : second.Origin, secondOutput);
        _winograd?.Run(input, _weights, output, Bias, second, secondOutput);
    }

    public override void Dispose()
    {
        base.Dispose();
        _direct?.Dispose();
        _winograd?.Dispose();
    }

    protected override void Take(float* weights) => _weights = new((nint)weights, ScalarType.Float32);

    protected override void Multiply(Map input, float* output) => Run(input, output);
}
