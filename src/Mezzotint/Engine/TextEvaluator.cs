using Mezzotint.Networks;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Engine;

/// <summary>
/// Evaluates a text encoder, without gradients, by an engine where there is one, else by libtorch: a text at a time, so that what
/// it says of a text depends on nothing else, to the bit. In float32, as a text is read once for all steps. One thread at a time.
/// </summary>
internal sealed unsafe class TextEvaluator : IDisposable
{
    private readonly TextEncoder _network;
    private readonly bool _onCpu;
    private readonly Dictionary<(int Tokens, int Skip), NetworkEngine?> _engines = [];
    private readonly Crew? _crew; // of a large encoder

    /// <summary>Prepares.</summary>
    /// <param name="network">The encoder; it stays the caller's, and its weights stay where they are and as they are.</param>
    /// <param name="device">Where it is.</param>
    public TextEvaluator(TextEncoder network, Device device)
    {
        (_network, _onCpu) = (network, device.type == DeviceType.CPU);
        _crew = _onCpu && NetworkEngine.IsLarge(network) ? new(Environment.ProcessorCount) : null;
    }

    /// <summary>The hidden states of texts.</summary>
    /// <param name="tokens">int64 [B, T].</param>
    /// <param name="skip">Layers that are left out: see <see cref="TextEncoder.Encode"/>.</param>
    /// <returns>[B, T, D], a tensor of the caller's dispose scope.</returns>
    /// <exception cref="ArgumentException">A token is not in the vocabulary, or there are too many.</exception>
    public Tensor Evaluate(Tensor tokens, int skip = 0)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        using Scalar least = 0, most = _network.Config.VocabSize; // held while libtorch reads them: see TensorArithmetic
        if (tokens.lt(least).any().item<bool>() || tokens.ge(most).any().item<bool>())
            throw new ArgumentException($"Tokens must be from 0 to {_network.Config.VocabSize - 1}.", nameof(tokens));
        var texts = Enumerable.Range(0, (int)tokens.shape[0]).Select(text => tokens.narrow(0, text, 1));
        return cat([.. texts.Select(text => Of(text, skip))]).MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
        foreach (var engine in _engines.Values)
            engine?.Dispose();
        _crew?.Dispose();
    }

    /// <summary>The states of one text: [1, T, D].</summary>
    private Tensor Of(Tensor text, int skip)
    {
        if (For((int)text.shape[1], skip) is not { } engine)
            return _network.Encode(text, skip);
        var states = empty(1, text.shape[1], _network.Config.HiddenSize);
        fixed (float* to = NetworkEvaluator.Numbers<float>(states))
            engine.Forward(null, 0, new EngineCondition { Labels = NetworkEvaluator.Numbers<long>(text) }, to);
        return states;
    }

    /// <summary>The engine for texts of a length: with layers left out, the network is one of fewer layers.</summary>
    private NetworkEngine? For(int tokens, int skip)
    {
        if (_engines.TryGetValue((tokens, skip), out var engine))
            return engine;
        var config = _network.Config;
        bool fits = tokens <= config.MaxPositionEmbeddings && skip >= 0 && skip < config.NumHiddenLayers;
        if (_onCpu && fits)
        {
            var description = TextEncoder.Describe(config with { NumHiddenLayers = config.NumHiddenLayers - skip });
            if (NetworkEngine.Exists(description, 1, 1, bfloat16: false, tokens))
                engine = new NetworkEngine(
                    _network, description, 1, 1, tokens, bfloat16: false, training: false, crew: _crew);
        }
        engine?.Pack();
        return _engines[(tokens, skip)] = engine;
    }
}
