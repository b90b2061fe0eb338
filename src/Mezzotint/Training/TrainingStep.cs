using Mezzotint.Data;
using Mezzotint.Engine;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>
/// The hot path of training: the gradient of one batch, shared out over replicas of the network, and one step of the optimiser.
/// </summary>
/// <remarks>
/// Each thread has a replica that shares the weights and has gradients of its own, takes its part of the batch (the images are
/// independent: no layer mixes them), and the gradients are added in the order of the replicas. The result depends on their
/// number, by rounding alone, and on nothing else. Several processes have as many replicas each; the sum goes over all of them in
/// the order of processes, and each takes the optimiser's step by itself.
/// </remarks>
public sealed class TrainingStep : IDisposable
{
    private readonly TrainingTask _task;
    private readonly TrainingConfig _training;
    private readonly WorkerThreads _threads;
    private readonly Device _device;
    private readonly Exchange _exchange;
    private readonly nn.Module[] _networks; // those of this process
    private readonly FlatParameters[] _parameters;
    private readonly LowRankWeights? _lowRank; // what is trained instead of the weights
    private readonly Tensor[] _losses, _gradients; // of each replica
    private readonly GradientExchange _gradientExchange;
    private readonly OptimiserStep _optimiserStep;
    private Replica[] _replicas = []; // for images of _size
    private (long Height, long Width) _size;

    /// <summary>Moves the network's parameters to flat storage and makes its replicas.</summary>
    /// <param name="task">What is learned.</param>
    /// <param name="network">What is trained, of the task's making; it stays usable, and always has the current weights.</param>
    /// <param name="training">Adam's decays, the bound of the gradient and the precision.</param>
    /// <param name="threads">One replica a thread.</param>
    /// <param name="device">Where the network is.</param>
    /// <param name="exchange">The processes that share each batch; null for this one alone.</param>
    public TrainingStep(TrainingTask task, nn.Module network, TrainingConfig training, WorkerThreads threads, Device device,
        Exchange? exchange = null)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(training);
        ArgumentNullException.ThrowIfNull(threads);
        (_task, _training, _threads, _device) = (task, training, threads, device);
        _exchange = exchange ?? Exchange.Alone;
        _networks = [network, .. Enumerable.Range(1, threads.Count - 1).Select(_ => task.BuildFor(training).to(device))];
        var flat = FlatParameters.Of(network);
        _parameters = [flat, .. _networks.Skip(1).Select(flat.Share)];
        TakeFrozen();
        if (training.LowRank.Rank > 0)
            _lowRank = new LowRankWeights(network, flat.Weights, training.LowRank, threads.Count, training.Seed);
        _losses = [.. _networks.Select(_ => zeros(1, device: device))];
        _gradients = [.. _parameters.Select(parameters => parameters.Gradients)];
        Optimiser = new Adam(Weights, training.Beta1, training.Beta2, training.WeightDecay);
        _gradientExchange = new(_exchange, device, training.Exchange == ComputePrecision.Bfloat16);
        _optimiserStep = new(training, threads, device, Optimiser);
    }

    /// <summary>What is trained, all in one: the weights, or the low-rank changes of them, [P].</summary>
    public Tensor Weights => _lowRank?.Weights ?? _parameters[0].Weights;

    /// <summary>The low-rank changes; null where the weights themselves are trained.</summary>
    internal LowRankWeights? LowRank => _lowRank;

    /// <summary>What all replicas and processes have in common beside <see cref="Weights"/>.</summary>
    internal IEnumerable<Tensor> Kept =>
        [.. _networks[0].parameters(), .. _networks[0].buffers(), .. _lowRank is null ? Array.Empty<Tensor>() : [_lowRank.Base]];

    /// <summary>The optimiser with its moments.</summary>
    public Adam Optimiser { get; }

    /// <summary>Trains one batch.</summary>
    /// <param name="data">Where the images are.</param>
    /// <param name="indices">Which of them: int64 [B].</param>
    /// <param name="generator">Draws what the task leaves to chance.</param>
    /// <param name="learningRate">The optimiser's step size.</param>
    /// <param name="step">Which step this is, counted from 1.</param>
    /// <param name="progress">The part of the training that is done, 0 to 1.</param>
    /// <param name="loss">Receives the mean loss of the batch, before the step: a tensor of one element.</param>
    public void Run(
        ResidentImages data, Tensor indices, Generator generator, double learningRate, long step, double progress, Tensor loss)
    {
        using var scope = NewDisposeScope();
        var draw = _task.Draw(generator, data, indices, progress);
        MakeReplicas(data.Shape.Height, data.Shape.Width);
        if (_task is CoupledTask coupled)
            CoupledGradients.Add(
                coupled, _networks, _threads, replica => PartOf(replica, data, indices, draw), draw.MoveTo(_device), _losses[0],
                _parameters[0].Gradients, _exchange);
        else
        {
            if (_lowRank is null)
                _gradientExchange.Begin(_gradients);
            _threads.Run(replica => Backward(replica, data, indices, draw));
        }
        if (_lowRank is not null)
            _threads.Run(replica => _lowRank.Take(replica, _parameters[replica].Gradients));

        using var noGrad = no_grad();
        var gradients = _lowRank?.Gradients ?? _gradients;
        _gradientExchange.Complete(gradients);
        _gradientExchange.Sum(_losses, rounded: false);
        loss.zero_();
        foreach (var part in _losses)
            loss.AddInPlace(part);
        _optimiserStep.Take(Weights, gradients, learningRate, step);
        _lowRank?.Apply();
    }

    /// <summary>To be called when <see cref="Weights"/> or <see cref="Kept"/> have been written from outside.</summary>
    internal void Refresh()
    {
        TakeFrozen();
        _lowRank?.Apply();
    }

    private void TakeFrozen()
    {
        foreach (var other in _networks.Skip(1))
            other.CopyFrozenFrom(_networks[0]);
    }

    /// <summary>The gradients of a replica's part of the batch.</summary>
    private void Backward(int replica, ResidentImages data, Tensor indices, BatchDraw draw)
    {
        using var scope = NewDisposeScope(); // scopes belong to their thread: what is made here must be made inside it
        _losses[replica].zero_();
        var final = _gradientExchange.Of(replica, _gradients[replica]);
        if (PartOf(replica, data, indices, draw) is { } part)
        {
            _replicas[replica].Final = final;
            _replicas[replica].Backward(part.Images, part.Labels, part.Draw, indices.shape[0], _losses[replica]);
        }
        final?.Invoke(0); // all of them
    }

    /// <summary>A replica's part; null where a last batch is smaller than the number of replicas.</summary>
    private BatchPart? PartOf(int replica, ResidentImages data, Tensor indices, BatchDraw draw)
    {
        long batch = indices.shape[0], mine = _networks.Length, all = _exchange.Size * mine;
        long own = _exchange.Rank * mine + replica;
        long start = batch * own / all, count = batch * (own + 1) / all - start;
        if (count == 0)
            return null;
        var (images, labels) = data.Batch(indices.narrow(0, start, count).to(_device));
        return new(start, images, labels, draw.Slice(start, count).MoveTo(_device));
    }

    /// <summary>An engine knows its weights by where they are, so it is made once those have moved to flat storage.</summary>
    private void MakeReplicas(long height, long width)
    {
        if (_size == (height, width))
            return;
        foreach (var replica in _replicas)
            replica.Dispose();
        _size = (height, width);
        _replicas = [.. _networks.Select(network => _task.NewReplica(
            network, (int)height, (int)width, _device, _training.Precision, training: true).InPieces(_training.Accumulate))];
    }

    /// <summary>Frees gradients, moments and replicas; the network given at the start stays.</summary>
    public void Dispose()
    {
        foreach (var replica in _replicas)
            replica.Dispose();
        foreach (var parameters in _parameters)
            parameters.Dispose();
        foreach (var network in _networks.Skip(1))
            network.Dispose();
        foreach (var loss in _losses)
            loss.Dispose();
        _lowRank?.Dispose();
        Optimiser.Dispose();
    }
}
