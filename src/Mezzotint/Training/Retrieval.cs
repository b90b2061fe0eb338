using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using Mezzotint.Text;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>Finds pictures by captions and captions by pictures with a <see cref="TextImageModel"/>.</summary>
/// <param name="model">The model, on the device.</param>
/// <param name="tokenizer">Its tokenizer.</param>
/// <param name="threads">What shares the work.</param>
/// <param name="device">Where the model is.</param>
/// <param name="cancellation">Stops it.</param>
internal sealed class Retrieval(
    TextImageModel model, ClipTokenizer tokenizer, WorkerThreads threads, Device device, CancellationToken cancellation = default)
{
    private const int AtOnce = 64;

    /// <summary>
    /// The share of the asked images whose full caption finds them first among all images of a set, and the share of them that
    /// find their caption first among the full captions of the set.
    /// </summary>
    /// <param name="asked">The asked images.</param>
    /// <param name="all">The set, which has the asked images too.</param>
    /// <remarks>What is the same counts as the own: an equal picture, or one that has the caption too.</remarks>
    public (double Picture, double Caption) First(ImageSet asked, ImageSet all)
    {
        using var scope = NewDisposeScope();
        var (pictures, captions) = (Pictures(all), Captions(all));
        var (askedPictures, askedCaptions) = asked == all ? (pictures, captions) : (Pictures(asked), Captions(asked));
        return First(asked, askedPictures, askedCaptions, all, pictures, captions);
    }

    /// <summary>The same of images and captions that lie in the common space already.</summary>
    public static (double Picture, double Caption) First(
        ImageSet asked, Tensor askedPictures, Tensor askedCaptions, ImageSet all, Tensor pictures, Tensor captions)
    {
        long[] nearestPicture = Nearest(askedCaptions, pictures), nearestCaption = Nearest(askedPictures, captions);
        int foundPictures = 0, foundCaptions = 0;
        for (int i = 0; i < asked.Count; i++)
        {
            var (picture, caption) = ((int)nearestPicture[i], (int)nearestCaption[i]);
            if (all.Captions(picture).Contains(asked.Captions(i)[0]) || Same(asked, i, all, picture))
                foundPictures++;
            if (asked.Captions(i).Contains(all.Captions(caption)[0]) || Same(asked, i, all, caption))
                foundCaptions++;
        }
        return ((double)foundPictures / asked.Count, (double)foundCaptions / asked.Count);
    }

    /// <summary>Where the images of a set lie: [N, P].</summary>
    public Tensor Pictures(ImageSet images)
    {
        using var data = new ResidentImages(images, device);
        return All(images.Count, (start, count) =>
        {
            using TorchSharp.Scalar first = start, end = start + count, one = 1; // held: see TensorArithmetic
            return model.EmbedImages(data.Batch(arange(first, end, one, dtype: ScalarType.Int64, device: device)).Images);
        });
    }

    /// <summary>Where the full captions of a set lie: [N, P].</summary>
    public Tensor Captions(ImageSet images) => All(images.Count, (start, count) => model.EmbedTexts(
        TextImageDraw.TokensOf(tokenizer, [.. Enumerable.Range(start, count).Select(i => images.Captions(i)[0])]).to(device)));

    private static bool Same(ImageSet some, int i, ImageSet others, int j) => some.Image(i).SequenceEqual(others.Image(j));

    private static long[] Nearest(Tensor asked, Tensor among)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        return nn.functional.linear(asked, among).argmax(1).cpu().data<long>().ToArray();
    }

    private Tensor All(int count, Func<int, int, Tensor> of)
    {
        var parts = new Tensor[(count + AtOnce - 1) / AtOnce];
        int next = -1;
        threads.Run(_ =>
        {
            using var inference = inference_mode();
            while (Interlocked.Increment(ref next) is var part && part < parts.Length && !cancellation.IsCancellationRequested)
            {
                using var scope = NewDisposeScope(); // scopes belong to their thread
                parts[part] = of(part * AtOnce, Math.Min(AtOnce, count - part * AtOnce)).DetachFromDisposeScope();
            }
        });
        try
        {
            cancellation.ThrowIfCancellationRequested();
            return cat(parts);
        }
        finally
        {
            foreach (var part in parts)
                part?.Dispose();
        }
    }
}
