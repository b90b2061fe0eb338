namespace Mezzotint.Training;

/// <summary>A training whose numbers have run away.</summary>
internal sealed class DivergedException(string message) : MezzotintException(message)
{
    /// <summary>The learning rate that was too high; null where the numbers were unsound before the first step.</summary>
    public double? LearningRate { get; init; }
}
