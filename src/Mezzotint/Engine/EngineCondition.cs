namespace Mezzotint.Engine;

/// <summary>What is asked of an image: labels, or the tokens of a context; as many as the engine was made for.</summary>
internal unsafe ref struct EngineCondition
{
    /// <summary>The labels: [K].</summary>
    public ReadOnlySpan<long> Labels { get; init; }

    /// <summary>The context: [T, D]; null where the network is given none.</summary>
    public float* Context { get; init; }

    /// <summary>Which of its tokens count: [T]; empty where all do.</summary>
    public ReadOnlySpan<bool> Mask { get; init; }

    /// <summary>The vector beside it: [D]; null where the network is given none.</summary>
    public float* Vector { get; init; }
}
