using System.Diagnostics;
using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using Mezzotint.Sampling;
using static TorchSharp.torch;

namespace Mezzotint.Serving;

/// <summary>
/// A first look at a model that somebody else has trained: whether each of its parts computes numbers of a sensible size, and
/// what it draws of one prompt. It says nothing about quality.
/// </summary>
public sealed record ModelCheck
{
    /// <summary>What is drawn of a model that is asked in words.</summary>
    public const string Prompt = "a photograph of an astronaut riding a horse";

    private const double FlatDeviation = 1.0 / 255;

    /// <summary>The numbers at several places on the way from the prompt to the picture.</summary>
    public required IReadOnlyList<CheckedNumbers> Numbers { get; init; }

    /// <summary>The picture, drawn in the model's own way.</summary>
    public required GeneratedImages Picture { get; init; }

    /// <summary>How well the autoencoder brings the picture back, as a peak signal-to-noise ratio in decibels; null where there
    /// is none.</summary>
    public double? Psnr { get; init; }

    /// <summary>Seconds that the drawing took.</summary>
    public double Seconds { get; init; }

    /// <summary>What is wrong, in sentences; none where nothing is.</summary>
    public IReadOnlyList<string> Faults =>
    [
        .. Numbers.Where(numbers => !numbers.AreFinite).Select(numbers => $"{numbers.Name} are not all finite."),
        .. Numbers.Where(numbers => numbers is { AreFinite: true, Deviation: < 1e-6 })
            .Select(numbers => $"{numbers.Name} are all the same."),
        .. Deviation(Picture.Images) < FlatDeviation ? ["The picture is of one colour."] : Array.Empty<string>(),
    ];

    /// <summary>Draws and measures.</summary>
    /// <param name="model">The model; it stays the caller's.</param>
    /// <param name="steps">Steps of the drawing; null for the model's own.</param>
    /// <param name="seed">Of the noise.</param>
    /// <param name="cancellation">Stops after the step that is under way.</param>
    /// <exception cref="MezzotintException">It cannot be drawn with.</exception>
    public static ModelCheck Of(LoadedModel model, int? steps = null, long seed = 0, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        using var pipeline = new DiffusionPipeline(model);
        var options = new GenerationOptions { Seed = seed, Steps = steps };
        var prepared = model.Info.IsAskedInWords ? pipeline.Prepare([Prompt], options) : pipeline.Prepare([0], options);
        var clock = Stopwatch.StartNew();
        var picture = prepared.RunAsync(cancellation: cancellation).GetAwaiter().GetResult();
        double seconds = clock.Elapsed.TotalSeconds;
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var info = model.Info;
        var condition = (info.IsAskedInWords ? info.Reader.Read([Prompt], []) : Condition.OfLabels([0])).To(model.Device);
        if (ToldGuidance.WidthOf(info) is { } width)
            condition = ToldGuidance.Into(condition, ToldGuidance.Published, width);
        var numbers = new List<CheckedNumbers>();
        if (condition.Context is { } context)
            numbers.Add(CheckedNumbers.Of("the prompt's states", context));
        var (channels, rows, columns) = info.Numbers;
        using var noise = new ImageNoise([seed], channels, rows, columns, model.Device);
        using var denoiser = new NetworkDenoiser(model.Network, info.Process, info.Parameterisation)
        {
            Evaluator = new(model.Network, rows, columns, model.Device, model.Precision),
            Beside = EncodedSource.NothingKept(info)?.to(model.Device),
        };
        var z = noise.Next();
        var (least, most) = (info.Process.MinimumLevel, info.Process.MaximumLevel);
        foreach (var (name, level) in new[] { ("most", most), ("middle", 1.0), ("least", Math.Max(least, 0.05)) })
            if (level >= least && level <= most)
                numbers.Add(CheckedNumbers.Of(
                    $"estimates from the {name} noise", denoiser.For(condition).Denoise(z.Times(level), level)));
        var pixels = PixelTensors.Of(picture.Images);
        numbers.Add(CheckedNumbers.Of("the picture's pixels", pixels));
        double? psnr = null;
        if (info.Pixels is LatentCodec codec)
        {
            var encoded = codec.Encode(pixels);
            numbers.Add(CheckedNumbers.Of("the picture's latents", encoded));
            byte[] back = PixelTensors.Bytes(codec.Decode(encoded).cpu());
            double error = back.Zip(picture.Images.Pixels, (a, b) => Math.Pow((a - b) / 255.0, 2)).Average();
            psnr = -10 * Math.Log10(Math.Max(1e-12, error));
        }
        return new() { Numbers = numbers, Picture = picture, Psnr = psnr, Seconds = seconds };
    }

    private static double Deviation(ImageBatch images)
    {
        double mean = images.Pixels.Average(value => value / 255.0);
        return Math.Sqrt(images.Pixels.Average(value => Math.Pow(value / 255.0 - mean, 2)));
    }
}

/// <summary>What is said of some numbers.</summary>
/// <param name="Name">What they are.</param>
/// <param name="Norm">The root of the sum of their squares.</param>
/// <param name="Mean">Their mean.</param>
/// <param name="Deviation">Their standard deviation.</param>
/// <param name="Least">The least.</param>
/// <param name="Most">The most.</param>
public sealed record CheckedNumbers(string Name, double Norm, double Mean, double Deviation, double Least, double Most)
{
    /// <summary>Whether all are finite.</summary>
    public bool AreFinite => double.IsFinite(Norm);

    internal static CheckedNumbers Of(string name, Tensor numbers)
    {
        using var scope = NewDisposeScope();
        var all = numbers.to(float64).flatten();
        double Value(Tensor value) => value.item<double>();
        double mean = Value(all.mean());
        return new(name, Math.Sqrt(Value(all.Squared().sum())), mean, Math.Sqrt(Value(all.Plus(-mean).Squared().mean())),
            Value(all.min()), Value(all.max()));
    }
}
