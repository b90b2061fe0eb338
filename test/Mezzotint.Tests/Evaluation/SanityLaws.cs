using Mezzotint.Data;
using Mezzotint.Evaluation;

namespace Mezzotint.Tests.Evaluation;

/// <summary>Each way of spoiling images moves the figures that it should, the way it should, and leaves alone those that it
/// should.</summary>
public abstract class SanityLaws(SanityCase sanity)
{
    private const int Kinds = 40;

    private ImageEvaluation Unseen => Of("unseen", images => images);

    [Fact]
    public void Unseen_real_images_get_the_figures_of_real_images()
    {
        foreach (var figure in Unseen.Figures.Where(figure => figure.Key.StartsWith("frechet_", StringComparison.Ordinal)))
            Assert.True(figure.Value / figure.Real is > 0.5 and < 2, $"{figure.Key}: {figure.Value}, floor {figure.Real}");
        var kernel = Unseen.Figures.Single(figure => figure.Key.StartsWith("kernel_", StringComparison.Ordinal));
        Assert.InRange(
            kernel.Value!.Value - kernel.Real!.Value, -6 * kernel.StandardError!.Value, 6 * kernel.StandardError.Value);
        foreach (string key in new[] { "precision", "recall", "accuracy_residual", "accuracy_plain" })
            Assert.InRange(Value(Unseen, key) - Real(Unseen, key), -0.08, 0.08);
        Assert.InRange(Value(Unseen, "memorised"), 0, 0.05);
        Assert.InRange(Value(Unseen, "diversity") / Real(Unseen, "diversity"), 0.9, 1.1);
    }

    [Fact]
    public void Noise_makes_all_worse()
    {
        var noisy = Of("noise", images => SpoiledImages.Noisy(images, 90));
        Assert.True(Value(noisy, "accuracy_all") < Value(Unseen, "accuracy_all") - 0.02);
        Assert.True(Value(noisy, "precision") < Value(Unseen, "precision") - 0.1);
        Assert.True(Value(noisy, "kernel_residual_test") > 3 * Math.Abs(Value(Unseen, "kernel_residual_test")));
        foreach (string space in new[] { "residual", "plain", "no_background", "pixels_coarse", "pixels_fine" })
            AssertGrows(noisy, $"frechet_{space}_test", 2);
    }

    [Fact]
    public void Grain_that_nobody_sees_shows_among_the_fine_components_and_is_gone_without_the_faint_background()
    {
        var grainy = Of("grain", images => SpoiledImages.Noisy(images, 12));
        AssertGrows(grainy, "frechet_pixels_fine_test", 1.3);
        Assert.InRange(Value(grainy, "frechet_no_background_test") / Value(Unseen, "frechet_no_background_test"), 0.5, 1.5);
    }

    [Fact]
    public void Blur_costs_variance_in_the_pixels_and_distance_in_the_embedding()
    {
        var blurred = Of("blur", SpoiledImages.Blurred);
        foreach (string space in new[] { "plain", "pixels_coarse", "pixels_fine" })
            AssertGrows(blurred, $"frechet_{space}_test", 1.5);
        // good classifiers learn to look past a blur: the reason for the other spaces
        AssertGrows(blurred, "frechet_residual_test", 1);
        Assert.True(Value(blurred, "diversity") < Value(Unseen, "diversity"));
    }

    [Fact]
    public void A_shift_shows_in_the_pixels()
    {
        var shifted = Of("shift", images => SpoiledImages.Shifted(images, 2));
        AssertGrows(shifted, "frechet_pixels_coarse_test", 3);
    }

    [Fact]
    public void Few_images_again_and_again_cost_recall_and_diversity_and_no_accuracy()
    {
        var repeated = Of("repeats", images => SpoiledImages.Repeated(images, Kinds));
        Assert.True(Value(repeated, "recall") < Value(Unseen, "recall") / 2);
        Assert.True(Value(repeated, "diversity") < Value(Unseen, "diversity") * 0.8);
        AssertGrows(repeated, "frechet_residual_test", 1.5);
        Assert.InRange(Value(repeated, "accuracy_all") - Value(Unseen, "accuracy_all"), -0.2, 0.2);
    }

    [Fact]
    public void Shuffled_labels_cost_accuracy_and_nothing_else()
    {
        var shuffled = Of("shuffled", SpoiledImages.Mislabelled);
        Assert.InRange(Value(shuffled, "accuracy_residual"), 0.02, 0.2);
        Assert.InRange(Value(shuffled, "accuracy_plain"), 0.02, 0.2);
        foreach (
            string key in new[]
            {
                "frechet_residual_test", "frechet_pixels_coarse_test", "kernel_residual_test", "precision", "memorised",
                "class_imbalance",
            })
            Assert.Equal(Value(Unseen, key), Value(shuffled, key), 1e-9);
    }

    [Fact]
    public void Training_images_are_all_memorised_and_nearer_to_the_training_images()
    {
        var train = Of("training", images => sanity.Train.Take(images.Count));
        Assert.Equal(1, Value(train, "memorised"));
        Assert.All(train.Nearest, nearest => Assert.Equal(0, nearest.Distance));
        Assert.Equal(Value(Unseen, "accuracy_all"), Value(train, "accuracy_all"), 0.15);
    }

    [Fact]
    public void A_single_class_shows_in_the_balance_and_is_not_what_was_asked_for()
    {
        var ones = Of(
            "ones",
            images => new ImageSet(images.Name, images.Pick([.. Enumerable.Repeat(1, images.Count)]).Pixels, images.Labels,
            images.Channels, images.Height, images.Width, images.ClassNames));
        Assert.InRange(Value(ones, "class_imbalance"), 0.8, 1);
        Assert.InRange(Value(ones, "accuracy_all"), 0, 0.2);
    }

    private ImageEvaluation Of(string name, Func<ImageSet, ImageSet> spoil)
    {
        Assert.SkipWhen(sanity.Missing is not null, sanity.Missing ?? "");
        return sanity.Of(name, spoil);
    }

    private void AssertGrows(ImageEvaluation spoiled, string key, double factor) =>
        Assert.True(
            Value(spoiled, key) > factor * Value(Unseen, key),
            $"{key}: {Value(spoiled, key)}, of unseen images {Value(Unseen, key)}");

    private static double Value(ImageEvaluation evaluation, string key) =>
        evaluation.Figures.Single(figure => figure.Key == key).Value!.Value;

    private static double Real(ImageEvaluation evaluation, string key) =>
        evaluation.Figures.Single(figure => figure.Key == key).Real!.Value;
}
