using Mezzotint.Data;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>
/// The hot path of training: the gradient of one batch, shared out over replicas of the network, and one step of the optimiser.
/// </summary>
/// <remarks>
/// Each thread has a replica that shares the weights and has gradients of its own, takes its part of the batch (the images are
/// independent: no layer mixes them), and the gradients are added in the order of the replicas. The result depends on their number, by rounding alone,
/// and on nothing else.
/// </remarks>
public sealed class TrainingStep : IDisposable
{
    private readonly UNet[] _networks;
    private readonly FlatParameters[] _parameters;
    private readonly VarianceExploding _process;
    private readonly WorkerThreads _threads;
    private readonly Device _device;
    private readonly Tensor[] _losses;

    /// <summary>Moves the network's parameters to flat storage and makes its replicas.</summary>
    /// <param name="network">What is trained; it stays usable, and always has the current weights.</param>
    /// <param name="process">How images become noise.</param>
    /// <param name="adam">Makes the optimiser for the flat weights.</param>
    /// <param name="threads">One replica a thread.</param>
    /// <param name="device">Where the network is.</param>
    public TrainingStep(UNet network, VarianceExploding process, Func<Tensor, Adam> adam, WorkerThreads threads, Device device)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(adam);
        ArgumentNullException.ThrowIfNull(threads);
        (_process, _threads, _device) = (process, threads, device);
        var flat = FlatParameters.Of(network);
        _networks = [network, .. Enumerable.Range(1, threads.Count - 1).Select(_ => new UNet(network.Config).to(device))];
        _parameters = [flat, .. _networks.Skip(1).Select(flat.Share)];
        for (int i = 1; i < _networks.Length; i++)
            _networks[i].CopyFrozenFrom(network);
        _losses = [.. _networks.Select(_ => zeros(1, device: device))];
        Optimiser = adam(flat.Weights);
    }

    /// <summary>The weights, all in one: [P].</summary>
    public Tensor Weights => _parameters[0].Weights;

    /// <summary>The optimiser with its moments.</summary>
    public Adam Optimiser { get; }

    /// <summary>Trains one batch.</summary>
    /// <param name="data">Where the images are.</param>
    /// <param name="indices">Which of them: int64 [B].</param>
    /// <param name="generator">Draws the times and the noise of the batch.</param>
    /// <param name="learningRate">The optimiser's step size.</param>
    /// <param name="step">Which step this is, counted from 1.</param>
    /// <param name="loss">Receives the mean loss of the batch, before the step: a tensor of one element.</param>
    public void Run(ResidentImages data, Tensor indices, Generator generator, double learningRate, long step, Tensor loss)
    {
        using var scope = NewDisposeScope();
        long batch = indices.shape[0];
        var (channels, height, width) = data.Shape;
        var draw = NoiseDraw.From(generator, _process, batch, channels, height, width);
        _threads.Run(replica => Backward(replica, data, indices, draw));

        using var noGrad = no_grad();
        loss.zero_();
        for (int i = 0; i < _networks.Length; i++)
            loss.AddInPlace(_losses[i]);
        var gradients = _parameters[0].Gradients;
        for (int i = 1; i < _networks.Length; i++)
        {
            gradients.AddInPlace(_parameters[i].Gradients);
            _parameters[i].Gradients.zero_();
        }
        Optimiser.Step(Weights, gradients, learningRate, step);
        gradients.zero_();
    }

    private void Backward(int replica, ResidentImages data, Tensor indices, NoiseDraw draw)
    {
        using var scope = NewDisposeScope(); // scopes belong to their thread: what is made here must be made inside it
        _losses[replica].zero_();
        long batch = indices.shape[0];
        var (start, count) = Part(batch, replica);
        if (count == 0)
            return; // a last batch smaller than the number of replicas
        var (images, labels) = data.Batch(indices.narrow(0, start, count).to(_device));
        var part = draw.Slice(start, count).To(_device);
        var loss = ScoreMatchingLoss.PerImage(_networks[replica], _process, images, labels, part).sum().Over(batch);
        loss.backward();
        using var noGrad = no_grad();
        _losses[replica].copy_(loss);
    }

    private (long Start, long Count) Part(long batch, int replica)
    {
        long start = batch * replica / _networks.Length;
        return (start, batch * (replica + 1) / _networks.Length - start);
    }

    /// <summary>Frees gradients, moments and replicas; the network given at the start stays.</summary>
    public void Dispose()
    {
        foreach (var parameters in _parameters)
            parameters.Dispose();
        foreach (var replica in _networks.Skip(1))
            replica.Dispose();
        foreach (var loss in _losses)
            loss.Dispose();
        Optimiser.Dispose();
    }
}
