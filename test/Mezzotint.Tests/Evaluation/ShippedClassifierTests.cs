using Mezzotint.Evaluation;
using Mezzotint.Data;
using Mezzotint.Models;
using Mezzotint.Networks.Classifiers;
using Mezzotint.Runtime;

namespace Mezzotint.Tests.Evaluation;

/// <summary>The classifiers that ship in <c>models/classifiers</c>.</summary>
public class ShippedClassifierTests
{
    public static TheoryData<string> Architectures => [.. Classifier.Architectures];

    [Theory]
    [MemberData(nameof(Architectures))]
    public void Its_card_says_what_it_is_and_it_is_small(string architecture)
    {
        string folder = Folder(architecture);
        using var classifier = ClassifierFolder.Read(folder);
        Assert.Equal(architecture, classifier.Info.Network.Architecture);
        Assert.InRange(new FileInfo(Path.Combine(folder, ModelFolder.WeightsFile)).Length, 1, 5_000_000);
        string card = File.ReadAllText(Path.Combine(folder, ModelFolder.CardFile));
        Assert.Contains(classifier.Hash, card, StringComparison.Ordinal);
        Assert.Contains(
            $"mezzotint train-classifier --architecture {architecture} --epochs {classifier.Info.Epochs}", card,
            StringComparison.Ordinal);
        Assert.Contains(
            FormattableString.Invariant($"{100 * classifier.Info.TestAccuracy:0.00} %"), card, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Architectures))]
    [Trait("Speed", "Slow")]
    public void It_is_right_as_often_as_its_card_says_and_on_99_of_100_test_images(string architecture)
    {
        Assert.SkipUnless(TestData.MnistFolder is not null, TestData.NoMnist);
        using var classifier = ClassifierFolder.Read(Folder(architecture));
        using var threads = new WorkerThreads(2);
        var test = Mnist.Load(TestData.MnistFolder!, train: false);
        double accuracy = ClassifierOutput.Of(classifier.Network, test, threads).Accuracy(test.Labels);
        Assert.Equal(classifier.Info.TestAccuracy, accuracy, 2e-4); // another processor may round two images over the edge
        Assert.True(accuracy >= 0.99, $"{accuracy}");
    }

    private static string Folder(string architecture) =>
        Path.Combine(Repository.Root, "models", "classifiers", $"mnist-{architecture}");
}
