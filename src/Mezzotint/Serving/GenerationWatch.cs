using Mezzotint.Sampling;

namespace Mezzotint.Serving;

/// <summary>Who watches a drawing: by image and step, by evaluations, or nobody.</summary>
/// <param name="Seen">Is given images after steps; null for nobody.</param>
/// <param name="Wanted">Which steps are shown, by number and of how many.</param>
/// <param name="Progress">Is given the evaluations so far; null for nobody.</param>
/// <param name="Total">The evaluations of the whole drawing.</param>
internal sealed record GenerationWatch(
    Action<GenerationStep>? Seen, Func<int, int, bool> Wanted, IProgress<SamplingProgress>? Progress, long Total)
{
    private long _evaluations;

    /// <summary>Whether the noisy image that a step started from is shown too.</summary>
    public bool Noisy { get; init; }

    /// <summary>Counts evaluations that some walk has made.</summary>
    public void Count(long evaluations) => Progress?.Report(new(Interlocked.Add(ref _evaluations, evaluations), Total));
}
