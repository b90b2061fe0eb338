using System.Runtime.Intrinsics;

namespace Mezzotint.Engine;

/// <summary>softmax(q k^T / sqrt(d)) v among the places of a map, in heads, in float32. Vaswani et al. 2017, arXiv 1706.03762, equation 1.</summary>
internal sealed unsafe class Attention : IDisposable
{
    private readonly int _places, _padded, _heads, _width, _stride, _outputStride;
    private readonly NativeArray<float> _weights, _transposed, _slopes;
    private readonly MapProduct _scores, _outputScores, _mix, _mixSlopes, _fromOutputs, _fromQueries;

    /// <summary>Prepares.</summary>
    /// <param name="places">T.</param>
    /// <param name="heads">n.</param>
    /// <param name="width">d, a multiple of 16: a head's channels.</param>
    /// <param name="stride">From a place to the next in q, k, v and their gradients, in numbers.</param>
    public Attention(int places, int heads, int width, int stride)
    {
        (_places, _padded, _heads, _width, _stride, _outputStride) = (places, PackedWeights.Padded(places), heads, width, stride, heads * width);
        _weights = new((long)heads * places * _padded);
        _transposed = new((long)width * _padded);
        _slopes = new((long)places * _padded);
        int row = _padded * sizeof(float);
        MapProduct Scores(int from) => Product(_padded, width, from * sizeof(float), sizeof(float), row, row);                              // a [T, d] b^T [d, T]
        MapProduct Mix(int from, int to) => Product(width, places, row, sizeof(float), from * sizeof(float), to * sizeof(float));           // a [T, T] b [T, d]
        MapProduct MixAcross(int from) => Product(width, places, sizeof(float), row, from * sizeof(float), stride * sizeof(float));         // a^T b
        (_scores, _outputScores) = (Scores(stride), Scores(_outputStride));
        (_mix, _mixSlopes) = (Mix(stride, _outputStride), Mix(stride, stride));
        (_fromOutputs, _fromQueries) = (MixAcross(_outputStride), MixAcross(stride));

        MapProduct Product(int outputs, int terms, int place, int term, int weight, int output) =>
            new(new TileShape(false, MapProduct.VectorsOf(outputs), terms, TileStart.Zero) { Inputs = [], Outputs = [], Taps = [0], TermStep = term, WeightStep = weight },
                outputs, places, 1, new(place, 0), new(output, 0), MapProduct.VectorsOf(outputs) * TileKernel.VectorBytes);
    }

    /// <summary>Computes.</summary>
    /// <param name="q">[T, n d] at the stride; likewise k and v.</param>
    /// <param name="k">What is asked.</param>
    /// <param name="v">What is mixed.</param>
    /// <param name="output">[T, n d].</param>
    public void Forward(float* q, float* k, float* v, float* output)
    {
        for (int head = 0; head < _heads; head++)
        {
            int first = head * _width;
            float* weights = Weights(head);
            Transpose(k + first, _stride);
            _scores.Run((byte*)(q + first), (byte*)_transposed.Data, weights);
            for (int place = 0; place < _places; place++)
                Softmax(weights + place * _padded);
            _mix.Run((byte*)weights, (byte*)(v + first), output + first);
        }
    }

    /// <summary>The gradients of q, k and v: set, not added to.</summary>
    public void Backward(float* q, float* k, float* v, float* gradient, float* qGradient, float* kGradient, float* vGradient)
    {
        float scale = Scale;
        for (int head = 0; head < _heads; head++)
        {
            int first = head * _width;
            float* weights = Weights(head), slopes = _slopes.Data;
            _fromOutputs.Run((byte*)weights, (byte*)(gradient + first), vGradient + first);
            Transpose(v + first, _stride);
            _outputScores.Run((byte*)(gradient + first), (byte*)_transposed.Data, slopes);
            for (int place = 0; place < _places; place++)
            {
                float* row = slopes + place * _padded, weight = weights + place * _padded;
                var mean = Vector512.Create(Elementwise.Dot(row, weight, _padded));
                for (int i = 0; i < _padded; i += Lanes.Count)
                    (Vector512.Load(weight + i) * (Vector512.Load(row + i) - mean) * scale).Store(row + i);
            }
            _mixSlopes.Run((byte*)slopes, (byte*)(k + first), qGradient + first);
            _fromQueries.Run((byte*)slopes, (byte*)(q + first), kGradient + first);
        }
    }

    public void Dispose()
    {
        _weights.Dispose();
        _transposed.Dispose();
        _slopes.Dispose();
    }

    private float Scale => (float)(1 / Math.Sqrt(_width));

    private float* Weights(int head) => _weights.Data + (long)head * _places * _padded;

    /// <summary>[T, d] to [d, T], filled up with what was there: zeros.</summary>
    private void Transpose(float* from, int stride)
    {
        for (int place = 0; place < _places; place++, from += stride)
            for (int i = 0; i < _width; i++)
                _transposed.Data[(long)i * _padded + place] = from[i];
    }

    /// <summary>In place, of the first T numbers times the scale; the rest becomes 0.</summary>
    private void Softmax(float* row)
    {
        for (int i = _places; i < _padded; i++)
            row[i] = float.NegativeInfinity;
        var (scale, highest) = (Vector512.Create(Scale), Vector512.Create(float.NegativeInfinity));
        for (int i = 0; i < _padded; i += Lanes.Count)
            highest = Vector512.Max(highest, Vector512.Load(row + i));
        var (top, sum) = (Vector512.Create(Lanes.Largest(highest)), Vector512<float>.Zero);
        for (int i = 0; i < _padded; i += Lanes.Count)
        {
            var weight = Lanes.Exp((Vector512.Load(row + i) - top) * scale);
            weight.Store(row + i);
            sum += weight;
        }
        for (int i = _places; i < _padded; i++)
            row[i] = 0; // it was e^-87 or less
        var factor = Vector512.Create(1 / Vector512.Sum(sum));
        for (int i = 0; i < _padded; i += Lanes.Count)
            (Vector512.Load(row + i) * factor).Store(row + i);
    }
}
