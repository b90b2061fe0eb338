namespace Mezzotint.Engine;

/// <summary>
/// Queries, keys, values or what attention makes of them with every head filled up to whole vectors: [places, heads, d filled
/// up], for what attention does not compute where it is.
/// </summary>
internal sealed unsafe class HeadBuffer : IDisposable
{
    private readonly EngineValue _value;
    private readonly int _heads, _width, _padded;
    private readonly NativeArray<float> _floats;
    private readonly NativeArray<float>? _gradient;

    /// <summary>Prepares.</summary>
    /// <param name="value">What it is a copy of: its channels are in one part.</param>
    /// <param name="heads">Heads.</param>
    /// <param name="training">Whether it has a gradient.</param>
    public HeadBuffer(EngineValue value, int heads, bool training)
    {
        (_value, _heads, _width) = (value, heads, value.Layout.Count / heads);
        _padded = PackedWeights.Padded(_width);
        _floats = new((long)value.Places * Stride);
        _gradient = training ? new((long)value.Places * Stride) : null;
    }

    /// <summary>From a place to the next, in numbers.</summary>
    public int Stride => _heads * _padded;

    public float* Floats => _floats.Data;

    public float* Gradient => _gradient is null ? null : _gradient.Data;

    /// <summary>Copies the value into its heads.</summary>
    public void Read() => Spread(_value.Floats, Floats);

    /// <summary>Likewise its gradient.</summary>
    public void ReadGradient() => Spread(_value.Gradient, _gradient!.Data);

    /// <summary>Copies the heads into the value.</summary>
    public void Write()
    {
        float* from = Floats, to = _value.Floats;
        int count = _value.Layout.Count;
        for (int place = 0; place < _value.Places; place++, to += _value.Stride)
        {
            for (int head = 0; head < _heads; head++, from += _padded)
                new ReadOnlySpan<float>(from, _width).CopyTo(new(to + head * _width, _width));
            new Span<float>(to + count, _value.Channels - count).Clear();
        }
    }

    /// <summary>Copies the gradient of the heads to the value's, or adds it.</summary>
    public void WriteGradient(bool adds)
    {
        float* from = _gradient!.Data, to = _value.Gradient;
        int count = _value.Layout.Count;
        for (int place = 0; place < _value.Places; place++, to += _value.Stride)
        {
            for (int head = 0; head < _heads; head++, from += _padded)
                for (int i = 0; i < _width; i++)
                    to[head * _width + i] = adds ? to[head * _width + i] + from[i] : from[i];
            if (!adds)
                new Span<float>(to + count, _value.Channels - count).Clear();
        }
    }

    public void Dispose()
    {
        _floats.Dispose();
        _gradient?.Dispose();
    }

    private void Spread(float* from, float* to)
    {
        for (int place = 0; place < _value.Places; place++, from += _value.Stride)
            for (int head = 0; head < _heads; head++, to += _padded)
                new ReadOnlySpan<float>(from + head * _width, _width).CopyTo(new(to, _width));
    }
}
