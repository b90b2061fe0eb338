using Mezzotint.Data;
using Mezzotint.Evaluation;
using Mezzotint.Runtime;
using Mezzotint.Tests.Training;

namespace Mezzotint.Tests.Evaluation;

public sealed class NearestImageTests : IDisposable
{
    private readonly WorkerThreads _threads = new(2);

    public void Dispose() => _threads.Dispose();

    [Fact]
    public void It_is_the_one_that_comparing_all_pairs_finds()
    {
        var (images, among) = (Strokes.Make(150, seed: 5, size: 12), Strokes.Make(400, seed: 6, size: 12));
        var found = NearestImage.Of(images, among, _threads);
        for (int i = 0; i < images.Count; i++)
        {
            var distances = Enumerable.Range(0, among.Count).Select(j => Distance(images.Image(i), among.Image(j))).ToList();
            Assert.Equal(distances.Min(), found[i].Distance, 1e-12);
            Assert.Equal(distances.IndexOf(distances.Min()), found[i].Index);
        }
    }

    [Fact]
    public void An_image_that_is_there_is_found_at_distance_0()
    {
        var among = SmallExperiment.Images("random", 500, seed: 3);
        var found = NearestImage.Of(among, among, _threads);
        Assert.Equal(Enumerable.Range(0, 500), found.Select(image => image.Index));
        Assert.All(found, image => Assert.Equal(0, image.Distance));
    }

    [Fact]
    public void Copies_are_memorised_and_one_in_a_hundred_of_the_test_images_is_by_definition()
    {
        var (train, test) = (Strokes.Make(600, seed: 1, size: 12), Strokes.Make(1000, seed: 2, size: 12));
        var memorisation = Memorisation.Of(train, test, _threads);
        Assert.InRange(memorisation.Measure(test).Share, 0.008, 0.02);
        Assert.Equal(1, memorisation.Measure(train.Take(50)).Share);
        Assert.InRange(memorisation.Measure(Strokes.Make(1000, seed: 3, size: 12)).Share, 0, 0.03);
        // A 1 lies nearer to other 1s than an 8 to other 8s, and that is no memory
        Assert.True(memorisation.Thresholds[1] < memorisation.Thresholds[8], string.Join(", ", memorisation.Thresholds));
    }

    [Fact]
    public void Images_of_another_size_are_refused_and_it_can_be_stopped()
    {
        var small = SmallExperiment.Images("small", 20, seed: 3);
        Assert.Throws<ArgumentException>(() => NearestImage.Of(small, Strokes.Make(10, 1, 12), _threads));
        Assert.Throws<OperationCanceledException>(() =>
            NearestImage.Of(small, small, _threads, cancellation: new CancellationToken(true)));
    }

    private static double Distance(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
            sum += (a[i] / 255.0 - b[i] / 255.0) * (a[i] / 255.0 - b[i] / 255.0);
        return Math.Sqrt(sum);
    }
}
