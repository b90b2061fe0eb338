using Mezzotint.Networks;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Networks;

/// <summary>A part of a network alone, built and run by libtorch as the whole is. The part's module is named <c>it</c>.</summary>
internal sealed class DescribedPart : nn.Module
{
    private readonly DescribedProgram _program;

    public DescribedPart(Func<NetworkBuilder, Node> describe) : base("Part")
    {
        var net = new NetworkBuilder("Part");
        var output = describe(net);
        Description = net.Build(output);
        _program = new(new(this, Description), Description, Description.Inputs, output);
    }

    public NetworkDescription Description { get; }

    /// <summary>Its weights by their names below <c>it</c>.</summary>
    public IEnumerable<(string Name, Tensor Weights)> Weights() =>
        named_parameters().Select(named => (named.name["it.".Length..], (Tensor)named.parameter));

    /// <summary>Takes the weights of a module of a whole network.</summary>
    public void Take(nn.Module network, string path)
    {
        var theirs = network.named_parameters().ToDictionary(named => named.name, named => named.parameter);
        foreach (var (name, weights) in Weights())
            weights.copy_(theirs[$"{path}.{name}"]);
    }

    public Tensor Run(params Tensor?[] inputs) => _program.Run(inputs);
}
