using Mezzotint.Runtime;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mezzotint.Networks;

/// <summary>
/// The modules of a described network in libtorch, with the names, the order and the first weights that the description gives
/// them.
/// </summary>
internal sealed class DescribedModules
{
    private readonly nn.Module?[] _modules; // of each node: its own, or for a parameter of a module that module

    private readonly Device? _device;

    /// <summary>Makes them below a root, with fresh weights from the process's generator.</summary>
    /// <param name="root">The root.</param>
    /// <param name="description">The network.</param>
    /// <param name="isFresh">Whether weights are drawn; else layers that have many have memory that is still to be
    /// filled.</param>
    public DescribedModules(nn.Module root, NetworkDescription description, bool isFresh = true)
    {
        _device = isFresh ? null : new Device(DeviceType.META);
        _modules = new nn.Module?[description.Nodes.Count];
        Fill(root, description.Root);
    }

    /// <summary>The layer's module.</summary>
    public nn.Module Of(Node node) => _modules[node.Index]!;

    private void Fill(nn.Module module, ModulePlace place)
    {
        var made = new Dictionary<ModulePlace, nn.Module>();
        foreach (var child in place.Children)
            if (child.Layer is TimeFeaturesNode features)
            {
                module.register_parameter(child.Name,
                    new Parameter(randn(features.Channels / 2).Times(features.FrequencyStd), requires_grad: false));
                _modules[features.Index] = module;
            }
            else
            {
                made[child] = child.Layer is null ? new PlainModule(child.Type)
                    : _device is null ? Make(child.Layer, null) : WithMemory(Make(child.Layer, _device));
                if (child.Layer is not null)
                    _modules[child.Layer.Index] = made[child];
                Fill(made[child], child);
            }
        foreach (var child in place.Printed.Where(made.ContainsKey))
            module.register_module(child.Name, made[child]);
    }

    private static nn.Module Make(Node node, Device? device) => node switch
    {
        ConvolutionNode conv => Make(conv, device),
        LinearNode linear => nn.Linear(linear.Inputs[0].Channels, linear.Channels, hasBias: linear.HasBias, device: device),
        EmbeddingNode embedding => nn.Embedding(embedding.Rows, embedding.Channels),
        PositionsNode positions => nn.Embedding(positions.Rows, positions.Channels),
        GroupNormNode norm => Identity(nn.GroupNorm(norm.Groups, norm.Channels, norm.Epsilon)),
        LayerNormNode norm => nn.LayerNorm(norm.Channels, norm.Epsilon),
        ActivationNode { Kind: ActivationKind.Silu } => nn.SiLU(),
        ActivationNode { Kind: ActivationKind.Relu } => nn.ReLU(),
        ActivationNode { Kind: ActivationKind.Gelu } => nn.GELU(),
        ActivationNode { Kind: ActivationKind.QuickGelu } => new PlainModule(nameof(ActivationKind.QuickGelu)),
        _ => throw new ArgumentException($"A layer of the type {node.GetType().Name} has no module: it takes no name."),
    };

    /// <summary>A layer that was made without memory, with some.</summary>
    private static nn.Module WithMemory(nn.Module layer)
    {
        static Parameter Memory(Tensor like) => new(empty(like.shape));
        switch (layer)
        {
            case Linear linear:
                linear.weight = Memory(linear.weight!);
                if (linear.bias is { } offset)
                    linear.bias = Memory(offset);
                break;
            case Conv2d conv when conv.weight!.device.type == DeviceType.META:
                conv.weight = Memory(conv.weight);
                if (conv.bias is { } bias)
                    conv.bias = Memory(bias);
                break;
        }
        return layer;
    }

    private static nn.Module Make(ConvolutionNode node, Device? device)
    {
        var (kernel, stride, padding, transposed) = node.Shape;
        int inputs = node.Inputs[0].Channels;
        if (transposed)
            return nn.ConvTranspose2d(inputs, node.Channels, kernel, stride: stride, padding: padding,
                output_padding: node.Shape.OutputPadding, bias: node.HasBias);
        var conv = nn.Conv2d(inputs, node.Channels, kernel, stride: stride, padding: padding, bias: node.HasBias,
            device: device);
        if (!node.StartsAtZero)
            return conv;
        nn.init.zeros_(conv.weight);
        if (conv.bias is { } bias)
            nn.init.zeros_(bias);
        return conv;
    }

    /// <summary>A group normalisation that starts as the identity; TorchSharp's own leaves its weights uninitialised.</summary>
    private static GroupNorm Identity(GroupNorm norm)
    {
        nn.init.ones_(norm.weight);
        nn.init.zeros_(norm.bias);
        return norm;
    }

    /// <summary>A module that has only a type and children.</summary>
    private sealed class PlainModule(string type) : nn.Module(type);
}
