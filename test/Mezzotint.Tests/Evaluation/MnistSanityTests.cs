using Mezzotint.Data;
using Mezzotint.Evaluation;
using Mezzotint.Models;
using Mezzotint.Networks.Classifiers;

namespace Mezzotint.Tests.Evaluation;

/// <summary>The laws on MNIST with the shipped classifiers: about a minute of two cores, skipped where MNIST is not at
/// hand.</summary>
[Trait("Speed", "Slow")]
public class MnistSanityTests(MnistSanityTests.Handwritten sanity)
    : SanityLaws(sanity), IClassFixture<MnistSanityTests.Handwritten>
{
    public sealed class Handwritten : SanityCase
    {
        public override string? Missing => TestData.MnistFolder is null ? TestData.NoMnist : null;

        protected override (ImageSet Train, ImageSet Test, ImageSet Unseen, IReadOnlyList<LoadedClassifier> Classifiers) Make()
        {
            // Drawn by lot, as MNIST has an order: neither the images at its ends nor every eighth one are like the rest.
            var (train, test) = (Mnist.Load(TestData.MnistFolder!, train: true), Mnist.Load(TestData.MnistFolder!, train: false));
            int[] order = ReferenceImages.Order(train.Count, seed: 5);
            return (
                train.Pick(order[..8000]), test.Pick(ReferenceImages.Order(test.Count, seed: 6)[..2000]),
                train.Pick(order[8000..9000]),
                [.. Classifier.Architectures.Select(architecture =>
                    ClassifierFolder.Read(Path.Combine(Repository.Root, "models", "classifiers", $"mnist-{architecture}")))]);
        }
    }
}
