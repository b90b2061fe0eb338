using Mezzotint.Networks;
using TorchSharp;

namespace Mezzotint.Engine;

/// <summary>
/// A described network computed without libtorch, an image at a time on one thread, in buffers that are made once: forward, and
/// backward where it is trained. What it says of an image depends on nothing else, to the bit. See <see cref="EnginePlan"/>.
/// </summary>
internal sealed unsafe class NetworkEngine : IDisposable
{
    /// <summary>The largest images: 512 x 512.</summary>
    private const int MostPixels = 1 << 18;

    /// <summary>A network of so many weights is large: they take 256 MB in float32.</summary>
    private const long LargeCount = 1 << 26;

    private readonly List<IDisposable> _owned = [];
    private readonly List<Scratch> _scratch;
    private readonly EngineStep[] _steps;
    private readonly nint[] _finalFrom; // by step, once its Backward is done: all gradients behind that address are final
    private readonly EngineMemory _memory;
    private readonly long[] _labels;
    private readonly bool[] _mask;

    /// <summary>Plans and makes the buffers.</summary>
    /// <param name="network">Its weights, on the CPU; they must stay where they are.</param>
    /// <param name="description">Its layers.</param>
    /// <param name="height">H of its images.</param>
    /// <param name="width">W.</param>
    /// <param name="tokens">Labels of an image, or tokens of its context.</param>
    /// <param name="bfloat16">As <see cref="For"/> has it.</param>
    /// <param name="training">Likewise.</param>
    /// <param name="given">Of what training needs the gradient too.</param>
    /// <param name="crew">The threads that compute an image together, reading weights where they lie, as those of a large network
    /// (<see cref="IsLarge(long)"/>) do; null for the caller's alone, and packed weights. They stay the caller's.</param>
    /// <param name="twin">An engine of the same shape that computes another image beside it
    /// (<see cref="Forward(NetworkEngine, CancellationToken)"/>); the two share what they take turns with. Null for
    /// none.</param>
    /// <exception cref="NotPlannedException">There is a layer that the engine does not compute.</exception>
    public NetworkEngine(torch.nn.Module network, NetworkDescription description, int height, int width, int tokens,
        bool bfloat16, bool training, GivenGradients given = GivenGradients.None, Crew? crew = null, NetworkEngine? twin = null)
    {
        Crew = crew ?? Crew.Alone;
        (Bfloat16, Training, _scratch) = (bfloat16, training, twin?._scratch ?? []);
        Parameters = twin?.Parameters ?? Owned(new ParameterTable(network, training));
        Streams = crew is not null;
        var sizes = ValueSizes.Of(description, height, width, tokens);
        OutputChannels = description.Outputs[0].Channels;
        OutputSize = sizes[description.Outputs[0].Index];
        var plan = new EnginePlan(description, sizes, given);
        (_steps, _labels, _mask) = (plan.Steps, new long[tokens], new bool[tokens]);
        _memory = new EngineMemory(this, plan).Give();
        long largest = plan.Values.Max(value => value.Count);
        Made = NewFloats(training ? largest
            : _steps.OfType<ConvolutionStep>().Where(step => step.Output.Plain is null).Select(step =>
                step.Output.Count).DefaultIfEmpty().Max());
        Slopes = training ? NewFloats(largest) : null;
        if (training)
            new GradientPlan(this).Run(_steps);
        _finalFrom = new nint[_steps.Length + 1];
        for (int i = 0; i < _steps.Length; i++)
        {
            _steps[i].Crew = Crew;
            _steps[i].Prepare(this);
            _finalFrom[i + 1] = Math.Max(_finalFrom[i], Parameters.TakeFarthest());
        }
        foreach (var scratch in _scratch.Where(_ => twin is null))
            scratch.Data = NewFloats(scratch.Count);
    }

    /// <summary>Whether a network is so large that its weights are not packed beside themselves, and threads compute its images
    /// together instead of one each.</summary>
    public static bool IsLarge(torch.nn.Module network) => IsLarge(network.parameters().Sum(parameter => parameter.numel()));

    /// <summary>The same of a network of so many weights.</summary>
    public static bool IsLarge(long weights) => weights >= LargeCount;

    /// <summary>The threads that compute an image.</summary>
    public Crew Crew { get; }

    /// <summary>Whether weights are read where they lie, as <see cref="StreamedWeights"/> has it.</summary>
    public bool Streams { get; }

    /// <summary>What it computes, in order.</summary>
    public IReadOnlyList<EngineStep> Steps => _steps;

    public ParameterTable Parameters { get; }

    public bool Bfloat16 { get; }

    public bool Training { get; }

    /// <summary>Labels of an image, or tokens of its context, that it is made for.</summary>
    public int Tokens => _labels.Length;

    /// <summary>Channels of what the network gives first.</summary>
    public int OutputChannels { get; }

    /// <summary>Rows and columns of that.</summary>
    public ValueSize OutputSize { get; }

    /// <summary>The image that is computed: [C, H, W].</summary>
    public float* Image { get; private set; }

    /// <summary>Its time.</summary>
    public float Time { get; private set; }

    /// <summary>Its labels.</summary>
    public ReadOnlySpan<long> Labels => _labels;

    /// <summary>The tokens of its context: [T, D].</summary>
    public float* Context { get; private set; }

    /// <summary>Which of the tokens count.</summary>
    public bool[] Mask => _mask;

    /// <summary>The vector that is given beside them: [D].</summary>
    public float* Vector { get; private set; }

    /// <summary>Where the result goes: [C, H, W], or all values that the network gives, one after the other.</summary>
    public float* Result { get; private set; }

    /// <summary>The gradient of the result: [C, H, W].</summary>
    public float* ResultGradient { get; private set; }

    /// <summary>Where the gradient of the image goes: [C, H, W]; null for nowhere.</summary>
    public float* ImageGradient { get; private set; }

    /// <summary>Where the gradient of the context goes: [T, D]; null for nowhere.</summary>
    public float* ContextGradient { get; private set; }

    /// <summary>Memory for what a convolution makes on its way to an operand.</summary>
    public float* Made { get; }

    /// <summary>Likewise backward.</summary>
    public float* Slopes { get; }

    /// <summary>Numbers in the buffers of plain values.</summary>
    public long FloatsTaken => _memory.FloatsTaken;

    /// <summary>The engine of a network; null where there is none for its shape, or for this processor.</summary>
    /// <param name="network">On the CPU; its parameters must stay where they are.</param>
    /// <param name="height">H of the images.</param>
    /// <param name="width">W.</param>
    /// <param name="bfloat16">
    /// Whether maps and weights that are multiplied are rounded to bfloat16; sums, normalisations and what is added up stay
    /// float32.
    /// </param>
    /// <param name="training">Whether it has gradients; the parameters must have them then.</param>
    /// <param name="tokens">Labels of an image, or tokens of its context.</param>
    /// <param name="given">Of what training needs the gradient too.</param>
    /// <param name="crew">As the constructor has it.</param>
    /// <param name="twin">Likewise.</param>
    public static NetworkEngine? For(DenoisingNetwork network, int height, int width, bool bfloat16, bool training,
        int tokens = 1, GivenGradients given = GivenGradients.None, Crew? crew = null, NetworkEngine? twin = null)
    {
        if (!Exists(network.Description, height, width, bfloat16, tokens))
            return null;
        var engine = new NetworkEngine(
            network, network.Description, height, width, tokens, bfloat16, training, given, crew, twin);
        engine.Pack();
        return engine;
    }

    /// <summary>Whether there is an engine for such a network, images and numbers on this processor: as <see cref="For"/> has
    /// it.</summary>
    public static bool Exists(NetworkDescription network, int height, int width, bool bfloat16, int tokens = 1) =>
        (!bfloat16 || TileKernel.IsBfloat16Supported) && WhyNot(network, height, width, tokens) is null;

    /// <summary>Why no engine runs a network here, such as <c>the engine does not compute ...</c>; null where one does.</summary>
    /// <param name="description">The network.</param>
    /// <param name="height">H of its images.</param>
    /// <param name="width">W.</param>
    /// <param name="tokens">Labels of an image, or tokens of its context.</param>
    public static string? WhyNot(NetworkDescription description, int height, int width, int tokens = 1) =>
        EngineChoice.Current == EngineKind.Off ? $"{EngineChoice.Variable} is off"
        : !TileKernel.IsSupported ? "the engine takes AVX2 or AVX-512 and leave to make memory executable, or ARM's vectors"
        : (long)height * width > MostPixels ? $"the engine computes images of {MostPixels} pixels at most"
        : WhyNoPlan(description, height, width, tokens) is { } missing ? $"the engine does not compute {missing}"
        : null;

    /// <summary>What there is no plan for in networks of that shape; null where there is one.</summary>
    public static string? WhyNoPlan(NetworkConfig config) =>
        WhyNoPlan(config.Describe(), config.Stride, config.Stride, tokens: 1);

    private static string? WhyNoPlan(NetworkDescription description, int height, int width, int tokens)
    {
        try
        {
            _ = new EnginePlan(description, ValueSizes.Of(description, height, width, tokens));
            return null;
        }
        catch (NotPlannedException missing)
        {
            return missing.Message;
        }
    }

    /// <summary>Takes the weights as they are now: before the first image, and whenever they have changed.</summary>
    public void Pack()
    {
        foreach (var step in _steps)
            step.Pack();
    }

    /// <summary>Computes one image.</summary>
    /// <param name="x">[C, H, W].</param>
    /// <param name="t">Its time.</param>
    /// <param name="labels">Its classes: as many as the engine was made for.</param>
    /// <param name="f">[C, H, W].</param>
    public void Forward(float* x, float t, ReadOnlySpan<long> labels, float* f) =>
        Forward(x, t, new EngineCondition { Labels = labels }, f);

    /// <summary>Computes one image of any condition.</summary>
    /// <param name="x">[C, H, W]; null where the network is given none.</param>
    /// <param name="t">Its time.</param>
    /// <param name="condition">What is asked for.</param>
    /// <param name="f">[C, H, W]; of a network that gives several values, these one after the other.</param>
    /// <param name="stop">Gives it up between two steps.</param>
    /// <exception cref="OperationCanceledException">It was given up; the next image knows nothing of it.</exception>
    public void Forward(float* x, float t, EngineCondition condition, float* f, CancellationToken stop = default)
    {
        Give(x, t, condition, f);
        Forward(stop);
    }

    /// <summary>Computes the image that was given.</summary>
    /// <param name="stop">Gives it up between two steps.</param>
    /// <exception cref="OperationCanceledException">It was given up.</exception>
    public void Forward(CancellationToken stop)
    {
        foreach (var step in _steps)
        {
            stop.ThrowIfCancellationRequested();
            step.ClearBorder();
            step.Forward();
        }
    }

    /// <summary>Computes the image that was given, and so does a twin: step by step, so that weights that are read where they
    /// lie are read once. Each image comes out as by itself, to the bit.</summary>
    /// <param name="twin">It was given another image.</param>
    /// <param name="stop">Gives both up between two steps.</param>
    /// <exception cref="OperationCanceledException">They were given up.</exception>
    public void Forward(NetworkEngine twin, CancellationToken stop)
    {
        for (int i = 0; i < _steps.Length; i++)
        {
            stop.ThrowIfCancellationRequested();
            _steps[i].ClearBorder();
            twin._steps[i].ClearBorder();
            _steps[i].Forward(twin._steps[i]);
        }
    }

    /// <summary>Gives an image to compute: see <see cref="Forward(float*, float, EngineCondition, float*,
    /// CancellationToken)"/>.</summary>
    public void Give(float* x, float t, EngineCondition condition, float* f)
    {
        Image = x;
        Time = t;
        Result = f;
        Context = condition.Context;
        Vector = condition.Vector;
        condition.Labels.CopyTo(_labels);
        if (condition.Mask.IsEmpty)
            _mask.AsSpan().Fill(true);
        else
            condition.Mask.CopyTo(_mask);
    }

    /// <summary>Computes one image of one class.</summary>
    public void Forward(float* x, float t, long label, float* f) => Forward(x, t, new ReadOnlySpan<long>(in label), f);

    /// <summary>Adds the gradients of the parameters, of the image that was computed last.</summary>
    /// <param name="gradient">Of f, of its shape.</param>
    /// <param name="imageGradient">Where the gradient of the image goes, if the engine was made for it: [C, H, W].</param>
    /// <param name="contextGradient">Where that of the context goes, likewise: [T, D].</param>
    /// <param name="final">For the last image of a batch, in place of <see cref="TakeGradients"/>: is told after each step from
    /// which address on all gradients of the network are final.</param>
    public void Backward(
        float* gradient, float* imageGradient = null, float* contextGradient = null, Action<nint>? final = null)
    {
        ResultGradient = gradient;
        ImageGradient = imageGradient;
        ContextGradient = contextGradient;
        foreach (var vector in _memory.VectorGradients)
            vector.Clear();
        for (int i = _steps.Length - 1; i >= 0; i--)
        {
            _steps[i].Backward();
            if (final is null)
                continue;
            _steps[i].TakeGradients();
            final(_finalFrom[i]);
        }
    }

    /// <summary>
    /// Adds what <see cref="Backward"/> has summed to the gradients of the network: after the last image of a batch.
    /// </summary>
    public void TakeGradients()
    {
        foreach (var step in _steps)
            step.TakeGradients();
    }

    public void Dispose()
    {
        foreach (var owned in _owned)
            owned.Dispose();
    }

    /// <summary>Notes what is to be freed with the engine.</summary>
    public T Owned<T>(T owned)
        where T : IDisposable
    {
        _owned.Add(owned);
        return owned;
    }

    public Map NewMap(int height, int width, ChannelLayout channels, int border) =>
        Owned(new Map(height, width, channels, border, Bfloat16));

    /// <summary>Memory that the steps take turns with: what is there lasts as long as a step computes.</summary>
    /// <param name="slot">Which, of those that a step has: from 0.</param>
    /// <param name="count">Numbers that the step needs.</param>
    public Scratch SharedScratch(int slot, long count)
    {
        while (_scratch.Count <= slot)
            _scratch.Add(new());
        _scratch[slot].Count = Math.Max(_scratch[slot].Count, count);
        return _scratch[slot];
    }

    public float* NewFloats(long count) => Owned(new NativeArray<float>(count)).Data;
}
