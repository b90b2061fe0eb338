using System.Collections.Concurrent;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Engine;

/// <summary>
/// Evaluates an autoencoder, without gradients, an image at a time, so that what it says of an image depends on nothing else, to
/// the bit: by an engine where there is one, else by libtorch. In float32. Any thread may ask.
/// </summary>
/// <param name="network">The autoencoder; it stays the caller's, and its weights stay as they are.</param>
internal sealed class AutoencoderEvaluator(Autoencoder network) : IDisposable
{
    // null where there is no engine for maps of that size
    private readonly ConcurrentDictionary<(bool Decodes, int Height, int Width), ConcurrentBag<NetworkEngine>?> _idle = [];

    private readonly bool _isLarge = NetworkEngine.IsLarge(network);
    private readonly Lazy<Crew> _crew = new(() => new Crew(Environment.ProcessorCount));
    private readonly Lock _turn = new(); // of large ones, which all threads compute together

    /// <summary>As <see cref="Autoencoder.Encode(Tensor)"/>.</summary>
    public LatentMoments Encode(Tensor x) => network.Encode(x, maps => Evaluate(maps, decodes: false));

    /// <summary>As <see cref="Autoencoder.Decode(Tensor)"/>.</summary>
    public Tensor Decode(Tensor z) => network.Decode(z, maps => Evaluate(maps, decodes: true));

    /// <summary>Frees the engines.</summary>
    public void Dispose()
    {
        foreach (var engine in _idle.Values.SelectMany(idle => idle ?? []))
            engine.Dispose();
        if (_crew.IsValueCreated)
            _crew.Value.Dispose();
    }

    private Tensor Evaluate(Tensor maps, bool decodes)
    {
        if (!_isLarge || maps.device.type != DeviceType.CPU)
            return EvaluateNow(maps, decodes);
        lock (_turn)
            return EvaluateNow(maps, decodes);
    }

    private Tensor EvaluateNow(Tensor maps, bool decodes)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        if (maps.device.type != DeviceType.CPU)
            return network.Run(maps, decodes).MoveToOuterDisposeScope();
        var (description, height, width) = (Description(decodes), (int)maps.shape[2], (int)maps.shape[3]);
        var idle = _idle.GetOrAdd((decodes, height, width), _ =>
            NetworkEngine.Exists(description, height, width, bfloat16: false) ? [] : null);
        var images = Enumerable.Range(0, (int)maps.shape[0]).Select(image => maps.narrow(0, image, 1));
        if (idle is null)
            return cat([.. images.Select(image => network.Run(image, decodes))]).MoveToOuterDisposeScope();
        if (!idle.TryTake(out var engine))
        {
            engine = new NetworkEngine(network, description, height, width, tokens: 1, bfloat16: false, training: false,
                crew: _isLarge ? _crew.Value : null);
            engine.Pack();
        }
        var made = cat([.. images.Select(image => NetworkEvaluator.Evaluate(engine, image))]);
        if (_isLarge)
        {
            engine.Dispose(); // its maps take a gigabyte and are made in a moment
            FreedMemory.GiveBack();
        }
        else
            idle.Add(engine);
        return made.MoveToOuterDisposeScope();
    }

    private NetworkDescription Description(bool decodes) =>
        decodes ? network.DecoderDescription : network.EncoderDescription;
}
