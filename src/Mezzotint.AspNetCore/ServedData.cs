using System.Collections.Concurrent;
using Mezzotint.AspNetCore.Api;
using Mezzotint.Data;
using Mezzotint.Evaluation;
using Mezzotint.Models;

namespace Mezzotint.AspNetCore;

/// <summary>The data that served models learned from, read when they are first asked for, as <c>mezzotint evaluate</c> finds
/// them. Nothing is downloaded.</summary>
internal sealed class ServedData
{
    private const long MostBytes = 1 << 28; // of pixels that are held of a set
    private const int TestImages = 2000;    // that are held of a set
    private const int NewImages = 64;       // of these, from which a typical distance is taken

    private readonly ConcurrentDictionary<(string Data, int Channels, int Height, int Width), Lazy<Task<ServedSet>>> _sets = [];

    /// <summary>The set of a model.</summary>
    /// <exception cref="ApiError">The model does not say what it learned from, or that is not here.</exception>
    public async Task<ServedSet> OfAsync(string name, ModelInfo model)
    {
        if (model.Dataset is not { } data)
            throw Missing(name, "the model does not say what it learned from.");
        var key = (data, model.Channels, model.Height, model.Width);
        var set = _sets.GetOrAdd(key, _ => new(() => Task.Run(() => Read(model, data))));
        try
        {
            return await set.Value.ConfigureAwait(false);
        }
        catch (MezzotintException wrong)
        {
            _sets.TryRemove(new(key, set)); // the files may come
            throw Missing(name, wrong.Message);
        }
    }

    private static ServedSet Read(ModelInfo model, string data)
    {
        int length = model.Channels * model.Height * model.Width, most = (int)Math.Clamp(MostBytes / length, 1, int.MaxValue);
        ImageSet Part(ImageSplit part, int limit) => DataSource.Load(data, model.Reading(data, part), limit: limit);
        var train = Part(ImageSplit.Train, most);
        if ((train.Channels, train.Height, train.Width) != (model.Channels, model.Height, model.Width))
            throw new MezzotintException(
                $"{train.Name} has images of {train.Channels} x {train.Height} x {train.Width}, the model of {model.Channels} x "
                + $"{model.Height} x {model.Width}.");
        var test = TestOf(() => Part(ImageSplit.Test, Math.Min(most, TestImages)));
        return new(data, train, train.Count < most, test, test is null ? null : Typical(train, test));
    }

    /// <summary>A set without test images can be looked at all the same.</summary>
    private static ImageSet? TestOf(Func<ImageSet> read)
    {
        try
        {
            return read();
        }
        catch (MezzotintException)
        {
            return null;
        }
    }

    /// <summary>The distance that half of some images lie below that nobody learned from.</summary>
    private static double Typical(ImageSet train, ImageSet test)
    {
        double[] distances = new double[Math.Min(NewImages, test.Count)];
        Parallel.For(0, distances.Length, i => distances[i] = NearestImage.Of(test.Image(i), train, 1)[0].Distance);
        Array.Sort(distances);
        return distances[distances.Length / 2];
    }

    private static ApiError Missing(string name, string why) => new(
        409, ApiError.InvalidRequest, "data_not_here", $"The training images of '{name}' cannot be shown here: {why}", "model");
}

/// <summary>A set that a model learned from.</summary>
/// <param name="Name">What the model calls it.</param>
/// <param name="Train">Its training images.</param>
/// <param name="IsWhole">Whether they are all of them; else the first.</param>
/// <param name="Test">Images that it did not learn from, the first; null where the set has none.</param>
/// <param name="Typical">The median distance of test images to the nearest training image; null where there are no test
/// images.</param>
internal sealed record ServedSet(string Name, ImageSet Train, bool IsWhole, ImageSet? Test, double? Typical);
