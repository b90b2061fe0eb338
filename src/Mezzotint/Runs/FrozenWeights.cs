using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Runs;

/// <summary>Parameters of another's network that take no gradients for a while.</summary>
internal sealed class FrozenWeights : IDisposable
{
    private readonly List<(Tensor Parameter, bool Required)> _before = [];

    /// <summary>Leaves gradients to the parameters of two axes and more that are meant, and takes them from the others.</summary>
    /// <param name="network">The network.</param>
    /// <param name="trained">Which are meant, by their names.</param>
    public FrozenWeights(nn.Module network, Func<string, bool> trained)
    {
        foreach (var (name, parameter) in network.named_parameters())
        {
            _before.Add((parameter, parameter.requires_grad));
            parameter.requires_grad_(parameter.requires_grad && trained(name) && parameter.dim() >= 2);
        }
    }

    /// <summary>Makes all parameters as they were.</summary>
    public void Dispose()
    {
        foreach (var (parameter, required) in _before)
        {
            parameter.grad = null;
            parameter.requires_grad_(required);
        }
    }
}
