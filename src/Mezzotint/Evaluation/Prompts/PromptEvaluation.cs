using System.Diagnostics;
using Mezzotint.Data;
using Mezzotint.Models;
using Mezzotint.Runtime;

namespace Mezzotint.Evaluation.Prompts;

/// <summary>How well a model draws what captions ask for.</summary>
/// <param name="Asked">What it was asked for.</param>
/// <param name="Drawn">What it drew.</param>
/// <param name="Scores">The text-image score of the image of each caption.</param>
/// <param name="Figures">The figures.</param>
/// <param name="Seconds">The time of the measuring.</param>
public sealed record PromptEvaluation(
    AskedCaptions Asked, ImageSet Drawn, double[] Scores, IReadOnlyList<Figure> Figures, double Seconds)
{
    /// <summary>The captions whose images fit them least, by the judge.</summary>
    public IReadOnlyList<int> Worst =>
        field ??= [.. Enumerable.Range(0, Scores.Length).OrderBy(i => Scores[i]).ThenBy(i => i)];

    /// <summary>Measures images.</summary>
    /// <param name="asked">What was asked for.</param>
    /// <param name="drawn">An image for each of <see cref="AskedCaptions.Prompts"/>.</param>
    /// <param name="model">What drew them.</param>
    /// <param name="aspects">The names of aspects and the values of all pictures of the set.</param>
    /// <param name="judge">What judges them.</param>
    /// <param name="threads">What shares the work.</param>
    /// <param name="progress">Told as it goes on, from the threads that work.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="MezzotintException">The judge is for pictures of another size.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static PromptEvaluation Of(
        AskedCaptions asked, ImageSet drawn, LoadedModel model, IReadOnlyList<AspectValues> aspects, LoadedTextImageModel judge,
        WorkerThreads threads, IProgress<EvaluationProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(asked);
        ArgumentNullException.ThrowIfNull(drawn);
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(aspects);
        var images = asked.Set.Images;
        CheckJudge(judge, images);
        ArgumentOutOfRangeException.ThrowIfNotEqual(drawn.Count, asked.Prompts.Count, nameof(drawn));
        var clock = Stopwatch.StartNew();
        var asks = new Judge(judge, threads, cancellation);
        progress?.Report(new(0, "asking the judge"));
        int[] equal = EqualPictures.Of(images);
        var whole = new AspectValues(AspectValues.WholePicture,
            [.. Enumerable.Range(0, images.Count).Select(i => images.Captions(i).Take(1).ToArray())]);
        var askedPictures = images.Pick([.. asked.Pictures]);
        var real = CodedPictures.Of(model.Info.Pixels, askedPictures, model.Device, threads, cancellation);
        var firsts = drawn.Take(asked.Pictures.Count);
        Points all = asks.Pictures(images), ofDrawn = asks.Pictures(drawn), ofReal = asks.Pictures(real);
        var train = asked.Set.Train.Places;
        using var pixels = new ShiftedPixels(images);
        double total = firsts.Count + real.Count;
        NearestPictures ByPixels(ImageSet pictures, int before) => NearestPictures.ByPixels(pictures, pixels, train, threads,
            progress is null ? null
                : new Done(done => progress.Report(new((before + done) / total, "finding the nearest pictures"))), cancellation);
        var seen = new JudgedImages
        {
            All = all,
            Captions = asks.Captions(askedPictures),
            Drawn = ofDrawn,
            Real = ofReal,
            Measures =
            [
                new("judge", "by the judge",
                    NearestPictures.ByEmbedding(ofDrawn.Take([.. Enumerable.Range(0, firsts.Count)]), all, train, threads),
                    NearestPictures.ByEmbedding(ofReal, all, train, threads)),
                new("pixels", "by pixels", ByPixels(firsts, 0), ByPixels(real, firsts.Count)),
            ],
        };
        var figures = new PromptFigures(asked,
            [.. aspects.Prepend(whole).Select(aspect => new PictureAspect(aspect, equal))], seen);
        var measured = figures.All(threads);
        return new(asked, drawn, figures.Scores, measured, clock.Elapsed.TotalSeconds);
    }

    /// <summary>Checks that a judge is for the pictures of a set, before anything is drawn for it.</summary>
    /// <param name="judge">The judge.</param>
    /// <param name="images">The pictures.</param>
    /// <exception cref="MezzotintException">It is for pictures of another size.</exception>
    public static void CheckJudge(LoadedTextImageModel judge, ImageSet images)
    {
        ArgumentNullException.ThrowIfNull(judge);
        ArgumentNullException.ThrowIfNull(images);
        var shape = judge.Network.Image.Config;
        if ((shape.Channels, shape.Height, shape.Width) != (images.Channels, images.Height, images.Width))
            throw new MezzotintException(
                $"The text-image model '{judge.Info.Name}' is for pictures of {shape.Channels} x {shape.Height} x "
                + $"{shape.Width}, {images.Name} has them of {images.Channels} x {images.Height} x {images.Width}: train one "
                + "for these with `mezzotint train` and a configuration such as configs/emoji-judge.toml.") { Key = "--judge" };
    }

    private sealed class Done(Action<int> handle) : IProgress<int>
    {
        public void Report(int value) => handle(value);
    }
}
