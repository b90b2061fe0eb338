using Mezzotint.Networks;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>The weights that a training begins with, out of a model of other data.</summary>
internal static class StartingWeights
{
    /// <summary>Whether a model of one shape can begin as one of another: they differ in their classes and in where their anchors
    /// lie at most.</summary>
    public static bool Fit(NetworkConfig network, NetworkConfig start) => network.WithDataOf(start).Equals(start);

    /// <summary>Takes over all weights. Of the embedding of classes those rows that both have; the row that stands for no class
    /// becomes that of the network. The rest stays fresh.</summary>
    /// <param name="network">The network that is to be trained.</param>
    /// <param name="start">The network of the model.</param>
    /// <param name="newClasses">Whether the rows of all classes stay fresh.</param>
    public static void CopyFrom(this DenoisingNetwork network, DenoisingNetwork start, bool newClasses)
    {
        if (!newClasses && network.Config.Equals(start.Config))
        {
            ModuleCopy.CopyFrom(network, start);
            return;
        }
        using var noGrad = no_grad();
        var theirs = start.named_parameters().ToDictionary(named => named.name, named => named.parameter);
        foreach (var (name, parameter) in network.named_parameters())
        {
            var from = theirs[name];
            if (name == ClassRows(network))
                CopyRows(parameter, from, network.Config, start.Config, newClasses);
            else
                parameter.copy_(from);
        }
    }

    /// <summary>The name of the embedding of classes.</summary>
    private static string? ClassRows(DenoisingNetwork network) => !network.Config.HasClasses ? null
        : network.Description.Nodes.OfType<EmbeddingNode>().Select(node => $"{node.Name}.weight").FirstOrDefault();

    private static void CopyRows(
        Tensor rows, Tensor from, NetworkConfig network, NetworkConfig start, bool newClasses)
    {
        using var scope = NewDisposeScope();
        int kept = newClasses ? 0 : Math.Min(network.CorpusLength, start.CorpusLength);
        if (kept > 0)
            rows.narrow(0, 0, kept).copy_(from.narrow(0, 0, kept));
        if (network.Unconditional && start.Unconditional)
            rows.narrow(0, network.EmbeddingRows - 1, 1).copy_(from.narrow(0, start.EmbeddingRows - 1, 1));
    }
}
