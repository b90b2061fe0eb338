using System.Globalization;
using Mezzotint.Engine;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Runtime;
using Mezzotint.Sampling;
using Mezzotint.Serving;
using Mezzotint.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Benchmarks;

/// <summary>What <c>compare</c> found.</summary>
internal sealed record ComparisonResult
{
    public required DateTime Date { get; init; }
    public required Machine Machine { get; init; }
    public required int Rounds { get; init; }
    public required double SecondsEach { get; init; }
    public required int BatchSize { get; init; }

    /// <summary>Cores that other processes took during the measurement; null where the system does not tell.</summary>
    public required double? CoresTakenByOthers { get; init; }

    /// <summary>The largest difference between the outputs of the network here, in the straight port and in ONNX Runtime, as a
    /// share of the largest output.</summary>
    public required double NetworksDiffer { get; init; }

    /// <summary>In what this project computes where it is not said.</summary>
    public required string Precision { get; init; }

    /// <summary>The root of the mean square of the difference that this makes to the network's output, as a share of the
    /// output's.</summary>
    public required double RoundingDiffers { get; init; }

    public required IReadOnlyList<Measurement> Measurements { get; init; }

    public bool WasQuiet => CoresTakenByOthers is null or <= OtherLoad.Quiet;
}

/// <summary>
/// The straight port, ONNX Runtime and this project side by side in one process: each contestant in turn for a few seconds, in an
/// order that moves on by one each round, so that what changes with time (clock rate, heat, neighbours) meets all alike.
/// </summary>
internal sealed class Comparison : IDisposable
{
    private const int BatchSize = 64;
    private const int MatrixSide = 2048;
    // GFLOP an image: two for each multiply-add of all convolutions and linear layers; backward is twice forward
    private const double Forward = 0.18, Step = 3 * Forward;
    private const string Limit32 = "matrix_product_float32", Limit16 = "matrix_product_bfloat16";
    private const int RequestImages = 64;
    // a request of 640 evaluations; the sampler's rate does not depend on the number of steps
    private const int RequestSteps = 10;

    private readonly StraightPort _port;
    private readonly Trainer _trainer, _trainer32;
    private readonly UNet _network = new(new UNetConfig(), seed: 42);
    private readonly DiffusionPipeline _pipeline, _pipeline32;
    private readonly Tensor _x, _t, _labels;
    private readonly Tensor _left, _right, _leftHalf, _rightHalf;
    private readonly OnnxEvaluation _onnx;
    private readonly PyTorchProgram? _pytorch;

    /// <param name="python">A Python that has PyTorch; null for none.</param>
    public Comparison(string? python)
    {
        _pytorch = python is null ? null : new PyTorchProgram(python);
        var images = RandomImages.Make("random train", 60_000);
        _port = new StraightPort(images, BatchSize, _network);
        Trainer NewTrainer(string precision) =>
            new(
                new ExperimentConfig
                {
                    Training = new TrainingConfig
                        { BatchSize = BatchSize, Replicas = Environment.ProcessorCount, Precision = precision },
                },
                images, RandomImages.Make("random test", BatchSize));
        (_trainer, _trainer32) = (NewTrainer(ComputePrecision.Automatic), NewTrainer(ComputePrecision.Float32));
        (_pipeline, _pipeline32) =
            (Pipelines.Of(_network, images.Height), Pipelines.Of(_network, images.Height, precision: ComputePrecision.Float32));
        _x = randn(BatchSize, 1, images.Height, images.Width);
        _t = rand(BatchSize);
        _labels = randint(10, [BatchSize, 1], dtype: ScalarType.Int64);
        (_left, _right) = (randn(MatrixSide, MatrixSide), randn(MatrixSide, MatrixSide));
        (_leftHalf, _rightHalf) = (_left.to(bfloat16), _right.to(bfloat16));
        _onnx = OnnxEvaluation.Of(_network, _x, _t, _labels);
    }

    private static string Precision => ComputePrecision.Resolve(ComputePrecision.Automatic, CPU);

    /// <summary>
    /// Each thing once: where the automatic precision is float32, its rows are those of float32. The product in bfloat16 is a
    /// limit only where the processor has such numbers: libtorch emulates them elsewhere, thousands of times slower.
    /// </summary>
    private IEnumerable<Contestant> Contestants
    {
        get
        {
            bool bfloat16 = Precision == ComputePrecision.Bfloat16;
            string limit = bfloat16 ? Limit16 : Limit32;
            int cores = Environment.ProcessorCount;
            yield return new("port_training", "training, straight port", "images/s", null, cores, TrainPort, Step, Limit32);
            yield return new(
                "training", $"training, this project, {Precision}", "images/s", "port_training", 1, () => Train(_trainer), Step,
                limit);
            if (bfloat16)
                yield return new(
                    "training_float32", "training, this project, float32", "images/s", "port_training", 1,
                    () => Train(_trainer32), Step, Limit32);
            if (_pytorch is not null)
                yield return new(
                    "pytorch_training", $"training, PyTorch {_pytorch.Version}", "images/s", "port_training", 1, () => 0, Step,
                    Limit32, time => _pytorch.Rate("train", time));
            const string Unit = "evaluations/s", Port = "port_evaluation";
            yield return new(Port, "network evaluation, straight port", Unit, null, cores, EvaluatePort, Forward, Limit32);
            yield return new(
                "sampling", $"network evaluation in sampling, this project, {Precision}", Unit, Port, 1, () => Sample(_pipeline),
                Forward, limit);
            if (bfloat16)
                yield return new(
                    "sampling_float32", "network evaluation in sampling, this project, float32", Unit, Port, 1,
                    () => Sample(_pipeline32), Forward, Limit32);
            if (_pytorch is not null)
                yield return new(
                    "pytorch_evaluation", $"network evaluation, PyTorch {_pytorch.Version}", Unit, Port, 1, () => 0, Forward,
                    Limit32, time => _pytorch.Rate("evaluate", time));
            yield return new(
                "onnx_evaluation", "network evaluation, ONNX Runtime, float32", Unit, Port, 1, EvaluateOnnx, Forward, Limit32);
            yield return new(
                Limit32, $"matrix product {MatrixSide}^3, float32", "GFLOP/s", null, cores, () => Multiply(_left, _right));
            if (bfloat16)
                yield return new(
                    Limit16, $"matrix product {MatrixSide}^3, bfloat16", "GFLOP/s", null, cores,
                    () => Multiply(_leftHalf, _rightHalf));
        }
    }

    /// <summary>Measures everything.</summary>
    /// <param name="rounds">How often each contestant has its turn.</param>
    /// <param name="each">How long a turn is at least.</param>
    /// <param name="tell">Told each rate as it comes.</param>
    public ComparisonResult Run(int rounds, TimeSpan each, Action<string> tell)
    {
        double difference = NetworksDiffer(), rounding = Rounding();
        if (!(difference < 1e-4))
            throw new InvalidOperationException(
                $"The networks of the baseline, of ONNX Runtime and of the library differ by {difference:E1} of the largest "
                + $"output: they do not compute the same.");
        Contestant[] contestants = [.. Contestants];
        foreach (var contestant in contestants)
            contestant.Rate(TimeSpan.FromSeconds(Math.Min(1, each.TotalSeconds))); // kernels are compiled, caches and heaps grow

        var load = new OtherLoad(_pytorch?.Process);
        var rates = contestants.ToDictionary(contestant => contestant.Name, _ => new List<double>());
        for (int round = 0; round < rounds; round++)
            for (int i = 0; i < contestants.Length; i++)
            {
                var contestant = contestants[(round + i) % contestants.Length];
                double rate = contestant.Rate(each);
                rates[contestant.Name].Add(rate);
                tell(string.Create(
                    CultureInfo.InvariantCulture,
                    $"round {round + 1}/{rounds}  {contestant.Title,-62} {rate,8:F1} {contestant.Unit}"));
            }

        return new ComparisonResult
        {
            Date = DateTime.UtcNow,
            Machine = Machine.Describe(),
            Rounds = rounds,
            SecondsEach = each.TotalSeconds,
            BatchSize = BatchSize,
            CoresTakenByOthers = load.Cores is { } cores ? Math.Round(cores, 3) : null,
            NetworksDiffer = difference,
            Precision = Precision,
            RoundingDiffers = rounding,
            Measurements = [.. contestants.Select(contestant => Measurement.Of(contestant, rates))],
        };
    }

    private double TrainPort()
    {
        _port.TrainStep();
        return BatchSize;
    }

    private static double Train(Trainer trainer)
    {
        int images = trainer.NextBatchSize;
        trainer.TrainStep();
        if (trainer.LossesAreDue)
            trainer.ReadLosses();
        return images;
    }

    private double EvaluatePort()
    {
        _port.Evaluate(_x, _t, _labels).Dispose();
        return BatchSize;
    }

    private static double Sample(DiffusionPipeline pipeline)
    {
        pipeline.Draw(RequestImages, RequestSteps);
        return RequestImages * RequestSteps;
    }

    private double EvaluateOnnx()
    {
        _onnx.Evaluate();
        return BatchSize;
    }

    private static double Multiply(Tensor left, Tensor right)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        mm(left, right);
        return 2e-9 * MatrixSide * MatrixSide * MatrixSide;
    }

    private NetworkEvaluator Evaluator(string precision) =>
        new(_network, (int)_x.shape[2], (int)_x.shape[3], CPU, precision);

    private double NetworksDiffer()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var ours = _network.call(_x, _t, Condition.OfClasses(_labels));
        double Off(Tensor other) => ((other - ours).abs().max() / ours.abs().max()).item<float>();
        using var evaluator = Evaluator(ComputePrecision.Float32);
        Tensor[] others =
        [
            _port.Evaluate(_x, _t, _labels), tensor(_onnx.Evaluate(), ours.shape),
            evaluator.Evaluate(_x, _t, Condition.OfClasses(_labels)),
        ];
        return others.Max(Off);
    }

    private double Rounding()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var evaluator = Evaluator(ComputePrecision.Automatic);
        var exact = _network.call(_x, _t, Condition.OfClasses(_labels));
        return ((evaluator.Evaluate(_x, _t, Condition.OfClasses(_labels)) - exact).norm() / exact.norm()).item<float>();
    }

    public void Dispose()
    {
        _port.Dispose();
        _trainer.Dispose();
        _trainer32.Dispose();
        _pytorch?.Dispose();
        _pipeline.Dispose();
        _pipeline32.Dispose();
        _network.Dispose();
        _onnx.Dispose();
        foreach (var tensor in new[] { _x, _t, _labels, _left, _right, _leftHalf, _rightHalf })
            tensor.Dispose();
    }
}
