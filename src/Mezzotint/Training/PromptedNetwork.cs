using Mezzotint.Networks;
using Mezzotint.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>A network that is asked in words, and the text encoder where that learns with it. The names of their parameters begin
/// as the folders of a model are named.</summary>
internal sealed class PromptedNetwork : nn.Module
{
    private readonly bool _isLent;

    /// <summary>Joins both.</summary>
    /// <param name="denoiser">The network.</param>
    /// <param name="encoder">The encoder; null where it stays as it is.</param>
    /// <param name="isLent">Whether they are another's, and stay when this is freed.</param>
    public PromptedNetwork(DenoisingNetwork denoiser, TextEncoder? encoder, bool isLent = false) : base("PromptedNetwork")
    {
        (Denoiser, Encoder, _isLent) = (denoiser, encoder, isLent);
        register_module("unet", denoiser);
        if (encoder is not null)
            register_module("text_encoder", encoder);
    }

    /// <summary>The network.</summary>
    public DenoisingNetwork Denoiser { get; }

    /// <summary>The text encoder.</summary>
    public TextEncoder? Encoder { get; }

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
        network switch
        {
            PromptedNetwork both => (both.Denoiser, both.Encoder),
            TaughtNetworks taught => (taught.Student, null),
            _ => ((DenoisingNetwork)network, null),
        };

    protected override void Dispose(bool disposing)
    {
        if (!_isLent)
            base.Dispose(disposing);
    }
}
