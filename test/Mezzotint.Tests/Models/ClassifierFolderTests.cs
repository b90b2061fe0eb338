using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks.Classifiers;
using Mezzotint.Tests.Formats;

namespace Mezzotint.Tests.Models;

public sealed class ClassifierFolderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_classifier_is_read_back()
    {
        Write(1);
        using var read = ClassifierFolder.Read(_folder.Name);
        Assert.Equal(1, read.Info.Seed);
        Assert.Equal(ModelFolder.Hash(_folder.Name), read.Hash);
    }

    [Fact]
    public void A_description_of_another_classifier_is_refused()
    {
        Write(1);
        byte[] description = File.ReadAllBytes(_folder.File(ModelFolder.DescriptionFile));
        Write(2);
        File.WriteAllBytes(_folder.File(ModelFolder.DescriptionFile), description);
        Assert.StartsWith(
            $"'{_folder.Name}' is half written: its config.json is not the one that model.safetensors was written with; "
            + "write the classifier again with `mezzotint train-classifier`, or", Refusal(), StringComparison.Ordinal);
    }

    [Fact]
    public void Weights_that_say_nothing_of_a_description_are_read_as_before()
    {
        Write(1);
        string weights = _folder.File(ModelFolder.WeightsFile);
        SafetensorsFile.Write(weights, SafetensorsFile.Read(weights).Tensors);
        using var read = ClassifierFolder.Read(_folder.Name);
        Assert.Equal(1, read.Info.Seed);
    }

    // Zeros that are nowhere on the disk: reading them would take all memory.
    [Fact]
    public void Weights_far_longer_than_the_networks_are_refused_before_memory_is_taken()
    {
        Write(1);
        using (var weights = File.OpenWrite(_folder.File(ModelFolder.WeightsFile)))
            weights.SetLength(3L << 30);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains(
            "has 3221225472 bytes, but the network of its config.json takes", Refusal(), StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    private string Refusal()
    {
        string message = Assert.Throws<MezzotintException>(() => ClassifierFolder.Read(_folder.Name)).Message;
        Assert.DoesNotContain('\n', message);
        return message;
    }

    private void Write(int seed)
    {
        var config = new ClassifierConfig { Architecture = PlainClassifier.Name };
        using var network = Classifier.Create(config, seed);
        ClassifierFolder.Write(_folder.Name, network, new ClassifierInfo
        {
            Name = "untrained",
            Network = config,
            ClassNames = [.. "0123456789".Select(digit => $"{digit}")],
            Dataset = "nothing",
            Epochs = 1,
            Seed = seed,
            Provenance = "A test made it.",
        });
    }
}
