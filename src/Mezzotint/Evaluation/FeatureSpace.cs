using Mezzotint.Data;

namespace Mezzotint.Evaluation;

/// <summary>
/// A space that images are compared in, such as the features of another network: figures in it can be compared with those of
/// whoever used the same one.
/// </summary>
/// <param name="Key">Its name in the keys of figures, in snake_case.</param>
/// <param name="Name">What it is, for people: the network, and how images are brought to its size.</param>
/// <param name="Embed">Makes points of images, as many as images and always of one length. It may tell how many are done, and
/// stops between batches where it is asked to.</param>
/// <param name="Work">The time for an image, in that of a classifier: what a progress bar counts with.</param>
public sealed record FeatureSpace(
    string Key, string Name, Func<ImageSet, IProgress<int>?, CancellationToken, Points> Embed, double Work = 1);
