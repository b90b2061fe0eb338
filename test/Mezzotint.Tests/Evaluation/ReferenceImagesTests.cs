using Mezzotint.Data;
using Mezzotint.Evaluation;

namespace Mezzotint.Tests.Evaluation;

public class ReferenceImagesTests
{
    private static readonly ImageSet Train = Strokes.Make(600, seed: 1, size: 8), Test = Strokes.Make(100, seed: 2, size: 8);

    [Fact]
    public void The_floor_has_the_labels_that_are_asked_for_and_nothing_in_common_with_the_sample()
    {
        byte[] labels = [3, 3, 7, 3, 0];
        var reference = ReferenceImages.Divide(Train, Test, labels, labels.Length, seed: 4);
        Assert.Equal(labels.Order(), reference.Floor.Labels.Order());
        Assert.Equal(Test.Count, reference.TrainSample.Count);
        Assert.Empty(Keys(reference.Floor).Intersect(Keys(reference.TrainSample)));
        Assert.Subset(Keys(Train).ToHashSet(), Keys(reference.Floor).Concat(Keys(reference.TrainSample)).ToHashSet());
    }

    [Fact]
    public void It_takes_at_most_half_of_a_class_or_of_all()
    {
        Assert.Equal(
            30, ReferenceImages.Divide(Train, Test, Enumerable.Repeat((byte)5, 200).ToArray(), 200, seed: 4).Floor.Count);
        var unlabelled = ReferenceImages.Divide(Train, Test, [], 5000, seed: 4);
        Assert.Equal((300, 100), (unlabelled.Floor.Count, unlabelled.TrainSample.Count));
        Assert.Equal(50, ReferenceImages.Divide(Train, Test, [], 50, seed: 4).Floor.Count);
    }

    [Fact]
    public void What_is_evaluated_does_not_move_the_sample()
    {
        byte[][] labelled =
            [[], [3, 3, 7], [.. Enumerable.Repeat((byte)5, 200)], [.. Enumerable.Range(0, 300).Select(i => (byte)(i % 10))]];
        // As many test images as training images: the sample is half of each class then.
        foreach (var test in new[] { Test, Train })
        {
            var sample = Keys(ReferenceImages.Divide(Train, test, [], 300, seed: 4).TrainSample);
            foreach (byte[] labels in labelled)
            {
                var reference = ReferenceImages.Divide(Train, test, labels, 300, seed: 4);
                Assert.Equal(sample, Keys(reference.TrainSample));
                Assert.Empty(Keys(reference.Floor).Intersect(Keys(reference.TrainSample)));
            }
        }
    }

    [Fact]
    public void It_follows_from_the_seed()
    {
        string[] Of(long seed) => [.. Keys(ReferenceImages.Divide(Train, Test, [], 50, seed).Floor)];
        Assert.Equal(Of(1), Of(1));
        Assert.NotEqual(Of(1), Of(2));
    }

    private static IEnumerable<string> Keys(ImageSet set) =>
        Enumerable.Range(0, set.Count).Select(i => Convert.ToHexString(set.Image(i)));
}
