using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>The running averages of a training as tensors, the first of them as a network.</summary>
internal sealed class WeightAverages : IDisposable
{
    private readonly WeightAverage _rule;
    private readonly FlatParameters? _first;
    private readonly Tensor[] _averages; // each [P]

    /// <summary>Starts from the weights as they are.</summary>
    /// <param name="training">Which averages.</param>
    /// <param name="task">Makes the network that has the first.</param>
    /// <param name="network">The network that is trained, on <paramref name="device"/>.</param>
    /// <param name="weights">Its weights, flat: [P].</param>
    /// <param name="device">Where.</param>
    public WeightAverages(TrainingConfig training, TrainingTask task, nn.Module network, Tensor weights, Device device)
    {
        _rule = training.Average;
        if (_rule.Count == 0)
        {
            _averages = [];
            return;
        }
        Network = task.BuildFor(training).to(device);
        Network.CopyFrozenFrom(network);
        _first = FlatParameters.Of(Network);
        using var noGrad = no_grad();
        _first.Weights.copy_(weights);
        var others = Enumerable.Range(1, _rule.Count - 1).Select(_ => weights.clone().DetachFromDisposeScope());
        _averages = [_first.Weights, .. others];
    }

    /// <summary>A network with the first average as its weights; null where there is none.</summary>
    public nn.Module? Network { get; }

    /// <summary>The averages: each [P].</summary>
    public IReadOnlyList<Tensor> Tensors => _averages;

    /// <summary>Takes the newest weights in.</summary>
    /// <param name="weights">[P].</param>
    /// <param name="step">The step that made them, counted from 1.</param>
    /// <param name="threads">On a CPU, where memory is what takes the time, these share the work.</param>
    public void Update(Tensor weights, long step, WorkerThreads threads)
    {
        if (_averages.Length == 0)
            return;
        if (weights.device.type != DeviceType.CPU)
        {
            Update(weights, step, 0, weights.numel());
            return;
        }
        const int Vectors = 64; // whole ones, so that the number of threads changes no bit
        long part = (weights.numel() / Vectors / threads.Count + 1) * Vectors;
        threads.Run(thread =>
        {
            long start = thread * part, end = Math.Min(weights.numel(), start + part);
            if (start < end)
                Update(weights, step, start, end - start);
        });
    }

    private void Update(Tensor weights, long step, long start, long count)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        for (int i = 0; i < _averages.Length; i++)
            _averages[i].narrow(0, start, count).lerp_(
                weights.narrow(0, start, count), tensor(_rule.NewestWeight(i, step), weights.dtype, weights.device));
    }

    public void Dispose()
    {
        foreach (var average in _averages.Skip(1))
            average.Dispose();
        _first?.Dispose();
        Network?.Dispose();
    }
}
