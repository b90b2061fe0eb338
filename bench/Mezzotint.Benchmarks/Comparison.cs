using System.Globalization;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Runtime;
using Mezzotint.Sampling;
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

    /// <summary>The largest difference between the outputs of the network here, in the straight port and in ONNX Runtime, as a share of the largest output.</summary>
    public required double NetworksDiffer { get; init; }

    public required IReadOnlyList<Measurement> Measurements { get; init; }

    public bool WasQuiet => CoresTakenByOthers is null or <= OtherLoad.Quiet;
}

/// <summary>
/// The straight port, ONNX Runtime and this project side by side in one process: each contestant in turn for a few seconds, in an order that moves on by one each round,
/// so that what changes with time (clock rate, heat, neighbours) meets all alike.
/// </summary>
internal sealed class Comparison : IDisposable
{
    private const int BatchSize = 64;
    private const int MatrixSide = 2048;
    private const double Forward = 0.18, Step = 3 * Forward; // GFLOP an image: two for each multiply-add of all convolutions and linear layers; backward is twice forward
    private const string Limit = "matrix_product_bfloat16";
    private const int RequestImages = 64;
    private const int RequestSteps = 10;  // a request of 640 evaluations; the sampler's rate does not depend on the number of steps

    private readonly StraightPort _port;
    private readonly Trainer _trainer;
    private readonly UNet _network = new(new UNetConfig(), seed: 42);
    private readonly WorkerThreads _threads;
    private readonly Sampler _sampler;
    private readonly SamplingRequest _request = new() { Labels = [.. Enumerable.Repeat(5, RequestImages)], Seed = 42, Steps = RequestSteps };
    private readonly Tensor _x, _t, _labels;
    private readonly Tensor _left, _right, _leftHalf, _rightHalf;
    private readonly OnnxEvaluation _onnx;

    public Comparison()
    {
        var images = RandomImages.Make("random train", 60_000);
        _port = new StraightPort(images, BatchSize, _network);
        _trainer = new Trainer(new ExperimentConfig { Training = new TrainingConfig { BatchSize = BatchSize, Replicas = Environment.ProcessorCount } }, images, RandomImages.Make("random test", BatchSize));
        _threads = new WorkerThreads(0);
        _sampler = new Sampler(_network, new VarianceExploding(), images.Height, images.Width);
        _x = randn(BatchSize, 1, images.Height, images.Width);
        _t = rand(BatchSize);
        _labels = randint(10, [BatchSize, 1], dtype: ScalarType.Int64);
        (_left, _right) = (randn(MatrixSide, MatrixSide), randn(MatrixSide, MatrixSide));
        (_leftHalf, _rightHalf) = (_left.to(bfloat16), _right.to(bfloat16));
        _onnx = new OnnxEvaluation(_network, _x, _t, _labels);
    }

    private Contestant[] Contestants =>
    [
        new("port_training", "training, straight port", "images/s", null, Environment.ProcessorCount, TrainPort, Step),
        new("training", "training, this project", "images/s", "port_training", 1, Train, Step),
        new("port_evaluation", "network evaluation, straight port", "evaluations/s", null, Environment.ProcessorCount, EvaluatePort, Forward),
        new("sampling", "network evaluation in sampling, this project", "evaluations/s", "port_evaluation", 1, Sample, Forward),
        new("onnx_evaluation", "network evaluation, ONNX Runtime, float32", "evaluations/s", "port_evaluation", 1, EvaluateOnnx, Forward),
        new("matrix_product_float32", $"matrix product {MatrixSide}^3, float32", "GFLOP/s", null, Environment.ProcessorCount, () => Multiply(_left, _right)),
        new(Limit, $"matrix product {MatrixSide}^3, bfloat16", "GFLOP/s", null, Environment.ProcessorCount, () => Multiply(_leftHalf, _rightHalf)),
    ];

    /// <summary>Measures everything.</summary>
    /// <param name="rounds">How often each contestant has its turn.</param>
    /// <param name="each">How long a turn is at least.</param>
    /// <param name="tell">Told each rate as it comes.</param>
    public ComparisonResult Run(int rounds, TimeSpan each, Action<string> tell)
    {
        double difference = NetworksDiffer();
        if (!(difference < 1e-4))
            throw new InvalidOperationException($"The networks of the baseline, of ONNX Runtime and of the library differ by {difference:E1} of the largest output: they do not compute the same.");
        var contestants = Contestants;
        foreach (var contestant in contestants)
            contestant.Rate(TimeSpan.FromSeconds(Math.Min(1, each.TotalSeconds))); // kernels are compiled, caches and heaps grow

        var load = new OtherLoad();
        var rates = contestants.ToDictionary(contestant => contestant.Name, _ => new List<double>());
        for (int round = 0; round < rounds; round++)
            for (int i = 0; i < contestants.Length; i++)
            {
                var contestant = contestants[(round + i) % contestants.Length];
                double rate = contestant.Rate(each);
                rates[contestant.Name].Add(rate);
                tell(string.Create(CultureInfo.InvariantCulture, $"round {round + 1}/{rounds}  {contestant.Title,-46} {rate,8:F1} {contestant.Unit}"));
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
            Measurements = [.. contestants.Select(contestant => Measurement.Of(contestant, rates[contestant.Name], contestant.Baseline is null ? null : rates[contestant.Baseline], rates[Limit]))],
        };
    }

    private double TrainPort()
    {
        _port.TrainStep();
        return BatchSize;
    }

    private double Train()
    {
        int images = _trainer.NextBatchSize;
        _trainer.TrainStep();
        if (_trainer.LossesAreDue)
            _trainer.ReadLosses();
        return images;
    }

    private double EvaluatePort()
    {
        _port.Evaluate(_x, _t, _labels).Dispose();
        return BatchSize;
    }

    private double Sample()
    {
        _sampler.Sample(_request, _threads);
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

    private double NetworksDiffer()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var ours = _network.call(_x, _t, _labels);
        double Off(Tensor other) => ((other - ours).abs().max() / ours.abs().max()).item<float>();
        return Math.Max(Off(_port.Evaluate(_x, _t, _labels)), Off(tensor(_onnx.Evaluate(), ours.shape)));
    }

    public void Dispose()
    {
        _port.Dispose();
        _trainer.Dispose();
        _threads.Dispose();
        _network.Dispose();
        _onnx.Dispose();
        foreach (var tensor in new[] { _x, _t, _labels, _left, _right, _leftHalf, _rightHalf })
            tensor.Dispose();
    }
}
