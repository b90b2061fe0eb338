using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Engine;

/// <summary>
/// Evaluates a network, without gradients, in the fastest way that there is for it: by a <see cref="NetworkEngine"/>, or by
/// libtorch. One thread at a time.
/// </summary>
internal sealed unsafe class NetworkEvaluator : IDisposable
{
    private readonly DenoisingNetwork _network;
    private readonly Dictionary<int, (NetworkEngine? Engine, NetworkEngine? Twin)> _engines = []; // by the tokens of an image
    private readonly Func<int, NetworkEngine?, NetworkEngine?> _make;
    private readonly Crew? _crew; // of a large network

    /// <summary>Prepares.</summary>
    /// <param name="network">The network; it stays the caller's.</param>
    /// <param name="height">H of its images.</param>
    /// <param name="width">W.</param>
    /// <param name="device">Where the network is.</param>
    /// <param name="precision">As <see cref="ComputePrecision"/> has it.</param>
    /// <param name="threads">How many threads compute an image of a large network together, where an engine does.</param>
    public NetworkEvaluator(
        DenoisingNetwork network, int height, int width, Device device, string precision, int threads = 1)
    {
        bool bfloat16 = ComputePrecision.Resolve(precision, device, network.Config) == ComputePrecision.Bfloat16;
        _network = network;
        _make = (tokens, twin) => NetworkEngine.For(
            network, height, width, bfloat16, training: false, tokens, crew: _crew, twin: twin);
        ByImage = device.type == DeviceType.CPU && NetworkEngine.Exists(network.Description, height, width, bfloat16);
        _crew = ByImage && NetworkEngine.IsLarge(network) ? new(threads) : null;
        MostAtOnce = device.type == DeviceType.CPU ? SteadyBatch.Most : 256;
    }

    /// <summary>The most images that are worth evaluating at once: on a CPU what fits its caches, elsewhere as many as there
    /// are.</summary>
    public int MostAtOnce { get; }

    /// <summary>Whether each image is computed alone, so that it costs nothing to ask for few.</summary>
    public bool ByImage { get; }

    /// <summary>How many engines it has planned, or tried to.</summary>
    public int Planned { get; private set; }

    /// <summary>Takes the network's weights as they are now: where they may have changed.</summary>
    public void Refresh()
    {
        foreach (var engine in Engines)
            engine.Pack();
    }

    /// <summary>Gives back the maps of a large network, which are made again in a moment.</summary>
    public void Rest()
    {
        if (_crew is null)
            return;
        foreach (var engine in Engines)
            engine.Dispose();
        _engines.Clear();
        FreedMemory.GiveBack();
    }

    /// <summary>F(x, t, condition). What it says of an image does not depend on the images beside it, to the bit.</summary>
    /// <param name="x">float32 [B, C, H, W].</param>
    /// <param name="t">[B].</param>
    /// <param name="condition">B rows.</param>
    /// <returns>[B, C, H, W], a tensor of the caller's dispose scope.</returns>
    public Tensor Evaluate(Tensor x, Tensor t, Condition condition) => Evaluate(x, t, condition, CancellationToken.None);

    /// <summary>The same; <paramref name="stop"/> gives it up within an image, where an engine computes it.</summary>
    /// <exception cref="OperationCanceledException">It was given up.</exception>
    public Tensor Evaluate(Tensor x, Tensor t, Condition condition, CancellationToken stop)
    {
        condition = _network.Config.InRows(condition);
        _network.Check(condition);
        if (ByImage && For((int)condition.Tokens, x.shape[0]) is ({ } engine, var twin))
            return Evaluate(engine, x, t, condition, twin, stop);
        return SteadyBatch.Evaluate(_network, x, t, condition);
    }

    /// <summary>The same by an engine, for as many tokens an image as it is made for, and by its twin where it has
    /// one.</summary>
    public static Tensor Evaluate(NetworkEngine engine, Tensor x, Tensor t, Condition condition,
        NetworkEngine? twin = null, CancellationToken stop = default)
    {
        using var scope = NewDisposeScope();
        int count = (int)x.shape[0], tokens = (int)condition.Tokens;
        if (tokens != engine.Tokens)
            throw new ArgumentException($"The engine is made for {engine.Tokens} tokens, not {tokens}.", nameof(condition));
        var f = empty(count, engine.OutputChannels, x.shape[2], x.shape[3]);
        long size = x.numel() / count, made = f.numel() / count;
        long width = condition.Context?.shape[2] ?? 0, beside = 0;
        if ((condition.Pooled ?? condition.Changes) is { } given)
            beside = given.shape[1];
        var times = Numbers<float>(t);
        var labels = condition.Classes is { } classes ? Numbers<long>(classes) : default;
        var mask = condition.Mask is { } seen ? Numbers<bool>(seen) : default;
        fixed (float* first = Numbers<float>(x), output = Numbers<float>(f), context = Floats(condition.Context))
        fixed (float* vector = Floats(condition.Pooled ?? condition.Changes))
            for (int i = 0; i < count; i++)
            {
                bool isSecond = twin is not null && i % 2 == 1;
                (isSecond ? twin! : engine).Give(first + i * size, times[i], new EngineCondition
                {
                    Labels = labels.IsEmpty ? default : labels.Slice(i * tokens, tokens),
                    Context = context + i * tokens * width,
                    Mask = mask.IsEmpty ? default : mask.Slice(i * tokens, tokens),
                    Vector = vector + i * beside,
                }, output + i * made);
                if (isSecond)
                    engine.Forward(twin!, stop);
                else if (twin is null || i == count - 1)
                    engine.Forward(stop);
            }
        return f.MoveToOuterDisposeScope();
    }

    /// <summary>What an engine makes of one image, where its network is given nothing else: [1, C, H, W] to [1, C', H',
    /// W'].</summary>
    public static Tensor Evaluate(NetworkEngine engine, Tensor image)
    {
        var made = empty(1, engine.OutputChannels, engine.OutputSize.Rows, engine.OutputSize.Columns);
        fixed (float* from = Numbers<float>(image), to = Numbers<float>(made))
            engine.Forward(from, 0, default(EngineCondition), to);
        return made;
    }

    public void Dispose()
    {
        foreach (var engine in Engines)
            engine.Dispose();
        _crew?.Dispose();
    }

    private IEnumerable<NetworkEngine> Engines =>
        _engines.Values.SelectMany(pair => new[] { pair.Twin, pair.Engine }).OfType<NetworkEngine>();

    /// <summary>The engine, and for several images of a large network its twin: reading the weights is much of the work there.
    /// That there is none for so many tokens is remembered too.</summary>
    private (NetworkEngine? Engine, NetworkEngine? Twin) For(int tokens, long images)
    {
        if (!_engines.TryGetValue(tokens, out var pair))
            pair.Engine = Made(null);
        if (_crew is not null && images > 1 && pair.Engine is { } first)
            pair.Twin ??= Made(first);
        return _engines[tokens] = pair;

        NetworkEngine? Made(NetworkEngine? twin)
        {
            Planned++;
            return _make(tokens, twin);
        }
    }

    private static Span<float> Floats(Tensor? tensor) => tensor is null ? default : Numbers<float>(tensor.to(float32));

    /// <summary>The numbers of a tensor on the CPU, one after the other.</summary>
    internal static Span<T> Numbers<T>(Tensor tensor)
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(tensor.contiguous().bytes);
}
