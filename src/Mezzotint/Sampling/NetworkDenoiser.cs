using Mezzotint.Engine;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>
/// Makes denoisers of a network: D(xHat, level) = Skip xHat + Out F(In xHat, Time, condition), whatever it was trained to predict
/// and in whatever process; x is in VE coordinates, as for every denoiser. <see cref="For"/> binds the condition.
/// </summary>
/// <param name="network">The network F, in float32; x may be of another type, and so is the estimate then.</param>
/// <param name="process">Its process, which says at what time the noise has a level.</param>
/// <param name="parameterisation">What its output means.</param>
public sealed class NetworkDenoiser(DenoisingNetwork network, NoiseProcess process, Parameterisation parameterisation)
    : IDisposable
{
    private long _evaluations; // threads that share the network count together

    /// <summary>
    /// Network evaluations so far by all its denoisers, counted by image: an image that is asked for twice at once, as guidance
    /// does, counts twice.
    /// </summary>
    public long Evaluations => Interlocked.Read(ref _evaluations);

    /// <summary>
    /// What is asked instead of the network itself, where no gradients are wanted: an engine, or in serving the network of
    /// several walks at once.
    /// </summary>
    internal NetworkCall? Call { get; init; }

    /// <summary>What a network for inpainting sees beside the noisy numbers, [1, C, H, W]; null for nothing.</summary>
    internal Tensor? Beside { get; init; }

    /// <summary>What evaluates the network where no gradients are wanted; freed with the denoiser. Null for libtorch.</summary>
    internal NetworkEvaluator? Evaluator { get; init; }

    /// <summary>Frees the engine, where it has one.</summary>
    public void Dispose() => Evaluator?.Dispose();

    /// <summary>The denoiser of what is asked for.</summary>
    /// <param name="condition">
    /// A row for each image, or one for all images alike. It stays the caller's, and lives as long as the denoiser is asked.
    /// </param>
    public IDenoiser For(Condition condition)
    {
        ArgumentNullException.ThrowIfNull(condition);
        return new Bound(this, condition);
    }

    /// <summary>
    /// The denoiser of any number of images of no class; null where the network has not learned that
    /// (<see cref="NetworkConfig.Unconditional"/>). Its condition is a tensor of the caller's dispose scope.
    /// </summary>
    public IDenoiser? Unconditional() => network.Config.NoLabel is { } none ? For(Condition.OfLabels([none])) : null;

    /// <summary>D of images that each have a row of the condition.</summary>
    private Tensor Denoise(Tensor x, double sigma, Condition condition)
    {
        Interlocked.Add(ref _evaluations, x.shape[0]);
        using var scope = NewDisposeScope();
        var scalings = parameterisation.At(process, process.Time(sigma), sigma);
        using Scalar time = (float)scalings.Time; // held while libtorch reads it: see TensorArithmetic
        var t = full(x.shape[0], time, device: x.device);  // [B]
        var seen = scalings.In == 1 ? x.alias() : x.Times(scalings.In);
        if (network.Config.InChannels != network.Config.OutChannels)
            seen = cat([seen, Shown.to(x.dtype).expand(x.shape[0], -1, -1, -1)], 1);
        var call = Call ?? (Evaluator is { } evaluator ? evaluator.Evaluate
            : (noisy, times, rows) => SteadyBatch.Evaluate(network, noisy, times, rows));
        var f = call(seen.to(float32), t, condition).to(x.dtype);
        return LinearCombination.Sum((scalings.Skip, x), (scalings.Out, f)).MoveToOuterDisposeScope();
    }

    private Tensor Shown => Beside ?? throw new MezzotintException(
        $"The network sees {network.Config.InChannels} channels, a mask and a picture among them: it is made for inpainting, and "
        + "is asked by `mezzotint sample` and the server, which show it both.");

    /// <summary>The network with its condition.</summary>
    private sealed class Bound(NetworkDenoiser model, Condition condition) : IDenoiser
    {
        private NetworkDenoiser Model => model;

        private Condition Condition => condition;

        public Tensor Denoise(Tensor x, double sigma)
        {
            ArgumentNullException.ThrowIfNull(x);
            using var scope = NewDisposeScope();
            return model.Denoise(x, sigma, RowsOf(x)).MoveToOuterDisposeScope();
        }

        public (Tensor Own, Tensor Others) DenoiseWith(IDenoiser other, Tensor x, double sigma)
        {
            ArgumentNullException.ThrowIfNull(x);
            if (other is not Bound second || second.Model != model || !second.Condition.Joins(condition))
                return (Denoise(x, sigma), other.Denoise(x, sigma));
            using var scope = NewDisposeScope();
            var both = model.Denoise(cat([x, x]), sigma, Condition.Concatenate([RowsOf(x), second.RowsOf(x)]));  // [2B, C, H, W]
            long images = x.shape[0];
            return (
                both.narrow(0, 0, images).MoveToOuterDisposeScope(), both.narrow(0, images, images).MoveToOuterDisposeScope());
        }

        /// <summary>A row for each image.</summary>
        private Condition RowsOf(Tensor x)
        {
            var there = condition.To(x.device).For(x.shape[0]);
            // a derivative can use no tensor of inference mode
            return x.requires_grad ? there.Map(tensor => tensor.clone()) : there;
        }
    }
}
