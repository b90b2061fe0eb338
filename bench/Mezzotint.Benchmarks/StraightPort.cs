using Mezzotint.Data;
using Mezzotint.Networks;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mezzotint.Benchmarks;

/// <summary>
/// The baseline: the seed's training loop and network evaluation as a plain TorchSharp program has them. libtorch's OpenMP
/// threads over all cores, <c>optim.Adam</c>, a tensor made of each batch's numbers, the loss read back at each step.
/// </summary>
internal sealed class StraightPort : IDisposable
{
    private const double Sigma = 25;
    private const double MinimumTime = 1e-3;

    private readonly ImageSet _images;
    private readonly int _batchSize;
    private readonly PlainUNet _network;
    private readonly Adam _optimiser;
    private readonly Random _shuffle = new(42);
    private readonly int[] _order;
    private int _position;

    public StraightPort(ImageSet images, int batchSize, UNet weights)
    {
        (_images, _batchSize, _network) = (images, batchSize, new PlainUNet(images.Channels));
        _network.CopyFrom(weights);
        _optimiser =
            optim.Adam(_network.parameters().Where(parameter => parameter.requires_grad), lr: 2e-4, beta1: 0.9, beta2: 0.999);
        _order = [.. Enumerable.Range(0, images.Count)];
        _shuffle.Shuffle(_order);
    }

    /// <summary>One step of the seed's loop; returns its loss.</summary>
    public float TrainStep()
    {
        using var scope = NewDisposeScope();
        var (x0, labels) = NextBatch();
        var t = rand(_batchSize) * (1 - MinimumTime) + MinimumTime;
        var z = randn_like(x0);
        var x = x0 + z * Std(t).view(-1, 1, 1, 1);
        var h = _network.call(x, t, labels);
        var loss = (h + z).square().sum([1, 2, 3]).mean();
        _optimiser.zero_grad();
        loss.backward();
        _optimiser.step();
        return loss.item<float>();
    }

    /// <summary>One evaluation of the network.</summary>
    /// <returns>h, [B, C, H, W], for the caller to dispose.</returns>
    public Tensor Evaluate(Tensor x, Tensor t, Tensor labels)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return _network.call(x, t, labels).DetachFromDisposeScope();
    }

    private static Tensor Std(Tensor t) => ((pow(Sigma, 2 * t) - 1) / (2 * Math.Log(Sigma))).sqrt();

    private (Tensor Images, Tensor Labels) NextBatch()
    {
        if (_position + _batchSize > _order.Length)
        {
            _shuffle.Shuffle(_order);
            _position = 0;
        }
        int size = _images.ImageLength;
        var pixels = new float[_batchSize * size];
        var labels = new long[_batchSize];
        for (int i = 0; i < _batchSize; i++)
        {
            int image = _order[_position++];
            var bytes = _images.Image(image);
            for (int j = 0; j < size; j++)
                pixels[i * size + j] = bytes[j] / 255f;
            labels[i] = _images.Labels[image];
        }
        return (tensor(pixels, [_batchSize, _images.Channels, _images.Height, _images.Width]), tensor(labels, [_batchSize, 1]));
    }

    public void Dispose()
    {
        _optimiser.Dispose();
        _network.Dispose();
    }
}
