namespace Mezzotint.Engine;

/// <summary>
/// A value of an <see cref="EnginePlan"/> for one image: [H, W, C], of which tokens are the places, and vectors the one place.
/// </summary>
/// <remarks>
/// It is kept in up to two ways. Normalisations and sums read it as plain float32. Products read it as an operand, with a border
/// of zeros, and in bfloat16 where the engine multiplies so.
/// </remarks>
internal sealed unsafe class EngineValue(int height, int width, ChannelLayout layout)
{
    public int Height => height;

    public int Width => width;

    /// <summary>Where its channels are among the numbers of a place.</summary>
    public ChannelLayout Layout => layout;

    /// <summary>The numbers of a place: its channels, and the zeros that fill them up to whole vectors.</summary>
    public int Channels { get; } = layout.Width;

    public int Places => height * width;

    public long Count => (long)Places * Channels;

    /// <summary>The step that makes it.</summary>
    public EngineStep? Maker { get; set; }

    /// <summary>The steps that read it, in their order.</summary>
    public List<EngineStep> Readers { get; } = [];

    /// <summary>The value of whose channels it is a part; null where it is whole.</summary>
    public EngineValue? Whole { get; init; }

    /// <summary>Its first channel there.</summary>
    public int First { get; init; }

    /// <summary>
    /// Whether it is a vector, or a few context tokens: any number of channels, and a gradient that is always added to.
    /// </summary>
    public bool IsVector { get; init; }

    /// <summary>Whether it is what the network gives, and so in the caller's memory.</summary>
    public bool IsResult { get; init; }

    public bool NeedsPlain { get; private set; }

    public bool NeedsOperand { get; private set; }

    /// <summary>Rows and columns of zeros around the operand.</summary>
    public int Border { get; private set; }

    /// <summary>Whether it depends on a parameter.</summary>
    public bool HasGradient { get; set; }

    public Map? Plain { get; set; }

    public Map? Operand { get; set; }

    /// <summary>Where its rows are while they are read; null where it is kept whole.</summary>
    public RowRing? Ring => Operand?.Ring;

    /// <summary>What a step writes first: the other way is copied from it.</summary>
    public Map Written => Plain ?? Operand!;

    /// <summary>Its numbers: [places, C] at <see cref="Stride"/>.</summary>
    public float* Floats => Whole is { } whole ? whole.Floats + First : (float*)Plain!.Origin;

    /// <summary>From a place to the next, in numbers.</summary>
    public int Stride => Whole?.Channels ?? Channels;

    /// <summary>The memory of its gradient.</summary>
    public GradientBlock? Block { get; set; }

    /// <summary>Whether some of its gradient has been planned.</summary>
    public bool Contributed { get; set; }

    /// <summary>Its gradient at <see cref="Stride"/>.</summary>
    public float* Gradient => Whole is { } whole ? whole.Gradient + First : Block is { } block ? block.Floats : null;

    /// <summary>The convolution that made it, where its one reader leaves the gradient where that convolution reads it.</summary>
    public ConvolutionStep? Direct =>
        Maker is ConvolutionStep step && Readers is [GroupNormStep or ConcatenateStep] ? step : null;

    public void ReadPlain() => (Whole ?? this).NeedsPlain = true;

    public void ReadOperand(int border) => (NeedsOperand, Border) = (true, Math.Max(Border, border));
}
