using Mezzotint.Data;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>
/// Says where generated images of a class go, so that they become distributed as the real ones: in several spaces
/// (<see cref="FeatureSpaces"/>) along <see cref="EnergyDrift"/>, which compares each with real images of its class and with
/// those that were generated last.
/// </summary>
/// <remarks>
/// The generated ones wait in a queue, as a step has too few to be a distribution. What a step's replicas make joins it before
/// the next step, in the order of the batch, so that a run repeats. The queue is not saved: a run that goes on fills it anew.
/// </remarks>
internal sealed class DriftField
{
    private const int MostReal = 1500, AtOnce = 50, Measured = 200;
    private static readonly Scalar Zero = 0, One = 1;

    private readonly Lock _lock = new();
    private readonly DriftSettings _settings;
    private readonly ImageCodec _codec;
    private readonly FeatureSpaces _spaces;
    private readonly Device _device;
    private readonly long[] _classes;               // that there are images of
    private readonly Dictionary<long, Tensor[]> _real = []; // of each class, in each space [N, F]
    private readonly Dictionary<long, Tensor[]> _queue = [];
    private readonly Dictionary<long, int> _taken = [];
    private readonly List<(long Row, long Class, Tensor[] Points)> _waiting = [];
    private readonly double[] _units;               // of each space: the mean distance of two real images of a class
    private double[] _factors = [];                 // of each space's gradient; none until the queue is full
    private Tensor? _noise;                         // of the queue's first images
    private double _window;                         // which of the real images a step compares with: 0 to 1

    /// <summary>Looks at real images.</summary>
    /// <param name="settings">With the networks opened.</param>
    /// <param name="codec">Makes pixels of the network's numbers.</param>
    /// <param name="data">The real images.</param>
    public DriftField(DriftSettings settings, ImageCodec codec, ResidentImages data)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        (_settings, _codec, _device) = (settings, codec, data.Device);
        _spaces = new(settings.Opened, _device);
        var rows = data.Images.Labels.Select((label, row) => (Class: (long)label, Row: (long)row)).GroupBy(image => image.Class)
            .OrderBy(images => images.Key).ToDictionary(images => images.Key, images => images.Select(image => image.Row));
        _classes = [.. rows.Keys];
        foreach (long of in _classes)
            _real[of] = Joined([.. rows[of].Take(MostReal).Chunk(AtOnce)
                .Select(chunk => PointsOf(data.Batch(tensor(chunk, device: _device)).Images))]);
        _units = [.. Enumerable.Range(0, _real[_classes[0]].Length).Select(k => _classes
            .Select(of => Spread(_real[of][k])).Where(distance => distance > 0).DefaultIfEmpty(1).Average())];
        foreach (var points in _real.Values)
            for (int k = 0; k < points.Length; k++)
                points[k] = points[k].Over(_units[k]).DetachFromDisposeScope();
    }

    /// <summary>Before each step: what was generated joins the queue, and other real images are compared with.</summary>
    /// <param name="generator">Of the step.</param>
    /// <param name="shape">Of an image's numbers.</param>
    public void Begin(Generator generator, (long Channels, long Height, long Width) shape)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        _window = rand(1, generator: generator).item<float>();
        if (_factors.Length == 0 && _noise is null)
            _noise = randn(_classes.Length * _settings.Queue, shape.Channels, shape.Height, shape.Width, generator: generator)
                .DetachFromDisposeScope();
        foreach (var (_, of, points) in _waiting.OrderBy(image => image.Row))
        {
            Take(of, points);
            foreach (var point in points)
                point.Dispose();
        }
        _waiting.Clear();
    }

    /// <summary>The first who comes fills the queue, and finds how much each space counts.</summary>
    /// <param name="draw">Makes images: of noise, [B, C, H, W], and classes, int64 [B, 1].</param>
    public void Fill(Func<Tensor, Tensor, Tensor> draw)
    {
        lock (_lock)
        {
            if (_factors.Length > 0)
                return;
            using var scope = NewDisposeScope();
            using var noGrad = no_grad();
            var measured = new List<(Tensor Images, long[] Classes)>();
            for (long start = 0; start < _noise!.shape[0]; start += AtOnce)
            {
                using var inner = NewDisposeScope();
                long count = Math.Min(AtOnce, _noise.shape[0] - start);
                long[] classes = [.. Enumerable.Range((int)start, (int)count).Select(i => _classes[i % _classes.Length])];
                var images = draw(_noise.narrow(0, start, count).to(_device), tensor(classes, [count, 1], device: _device));
                var points = InUnits(PointsOf(images));
                for (int i = 0; i < count; i++)
                    Take(classes[i], Row(points, i));
                if (start < Measured)
                    measured.Add((images.MoveToOuterDisposeScope(), classes));
            }
            _noise.Dispose();
            _noise = null;
            _factors = Balanced(measured);
        }
    }

    /// <summary>The gradient of the images' losses: [B, C, H, W].</summary>
    /// <param name="images">In the network's numbers: [B, C, H, W].</param>
    /// <param name="classes">One an image.</param>
    /// <param name="rows">Which rows of the batch they are.</param>
    public Tensor Gradient(Tensor images, long[] classes, long[] rows)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode(false);
        using var gradients = enable_grad();
        var x = images.detach().clone().requires_grad_();
        var (points, scores) = Points(x);
        var loss = Sum(points.Select((point, k) => Along(point, k, classes).Times(-_factors[k])));
        if (_settings.Reading > 0)
        {
            var asked = tensor(classes, [classes.Length, 1], device: _device);
            // The square leaves those alone that are read well: else all of them would grow plainer than real images.
            var squares = Sum(scores.Select(each => nn.functional.log_softmax(each, 1).gather(1, asked).Squared().sum()));
            loss = loss.Plus(_settings.Reading / (2 * scores.Length), squares);
        }
        var gradient = autograd.grad([loss], [x])[0].detach();
        lock (_lock)
            for (int i = 0; i < rows.Length; i++)
                _waiting.Add((rows[i], classes[i],
                    [.. Row(points, i).Select(point => point.detach().clone().DetachFromDisposeScope())]));
        return gradient.MoveToOuterDisposeScope();
    }

    /// <summary>The factors by which each space's gradient is as long as that of any other on average, and their sum as long as
    /// the settings say.</summary>
    private double[] Balanced(List<(Tensor Images, long[] Classes)> measured)
    {
        using var gradients = enable_grad();
        int spaces = _units.Length;
        var all = Enumerable.Range(0, spaces).Select(_ => new List<Tensor>()).ToArray();
        foreach (var (images, classes) in measured)
        {
            var x = images.detach().clone().requires_grad_();
            var (points, _) = Points(x);
            for (int k = 0; k < spaces; k++)
                all[k].Add(autograd.grad([Along(points[k], k, classes)], [x], retain_graph: true)[0]);
        }
        using var noGrad = no_grad();
        Tensor[] each = [.. all.Select(parts => cat([.. parts]))];
        double[] factors = [.. each.Select(gradient => 1 / Math.Max(Length(gradient), 1e-12))];
        double length = Length(Sum(each.Select((gradient, k) => gradient.Times(factors[k]))));
        return [.. factors.Select(factor => factor * _settings.Weight / length)];

        static double Length(Tensor gradient) => gradient.flatten(1).norm(1).mean().item<float>();
    }

    /// <summary>How far points are along the drift, whose gradient is not followed: the sum of the inner products.</summary>
    private Tensor Along(Tensor points, int space, long[] classes)
    {
        using var noGrad = no_grad();
        var still = points.detach();
        var drift = cat([.. classes.Select((of, i) =>
            EnergyDrift.Of(still.narrow(0, i, 1), Window(_real[of][space]), _queue[of][space]))]);
        using var gradients = enable_grad();
        return (points * drift).sum();
    }

    private Tensor Window(Tensor real)
    {
        long count = Math.Min(_settings.Real, real.shape[0]);
        return real.narrow(0, (long)(_window * (real.shape[0] - count)), count);
    }

    private void Take(long of, Tensor[] points)
    {
        if (!_queue.TryGetValue(of, out var queue))
            _queue[of] = queue = [.. points.Select(point =>
                zeros(_settings.Queue, point.shape[0], device: _device).DetachFromDisposeScope())];
        int place = (_taken[of] = _taken.GetValueOrDefault(of) + 1) % _settings.Queue;
        for (int k = 0; k < queue.Length; k++)
        {
            using var to = queue[k].select(0, place);
            to.copy_(points[k]);
        }
    }

    private (Tensor[] Points, Tensor[] Scores) Points(Tensor numbers)
    {
        var (points, scores) = _spaces.Of(Pixels(numbers));
        return (InUnits(points), scores);
    }

    private Tensor[] PointsOf(Tensor numbers)
    {
        using var scope = NewDisposeScope();
        return [.. _spaces.Of(Pixels(numbers)).Points.Select(point => point.MoveToOuterDisposeScope())];
    }

    /// <summary>As an image is stored: nothing is darker than black or brighter than white.</summary>
    private Tensor Pixels(Tensor numbers) => _codec.Decode(numbers).clamp(Zero, One);

    private Tensor[] InUnits(Tensor[] points) => [.. points.Select((point, k) => point.Over(_units[k]))];

    private static Tensor[] Row(Tensor[] points, long row) => [.. points.Select(point => point.select(0, row))];

    private static Tensor[] Joined(Tensor[][] parts) =>
        [.. Enumerable.Range(0, parts[0].Length).Select(k => cat([.. parts.Select(part => part[k])]))];

    private static Tensor Sum(IEnumerable<Tensor> terms) => terms.Aggregate((a, b) => a.Plus(b));

    /// <summary>The mean distance of two of some points; 0 where that is not known.</summary>
    private static double Spread(Tensor points)
    {
        long half = Math.Min(Measured, points.shape[0] / 2);
        return half == 0 ? 0 : cdist(points.narrow(0, 0, half), points.narrow(0, half, half)).mean().item<float>();
    }
}
