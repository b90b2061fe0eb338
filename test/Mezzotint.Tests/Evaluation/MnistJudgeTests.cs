using Mezzotint.Data;
using Mezzotint.Evaluation;
using Mezzotint.Models;
using Mezzotint.Networks.Classifiers;
using Mezzotint.Runtime;

namespace Mezzotint.Tests.Evaluation;

/// <summary>
/// The headline of an evaluation, the worst ratio of all spaces, sees each defect that generated digits have: with it the lower
/// end of the ratio's interval lies above the upper end of that of real images. 5,000 real images, spoiled.
/// </summary>
[Trait("Speed", "Slow")]
public sealed class MnistJudgeTests(MnistJudgeTests.Judge judge) : IClassFixture<MnistJudgeTests.Judge>
{
    private const string SlowVariable = "MEZZOTINT_SLOW";

    public static TheoryData<string> Defects => [.. Spoiled.Keys];

    private static Dictionary<string, Func<ImageSet, ImageSet>> Spoiled { get; } = new()
    {
        ["too clean"] = images => SpoiledImages.Mapped(images, value => Math.Clamp((value - 40) * 1.4, 0, 255)),
        ["too bold"] = images => SpoiledImages.Bolder(images, 0.3),
        ["blurred"] = images => SpoiledImages.Mixed(images, SpoiledImages.Blurred(images), 0.3),
        ["shifted by a pixel"] = images => SpoiledImages.Shifted(images, 1),
        ["a twentieth missing"] = images => SpoiledImages.WithoutHalfOf(images, label: 8),
    };

    [Theory, MemberData(nameof(Defects))]
    public void A_defect_moves_the_worst_ratio_above_the_interval_of_real_images(string defect)
    {
        Assert.SkipUnless(TestData.MnistFolder is not null, TestData.NoMnist);
        Assert.SkipUnless(Environment.GetEnvironmentVariable(SlowVariable) == "1", $"{SlowVariable} is not 1: it takes minutes");
        var (real, spoiled) = (judge.Worst("real", images => images), judge.Worst(defect, Spoiled[defect]));
        Assert.True(spoiled.Low > real.High, $"{defect}: {spoiled}, real {real}");
        Assert.InRange(real.Value, 0.7, 1.6);
    }

    public sealed class Judge : IDisposable
    {
        private readonly Dictionary<string, RatioInterval> _worst = [];
        private readonly WorkerThreads _threads = new(2);

        public void Dispose() => _threads.Dispose();

        internal RatioInterval Worst(string name, Func<ImageSet, ImageSet> spoil)
        {
            if (_worst.TryGetValue(name, out var known))
                return known;
            var (train, test) = (Mnist.Load(TestData.MnistFolder!, train: true), Mnist.Load(TestData.MnistFolder!, train: false));
            int[] order = ReferenceImages.Order(train.Count, seed: 5);
            var images = spoil(train.Pick(order[..5000]));
            string shelf = Path.Combine(Repository.Root, "models", "classifiers");
            var classifiers = Classifier.Architectures
                .Select(architecture => ClassifierFolder.Read(Path.Combine(shelf, $"mnist-{architecture}"))).ToList();
            using var autoencoder = AutoencoderFolder.Read(Path.Combine(shelf, "mnist-autoencoder"));
            var figures = ImageEvaluation.Of(new EvaluatedImages(images),
                ReferenceImages.Divide(train.Pick(order[5000..]), test, images.Labels, images.Count, seed: 1), classifiers,
                _threads, features: [LatentFeatures.Of(autoencoder, _threads), RandomConvolutions.Of(1, _threads)]).Figures;
            classifiers.ForEach(classifier => classifier.Dispose());
            return _worst[name] = figures.Single(figure => figure.Key == "worst_frechet").Ratio!;
        }
    }
}
