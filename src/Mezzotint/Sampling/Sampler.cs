using System.Collections.Concurrent;
using System.Globalization;
using Mezzotint.Engine;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>
/// Draws with a trained network: one walk on the calling thread, from noise to numbers. Many images, several threads and pictures
/// are the work of <c>DiffusionPipeline</c>, whose walks these are.
/// </summary>
public sealed class Sampler
{
    private readonly DenoisingNetwork _network;
    private readonly NoiseProcess _process;
    private readonly int _height, _width;
    private readonly Device _device;
    private readonly ConcurrentBag<NetworkEvaluator> _evaluators = []; // those that no thread is using

    /// <summary>Wraps a network.</summary>
    /// <param name="network">The trained network, on <paramref name="device"/>.</param>
    /// <param name="process">The process that it was trained in.</param>
    /// <param name="height">Rows of the numbers of an image: a multiple of the network's stride.</param>
    /// <param name="width">Columns, likewise.</param>
    /// <param name="device">Where; by default the CPU.</param>
    public Sampler(DenoisingNetwork network, NoiseProcess process, int height, int width, Device? device = null) =>
        (_network, _process, _height, _width, _device) = (network, process, height, width, device ?? CPU);

    /// <summary>What the network's output means; by default the seed's.</summary>
    public Parameterisation Parameterisation { get; init; } = new ScoreParameterisation();

    /// <summary>With what numbers the network is computed: see <see cref="ComputePrecision"/>.</summary>
    public string Precision { get; init; } = ComputePrecision.Automatic;

    /// <summary>Draws the images of a request together, on this thread.</summary>
    /// <param name="request">What is to be drawn.</param>
    /// <param name="seen">Is given each step and the network evaluations so far, counted by image; null for nobody.</param>
    /// <param name="cancellation">Stops after the step that is under way.</param>
    /// <returns>The numbers of the images, x_0: [N, C, H, W], of the caller's dispose scope.</returns>
    /// <exception cref="ArgumentException">The seed, the steps or a shape is out of its range.</exception>
    /// <exception cref="MezzotintException">The network, the solver or the weaker model does not fit the guidance.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public Tensor Sample(
        SamplingRequest request, Action<SamplingStep, long>? seen = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        Check(request);
        if (_evaluators.TryTake(out var evaluator))
            evaluator.Refresh();
        else
            evaluator = NewEvaluator();
        try
        {
            using var weaker = request.WeakerModel?.NewEvaluator();
            NetworkCall? weakerCall = weaker is null ? null : weaker.Evaluate;
            return Walk(request, 0, request.Count, evaluator.Evaluate, weakerCall, seen ?? ((_, _) => { }), cancellation);
        }
        finally
        {
            _evaluators.Add(evaluator);
        }
    }

    /// <summary>Walks some images of a request on this thread.</summary>
    /// <param name="request">The whole request.</param>
    /// <param name="start">The first of the images.</param>
    /// <param name="count">How many.</param>
    /// <param name="call">Is asked in place of the network: several walks, of whatever requests, may share one.</param>
    /// <param name="weakerCall">Likewise in place of the weaker model's network; null where there is none.</param>
    /// <param name="seen">Is given each step, whose tensors live during the call, and the evaluations of the network so far,
    /// counted by image.</param>
    /// <param name="cancellation">Stops after the step that is under way.</param>
    /// <returns>x_0: [count, C, H, W].</returns>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    internal Tensor Walk(
        SamplingRequest request, int start, int count, NetworkCall call, NetworkCall? weakerCall, Action<SamplingStep, long> seen,
        CancellationToken cancellation)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var plan = Plan(request);
        long[] seeds =
        [
            .. Enumerable.Range(start, count).Select(i => request.HasOneSeed ? request.Seed : request.Seed + i),
        ];
        using var noise = new ImageNoise(seeds, _network.Config.OutChannels, _height, _width, _device);
        double least = plan.Levels.Last(level => level > 0);
        using var path = plan.Solver is { Stochastic: true, FollowsPath: true } && least < plan.Levels[0]
            ? new BrownianTree(seeds, _network.Config.OutChannels, _height, _width, least, plan.Levels[0], _device)
            : null;
        var x = request.Start is { } begin ? begin.narrow(0, start, count).to(_device)
            : StartingNoise.Of(request, noise, start).Times(plan.Levels[0]);
        var network = new NetworkDenoiser(_network, _process, Parameterisation)
        {
            Call = call, Beside = request.Beside?.to(_device),
        };
        var weaker = request.WeakerModel is { } other
            ? new NetworkDenoiser(other._network, other._process, other.Parameterisation) { Call = weakerCall }
            : null;
        var condition = RowsOf(request.Condition, start, count);
        IDenoiser denoiser = network.For(condition);
        var negative = request.Negative is { } without ? network.For(RowsOf(without, start, count)) : network.Unconditional();
        using var guided = request.Guidance?.Wrap(denoiser, negative, weaker?.For(condition));
        denoiser = guided ?? denoiser;
        denoiser = request.Classifier?.Wrap(denoiser, start, count) ?? denoiser;
        if (request.Source is { } source)
        {
            var image = (source.Numbers.shape[0] == 1 ? source.Numbers : source.Numbers.narrow(0, start, count)).to(_device);
            bool shown = request.Beside is not null; // such a network draws what is kept, too
            if (!shown || source.Strength < 1)
                x = x.Plus(image);
            if (source.Mask is not null && !shown)
                denoiser = new InpaintingDenoiser(denoiser, image, source.Mask.to(_device));
        }
        var input = new SolverInput
        {
            Denoiser = denoiser,
            Levels = plan.Levels,
            X = x,
            Noise = path is null ? (_, _) => noise.Next() : path.Noise,
        };
        Tensor? drawn = null;
        foreach (var step in plan.Solver.Walk(input))
        {
            cancellation.ThrowIfCancellationRequested();
            seen(step, network.Evaluations + (weaker?.Evaluations ?? 0));
            if (step.Index == plan.Levels.Length - 2)
                drawn = step.X.clone();
        }
        return drawn!.MoveToOuterDisposeScope();
    }

    /// <summary>Network evaluations for one image; an estimate where the solver chooses its own steps.</summary>
    /// <param name="request">What is to be drawn.</param>
    /// <param name="strength">As <see cref="SamplingSource.Strength"/>, where it begins from a picture that is not encoded
    /// yet.</param>
    /// <param name="resampling">Likewise.</param>
    internal long EvaluationsOf(SamplingRequest request, double? strength, int resampling) =>
        WalkEvaluations.Of(request.Guidance, Plan(request, strength, resampling));

    /// <summary>What evaluates the network for one thread, or what some threads evaluate an image with together.</summary>
    internal NetworkEvaluator NewEvaluator(int threads = 1) => new(_network, _height, _width, _device, Precision, threads);

    /// <summary>What evaluates the network on some threads: one for each, or one for all, where the network is large and an
    /// engine computes it.</summary>
    internal IEnumerable<NetworkEvaluator> NewEvaluators(int threads)
    {
        var first = NewEvaluator(NetworkEngine.IsLarge(_network) ? threads : 1);
        return NetworkEngine.IsLarge(_network) && first.ByImage ? [first]
            : [first, .. Enumerable.Range(1, threads - 1).Select(_ => NewEvaluator())];
    }

    /// <summary>Checks that the request can be drawn.</summary>
    internal void Check(SamplingRequest request)
    {
        if (request.Count == 0)
            throw new ArgumentException("A request has at least one image.", nameof(request));
        _network.Config.CheckKnown(request.Condition, nameof(request));
        if (request.Negative is { } negative)
        {
            _network.Config.CheckKnown(negative, nameof(request), orNone: true);
            if (negative.Count != 1 && negative.Count != request.Count)
                throw new ArgumentException(
                    $"The negative condition has {negative.Count} rows for {request.Count} images: 1 or as many are needed.",
                    nameof(request));
        }
        request.CheckWalk(_network.Config, _height, _width);
        CheckGuidance(request, Plan(request).Solver);
    }

    private (Solver Solver, double[] Levels) Plan(SamplingRequest request) =>
        Plan(request, request.Source?.Strength, request.Source?.Resampling ?? 1);

    private (Solver Solver, double[] Levels) Plan(SamplingRequest request, double? strength, int resampling)
    {
        var solver = Resampling.Of(request.Solver ?? EulerMaruyama.For(_process), resampling);
        double[] levels = request.Levels is { } given ? [.. given] : NoiseLevels.Named(
            request.Solver is null || request.Solver.Name == EulerMaruyama.Name
                ? SamplingRecipe.LevelsOfTheSeed : SamplingRecipe.LevelsOfOthers,
            _process, request.Steps);
        return (solver, strength is { } share ? SamplingSource.Rest(levels, share) : levels);
    }

    private Condition RowsOf(Condition condition, int start, int count) =>
        (condition.Count == 1 ? condition : condition.Rows(start, count)).To(_device);

    private void CheckGuidance(SamplingRequest request, Solver solver)
    {
        if (request.Guidance is not { } guidance)
            return;
        guidance.Validate();
        guidance.CheckReference(_network.Config.Unconditional || request.Negative is not null, request.WeakerModel is not null);
        guidance.CheckSolver(solver);
        if (guidance.NeedsWeaker && request.WeakerModel is { } weaker && Described != weaker.Described)
            throw new MezzotintException(
                $"The weaker model draws {weaker.Described}, the model itself {Described}: guidance needs two that draw the "
                + $"same.");
    }

    private string Described => string.Create(CultureInfo.InvariantCulture,
        $"{(_network.Config.HasClasses ? $"{_network.Config.CorpusLength} classes" : "prompts")} of "
        + $"{_network.Config.OutChannels} x {_height} x {_width} numbers");
}
