using Mezzotint.Engine;
using Mezzotint.IO;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>
/// The denoiser of a network: D(xHat, level) = Skip xHat + Out F(In xHat, Time), whatever it was trained to predict and in whatever process; x is in VE
/// coordinates, as for every denoiser.
/// </summary>
/// <param name="network">The network F, in float32; x may be of another type, and so is the estimate then.</param>
/// <param name="process">Its process, which says at what time the noise has a level.</param>
/// <param name="parameterisation">What its output means.</param>
public sealed class NetworkDenoiser(DenoisingNetwork network, NoiseProcess process, Parameterisation parameterisation) : IDenoiser
{
    private long _evaluations; // threads that share the denoiser count together

    /// <summary>The denoiser of a model as it was read.</summary>
    /// <param name="model">The model; it stays the caller's.</param>
    public NetworkDenoiser(LoadedModel model) : this(NotNull(model).Network, model.Info.Process, model.Info.Parameterisation)
    {
    }

    /// <summary>Network evaluations so far, counted by image: an image that is asked for twice at once, as guidance does, counts twice.</summary>
    public long Evaluations => Interlocked.Read(ref _evaluations);

    /// <summary>What is asked instead of the network itself, where no gradients are wanted: an engine, or in serving the network of several walks at once.</summary>
    internal NetworkCall? Call { get; init; }

    /// <inheritdoc/>
    public Tensor Denoise(Tensor x, double sigma, Tensor labels)
    {
        ArgumentNullException.ThrowIfNull(x);
        Interlocked.Add(ref _evaluations, x.shape[0]);
        using var scope = NewDisposeScope();
        var scalings = parameterisation.At(process, process.Time(sigma), sigma);
        using Scalar time = (float)scalings.Time; // held while libtorch reads it: see TensorArithmetic
        var t = full(x.shape[0], time, device: x.device);  // [B]
        var seen = scalings.In == 1 ? x.alias() : x.Times(scalings.In);
        var call = Call ?? ((noisy, times, classes) => SteadyBatch.Evaluate(network, noisy, times, classes));
        var f = call(seen.to(float32), t, labels).to(x.dtype);
        return LinearCombination.Sum((scalings.Skip, x), (scalings.Out, f)).MoveToOuterDisposeScope();
    }

    private static LoadedModel NotNull(LoadedModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return model;
    }
}
