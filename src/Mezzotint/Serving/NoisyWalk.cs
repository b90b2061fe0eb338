using System.Globalization;
using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using Mezzotint.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Serving;

/// <summary>One evaluation in place of a drawing: the picture of a plan with noise, and what the model makes of it.</summary>
internal static class NoisyWalk
{
    /// <summary>Checks that a plan has what this needs.</summary>
    /// <exception cref="InvalidRequestException">It has not.</exception>
    public static void Check(GenerationPlan plan, double level)
    {
        var (least, most) = (plan.Model.Process.MinimumLevel, plan.Model.Process.MaximumLevel);
        if (!(level >= least && level <= most))
            throw new InvalidRequestException(string.Create(CultureInfo.InvariantCulture,
                $"level is {level}; this model knows levels of noise from {least:G4} to {most:G4}.")) { Key = "level" };
        if (plan.Source is not { Mask: null })
            throw new InvalidRequestException("Noise is added to a picture: give one, without a mask.") { Key = "image" };
        if (plan.Model.Model.InChannels != plan.Model.Model.OutChannels)
            throw new InvalidRequestException(
                $"The model '{plan.Model.Name}' is made for inpainting, and sees a mask beside the noise.") { Key = "model" };
    }

    /// <summary>Asks.</summary>
    /// <param name="plan">The picture and the condition.</param>
    /// <param name="level">The level of the noise.</param>
    /// <param name="lease">The network.</param>
    /// <param name="call">Is asked in its place; null for the evaluations that all walks share.</param>
    /// <param name="cancellation">Gives it up.</param>
    public static NoisyEstimates Run(
        GenerationPlan plan, double level, SizedNetworks.Lease lease, NetworkCall? call, CancellationToken cancellation)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        cancellation.ThrowIfCancellationRequested();
        var info = plan.Model;
        var (channels, height, width) = info.Numbers;
        int count = plan.Labels.Count;
        var clean = info.Pixels.Encode(PixelTensors.Of(plan.Source!.Image)).cpu(); // [1, C, H, W]
        using var noise = new ImageNoise(
            Enumerable.Range(0, count).Select(i => plan.Request.Seed + i), channels, height, width, CPU);
        var z = noise.Next();                                                      // [N, C, H, W]
        var x = z.Times(level).Plus(clean);
        var request = plan.Request with
        {
            Solver = Solvers.Euler(), Levels = [level, 0], Steps = 1, Source = null, InterpolateTo = null, Variations = [],
            Start = x,
        };
        long evaluations = 0;
        int sharing = call is null ? count : 0;
        call ??= (noisy, times, condition) => lease.Network.Evaluate(noisy, times, condition, cancellation);
        lease.Network.Walk(sharing);
        Tensor denoised;
        try
        {
            denoised = lease.Sampler.Walk(
                request, 0, count, call, null, (_, asked) => evaluations = asked, cancellation).cpu(); // a step to 0 ends in D
        }
        finally
        {
            lease.Network.Walk(-sharing);
        }
        return new NoisyEstimates(
            level, (channels, height, width), Numbers(clean), Numbers(z), Numbers(denoised),
            Picture(info, clean, 1), Picture(info, x.Over(Math.Sqrt(1 + level * level)), count),
            Picture(info, denoised, count), evaluations);
    }

    private static ImageBatch Picture(ModelInfo info, Tensor numbers, int count) =>
        new(count, info.Channels, info.Height, info.Width, PixelTensors.Bytes(info.Pixels.Decode(numbers)));

    private static float[] Numbers(Tensor tensor) => tensor.to(float32).contiguous().data<float>().ToArray();
}
