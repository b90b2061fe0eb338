using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>Weights from one module to another of the same shape.</summary>
internal static class ModuleCopy
{
    /// <summary>Takes over what training does not change.</summary>
    public static void CopyFrozenFrom(this nn.Module network, nn.Module other) =>
        Copy(network, other, parameter => !parameter.requires_grad);

    /// <summary>Takes over all weights, those that training does not change included.</summary>
    /// <exception cref="MezzotintException">The other is of another shape.</exception>
    public static void CopyFrom(this nn.Module network, nn.Module other) => Copy(network, other, _ => true);

    private static void Copy(nn.Module network, nn.Module other, Func<Tensor, bool> which)
    {
        using var noGrad = no_grad();
        var (mine, theirs) = (network.named_parameters().ToList(), other.named_parameters().ToList());
        if (!Shapes(mine).SequenceEqual(Shapes(theirs)))
            throw new MezzotintException("The model to begin with has a network of another shape: take its own configuration.");
        foreach (var (to, from) in mine.Zip(theirs))
            if (which(to.parameter))
                to.parameter.copy_(from.parameter);
    }

    private static IEnumerable<string> Shapes(List<(string Name, TorchSharp.Modules.Parameter Parameter)> parameters) =>
        parameters.Select(named => $"{named.Name} [{string.Join(", ", named.Parameter.shape)}]");
}
