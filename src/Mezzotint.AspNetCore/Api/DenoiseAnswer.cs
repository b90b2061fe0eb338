using System.ComponentModel;

namespace Mezzotint.AspNetCore.Api;

/// <summary>The fields of POST /api/denoise.</summary>
internal sealed record DenoiseBody : NoisyBody
{
    [Description("How many noises, 1 to 64, of noise_seed and those after it; 1 unless told otherwise.")]
    public int? N { get; init; }

    [Description("Whether the noises after the first are told by their estimates alone, without the other pictures.")]
    public bool? Brief { get; init; }

    [Description("The weight of guidance; the model's own unless told otherwise. 1 is none, 0 the estimate without a class.")]
    public double? GuidanceScale { get; init; }
}

/// <summary>The answer to POST /api/denoise.</summary>
/// <param name="Level">The level of the noise, std / alpha.</param>
/// <param name="Time">The time at which the model's process has it.</param>
/// <param name="Alpha">The factor of the picture in x_t at that time.</param>
/// <param name="Std">The standard deviation of the noise in x_t.</param>
/// <param name="HalfLogSnr">ln(alpha / std).</param>
/// <param name="Shown">The factor of x_0 + level z in the picture of x_t, 1 / sqrt(1 + level^2).</param>
/// <param name="Evaluations">Network evaluations of the estimates.</param>
/// <param name="Image">x_0, a PNG in base64.</param>
/// <param name="Kept">Of a model of latents what its autoencoder keeps of x_0; none of others.</param>
/// <param name="KeptError">The root mean square of that difference, in pixels of 0 to 1.</param>
/// <param name="Latents">Three channels of the latents of x_0 as colours, three standard deviations wide.</param>
/// <param name="ImageReading">The share that a classifier gives each class, of x_0; none without a classifier.</param>
/// <param name="Classifier">What it is called.</param>
/// <param name="Data">What came of each noise.</param>
/// <param name="Mean">The mean of the estimates, a PNG in base64.</param>
/// <param name="MeanReading">The shares of the classes, of that mean.</param>
internal sealed record DenoiseAnswer(
    double Level, double Time, double Alpha, double Std, double HalfLogSnr, double Shown, long Evaluations, string Image,
    string? Kept, double? KeptError, string? Latents, IReadOnlyList<float>? ImageReading, string? Classifier,
    IReadOnlyList<DenoisedNoise> Data, string Mean, IReadOnlyList<float>? MeanReading);

/// <summary>What came of one noise. Pictures are PNG files in base64; a brief answer has all of them of the first noise alone,
/// and of the others the estimate.</summary>
/// <param name="NoiseSeed">What the noise was drawn from.</param>
/// <param name="Noisy">x_t.</param>
/// <param name="Noise">z: grey is 0, black and white are 3 standard deviations. Of latents, three channels as colours.</param>
/// <param name="Estimate">D(x_t).</param>
/// <param name="Predicted">The noise that the model predicts, as z.</param>
/// <param name="EstimateError">The root mean square of D - x_0, in the numbers that the model knows.</param>
/// <param name="NoiseError">That of the predicted noise: the same over the level.</param>
/// <param name="NoisyReading">The share that a classifier gives each class, of x_t.</param>
/// <param name="EstimateReading">The same of D.</param>
internal sealed record DenoisedNoise(
    long NoiseSeed, string? Noisy, string? Noise, string Estimate, string? Predicted, double EstimateError, double NoiseError,
    IReadOnlyList<float>? NoisyReading, IReadOnlyList<float>? EstimateReading);
