using Mezzotint.Formats;
using Mezzotint.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.AspNetCore;

/// <summary>The classifiers that say how images read: each is loaded when it is first asked.</summary>
internal sealed class ServedClassifiers : IDisposable
{
    private readonly List<Entry> _entries = [];

    /// <summary>Reads their descriptions.</summary>
    /// <exception cref="MezzotintException">A folder is no classifier.</exception>
    public ServedClassifiers(MezzotintOptions options)
    {
        foreach (string folder in options.Classifiers)
            _entries.Add(new(ClassifierFolder.ReadInfo(folder), new(() => ClassifierFolder.Read(folder))));
    }

    /// <summary>The first classifier of a model's size and classes; null where there is none.</summary>
    public ClassifierInfo? Of(ModelInfo model) => Find(model)?.Info;

    /// <summary>How the classifier of a model reads images: of each the share of each class, in [0, 1]; null where there is no
    /// classifier.</summary>
    /// <param name="model">The model.</param>
    /// <param name="images">Images of its size.</param>
    public IReadOnlyList<float[]>? Read(ModelInfo model, ImageBatch images)
    {
        if (Find(model) is not { } entry)
            return null;
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var network = entry.Loaded.Value.Network;
        float[] values = Array.ConvertAll(images.Pixels, value => value / 255f);
        var shares = network.call(tensor(values, [images.Count, images.Channels, images.Height, images.Width])).softmax(1);
        int classes = network.Config.Classes;
        return [.. shares.contiguous().data<float>().ToArray().Chunk(classes)];
    }

    /// <summary>The classifier itself, which stays this one's; null where there is none.</summary>
    public LoadedClassifier? Loaded(ModelInfo model) => Find(model)?.Loaded.Value;

    public void Dispose()
    {
        foreach (var entry in _entries.Where(entry => entry.Loaded.IsValueCreated))
            entry.Loaded.Value.Dispose();
    }

    private Entry? Find(ModelInfo model) => _entries.Find(entry =>
        (entry.Info.Network.Channels, entry.Info.Network.Height, entry.Info.Network.Width)
            == (model.Channels, model.Height, model.Width)
        && entry.Info.ClassNames.SequenceEqual(model.ClassNames));

    private sealed record Entry(ClassifierInfo Info, Lazy<LoadedClassifier> Loaded);
}
