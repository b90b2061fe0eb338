using Mezzotint.Data;
using Mezzotint.Runtime;

namespace Mezzotint.Evaluation;

/// <summary>The real images that others are measured against.</summary>
/// <param name="Train">All that a model learned from.</param>
/// <param name="Test">All that it did not.</param>
/// <param name="TrainSample">Training images drawn at random, as many as test images (or as there are left), so that distances to the two sets can be compared.</param>
/// <param name="Floor">
/// Training images that are not in <paramref name="TrainSample"/>, as many as are evaluated and with their labels: what a perfect generator would make.
/// </param>
public sealed record ReferenceImages(ImageSet Train, ImageSet Test, ImageSet TrainSample, ImageSet Floor)
{
    /// <summary>Divides the training images.</summary>
    /// <param name="train">At least 2 for each class that is asked for.</param>
    /// <param name="test">Images of the same kind.</param>
    /// <param name="labels">What the evaluated images are to show; null where that is not known, and the floor is drawn as the training images are.</param>
    /// <param name="count">How many images are evaluated.</param>
    /// <param name="seed">Of the draw.</param>
    /// <remarks>At most half of a class goes into the floor: beyond that, it is smaller than what is evaluated.</remarks>
    public static ReferenceImages Divide(ImageSet train, ImageSet test, ReadOnlySpan<byte> labels, int count, long seed)
    {
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(test);
        // How many of each class may go into the floor; where no labels are asked for, it does not matter which.
        int[] wanted = new int[train.ClassNames.Count], there = new int[train.ClassNames.Count];
        foreach (byte label in labels)
            wanted[label]++;
        foreach (byte label in train.Labels)
            there[label]++;
        int asked = labels.Length;
        int left = labels.IsEmpty ? Math.Min(count, train.Count / 2) : int.MaxValue;
        int[] most = [.. wanted.Select((number, label) => asked == 0 ? int.MaxValue : Math.Min(number, there[label] / 2))];

        var (floor, rest) = (new List<int>(), new List<int>());
        foreach (int index in Order(train.Count, seed))
        {
            bool taken = left > 0 && most[train.Labels[index]] > 0;
            (taken ? floor : rest).Add(index);
            left -= taken ? 1 : 0;
            most[train.Labels[index]] -= taken ? 1 : 0;
        }
        return new ReferenceImages(train, test, train.Pick([.. rest.Take(test.Count)]), train.Pick(floor));
    }

    /// <summary>The numbers from 0 to count - 1 in an order that follows from the seed (Fisher and Yates).</summary>
    internal static int[] Order(int count, long seed)
    {
        var random = new RandomStream(seed);
        int[] order = [.. Enumerable.Range(0, count)];
        for (int i = count - 1; i > 0; i--)
        {
            int j = random.Below(i + 1);
            (order[i], order[j]) = (order[j], order[i]);
        }
        return order;
    }
}
