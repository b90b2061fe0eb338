using System.Globalization;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>What a classifier says of images at a level of noise: the scores of its classes before a softmax, up to a constant an
/// image. They must come from x by differentiable operations of libtorch, those of each image from it alone.</summary>
/// <param name="x">Images in variance-exploding coordinates: [B, C, H, W].</param>
/// <param name="sigma">The standard deviation of their noise.</param>
/// <returns>[B, classes].</returns>
public delegate Tensor ClassScores(Tensor x, double sigma);

/// <summary>
/// Classifier guidance: the gradient of a classifier's ln p(label | x) joins the score, D' = D + scale sigma^2 grad ln p. With
/// the exact posterior and scale 1, a denoiser without classes becomes that of the class.
/// </summary>
/// <remarks>
/// Dhariwal, Nichol 2021, "Diffusion Models Beat GANs on Image Synthesis", arXiv 2105.05233, section 4.1 and algorithms 1 and 2,
/// whose shifts of the mean and of the predicted noise are this one of D. It goes around a guided denoiser as around a plain one.
/// </remarks>
public sealed record ClassifierGuidance
{
    /// <summary>The classifier.</summary>
    public required ClassScores Scores { get; init; }

    /// <summary>The class of each image among those of the classifier; one for all, or one for each.</summary>
    public required IReadOnlyList<int> Labels { get; init; }

    /// <summary>How much the gradient counts, 0 to 1000: 0 is no guidance, 1 counts as in Bayes' rule; more makes images
    /// surer of their class.</summary>
    public double Scale { get; init; } = 1;

    /// <summary>
    /// Null for a classifier of noisy images, which is asked about x. Otherwise it knows clean images alone and is asked about D,
    /// and this is the standard deviation s of a pixel of the data, more than 0: D' = D + scale v grad ln p(label | D), with the
    /// variance v = s^2 sigma^2 / (s^2 + sigma^2) that the noise leaves.
    /// </summary>
    /// <remarks>Exact where the data are a Gaussian and ln p is linear in the image, and nearly so where there is little noise;
    /// else a guess, which costs no way back through the network. v is r_t^2 of Song et al. 2023, "Pseudoinverse-Guided Diffusion
    /// Models for Inverse Problems", there for data of unit variance.</remarks>
    public double? CleanStd { get; init; }

    /// <summary>The lowest level with guidance, 0 or more: at low levels the gradient draws texture rather than shapes.</summary>
    public double Low { get; init; }

    /// <summary>The highest level with guidance, above <see cref="Low"/>.</summary>
    public double High { get; init; } = double.PositiveInfinity;

    /// <summary>The guided denoiser.</summary>
    /// <param name="denoiser">D, with a class or without.</param>
    /// <exception cref="MezzotintException">A number is out of its range.</exception>
    public IDenoiser Wrap(IDenoiser denoiser)
    {
        ArgumentNullException.ThrowIfNull(denoiser);
        Validate();
        return new Guided(this, denoiser, Labels);
    }

    /// <summary>The guided denoiser of some of the images.</summary>
    internal IDenoiser Wrap(IDenoiser denoiser, int start, int count) =>
        new Guided(this, denoiser, Labels.Count == 1 ? Labels : [.. Labels.Skip(start).Take(count)]);

    /// <summary>Checks the ranges of the numbers.</summary>
    /// <exception cref="MezzotintException">One is out of its range; the message names it.</exception>
    public void Validate()
    {
        Check.Range("classifier_guidance", Scale, Scale is >= 0 and <= 1000, "0 to 1000; 0 is none");
        Check.Range(
            "guidance_interval", string.Create(CultureInfo.InvariantCulture, $"{Low},{High}"),
            double.IsFinite(Low) && Low >= 0 && High > Low, "a low level of 0 or more, then a higher one");
        Check.Range("clean_std", CleanStd ?? 1, CleanStd is null or (> 0 and < double.PositiveInfinity), "above 0");
    }

    /// <summary>What the gradient is multiplied by at a level: scale sigma^2 or scale v; 0 where nothing is guided.</summary>
    internal double FactorAt(double sigma)
    {
        if (sigma < Low || sigma > High)
            return 0;
        double variance = sigma * sigma, data = CleanStd * CleanStd ?? double.PositiveInfinity;
        return Scale * (double.IsPositiveInfinity(data) ? variance : variance * data / (variance + data));
    }

    /// <summary>grad ln p(label | x), or grad ln p(label | D).</summary>
    /// <param name="input">x or D: [B, C, H, W].</param>
    /// <param name="sigma">For a classifier of noisy images.</param>
    /// <param name="labels">int64 [B, 1].</param>
    internal Tensor Gradient(Tensor input, double sigma, Tensor labels)
    {
        using var scope = NewDisposeScope();
        // Whatever the caller works in: what inference mode makes cannot be differentiated, so the input is copied out of it too.
        using var inference = inference_mode(false);
        using var gradients = enable_grad();
        var copy = input.detach().clone().requires_grad_();
        var scores = Scores(copy, sigma);
        // libtorch ends the process where autograd.grad fails, so the mistake is found here.
        if (scores.dim() != 2 || scores.shape[0] != input.shape[0] || !scores.requires_grad)
            throw new ArgumentException(
                $"A classifier gives differentiable scores [{input.shape[0]}, classes], not "
                + $"[{string.Join(", ", scores.shape)}].");
        if (labels.min().item<long>() < 0 || labels.max().item<long>() >= scores.shape[1])
            throw new ArgumentException($"A label is not one of the classifier's {scores.shape[1]} classes.");
        var logarithms = nn.functional.log_softmax(scores, 1).gather(1, labels.to(scores.device).clone()).sum();
        return autograd.grad([logarithms], [copy])[0].to(input.dtype).detach().MoveToOuterDisposeScope();
    }

    /// <summary>scale sigma^2 grad ln p(label | x), or scale v grad ln p(label | D).</summary>
    private Tensor Shift(Tensor x, Tensor denoised, double sigma, IReadOnlyList<int> labels)
    {
        using var scope = NewDisposeScope();
        long[] rows = [.. Enumerable.Range(0, (int)x.shape[0]).Select(i => (long)labels[labels.Count == 1 ? 0 : i])];
        var gradient = Gradient(CleanStd is null ? x : denoised, sigma, tensor(rows, [rows.Length, 1]));
        return gradient.Times(FactorAt(sigma)).MoveToOuterDisposeScope();
    }

    private sealed class Guided(ClassifierGuidance guidance, IDenoiser denoiser, IReadOnlyList<int> labels) : IDenoiser
    {
        public Tensor Denoise(Tensor x, double sigma)
        {
            using var scope = NewDisposeScope();
            var denoised = denoiser.Denoise(x, sigma);
            return guidance.FactorAt(sigma) == 0 ? denoised.MoveToOuterDisposeScope()
                : denoised.Plus(guidance.Shift(x, denoised, sigma, labels)).MoveToOuterDisposeScope();
        }

        /// <summary>Both estimates are shifted: the noise that is predicted is that of the shifted score.</summary>
        public Estimates Estimate(Tensor x, double sigma)
        {
            using var scope = NewDisposeScope();
            var (denoised, ofNoise) = denoiser.Estimate(x, sigma);
            if (guidance.FactorAt(sigma) == 0)
                return new(denoised.MoveToOuterDisposeScope(), ofNoise?.MoveToOuterDisposeScope());
            var shift = guidance.Shift(x, denoised, sigma, labels);
            return new(
                denoised.Plus(shift).MoveToOuterDisposeScope(), ofNoise?.Plus(shift).MoveToOuterDisposeScope());
        }
    }
}
