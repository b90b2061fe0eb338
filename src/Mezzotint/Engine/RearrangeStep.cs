using System.Runtime.Intrinsics;

namespace Mezzotint.Engine;

/// <summary>
/// The same numbers elsewhere: y[p, c] = x[places[p] + channels[c]]. Larger maps, patches, some of the channels, a map as a
/// vector.
/// </summary>
internal sealed unsafe class RearrangeStep : EngineStep
{
    private readonly int[] _places, _channels;
    private readonly bool _isRow; // the channels of a place lie one after the other in both

    /// <summary>Prepares.</summary>
    /// <param name="x">Where from.</param>
    /// <param name="places">For each place of y where its numbers begin in x.</param>
    /// <param name="channels">For each channel of y where it is after that.</param>
    /// <param name="y">Where to.</param>
    public RearrangeStep(EngineValue x, int[] places, int[] channels, EngineValue y) : base(y, x)
    {
        (_places, _channels) = (places, channels);
        _isRow = y.Layout.IsOnePart && !channels.Where((at, c) => at != channels[0] + c).Any();
        x.ReadPlain();
        if (!_isRow || !y.Layout.IsFull || y.Channels % Lanes.Count != 0)
            y.ReadPlain();
    }

    public override void Forward()
    {
        if (MakesRows)
        {
            MakeAllRows();
            return;
        }
        Crew.Rows(Output.Plain!, this, static (step, rows, first) => step.Forward(
            step.Inputs[0].Floats, step.Output.Floats + first * step.Output.Channels, (int)first, rows.Places));
        CopyWritten();
    }

    /// <summary>Where it is an operand alone, of places whose channels lie one after the other.</summary>
    public override bool MakesRows => !Output.NeedsPlain && !Output.IsVector;

    public override void MakeRows(Map rows, long first)
    {
        float* x = Inputs[0].Floats + _channels[0];
        int place = (int)first;
        for (int row = 0; row < rows.Height; row++)
        {
            byte* to = rows.Origin + (long)row * rows.RowBytes;
            for (int column = 0; column < rows.Width; column++, place++, to += rows.PlaceBytes)
                for (int c = 0; c < rows.Channels; c += Lanes.Count)
                    Lanes.Store(Vector512.Load(x + _places[place] + c), to + c * rows.ElementBytes, rows.Bfloat16);
        }
    }

    private void Forward(float* x, float* to, int first, int count)
    {
        int[] at = Output.Layout.At;
        for (int place = first; place < first + count; place++, to += Output.Channels)
        {
            float* from = x + _places[place];
            if (_isRow)
                new ReadOnlySpan<float>(from + _channels[0], at.Length).CopyTo(new(to, at.Length));
            else
                for (int c = 0; c < at.Length; c++)
                    to[at[c]] = from[_channels[c]];
            ClearPadding(to);
        }
    }

    public override void Backward()
    {
        float* x = Inputs[0].Gradient, from = Output.Gradient;
        int[] at = Output.Layout.At;
        if (!Inputs[0].HasGradient)
            return;
        if (!Adds[0])
            new Span<float>(x, checked((int)Inputs[0].Count)).Clear();
        for (int place = 0; place < _places.Length; place++, from += Output.Channels)
        {
            float* to = x + _places[place];
            for (int c = 0; c < at.Length; c++)
                to[_channels[c]] += from[at[c]];
        }
    }

    private void ClearPadding(float* place)
    {
        var layout = Output.Layout;
        for (int i = 0; i < layout.Parts.Length && !layout.IsFull; i++)
        {
            int first = layout.Parts[i].At + layout.Parts[i].Count;
            int end = i + 1 < layout.Parts.Length ? layout.Parts[i + 1].At : layout.Width;
            new Span<float>(place + first, end - first).Clear();
        }
    }
}
