namespace Mezzotint.Engine;

/// <summary>The largest of each square of places.</summary>
internal sealed unsafe class MaxPoolStep : EngineStep
{
    private readonly int _factor;
    private readonly int[] _largest; // of each number of y, where it is in x

    public MaxPoolStep(int factor, EngineValue x, EngineValue y) : base(y, x)
    {
        (_factor, _largest) = (factor, new int[y.Count]);
        x.ReadPlain();
        y.ReadPlain();
    }

    public override void Forward()
    {
        var (x, y) = (Inputs[0], Output);
        float* from = x.Floats, to = y.Floats;
        int i = 0;
        for (int row = 0; row < y.Height; row++)
            for (int column = 0; column < y.Width; column++)
            {
                int corner = (row * _factor * x.Width + column * _factor) * x.Channels;
                for (int c = 0; c < y.Channels; c++, i++)
                {
                    _largest[i] = Largest(from, corner + c);
                    to[i] = from[_largest[i]];
                }
            }
        CopyWritten();
    }

    public override void Backward()
    {
        if (!Inputs[0].HasGradient)
            return;
        float* gradient = Output.Gradient, to = Inputs[0].Gradient;
        if (!Adds[0])
            new Span<float>(to, checked((int)Inputs[0].Count)).Clear();
        for (int i = 0; i < _largest.Length; i++)
            to[_largest[i]] += gradient[i];
    }

    /// <summary>The first of the largest; a NaN is larger than any number, as libtorch has it.</summary>
    private int Largest(float* x, int corner)
    {
        int largest = corner;
        for (int row = 0; row < _factor; row++)
            for (int column = 0; column < _factor; column++)
            {
                int at = corner + (row * Inputs[0].Width + column) * Inputs[0].Channels;
                if (x[at] > x[largest] || float.IsNaN(x[at]))
                    largest = at;
            }
        return largest;
    }
}

/// <summary>The sum over the places or tokens of a map, times a factor: a vector.</summary>
internal sealed unsafe class ReduceStep : EngineStep
{
    private readonly float _factor;

    public ReduceStep(float factor, EngineValue x, EngineValue y) : base(y, x)
    {
        _factor = factor;
        x.ReadPlain();
    }

    public override void Forward()
    {
        float* y = Output.Floats;
        int count = Output.Layout.Count;
        new Span<float>(y, count).Clear();
        Elementwise.SumPlaces(Inputs[0].Floats, Inputs[0].Channels, Inputs[0].Places, Inputs[0].Layout, y);
        for (int c = 0; c < count; c++)
            y[c] *= _factor;
    }

    public override void Backward()
    {
        if (!Inputs[0].HasGradient)
            return;
        float* gradient = Output.Gradient, to = Inputs[0].Gradient;
        int[] at = Inputs[0].Layout.At;
        if (!Adds[0])
            new Span<float>(to, checked((int)Inputs[0].Count)).Clear();
        for (int place = 0; place < Inputs[0].Places; place++, to += Inputs[0].Channels)
            for (int c = 0; c < at.Length; c++)
                to[at[c]] += _factor * gradient[c];
    }
}
