namespace Mezzotint.Networks;

/// <summary>How a training changes an image, in numbers that a network is told: zeros for an image as it is.</summary>
/// <remarks>Karras et al. 2022, arXiv 2206.00364, appendix F.2.</remarks>
internal static class ImageChanges
{
    /// <summary>Where the numbers stand: mirrored and upside down, 1 each; how much larger, in deviations of its logarithm;
    /// turned, cos - 1 and sin; stretched, in deviations of its logarithm along a direction; moved right and down, in
    /// deviations.</summary>
    public const int Mirror = 0, UpsideDown = 1, Size = 2, TurnCos = 3, TurnSin = 4, StretchCos = 5, StretchSin = 6, Right = 7,
        Down = 8;

    /// <summary>How many numbers there are.</summary>
    public const int Numbers = 9;
}
