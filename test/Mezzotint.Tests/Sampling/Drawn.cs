using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Sampling;
using Mezzotint.Serving;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Sampling;

/// <summary>Images of small networks, by a sampler's single walk or by a pipeline.</summary>
internal static class Drawn
{
    /// <summary>A pipeline of a network without a name, whose images are squares.</summary>
    public static DiffusionPipeline Pipeline(
        DenoisingNetwork network, int side = 8, int threads = 1, NoiseProcess? process = null) =>
        new(Model(network, side, process), threads: threads);

    /// <summary>The network as a model, on its own.</summary>
    public static LoadedModel Model(
        DenoisingNetwork network, int side = 8, NoiseProcess? process = null, Parameterisation? parameterisation = null) =>
        new(network, new ModelInfo
        {
            Name = "a network of a test",
            Model = network.Config,
            Height = side,
            Width = side,
            ClassNames = [.. Enumerable.Range(0, network.Config.CorpusLength).Select(i => $"{i}")],
            Process = process ?? new VarianceExploding(),
            Parameterisation = parameterisation ?? new ScoreParameterisation(),
        });

    /// <summary>The images of one walk.</summary>
    public static ImageBatch Images(
        Sampler sampler, SamplingRequest request, Action<SamplingStep, long>? seen = null, CancellationToken stop = default)
    {
        using var scope = NewDisposeScope();
        var numbers = sampler.Sample(request, seen, stop);
        return new(
            (int)numbers.shape[0], (int)numbers.shape[1], (int)numbers.shape[2], (int)numbers.shape[3],
            PixelTensors.Bytes(numbers));
    }
}
