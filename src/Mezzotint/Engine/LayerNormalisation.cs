using System.Runtime.Intrinsics;

namespace Mezzotint.Engine;

/// <summary>gamma (x - mean) / std + beta over the channels of each place. Ba et al. 2016, "Layer Normalization", arXiv 1607.06450, equation 4.</summary>
internal sealed unsafe class LayerNormalisation(ParameterTable parameters, string name, int places, int channels) : IDisposable
{
    private const double Epsilon = 1e-5;

    private readonly NativeArray<float> _means = new(places), _rates = new(places);
    private readonly float* _gamma = parameters.Value($"{name}.weight"), _beta = parameters.Value($"{name}.bias");
    private readonly float* _gammaGradient = parameters.Gradient($"{name}.weight"), _betaGradient = parameters.Gradient($"{name}.bias");

    /// <summary>Computes.</summary>
    /// <param name="x">[places, C].</param>
    /// <param name="to">A map of the places.</param>
    public void Forward(float* x, Map to)
    {
        bool bfloat16 = to.Bfloat16;
        for (int place = 0; place < places; place++, x += channels)
        {
            var sum = Vector512<float>.Zero;
            for (int c = 0; c < channels; c += Lanes.Count)
                sum += Vector512.Load(x + c);
            float mean = Vector512.Sum(sum) / channels;
            var (means, squares) = (Vector512.Create(mean), Vector512<float>.Zero);
            for (int c = 0; c < channels; c += Lanes.Count)
                squares = Vector512.FusedMultiplyAdd(Vector512.Load(x + c) - means, Vector512.Load(x + c) - means, squares);
            float rate = (float)(1 / Math.Sqrt(Vector512.Sum(squares) / channels + Epsilon));
            (_means.Data[place], _rates.Data[place]) = (mean, rate);
            byte* at = to.Origin + place / to.Width * to.RowBytes + place % to.Width * to.PlaceBytes;
            for (int c = 0; c < channels; c += Lanes.Count)
                Lanes.Store(Vector512.FusedMultiplyAdd((Vector512.Load(x + c) - means) * Vector512.Create(rate), Vector512.Load(_gamma + c), Vector512.Load(_beta + c)), at + c * to.ElementBytes, bfloat16);
        }
    }

    /// <summary>Adds the gradients.</summary>
    /// <param name="x">As it was.</param>
    /// <param name="gradient">Of the output: [places, C].</param>
    /// <param name="xGradient">[places, C], added to.</param>
    public void Backward(float* x, float* gradient, float* xGradient)
    {
        for (int place = 0; place < places; place++, x += channels, gradient += channels, xGradient += channels)
        {
            var (means, rates) = (Vector512.Create(_means.Data[place]), Vector512.Create(_rates.Data[place]));
            var (sum, products) = (Vector512<float>.Zero, Vector512<float>.Zero);
            for (int c = 0; c < channels; c += Lanes.Count)
            {
                var (given, normed) = (Vector512.Load(gradient + c), (Vector512.Load(x + c) - means) * rates);
                Vector512.FusedMultiplyAdd(given, normed, Vector512.Load(_gammaGradient + c)).Store(_gammaGradient + c);
                (given + Vector512.Load(_betaGradient + c)).Store(_betaGradient + c);
                var weighted = given * Vector512.Load(_gamma + c);
                sum += weighted;
                products = Vector512.FusedMultiplyAdd(weighted, normed, products);
            }
            var (mean, product) = (Vector512.Create(Vector512.Sum(sum) / channels), Vector512.Create(Vector512.Sum(products) / channels));
            for (int c = 0; c < channels; c += Lanes.Count)
            {
                var normed = (Vector512.Load(x + c) - means) * rates;
                var slope = Vector512.Load(gradient + c) * Vector512.Load(_gamma + c) - mean - normed * product;
                Vector512.FusedMultiplyAdd(rates, slope, Vector512.Load(xGradient + c)).Store(xGradient + c);
            }
        }
    }

    public void Dispose()
    {
        _means.Dispose();
        _rates.Dispose();
    }
}
