using Mezzotint.Data;
using Mezzotint.Evaluation;
using Mezzotint.Runtime;
using Mezzotint.Tests.Training;

namespace Mezzotint.Tests.Evaluation;

/// <summary>Without a classifier, and without classes, every figure that needs none is given and tells good images from
/// bad.</summary>
public sealed class NoClassifierTests : IDisposable
{
    private static readonly string[] Always =
    [
        "frechet_pixels_coarse_test", "frechet_pixels_coarse_train", "kernel_pixels_coarse_test", "precision", "recall",
        "memorised", "diversity_all",
    ];

    private readonly WorkerThreads _threads = new(2);

    public void Dispose() => _threads.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Images_of_the_same_kind_have_better_figures_than_spoiled_ones(bool classes)
    {
        var (train, test, unseen) = (Strokes.Make(400, 1, 12), Strokes.Make(100, 2, 12), Strokes.Make(100, 3, 12));
        byte[] dimmed = [.. unseen.Pixels.Select(pixel => (byte)(pixel / 3))];
        var spoiled = new ImageSet("spoiled", dimmed, unseen.Labels, 1, 12, 12, unseen.ClassNames);
        if (!classes)
            (train, test, unseen, spoiled) = (Plain(train), Plain(test), Plain(unseen), Plain(spoiled));
        var (good, bad) = (Of(unseen, train, test, classes), Of(spoiled, train, test, classes));
        Assert.All(Always, key => Assert.NotNull(good.Figures.Single(figure => figure.Key == key).Value));
        Assert.DoesNotContain(good.Figures, figure => figure.Key.StartsWith("accuracy", StringComparison.Ordinal)
            || figure.Key is "class_imbalance");
        Assert.Equal(classes ? 10 : 0, good.Labels.Count);
        Assert.Empty(good.Worst);
        foreach (string key in Always[..3])
            Assert.True(Value(good, key) < Value(bad, key) / 2, key);
        // Dim images lie in the middle of all others, where the balls are large: precision is fooled, recall and diversity not.
        Assert.True(Value(good, "recall") > Value(bad, "recall"));
        Assert.True(Value(good, "diversity_all") > Value(bad, "diversity_all"));
    }

    [Fact]
    public void Images_of_the_training_set_count_as_memorised_and_few_as_diverse_once()
    {
        var (train, test) = (Plain(Strokes.Make(200, 1, 12)), Plain(Strokes.Make(60, 2, 12)));
        var copies = Of(train.Pick([.. Enumerable.Range(0, 40)]), train, test, labelled: false);
        Assert.Equal(1, Value(copies, "memorised"));
        var one = Of(train.Pick([.. Enumerable.Repeat(0, 40)]), train, test, labelled: false);
        Assert.Equal(1, Value(one, "diversity_all"), 1e-3);
    }

    [Fact]
    public void Colour_of_64_x_64_is_measured_without_a_covariance_of_its_pixels()
    {
        ImageSet Set(int seed) => Plain(SmallExperiment.Images("colour", 40, seed, channels: 3, height: 64, width: 64));
        var evaluation = Of(Set(3), Set(1), Set(2), labelled: false);
        Assert.All(Always, key => Assert.NotNull(evaluation.Figures.Single(figure => figure.Key == key).Value));
    }

    private static ImageSet Plain(ImageSet set) => set.Renamed(set.Name, new byte[set.Count], []);

    private ImageEvaluation Of(ImageSet images, ImageSet train, ImageSet test, bool labelled) => ImageEvaluation.Of(
        new EvaluatedImages(images, labelled ? null : "there are no classes"),
        ReferenceImages.Divide(train, test, labelled ? images.Labels : [], images.Count, seed: 1), [], _threads);

    private static double Value(ImageEvaluation evaluation, string key) =>
        evaluation.Figures.Single(figure => figure.Key == key).Value!.Value;
}
