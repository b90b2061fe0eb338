using System.Runtime.Intrinsics;
using Mezzotint.Networks;

namespace Mezzotint.Engine;

/// <summary>
/// gamma (x - mean) / std + beta over the channels of each place. Ba et al. 2016, "Layer Normalization", arXiv 1607.06450,
/// equation 4.
/// </summary>
internal sealed unsafe class LayerNormalisation : IDisposable
{
    private readonly double _epsilon;
    private readonly int _places, _channels, _count;
    private readonly NativeArray<float> _means, _rates;
    private readonly NativeArray<uint> _isChannel; // all bits, or none where a place is filled up
    private readonly ChannelParameter _gamma, _beta;

    public LayerNormalisation(ParameterTable parameters, LayerNormNode node, int places, ChannelLayout layout)
    {
        _epsilon = node.Epsilon;
        (_places, _channels, _count) = (places, layout.Width, layout.Count);
        (_means, _rates, _isChannel) = (new(places), new(places), new(layout.Width));
        foreach (int at in layout.At)
            _isChannel.Data[at] = uint.MaxValue;
        _gamma = new(parameters, $"{node.Name}.weight", layout);
        _beta = new(parameters, $"{node.Name}.bias", layout);
    }

    /// <summary>Takes the parameters as they are now.</summary>
    public void Pack()
    {
        _gamma.Pack();
        _beta.Pack();
    }

    /// <summary>Computes.</summary>
    /// <param name="x">[places, C].</param>
    /// <param name="to">A map of the places.</param>
    /// <param name="first">The first of them among all.</param>
    public void Forward(float* x, Map to, int first = 0)
    {
        bool bfloat16 = to.Bfloat16;
        float* gamma = _gamma.Values, beta = _beta.Values;
        for (int place = 0; place < to.Places; place++, x += _channels)
        {
            var sum = Vector512<float>.Zero;
            for (int c = 0; c < _channels; c += Lanes.Count)
                sum += Vector512.Load(x + c);
            float mean = Vector512.Sum(sum) / _count;
            var (means, squares) = (Vector512.Create(mean), Vector512<float>.Zero);
            for (int c = 0; c < _channels; c += Lanes.Count)
            {
                var off = Channels(Vector512.Load(x + c) - means, c);
                squares = Vector512.FusedMultiplyAdd(off, off, squares);
            }
            float rate = (float)(1 / Math.Sqrt(Vector512.Sum(squares) / _count + _epsilon));
            (_means.Data[first + place], _rates.Data[first + place]) = (mean, rate);
            byte* at = to.Origin + place / to.Width * to.RowBytes + place % to.Width * to.PlaceBytes;
            for (int c = 0; c < _channels; c += Lanes.Count)
                Lanes.Store(Vector512.FusedMultiplyAdd((Vector512.Load(x + c) - means) * Vector512.Create(rate),
                    Vector512.Load(gamma + c), Vector512.Load(beta + c)), at + c * to.ElementBytes, bfloat16);
        }
    }

    /// <summary>Adds the gradients.</summary>
    /// <param name="x">As it was.</param>
    /// <param name="gradient">Of the output: [places, C].</param>
    /// <param name="xGradient">[places, C], added to.</param>
    public void Backward(float* x, float* gradient, float* xGradient)
    {
        float* gamma = _gamma.Values, gammaGradient = _gamma.Gradient, betaGradient = _beta.Gradient;
        for (int place = 0; place < _places; place++, x += _channels, gradient += _channels, xGradient += _channels)
        {
            var (means, rates) = (Vector512.Create(_means.Data[place]), Vector512.Create(_rates.Data[place]));
            var (sum, products) = (Vector512<float>.Zero, Vector512<float>.Zero);
            for (int c = 0; c < _channels; c += Lanes.Count)
            {
                var (given, normed) = (Vector512.Load(gradient + c), Channels((Vector512.Load(x + c) - means) * rates, c));
                Vector512.FusedMultiplyAdd(given, normed, Vector512.Load(gammaGradient + c)).Store(gammaGradient + c);
                (given + Vector512.Load(betaGradient + c)).Store(betaGradient + c);
                var weighted = given * Vector512.Load(gamma + c);
                sum += weighted;
                products = Vector512.FusedMultiplyAdd(weighted, normed, products);
            }
            var mean = Vector512.Create(Vector512.Sum(sum) / _count);
            var product = Vector512.Create(Vector512.Sum(products) / _count);
            for (int c = 0; c < _channels; c += Lanes.Count)
            {
                var normed = (Vector512.Load(x + c) - means) * rates;
                var slope = Channels(Vector512.Load(gradient + c) * Vector512.Load(gamma + c) - mean - normed * product, c);
                Vector512.FusedMultiplyAdd(rates, slope, Vector512.Load(xGradient + c)).Store(xGradient + c);
            }
        }
    }

    /// <summary>Adds what has been summed to the gradients of the parameters.</summary>
    public void TakeGradients()
    {
        _gamma.TakeGradient();
        _beta.TakeGradient();
    }

    public void Dispose()
    {
        foreach (var owned in new IDisposable[] { _means, _rates, _isChannel, _gamma, _beta })
            owned.Dispose();
    }

    /// <summary>The same, with 0 where a place is filled up.</summary>
    private Vector512<float> Channels(Vector512<float> x, int c) => x & Vector512.Load(_isChannel.Data + c).AsSingle();
}
