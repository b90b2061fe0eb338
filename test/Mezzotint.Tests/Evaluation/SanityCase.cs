using Mezzotint.Data;
using Mezzotint.Evaluation;
using Mezzotint.Models;
using Mezzotint.Runtime;

namespace Mezzotint.Tests.Evaluation;

/// <summary>Real images of one kind, those who are asked about them, and what they say of each spoiled version, measured
/// once.</summary>
public abstract class SanityCase : IDisposable
{
    private readonly Dictionary<string, ImageEvaluation> _measured = [];
    private readonly Lazy<(ImageSet Train, ImageSet Test, ImageSet Unseen, IReadOnlyList<LoadedClassifier> Classifiers)> _parts;

    protected SanityCase() => _parts = new(Make);

    /// <summary>Why it cannot be measured on this machine; null where it can.</summary>
    public virtual string? Missing => null;

    internal WorkerThreads Threads { get; } = new(2);

    /// <summary>Real images that no reference set has: what a perfect generator would draw.</summary>
    internal ImageSet Unseen => _parts.Value.Unseen;

    internal ImageSet Train => _parts.Value.Train;

    protected abstract (ImageSet Train, ImageSet Test, ImageSet Unseen, IReadOnlyList<LoadedClassifier> Classifiers) Make();

    /// <summary>The figures of the unseen images after something was done to them.</summary>
    internal ImageEvaluation Of(string name, Func<ImageSet, ImageSet> spoil)
    {
        if (_measured.TryGetValue(name, out var known))
            return known;
        var (train, test, unseen, classifiers) = _parts.Value;
        var images = spoil(unseen);
        return _measured[name] = ImageEvaluation.Of(
            new EvaluatedImages(images), ReferenceImages.Divide(train, test, images.Labels, images.Count, seed: 1), classifiers,
            Threads);
    }

    public void Dispose()
    {
        if (_parts.IsValueCreated)
            foreach (var classifier in _parts.Value.Classifiers)
                classifier.Dispose();
        Threads.Dispose();
        GC.SuppressFinalize(this);
    }
}
