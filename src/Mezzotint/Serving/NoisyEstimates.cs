using Mezzotint.Formats;

namespace Mezzotint.Serving;

/// <summary>What a model says of pictures to which noise of one level was added: x̂ = x_0 + level z, and D(x̂, level).</summary>
/// <remarks>Its numbers are those that the network knows, pixels or latents. The noise that the model predicts is (x̂ - D) /
/// level; it differs from z by (x_0 - D) / level.</remarks>
/// <param name="Level">The standard deviation of the noise in those numbers.</param>
/// <param name="Shape">Channels, rows and columns of the numbers of an image.</param>
/// <param name="Clean">x_0, row-major: [C, H, W], the same for all.</param>
/// <param name="Noise">z ~ N(0, I) of each: [N, C, H, W].</param>
/// <param name="Denoised">D of each: [N, C, H, W].</param>
/// <param name="Kept">The picture of x_0: of latents, what the autoencoder keeps; of pixels, the picture itself.</param>
/// <param name="Noisy">The noisy pictures, [N]: those of x̂ / sqrt(1 + level^2), the coordinates of a variance-preserving
/// process, as x̂ itself leaves the range of pixels.</param>
/// <param name="Estimates">The pictures of D, [N].</param>
/// <param name="Evaluations">Network evaluations, counted by image.</param>
public sealed record NoisyEstimates(
    double Level, (int Channels, int Height, int Width) Shape, float[] Clean, float[] Noise, float[] Denoised, ImageBatch Kept,
    ImageBatch Noisy, ImageBatch Estimates, long Evaluations)
{
    /// <summary>Numbers of an image.</summary>
    public int Length => Shape.Channels * Shape.Height * Shape.Width;

    /// <summary>The root mean square of D - x_0 of an image, in the numbers; that of the predicted noise is this over the
    /// level.</summary>
    /// <param name="image">Which, from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such image.</exception>
    public double Error(int image)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(image);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(image, Estimates.Count);
        double sum = 0;
        for (int i = 0; i < Length; i++)
        {
            double difference = Denoised[image * Length + i] - Clean[i];
            sum += difference * difference;
        }
        return Math.Sqrt(sum / Length);
    }
}
