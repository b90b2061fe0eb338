using Mezzotint.Data;

namespace Mezzotint.Evaluation;

/// <summary>
/// A space of one's own that images are compared in, such as the features of another network: figures in it can be compared with
/// those of whoever used the same one.
/// </summary>
/// <param name="Name">What it is, for people: the network, and how images are brought to its size.</param>
/// <param name="Embed">Makes points of images, as many as images and always of one length. It may tell how many are done, and
/// stops between batches where it is asked to.</param>
public sealed record FeatureSpace(string Name, Func<ImageSet, IProgress<int>?, CancellationToken, Points> Embed);
