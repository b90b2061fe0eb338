using Mezzotint.Networks;
using Mezzotint.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>A network that is asked in words, and the text encoder that learns with it. The names of their parameters begin as
/// the folders of a model are named.</summary>
internal sealed class PromptedNetwork : nn.Module
{
    /// <summary>Joins both; they are freed with this.</summary>
    /// <param name="denoiser">The network.</param>
    /// <param name="encoder">The encoder.</param>
    public PromptedNetwork(DenoisingNetwork denoiser, TextEncoder encoder) : base("PromptedNetwork")
    {
        (Denoiser, Encoder) = (denoiser, encoder);
        register_module("unet", denoiser);
        register_module("text_encoder", encoder);
    }

    /// <summary>The network.</summary>
    public DenoisingNetwork Denoiser { get; }

    /// <summary>The text encoder.</summary>
    public TextEncoder Encoder { get; }

    /// <summary>What is trained: the network, with a copy of the text encoder where that learns too.</summary>
    public static nn.Module Of(DenoisingNetwork denoiser, TextPrompts? prompts)
    {
        if (prompts is not { Trained: true })
            return denoiser;
        var encoder = TextEncoder.Create(prompts.Opened.Network.Config);
        encoder.CopyFrom(prompts.Opened.Network);
        return new PromptedNetwork(denoiser, encoder);
    }

    /// <summary>The network of what a <see cref="DenoisingTask"/> trains, and the encoder if it learns too.</summary>
    public static (DenoisingNetwork Denoiser, TextEncoder? Encoder) Parts(nn.Module network) =>
        network is PromptedNetwork both ? (both.Denoiser, both.Encoder) : ((DenoisingNetwork)network, null);
}
