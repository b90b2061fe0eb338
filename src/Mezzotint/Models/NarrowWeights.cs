using Mezzotint.Engine;
using Mezzotint.Formats;
using Mezzotint.Networks;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mezzotint.Models;

/// <summary>
/// Weights of a large network that stay in float16 or bfloat16, as they are stored: half of the memory. The engine widens them as
/// it multiplies, so what is computed is the same as with weights that were widened before.
/// </summary>
internal static class NarrowWeights
{
    /// <summary>Whether a network is drawn with so: large, and computed by the engine alone.</summary>
    /// <param name="network">The network.</param>
    /// <param name="side">Rows and columns of its smallest maps.</param>
    /// <param name="descriptions">What is computed of it.</param>
    public static bool Fit(nn.Module network, int side, params NetworkDescription[] descriptions) =>
        NetworkEngine.IsLarge(network)
        && descriptions.All(description => NetworkEngine.Exists(description, side, side, bfloat16: false));

    /// <summary>The same of each kind of network that a model has.</summary>
    public static bool Fit(DenoisingNetwork network) => Fit(network, network.Config.Stride, network.Description);

    /// <inheritdoc cref="Fit(DenoisingNetwork)"/>
    public static bool Fit(Autoencoder network) =>
        Fit(network, network.Config.Factor, network.EncoderDescription, network.DecoderDescription);

    /// <inheritdoc cref="Fit(DenoisingNetwork)"/>
    public static bool Fit(TextEncoder network) => Fit(network, 1, TextEncoder.Describe(network.Config));

    /// <summary>Whether a network has such weights.</summary>
    public static bool AreIn(nn.Module network) =>
        network.parameters().Any(parameter => parameter.dtype is ScalarType.Float16 or ScalarType.BFloat16);

    /// <summary>Gives the weights of convolutions and linear layers memory of the type that they are stored in.</summary>
    /// <param name="network">A network that is still to be filled.</param>
    /// <param name="typeOf">Of a weight's name its type in the file; null where the file has none.</param>
    public static void MakeRoom(nn.Module network, Func<string, ElementType?> typeOf)
    {
        foreach (var (name, layer) in network.named_modules())
            if (TypeOf(typeOf($"{name}.weight")) is { } type)
                switch (layer)
                {
                    case Linear linear:
                        linear.weight = new Parameter(empty(linear.weight!.shape, type));
                        break;
                    case Conv2d conv:
                        conv.weight = new Parameter(empty(conv.weight!.shape, type));
                        break;
                }
    }

    private static ScalarType? TypeOf(ElementType? type) => type switch
    {
        ElementType.Float16 => ScalarType.Float16,
        ElementType.BFloat16 => ScalarType.BFloat16,
        _ => null,
    };
}
