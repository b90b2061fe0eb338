using Mezzotint.Data;
using Mezzotint.Engine;
using Mezzotint.Networks;
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
    private readonly DenoisingNetwork[] _networks;
    private readonly FlatParameters[] _parameters;
    private readonly TrainingObjective _objective;
    private readonly double _labelDropout, _gradientClip;
    private readonly WorkerThreads _threads;
    private readonly Device _device;
    private readonly Tensor[] _losses;
    private readonly bool _bfloat16;
    private NetworkEngine[] _engines = []; // one a replica where there are engines for the network and the size of the images
    private (long Height, long Width) _engineSize;

    /// <summary>Moves the network's parameters to flat storage and makes its replicas.</summary>
    /// <param name="network">What is trained; it stays usable, and always has the current weights.</param>
    /// <param name="config">The objective, label dropout and the bound of the gradient.</param>
    /// <param name="adam">Makes the optimiser for the flat weights.</param>
    /// <param name="threads">One replica a thread.</param>
    /// <param name="device">Where the network is.</param>
    public TrainingStep(DenoisingNetwork network, ExperimentConfig config, Func<Tensor, Adam> adam, WorkerThreads threads, Device device)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(adam);
        ArgumentNullException.ThrowIfNull(threads);
        ArgumentNullException.ThrowIfNull(config);
        (_objective, _threads, _device) = (config.Objective, threads, device);
        (_labelDropout, _gradientClip) = (config.Training.LabelDropout, config.Training.GradientClip);
        _bfloat16 = ComputePrecision.Resolve(config.Training.Precision, device, network.Config) == ComputePrecision.Bfloat16;
        var flat = FlatParameters.Of(network);
        _networks = [network, .. Enumerable.Range(1, threads.Count - 1).Select(_ => network.Config.Build().to(device))];
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
    /// <param name="progress">The part of the training that is done, 0 to 1.</param>
    /// <param name="loss">Receives the mean loss of the batch, before the step: a tensor of one element.</param>
    public void Run(ResidentImages data, Tensor indices, Generator generator, double learningRate, long step, double progress, Tensor loss)
    {
        using var scope = NewDisposeScope();
        long batch = indices.shape[0];
        var (channels, height, width) = data.Shape;
        var draw = NoiseDraw.From(generator, _objective, batch, channels, height, width, _labelDropout, progress);
        if (_engineSize != (height, width))
            MakeEngines((int)height, (int)width);
        _threads.Run(replica => Backward(replica, data, indices, draw));

        using var noGrad = no_grad();
        loss.zero_();
        for (int i = 0; i < _networks.Length; i++)
            loss.AddInPlace(_losses[i]);
        if (_device.type == DeviceType.CPU)
        {
            StepInParts(learningRate, step);
            return;
        }
        var gradients = _parameters[0].Gradients;
        for (int i = 1; i < _networks.Length; i++)
        {
            gradients.AddInPlace(_parameters[i].Gradients);
            _parameters[i].Gradients.zero_();
        }
        if (_gradientClip > 0)
            Clip(gradients);
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
        if (part.Dropped is not null)
        {
            using Scalar noLabel = _networks[replica].Config.NoLabel!.Value;
            labels = labels.masked_fill(part.Dropped, noLabel);
        }
        if (_engines.Length > 0)
        {
            EngineBackward(_engines[replica], images, labels, part, batch, _losses[replica]);
            return;
        }
        var loss = DenoisingLoss.PerImage(_networks[replica], images, labels, part).sum().Over(batch);
        loss.backward();
        using var noGrad = no_grad();
        _losses[replica].copy_(loss);
    }

    /// <summary>The engines know their weights by where they are, so they are made once those have moved to flat storage.</summary>
    private void MakeEngines(int height, int width)
    {
        foreach (var engine in _engines)
            engine.Dispose();
        _engineSize = (height, width);
        _engines = _device.type == DeviceType.CPU ? [.. _networks.Select(network => NetworkEngine.For(network, height, width, _bfloat16, training: true)).OfType<NetworkEngine>()] : [];
    }

    private static void EngineBackward(NetworkEngine engine, Tensor images, Tensor labels, NoiseDraw draw, long batch, Tensor loss)
    {
        using var noGrad = no_grad();
        engine.Pack();
        var terms = DenoisingLoss.Terms((x, t, condition) => NetworkEvaluator.Evaluate(engine, x, t, condition), images, labels, draw);
        using Scalar mean = terms.Backward(engine, labels, batch);
        engine.TakeGradients();
        loss.fill_(mean);
    }

    /// <summary>The sum of the replicas' gradients, and the optimiser, in one pass that the threads share.</summary>
    private void StepInParts(double learningRate, long step)
    {
        Tensor[] gradients = [.. _parameters.Select(parameters => parameters.Gradients)];
        long count = Weights.numel();
        float factor = _gradientClip > 0 ? (float)Math.Min(1, _gradientClip / Norm(gradients)) : 1;
        _threads.Run(replica =>
        {
            var (start, length) = Part(count, replica);
            Optimiser.StepPart(Weights, gradients, factor, learningRate, step, start, length);
        });
    }

    /// <summary>|the sum|.</summary>
    private static double Norm(Tensor[] gradients)
    {
        using var scope = NewDisposeScope();
        var sum = gradients[0];
        for (int i = 1; i < gradients.Length; i++)
            sum = sum.Plus(gradients[i]);
        return sum.norm().item<float>();
    }

    /// <summary>g = g min(1, clip / |g|), without waiting for the norm.</summary>
    private void Clip(Tensor gradients)
    {
        using var bound = tensor(_gradientClip, gradients.dtype, gradients.device);
        using var one = tensor(1.0, gradients.dtype, gradients.device);
        gradients.mul_((bound / gradients.norm()).minimum(one));
    }

    private (long Start, long Count) Part(long batch, int replica)
    {
        long start = batch * replica / _networks.Length;
        return (start, batch * (replica + 1) / _networks.Length - start);
    }

    /// <summary>Frees gradients, moments and replicas; the network given at the start stays.</summary>
    public void Dispose()
    {
        foreach (var engine in _engines)
            engine.Dispose();
        foreach (var parameters in _parameters)
            parameters.Dispose();
        foreach (var replica in _networks.Skip(1))
            replica.Dispose();
        foreach (var loss in _losses)
            loss.Dispose();
        Optimiser.Dispose();
    }
}
