using Mezzotint.Data;
using Mezzotint.Runtime;

namespace Mezzotint.Evaluation;

/// <summary>The real images that others are measured against.</summary>
/// <param name="Train">All that a model learned from.</param>
/// <param name="Test">All that it did not.</param>
/// <param name="TrainSample">Training images drawn at random, as many as test images, and at most half of each class, so that
/// distances to the two sets can be compared.</param>
/// <param name="Floor">
/// Training images that are not in <paramref name="TrainSample"/>, as many as are evaluated and with their labels: what a perfect
/// generator would make.
/// </param>
public sealed record ReferenceImages(ImageSet Train, ImageSet Test, ImageSet TrainSample, ImageSet Floor)
{
    /// <summary>Divides the training images.</summary>
    /// <param name="train">At least 2 for each class that is asked for.</param>
    /// <param name="test">Images of the same kind.</param>
    /// <param name="labels">What the evaluated images are to show; null where that is not known, and the floor is drawn as the
    /// training images are.</param>
    /// <param name="count">How many images are evaluated.</param>
    /// <param name="seed">Of the draw.</param>
    /// <remarks>
    /// Each class gives half of its images to the sample at most and half to the floor at most, so either may be smaller than
    /// asked for. The sample does not depend on what is evaluated: with labels or without, distances to it are the same. The
    /// floor does: beside images of known labels stands what real images of the same labels get.
    /// </remarks>
    public static ReferenceImages Divide(ImageSet train, ImageSet test, ReadOnlySpan<byte> labels, int count, long seed)
    {
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(test);
        int classes = Math.Max(1, train.ClassNames.Count); // images without classes are all of one
        int[] order = Order(train.Count, seed), there = new int[classes], wanted = new int[classes];
        foreach (byte label in train.Labels)
            there[label]++;
        foreach (byte label in labels)
            wanted[label]++;
        // From the two ends of one order, so that neither moves with the size of the other.
        var sample = Taken(Enumerable.Reverse(order), train.Labels, [.. there.Select(number => number - number / 2)], test.Count);
        bool any = labels.IsEmpty;
        var most = there.Select((number, label) => any ? number : Math.Min(wanted[label], number / 2));
        var floor = Taken(order.Except(sample), train.Labels, [.. most], any ? Math.Min(count, train.Count / 2) : int.MaxValue);
        return new ReferenceImages(train, test, train.Pick(sample), train.Pick(floor));
    }

    /// <summary>Training images alone, a sixth of them in the place of test images: what something is chosen by, so that the test
    /// images stay for judging.</summary>
    /// <param name="train">At least 6 images.</param>
    public static (ImageSet Train, ImageSet Test) ForChoosing(ImageSet train)
    {
        ArgumentNullException.ThrowIfNull(train);
        int[] order = Order(train.Count, seed: 0);
        int held = train.Count / 6;
        return (train.Pick(order[held..]), train.Pick(order[..held]));
    }

    /// <summary>The first images of an order, so many of each class at most, and so many of all.</summary>
    private static List<int> Taken(IEnumerable<int> order, byte[] labels, int[] mostOfClass, int most)
    {
        var taken = new List<int>();
        foreach (int index in order.TakeWhile(_ => taken.Count < most))
            if (mostOfClass[labels[index]]-- > 0)
                taken.Add(index);
        return taken;
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
