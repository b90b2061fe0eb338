using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>The low-rank change of one weight: scale up down is added to it.</summary>
/// <param name="Module">The layer's name.</param>
/// <param name="Shape">Of the weight: [out, in], or [out, in, k, k] of a convolution.</param>
/// <param name="Down">[r, in k k].</param>
/// <param name="Up">[out, r].</param>
internal sealed record LowRankChange(string Module, long[] Shape, Tensor Down, Tensor Up);

/// <summary>
/// Low-rank changes of the weights of a network as what is trained: see <see cref="LowRankConfig"/>. After each step of the
/// optimiser the changed weights are written into the network, so whatever computes it knows nothing of this. Backward, the
/// gradients of up and down follow from that of the weight: s G down^T and s up^T G.
/// </summary>
internal sealed class LowRankWeights : IDisposable
{
    private const string Weight = ".weight";

    private readonly Tensor _network; // [P]: the network's weights, changed
    private readonly List<Layer> _layers = [];
    private readonly double _scale;

    /// <summary>Begins with changes of nothing: down is random, up is 0.</summary>
    /// <param name="network">The network, its parameters in flat storage.</param>
    /// <param name="weights">That storage: [P].</param>
    /// <param name="config">The rank, and which layers.</param>
    /// <param name="replicas">How many gradients there are.</param>
    /// <param name="seed">Of down.</param>
    /// <exception cref="MezzotintException">No layer is meant.</exception>
    public LowRankWeights(nn.Module network, Tensor weights, LowRankConfig config, int replicas, long seed)
    {
        (_network, _scale) = (weights, config.Scale);
        var means = Means(config);
        long start = 0, size = 0;
        foreach (var (name, parameter) in network.named_parameters().Where(named => named.parameter.requires_grad))
        {
            if (parameter.dim() >= 2 && means(name))
            {
                long[] shape = [.. parameter.shape];
                long outputs = shape[0], inputs = parameter.numel() / outputs, rank = Math.Min(config.Rank, outputs);
                _layers.Add(new(name[..^Weight.Length], shape, start, size, outputs, inputs, rank));
                size += rank * (outputs + inputs);
            }
            start += parameter.numel();
        }
        if (_layers.Count == 0)
            throw new MezzotintException(
                $"training.low_rank.parts = {Printable.Quote(config.Parts)} means no layer that is trained: * means all.")
                { Key = "training.low_rank.parts" };
        using var noGrad = no_grad();
        Base = weights.clone().DetachFromDisposeScope();
        Weights = zeros(size, device: weights.device).DetachFromDisposeScope();
        Gradients = [.. Enumerable.Range(0, replicas).Select(_ => zeros_like(Weights).DetachFromDisposeScope())];
        using var generator = RandomSeeds.Generator(seed, RandomPurpose.LowRank, 0);
        foreach (var layer in _layers)
        {
            using var scope = NewDisposeScope();
            double bound = 1 / Math.Sqrt(layer.Inputs); // of a fresh linear layer
            layer.Down(Weights).copy_(rand(layer.Rank, layer.Inputs, generator: generator).Times(2 * bound).Plus(-bound));
        }
    }

    /// <summary>Which parameters of a network are meant, by their names: of those with two axes and more.</summary>
    public static Func<string, bool> Means(LowRankConfig config)
    {
        string[] patterns = FrozenParts.Patterns(config.Parts);
        return name => name.EndsWith(Weight, StringComparison.Ordinal)
            && patterns.Any(pattern => FrozenParts.Fits(pattern, name));
    }

    /// <summary>The network's weights without the changes: [P].</summary>
    public Tensor Base { get; }

    /// <summary>All ups and downs, one after the other: what the optimiser changes, [Q].</summary>
    public Tensor Weights { get; }

    /// <summary>The gradients of each replica: [Q].</summary>
    public Tensor[] Gradients { get; }

    /// <summary>The changes as they are.</summary>
    public IReadOnlyList<LowRankChange> Changes =>
        [.. _layers.Select(layer => new LowRankChange(layer.Module, layer.Shape, layer.Down(Weights), layer.Up(Weights)))];

    /// <summary>Writes the changed weights into the network.</summary>
    public void Apply()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        foreach (var layer in _layers)
            layer.Of(_network).copy_(layer.Of(Base).Plus(layer.Up(Weights).matmul(layer.Down(Weights)).Times(_scale)));
    }

    /// <summary>Takes the changes out of the network again.</summary>
    public void Revert()
    {
        using var noGrad = no_grad();
        _network.copy_(Base);
    }

    /// <summary>Takes the gradients of the network's weights to those of ups and downs.</summary>
    /// <param name="replica">Whose they are.</param>
    /// <param name="gradients">[P]; they become 0.</param>
    public void Take(int replica, Tensor gradients)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        foreach (var layer in _layers)
        {
            var gradient = layer.Of(gradients);
            layer.Up(Gradients[replica]).copy_(gradient.matmul(layer.Down(Weights).t()).Times(_scale));
            layer.Down(Gradients[replica]).copy_(layer.Up(Weights).t().matmul(gradient).Times(_scale));
        }
        gradients.zero_();
    }

    public void Dispose()
    {
        Base.Dispose();
        Weights.Dispose();
        foreach (var gradient in Gradients)
            gradient.Dispose();
    }

    /// <summary>One layer, as parts of flat tensors.</summary>
    private sealed record Layer(string Module, long[] Shape, long Start, long At, long Outputs, long Inputs, long Rank)
    {
        /// <summary>Its weight: [out, in].</summary>
        public Tensor Of(Tensor weights) => weights.narrow(0, Start, Outputs * Inputs).view(Outputs, Inputs);

        /// <summary>[r, in].</summary>
        public Tensor Down(Tensor changes) => changes.narrow(0, At, Rank * Inputs).view(Rank, Inputs);

        /// <summary>[out, r].</summary>
        public Tensor Up(Tensor changes) => changes.narrow(0, At + Rank * Inputs, Outputs * Rank).view(Outputs, Rank);
    }
}
