using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>The noise that the images of a request start from: each its own, or on great circles to that of other
/// seeds.</summary>
internal static class StartingNoise
{
    /// <summary>That of some images.</summary>
    /// <param name="request">What is drawn.</param>
    /// <param name="noise">The streams of their seeds.</param>
    /// <param name="start">The first of them, counted in the request.</param>
    /// <returns>[B, C, H, W].</returns>
    public static Tensor Of(SamplingRequest request, ImageNoise noise, int start)
    {
        var z = noise.Next();
        if (request.Variations.Count > 0)
            return Varied(z, request.Variations, start);
        if (request.InterpolateTo is not { } seed)
            return z;
        var last = Other(seed, z);
        double Weight(int i) => request.Count == 1 ? 0 : (start + i) / (double)(request.Count - 1);
        return stack([.. Enumerable.Range(0, (int)z.shape[0]).Select(i => GreatCircle.Between(z[i], last, Weight(i)))]);
    }

    /// <summary>The noises at the ends of the ways that variations tell; of the last step each image has its own.</summary>
    private static Tensor Varied(Tensor z, IReadOnlyList<NoiseVariation> steps, int start)
    {
        Tensor[] noises = [.. Enumerable.Range(0, (int)z.shape[0]).Select(i => z[i])];
        for (int step = 0; step < steps.Count; step++)
            for (int i = 0; i < noises.Length; i++)
                noises[i] = GreatCircle.Between(
                    noises[i], Other(steps[step].Seed + (step == steps.Count - 1 ? start + i : 0), z), steps[step].Share);
        return stack(noises);
    }

    /// <summary>The first noise of another seed: [C, H, W].</summary>
    private static Tensor Other(long seed, Tensor z)
    {
        using var noise = new ImageNoise([seed], z.shape[1], z.shape[2], z.shape[3], z.device);
        return noise.Next()[0];
    }
}
