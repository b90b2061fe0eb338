using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using Mezzotint.Sampling;
using static TorchSharp.torch;

namespace Mezzotint.Serving;

/// <summary>Images that were drawn from the noise of pictures.</summary>
/// <param name="Images">Values 0 to 255: [N, C, H, W].</param>
/// <param name="RoundTripError">
/// How far a picture that was drawn from its own noise as what it shows is from itself: the root of the mean squared difference,
/// pixels 0 to 1 and not rounded, with what an autoencoder changes. The largest of several pictures; null where there is none.
/// </param>
public sealed record Redrawing(ImageBatch Images, double? RoundTripError);

/// <summary>
/// Pictures drawn anew from their own noise. Each is walked up to its noise as an image of one class or prompt, and down again
/// (<see cref="Sampling.Inversion"/>): as the same one, which gives it back; as another, which keeps what the noise holds; or
/// from a noise between those of two pictures.
/// </summary>
/// <remarks>Song et al. 2021, arXiv 2011.13456, appendix D.4; Song et al. 2021, arXiv 2010.02502, section 5.3 (interpolation on a
/// great circle).</remarks>
public sealed record PictureInversion
{
    private const int ImagesAtOnce = 32;

    private readonly NetworkDenoiser _network;
    private readonly ModelInfo _info;
    private readonly Device _device;

    /// <summary>With heun over <see cref="Inversion.LevelsOf"/>.</summary>
    /// <param name="model">The model; it stays the caller's.</param>
    public PictureInversion(LoadedModel model)
    {
        _network = model.CreateDenoiser();
        (_info, _device) = (model.Info, model.Device);
        Inversion = Inversion.Of(_info.Process);
    }

    /// <summary>How the walks are done.</summary>
    public Inversion Inversion { get; init; }

    /// <summary>One picture as several classes.</summary>
    /// <param name="picture">One image of the model's size.</param>
    /// <param name="label">The class that it is walked up as: what it shows.</param>
    /// <param name="labels">The classes that it is drawn as, an image for each.</param>
    /// <param name="threads">Images are shared out over these.</param>
    /// <param name="progress">Told after each step of each batch, from the threads that work.</param>
    /// <param name="cancellation">Stops between two steps.</param>
    /// <exception cref="ArgumentException">The picture does not fit, the model does not know a class, or it is asked in
    /// words.</exception>
    /// <exception cref="MezzotintException">The solver draws noise.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public Redrawing Redraw(
        ImageBatch picture, int label, IReadOnlyList<int> labels, WorkerThreads threads,
        IProgress<SamplingProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(labels);
        return Draw(
            [new(picture, label)], [.. labels.Select(other => new Frame(0, other, other))], null, threads, progress,
            cancellation);
    }

    /// <summary>One picture as several prompts.</summary>
    /// <param name="picture">One image of the model's size.</param>
    /// <param name="prompt">What it shows: in words, or the name of a class, as the model is asked.</param>
    /// <param name="prompts">What it is drawn as, an image for each.</param>
    /// <param name="threads">Images are shared out over these.</param>
    /// <param name="progress">Told after each step of each batch, from the threads that work.</param>
    /// <param name="cancellation">Stops between two steps.</param>
    /// <exception cref="ArgumentException">The picture does not fit.</exception>
    /// <exception cref="MezzotintException">The solver draws noise, or a prompt is not understood.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public Redrawing Redraw(
        ImageBatch picture, string prompt, IReadOnlyList<string> prompts, WorkerThreads threads,
        IProgress<SamplingProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        string[] asked = [prompt, .. prompts];
        return Draw(
            [new(picture, 0)], [.. prompts.Select(other => Array.IndexOf(asked, other)).Select(at => new Frame(0, at, at))],
            asked, threads, progress, cancellation);
    }

    /// <summary>
    /// From one picture to another: noises on the great circle between theirs, drawn with the estimate (1 - w) D(first class) + w
    /// D(last class). Its score is that of the densities of the two classes to the powers 1 - w and w.
    /// </summary>
    /// <param name="first">The picture to begin with, w = 0: one image of the model's size.</param>
    /// <param name="firstLabel">What it shows.</param>
    /// <param name="last">The picture to end with, w = 1.</param>
    /// <param name="lastLabel">What it shows.</param>
    /// <param name="count">Images, 2 or more: the first and the last are the pictures as they come back.</param>
    /// <param name="threads">Images are shared out over these.</param>
    /// <param name="progress">Told after each step of each batch, from the threads that work.</param>
    /// <param name="cancellation">Stops between two steps.</param>
    /// <exception cref="ArgumentException">A picture does not fit, the model does not know a class or is asked in words, or there
    /// are fewer than two images.</exception>
    /// <exception cref="MezzotintException">The solver draws noise.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public Redrawing Between(
        ImageBatch first, int firstLabel, ImageBatch last, int lastLabel, int count, WorkerThreads threads,
        IProgress<SamplingProgress>? progress = null, CancellationToken cancellation = default) =>
        Draw(
            [new(first, firstLabel), new(last, lastLabel)], Way(count, firstLabel, lastLabel), null, threads, progress,
            cancellation);

    /// <summary>The same between pictures of prompts.</summary>
    /// <param name="first">The picture to begin with, w = 0: one image of the model's size.</param>
    /// <param name="firstPrompt">What it shows: in words, or the name of a class, as the model is asked.</param>
    /// <param name="last">The picture to end with, w = 1.</param>
    /// <param name="lastPrompt">What it shows.</param>
    /// <param name="count">Images, 2 or more: the first and the last are the pictures as they come back.</param>
    /// <param name="threads">Images are shared out over these.</param>
    /// <param name="progress">Told after each step of each batch, from the threads that work.</param>
    /// <param name="cancellation">Stops between two steps.</param>
    /// <exception cref="ArgumentException">A picture does not fit, or there are fewer than two images.</exception>
    /// <exception cref="MezzotintException">The solver draws noise, or a prompt is not understood.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public Redrawing Between(
        ImageBatch first, string firstPrompt, ImageBatch last, string lastPrompt, int count, WorkerThreads threads,
        IProgress<SamplingProgress>? progress = null, CancellationToken cancellation = default)
    {
        int end = firstPrompt == lastPrompt ? 0 : 1;
        return Draw(
            [new(first, 0), new(last, end)], Way(count, 0, end), [firstPrompt, lastPrompt], threads, progress, cancellation);
    }

    private static Frame[] Way(int count, int first, int last) => count >= 2
        ? [.. Enumerable.Range(0, count).Select(i => new Frame(i / (count - 1.0), first, last))]
        : throw new ArgumentException($"{count} images: a walk from one picture to another has at least 2.", nameof(count));

    /// <summary>A picture and what it shows: a class, or which of the prompts.</summary>
    private sealed record Shown(ImageBatch Image, int Label);

    /// <summary>How far an image is from the first picture's noise to the last one's, and what is asked for at both
    /// ends.</summary>
    private sealed record Frame(double Weight, int First, int Last);

    private Redrawing Draw(
        IReadOnlyList<Shown> pictures, IReadOnlyList<Frame> frames, string[]? prompts, WorkerThreads threads,
        IProgress<SamplingProgress>? progress, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(threads);
        Check(pictures, frames, prompts is null);
        long done = 0, total = (pictures.Count + frames.Count) * (long)Inversion.Evaluations;
        Action<int> Counting(int images) => asked =>
        {
            progress?.Report(new SamplingProgress(Interlocked.Add(ref done, (long)asked * images), total));
            cancellation.ThrowIfCancellationRequested();
        };
        var numbersOf = _info.Numbers;
        long[] shape = [numbersOf.Channels, numbersOf.Height, numbersOf.Width];
        using var scope = NewDisposeScope();
        int[] all = [.. Enumerable.Range(0, prompts?.Length ?? _info.Model.CorpusLength)];
        var asked = GenerationCondition.Of(all, prompts, null, new GenerationOptions(), _info).Map(each =>
        {
            scope.Attach(each);
            return each.to(_device);
        });
        double[] found = Share(threads, pictures.Count, 1, (i, _) => Encode(pictures[i], asked, Counting(1)));
        var noises = tensor(found, [pictures.Count, .. shape], device: _device);
        double[] numbers = Share(
            threads, frames.Count, ImagesAtOnce,
            (start, count) => Decode(noises, [.. frames.Skip(start).Take(count)], asked, Counting(count)));
        var drawn = _info.Pixels.Decode(tensor(numbers, [frames.Count, .. shape]));
        return new Redrawing(
            new ImageBatch(frames.Count, _info.Channels, _info.Height, _info.Width, PixelTensors.Bytes(drawn)),
            RoundTripError(pictures, frames, drawn));
    }

    private Tensor Encode(Shown picture, Condition asked, Action<int> evaluated)
    {
        var image = _info.Pixels.Encode(PixelTensors.Of(picture.Image)).to(_device); // [1, C, H, W]
        return Inversion.Encode(DenoiserOf(asked, [picture.Label]), image, evaluated);
    }

    private Tensor Decode(Tensor noises, Frame[] frames, Condition asked, Action<int> evaluated)
    {
        // [B, C, H, W]
        var z = stack(
            [
                .. frames.Select(frame =>
                    frame.Weight == 0 ? noises[0] : GreatCircle.Between(noises[0], noises[-1], frame.Weight)),
            ]);
        var first = DenoiserOf(asked, frames.Select(frame => frame.First));
        if (frames.All(frame => frame.First == frame.Last))
            return Inversion.Decode(first, z, evaluated);
        var weights = tensor([.. frames.Select(frame => frame.Weight)], [frames.Length, 1, 1, 1], device: _device);
        var last = DenoiserOf(asked, frames.Select(frame => frame.Last));
        return Inversion.Decode(new Mixed(first, last, weights), z, evaluated);
    }

    /// <summary>The numbers of all parts of a work that threads share, one after the other.</summary>
    private static double[] Share(WorkerThreads threads, int count, int most, Func<int, int, Tensor> part)
    {
        int size = Math.Min(most, (count + threads.Count - 1) / threads.Count), next = -1;
        var made = new double[(count + size - 1) / size][];
        threads.Run(_ =>
        {
            while (Interlocked.Increment(ref next) is var i && i < made.Length)
            {
                using var scope = NewDisposeScope();
                made[i] = part(i * size, Math.Min(size, count - i * size)).cpu().contiguous().data<double>().ToArray();
            }
        });
        return [.. made.SelectMany(numbers => numbers)];
    }

    /// <summary>The largest of those that are a picture as what it shows.</summary>
    private static double? RoundTripError(IReadOnlyList<Shown> pictures, IReadOnlyList<Frame> frames, Tensor drawn)
    {
        double Rms(Shown picture, int i)
        {
            using var scope = NewDisposeScope();
            return Math.Sqrt((drawn[i].to(float64) - PixelTensors.Of(picture.Image)[0]).Squared().mean().item<double>());
        }
        return frames.Index().Select(at => at.Item switch
        {
            { Weight: 0 } frame when frame.First == pictures[0].Label => Rms(pictures[0], at.Index),
            { Weight: 1 } frame when frame.Last == pictures[^1].Label => Rms(pictures[^1], at.Index),
            _ => (double?)null,
        }).Max();
    }

    private IDenoiser DenoiserOf(Condition asked, IEnumerable<int> which)
    {
        var rows = tensor([.. which.Select(label => (long)label)], device: _device);
        return _network.For(asked.Map(each => each.index_select(0, rows)));
    }

    private void Check(IReadOnlyList<Shown> pictures, IReadOnlyList<Frame> frames, bool labels)
    {
        if (frames.Count == 0)
            throw new ArgumentException("At least one class or prompt is needed to draw the picture as.");
        if (labels && _info.IsAskedInWords)
            throw new ArgumentException($"The model '{_info.Name}' has no classes: say in words what a picture shows.");
        foreach (int label in pictures.Select(picture => picture.Label).Concat(frames.Select(frame => frame.First)))
            if (labels && (label < 0 || label >= _info.Model.CorpusLength))
                throw new ArgumentException(
                    $"Label {label} is not one of the {_info.Model.CorpusLength} that the model knows (0 to "
                    + $"{_info.Model.CorpusLength - 1}).");
        foreach (var (image, _) in pictures)
            new SourceImage { Image = image }.Check(_info.Channels, _info.Height, _info.Width);
    }

    /// <summary>(1 - w) D_first + w D_last, with a weight for each image.</summary>
    private sealed class Mixed(IDenoiser first, IDenoiser last, Tensor weights) : IDenoiser
    {
        public Tensor Denoise(Tensor x, double sigma)
        {
            using var scope = NewDisposeScope();
            var (denoised, atLast) = first.DenoiseWith(last, x, sigma);
            return denoised.Plus(weights * (atLast - denoised)).MoveToOuterDisposeScope();
        }
    }
}
