using Mezzotint.Data;
using Mezzotint.Evaluation;
using Mezzotint.Runtime;

namespace Mezzotint.Tests.Evaluation;

public sealed class PixelComponentsTests : IDisposable
{
    private readonly WorkerThreads _threads = new(2);

    public void Dispose() => _threads.Dispose();

    [Fact]
    public void They_only_turn_the_space_and_the_most_varied_come_first()
    {
        var train = Strokes.Make(2100, seed: 1, size: 12); // three blocks of images
        var (coarse, fine) = PixelComponents.Of(train, _threads).Project(train, _threads);
        Assert.Equal((64, 144 - 64), (coarse.Length, fine!.Length));
        double Square(int i, int j) => Differences(coarse, i, j) + Differences(fine, i, j);
        foreach (var (i, j) in new[] { (0, 1), (5, 1500), (2099, 7) })
            Assert.Equal(
                Enumerable.Range(0, 144).Sum(k => Math.Pow((train.Image(i)[k] - train.Image(j)[k]) / 255.0, 2)), Square(i, j),
                1e-9);
        double[] variances = [.. Variances(coarse), .. Variances(fine)];
        for (int k = 1; k < variances.Length; k++)
            Assert.True(variances[k] <= variances[k - 1] + 1e-9, $"component {k}");
        Assert.All(Moments.Of(coarse).Mean, mean => Assert.Equal(0, mean, 1e-9));
    }

    [Fact]
    public void The_number_of_threads_changes_rounding_at_most()
    {
        var train = Strokes.Make(1500, seed: 1, size: 8);
        using var one = new WorkerThreads(1);
        double first =
            FrechetDistance.Between(PixelComponents.Of(train, one).Project(train, one).Coarse, TestPoints.Standard(100, 64, 1));
        Assert.Equal(
            first,
            FrechetDistance.Between(
                PixelComponents.Of(train, _threads).Project(train, _threads).Coarse, TestPoints.Standard(100, 64, 1)),
            1e-6 * first);
    }

    [Fact]
    public void Large_images_keep_their_distances_where_the_components_hold_all_that_varies()
    {
        var train = Strokes.Make(50, seed: 1, size: 40); // 1,600 values an image, of which no covariance is made
        var (coarse, fine) = PixelComponents.Of(train, _threads).Project(train, _threads);
        Assert.InRange(coarse.Length, 40, 49);
        Assert.Null(fine);
        foreach (var (i, j) in new[] { (0, 1), (5, 40), (49, 7) })
            Assert.Equal(
                Enumerable.Range(0, 1600).Sum(k => Math.Pow((train.Image(i)[k] - train.Image(j)[k]) / 255.0, 2)),
                Differences(coarse, i, j), 1e-3);
    }

    [Fact]
    public void Of_large_images_the_most_varied_components_come_first_and_are_at_right_angles()
    {
        var train = Strokes.Make(400, seed: 1, size: 40);
        var components = PixelComponents.Of(train, _threads);
        var (coarse, fine) = components.Project(train, _threads);
        Assert.Equal((64, 192), (coarse.Length, fine!.Length));
        Assert.Equal("pixels, principal components 65 to 256", components.FineName);
        double[] variances = [.. Variances(coarse), .. Variances(fine)];
        for (int k = 1; k < variances.Length; k++)
            Assert.True(variances[k] <= variances[k - 1] * (1 + 1e-4), $"component {k}");
        double[] covariance = Moments.Of(coarse).Covariance;
        for (int k = 1; k < 64; k++)
            Assert.InRange(Math.Abs(covariance[k]) / covariance[0], 0, 1e-4);
    }

    [Fact]
    public void Images_of_another_size_have_no_place() =>
        Assert.Throws<ArgumentException>(() =>
            PixelComponents.Of(Strokes.Make(20, 1, 8), _threads).Project(Strokes.Make(20, 1, 12), _threads));

    private static double Differences(Points points, int i, int j) =>
        points[i].ToArray().Zip(points[j].ToArray(), (a, b) => (a - b) * (a - b)).Sum();

    private static IEnumerable<double> Variances(Points points) =>
        Enumerable.Range(0, points.Length).Select(k => Moments.Of(points).Covariance[k * points.Length + k]);
}
