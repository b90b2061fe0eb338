using Mezzotint.Formats;

namespace Mezzotint.Serving;

/// <summary>One image after one step of its walk.</summary>
/// <param name="Image">Which image of the request, from 0.</param>
/// <param name="Step">Which step this was, from 0.</param>
/// <param name="Steps">How many there are: fewer than asked for where drawing begins from a picture.</param>
/// <param name="Sigma">The standard deviation of the noise that the step started from.</param>
/// <param name="Estimate">The image as it is expected to become; after the last step, the image. A batch of one.</param>
public sealed record GenerationStep(int Image, int Step, int Steps, double Sigma, ImageBatch Estimate)
{
    /// <summary>Network evaluations that were made for this image so far, as they were counted; those without a class, for
    /// guidance, are among them.</summary>
    public long Evaluations { get; init; }

    /// <summary>The noisy image that the step started from, of x̂ / sqrt(1 + sigma^2), as x̂ itself leaves the range of pixels;
    /// of latents by the linear map of previews. A batch of one; null where it was not asked for.</summary>
    public ImageBatch? Noisy { get; init; }

    /// <summary>Whether this is the image itself.</summary>
    public bool IsLast => Step == Steps - 1;
}
