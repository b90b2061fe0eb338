namespace Mezzotint.Engine;

/// <summary>
/// Queries, keys, values or what attention makes of them with every head filled up to whole vectors: [places, heads, d filled
/// up].
/// For heads of other widths, and where the numbers are not attention's own.
/// </summary>
internal sealed unsafe class HeadBuffer : IDisposable
{
    private readonly EngineValue _value;
    private readonly int _heads, _width, _padded;
    private readonly NativeArray<float>? _floats, _gradient;
    private readonly Scratch? _shared;

    /// <summary>Prepares.</summary>
    /// <param name="value">What it is a copy of: its channels are in one part.</param>
    /// <param name="heads">Heads.</param>
    /// <param name="training">Whether it has a gradient.</param>
    /// <param name="shared">Gives memory that it has while its step computes, of so many numbers; null for memory of its own.
    /// What fills up a head is then anything: nothing is made of it.</param>
    public HeadBuffer(EngineValue value, int heads, bool training, Func<long, Scratch>? shared)
    {
        (_value, _heads, _width) = (value, heads, value.Layout.Count / heads);
        _padded = PackedWeights.Padded(_width);
        _shared = shared?.Invoke((long)value.Places * Stride);
        _floats = _shared is null ? new((long)value.Places * Stride) : null;
        _gradient = training ? new((long)value.Places * Stride) : null;
    }

    /// <summary>From a place to the next, in numbers.</summary>
    public int Stride => _heads * _padded;

    public float* Floats => _shared is null ? _floats!.Data : _shared.Data;

    public float* Gradient => _gradient is null ? null : _gradient.Data;

    /// <summary>Copies the value into its heads.</summary>
    public void Read(Crew crew)
    {
        Each(crew, static (self, first, count) => self.Spread(
            self._value.Floats + (long)first * self._value.Stride, self.Floats + (long)first * self.Stride, count));
    }

    /// <summary>Likewise its gradient.</summary>
    public void ReadGradient() => Spread(_value.Gradient, _gradient!.Data, _value.Places);

    /// <summary>Copies the heads into the value.</summary>
    public void Write(Crew crew)
    {
        Each(crew, static (self, first, count) => self.Join(
            self.Floats + (long)first * self.Stride, self._value.Floats + (long)first * self._value.Stride, count));
    }

    private void Join(float* from, float* to, int places)
    {
        int count = _value.Layout.Count;
        for (int place = 0; place < places; place++, to += _value.Stride)
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
        _floats?.Dispose();
        _gradient?.Dispose();
    }

    /// <summary>All places, shared out: the first and the number of some.</summary>
    private void Each(Crew crew, Action<HeadBuffer, int, int> work)
    {
        int pieces = Math.Min(crew.Count, _value.Places);
        crew.Run(pieces, (Self: this, pieces, work), static (of, piece, _) =>
        {
            long places = of.Self._value.Places;
            int first = (int)(places * piece / of.pieces), end = (int)(places * (piece + 1) / of.pieces);
            of.work(of.Self, first, end - first);
        });
    }

    private void Spread(float* from, float* to, int places)
    {
        for (int place = 0; place < places; place++, from += _value.Stride)
            for (int head = 0; head < _heads; head++, to += _padded)
                new ReadOnlySpan<float>(from + head * _width, _width).CopyTo(new(to, _width));
    }
}
