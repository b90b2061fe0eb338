using Mezzotint.Data;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using Mezzotint.Text;
using Mezzotint.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Runs;

/// <summary>What the networks of an adapter's training are asked with: noise, and captions.</summary>
/// <param name="Noise">The noise.</param>
/// <param name="Text">The captions: their tokens, int64 [B, T], or the states that a frozen encoder makes of them,
/// [B, T, D].</param>
internal sealed record AdapterDraw(NoiseDraw Noise, Tensor Text) : BatchDraw
{
    public override AdapterDraw MoveTo(Device device) => new(Noise.MoveTo(device), Text.to(device));

    public override AdapterDraw Slice(long start, long count) => new(Noise.Slice(start, count), Text.narrow(0, start, count));
}

/// <summary>
/// A model learns pictures with captions. The network is the model's own, not a copy: it is too large for that. Other replicas
/// share the weights that stay as they are.
/// </summary>
/// <param name="model">The model, its parameters with gradients where they are to have some.</param>
/// <param name="trainsText">Whether the text encoder changes too.</param>
/// <param name="withoutCaption">The share of the draws without a caption.</param>
internal sealed class AdapterTask(LoadedModel model, bool trainsText, double withoutCaption) : TrainingTask, IDisposable
{
    private const int MostKept = 1 << 14;
    private readonly TrainingObjective _objective = Objective(model.Info);
    private readonly TextCoder _coder = ((TextPrompts)model.Info.Prompts!).Opened;
    private readonly Dictionary<string, Tensor> _states = new(StringComparer.Ordinal); // of captions, by a frozen encoder
    private PromptedNetwork? _lent;

    /// <summary>How a model was trained.</summary>
    public static TrainingObjective Objective(ModelInfo info) => new()
    {
        Process = info.Process, Parameterisation = info.Parameterisation, Loss = info.Loss,
        FilledStep = info.Pixels.FilledStep, DrawsNumbers = info.Pixels.IsDrawn,
    };

    /// <summary>The loss of each image, the mean over the numbers of its latents: [B].</summary>
    public static Tensor Losses(DenoisingNetwork network, Tensor images, Condition asked, NoiseDraw noise)
    {
        var terms = DenoisingLoss.Terms(images, asked, noise);
        return terms.Losses(network.call(terms.X, terms.Times, asked)).Times((double)terms.X.shape[0] / terms.X.numel());
    }

    internal override bool LendsNetwork => true;

    internal override string LossSettings => "the model";

    /// <summary>The model's networks at the first call, then others that share their weights.</summary>
    public override nn.Module Build(long seed = 0)
    {
        if (_lent is null)
            return _lent = new(model.Network, trainsText ? _coder.Network : null, isLent: true);
        var denoiser = model.Network.Config.BuildUnfilled();
        var copy = new PromptedNetwork(denoiser, trainsText ? TextEncoder.Unfilled(_coder.Network.Config) : null);
        copy.to(model.Device);
        using var noGrad = no_grad();
        foreach (var (mine, theirs) in copy.parameters().Zip(_lent.parameters()))
        {
            mine.set_(theirs);
            mine.requires_grad_(theirs.requires_grad);
        }
        return copy;
    }

    public override BatchDraw Draw(Generator generator, ResidentImages data, Tensor indices, double progress) =>
        Drawn(generator, data, indices, withoutCaption);

    public override BatchDraw DrawForTest(Generator generator, ResidentImages data, Tensor indices) =>
        Drawn(generator, data, indices, dropout: 0);

    public override Tensor Losses(nn.Module network, Tensor images, Tensor labels, BatchDraw draw)
    {
        var (denoiser, encoder) = PromptedNetwork.Parts(network);
        var (noise, text) = (AdapterDraw)draw;
        return Losses(denoiser, images, Condition.OfContext(encoder?.call(text) ?? text), noise);
    }

    /// <summary>Frees what captions say.</summary>
    public void Dispose()
    {
        foreach (var states in _states.Values)
            states.Dispose();
        _lent?.Dispose();
    }

    private AdapterDraw Drawn(Generator generator, ResidentImages data, Tensor indices, double dropout)
    {
        var noise = NoiseDraw.From(generator, _objective, indices.shape[0], data.Shape, dropout);
        string[] captions = CaptionDraw.Captions(data.Images, indices, first: 0, noise.Dropped, generator);
        return new(noise with { Dropped = null }, trainsText ? _coder.Tokens(captions) : States(captions).to(model.Device));
    }

    private Tensor States(string[] captions)
    {
        lock (_states)
        {
            var rows = captions.Select(caption =>
            {
                if (_states.TryGetValue(caption, out var known))
                    return known;
                var states = _coder.Read([caption]);
                if (_states.Count < MostKept)
                    _states[caption] = states.DetachFromDisposeScope();
                return states;
            });
            return cat([.. rows], 0).clone(); // what was made without gradients takes part in none otherwise
        }
    }
}
