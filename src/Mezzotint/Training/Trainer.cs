using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>
/// The training of one network for a <see cref="TrainingTask"/>, as a state that moves on by one step at a time: what a training
/// run drives and keeps in files.
/// </summary>
public sealed class Trainer : IDisposable
{
    /// <summary>Losses are read back from the device this often: at each step it would have to wait for the network.</summary>
    private const int LossesBetweenReads = 10;

    /// <summary>
    /// Weights have run away when their loss on the probe is more than this many times that of the untrained network, with the
    /// same times and noise. An untrained network predicts about nothing; no training that learns comes near ten times its error.
    /// </summary>
    private const double LargestLossGrowth = 10;

    /// <summary>The first test images, on which the trained weights are probed before they are kept.</summary>
    private const int ProbeImages = 64, ProbeBatch = 16;

    private readonly TrainingTask _task;
    private readonly TrainingConfig _training;
    private readonly ResidentImages _train, _test, _probe;
    private readonly double _untrainedLoss; // on the probe, of the network with the fresh weights of its seed
    private readonly WorkerThreads _threads;
    private readonly Exchange _exchange;
    private readonly nn.Module _network;
    private readonly WeightAverages _averages;
    private readonly TrainingStep _trainingStep;
    private readonly Tensor _losses;      // [LossesBetweenReads]: those not read yet
    private Tensor? _order;               // int64 [N]: the images of the current epoch in their order
    private long _orderEpoch = -1;
    private int _unread;

    /// <summary>Builds the network and puts the data on the device.</summary>
    /// <param name="task">What is learned.</param>
    /// <param name="training">How.</param>
    /// <param name="train">From which images.</param>
    /// <param name="test">What the loss is evaluated on.</param>
    /// <param name="device">Where; the CPU unless told otherwise.</param>
    /// <param name="start">A network of the same shape whose weights are begun with; null for random ones. It stays the
    /// caller's.</param>
    /// <param name="exchange">The processes that train together, each with a trainer of the same settings and data; null for this
    /// one alone. Process 0 is the one that calls; the others are in <see cref="Follow"/>.</param>
    /// <exception cref="MezzotintException">The data do not fit the network, the network to begin with is of another shape, or
    /// the settings make numbers that are not finite.</exception>
    public Trainer(
        TrainingTask task, TrainingConfig training, ImageSet train, ImageSet test, Device? device = null,
        nn.Module? start = null, Exchange? exchange = null)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(training);
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(test);
        training.Validate();
        task.Check(train);
        task.Check(test);
        DataFit.CheckSize(train, test);
        Libtorch.Load();
        device ??= CPU;
        (_task, _training) = (task, training);
        _exchange = exchange ?? Exchange.Alone;
        _threads = new WorkerThreads(training.ReplicasOf(_exchange));
        _train = new ResidentImages(train, device, task.Codec);
        _test = new ResidentImages(test, device, task.Codec);
        _probe = new ResidentImages(test.Take(Math.Min(ProbeImages, test.Count)), device, task.Codec);
        _network = task.BuildFor(training, training.Seed).to(device);
        _untrainedLoss = Probe();
        if (!double.IsFinite(_untrainedLoss))
            throw Unsound("loss of the untrained network", _untrainedLoss, updates: 0);
        if (start is DenoisingNetwork begun && task is DenoisingTask)
            PromptedNetwork.Parts(_network).Denoiser.CopyFrom(begun, training.NewClasses);
        else if (start is not null)
            _network.CopyFrom(start);
        _trainingStep = new TrainingStep(task, _network, training, _threads, device, _exchange);
        _losses = zeros(LossesBetweenReads, device: device);
        _averages = new WeightAverages(training, task, _network, _trainingStep.Weights, device);
    }

    /// <summary>Builds the network of an experiment.</summary>
    /// <param name="config">The experiment; <see cref="TrainingConfig.Replicas"/> is not 0 any more.</param>
    /// <param name="train">What is learned.</param>
    /// <param name="test">What the loss is evaluated on.</param>
    /// <param name="device">Where; the CPU unless told otherwise.</param>
    /// <param name="start">A network of the same shape whose weights are begun with; null for random ones. It stays the
    /// caller's.</param>
    /// <param name="begun">The shape of the network whose checkpoint is to be restored, which may know more classes than the data
    /// have; null for that of <paramref name="start"/>: see <see cref="ExperimentConfig.Fit"/>.</param>
    /// <param name="exchange">The processes that train together; null for this one alone.</param>
    /// <exception cref="MezzotintException">As for a task; or the training does not fit into memory.</exception>
    public Trainer(
        ExperimentConfig config, ImageSet train, ImageSet test, Device? device = null, DenoisingNetwork? start = null,
        NetworkConfig? begun = null, Exchange? exchange = null)
        : this(config, train, test, device, start, begun, exchange, teacher: start)
    {
    }

    /// <summary>The same with a teacher beside it, for <see cref="ConsistencyDistillation"/>.</summary>
    internal Trainer(
        ExperimentConfig config, ImageSet train, ImageSet test, Device? device, DenoisingNetwork? start,
        NetworkConfig? begun, Exchange? exchange, DenoisingNetwork? teacher)
        : this(Fitted(config, train, device, start, begun, teacher, exchange),
            config.Training, train, test, device, start, exchange)
    {
    }

    /// <summary>Steps done since the beginning.</summary>
    public long Step { get; private set; }

    /// <summary>Steps of an epoch: the last, smaller batch is kept.</summary>
    public int StepsPerEpoch => EpochSteps > 0 ? EpochSteps : (ImagesPerEpoch + _training.BatchSize - 1) / _training.BatchSize;

    /// <summary>Steps of an epoch where they do not follow from the images, which are then taken in one order after another; else
    /// 0.</summary>
    internal int EpochSteps { get; init; }

    /// <summary>Whole epochs done.</summary>
    public int EpochsDone => (int)(Step / StepsPerEpoch);

    /// <summary>The images that the next step takes.</summary>
    public int NextBatchSize => Math.Min(_training.BatchSize, ImagesPerEpoch - (int)(Step % StepsPerEpoch) * _training.BatchSize);

    /// <summary>The network as it is evaluated and saved: the running average where there is one, else the trained one
    /// itself.</summary>
    public nn.Module Network => _averages.Network ?? _network;

    /// <summary>Steps of the whole training.</summary>
    public long TotalSteps => (long)StepsPerEpoch * _training.Epochs;

    /// <summary>The step size of the last step, schedule included; before the first, that of the first.</summary>
    public double LearningRate => _training.LearningRate * _training.Schedule.Factor(Math.Max(Step, 1), TotalSteps);

    /// <summary>Keeps the averages in the folder of the snapshots.</summary>
    public void WriteAverages(string folder) =>
        AverageSnapshots.Write(folder, Step, ((PowerAverage)_training.Average).Widths, _averages.Tensors);

    /// <summary>The low-rank changes of the network's weights, by layer; none where the weights themselves are trained.</summary>
    internal IReadOnlyList<LowRankChange> Changes => _trainingStep.LowRank?.Changes ?? [];

    /// <summary>Does one step.</summary>
    /// <exception cref="MezzotintException">The processes have other weights than each other.</exception>
    public void TrainStep()
    {
        Order(TrainingOrder.Step);
        if (_unread == LossesBetweenReads)
            throw new InvalidOperationException(
                $"Read the losses at least every {LossesBetweenReads} steps: the next would overwrite one.");
        using var scope = NewDisposeScope();
        using var generator = RandomSeeds.Generator(_training.Seed, _task.Randomness, Step);
        long position = Step % StepsPerEpoch * _training.BatchSize;
        var indices = EpochOrder(Step / StepsPerEpoch).narrow(0, position, NextBatchSize);
        double rate = _training.LearningRate * _training.Schedule.Factor(Step + 1, TotalSteps);
        double progress = (double)Step / TotalSteps;
        _trainingStep.Run(_train, indices, generator, rate, Step + 1, progress, _losses.narrow(0, _unread++, 1));
        Step++;
        _averages.Update(_trainingStep.Weights, Step, _threads);
        if (!_exchange.IsAlone && _training.CompareEvery > 0 && Step % _training.CompareEvery == 0)
            WeightComparison.Check(_exchange, _trainingStep.Weights, Step);
    }

    /// <summary>At process 0, before the first step: takes its state, weights and all, to the others.</summary>
    public void Share()
    {
        if (_exchange.IsAlone)
            return;
        Order(TrainingOrder.Share);
        Step = _exchange.Broadcast(Step);
        foreach (var tensor in _trainingStep.Kept.Concat(State().Select(named => named.Tensor)))
            Share(tensor);
        Refresh();
    }

    /// <summary>At the other processes: does what process 0 does, until its trainer is disposed.</summary>
    public void Follow()
    {
        while (true)
        {
            switch ((TrainingOrder)_exchange.Await())
            {
                case TrainingOrder.Step:
                    TrainStep();
                    _unread = 0; // process 0 reads the losses
                    break;
                case TrainingOrder.Evaluate:
                    Evaluate();
                    break;
                case TrainingOrder.Share:
                    Share();
                    break;
                default:
                    return;
            }
        }
    }

    /// <summary>What process 0 wants of the others.</summary>
    private enum TrainingOrder
    {
        Step = 1, Evaluate, Share, End,
    }

    private void Order(TrainingOrder order)
    {
        if (_exchange.IsFirst)
            _exchange.Order((int)order);
    }

    private void Share(Tensor tensor)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var here = tensor.cpu();
        _exchange.Broadcast(here.bytes);
        if (!_exchange.IsFirst && tensor.device.type != DeviceType.CPU)
            tensor.copy_(here);
    }

    /// <summary>True when <see cref="ReadLosses"/> must come before the next step.</summary>
    public bool LossesAreDue => _unread == LossesBetweenReads;

    /// <summary>The losses of the steps since the last call, oldest first.</summary>
    /// <exception cref="MezzotintException">One of them is not a finite number; the message names its step and the likely
    /// cause.</exception>
    public float[] ReadLosses()
    {
        using var scope = NewDisposeScope();
        float[] losses = _losses.narrow(0, 0, _unread).cpu().data<float>().ToArray();
        _unread = 0;
        for (int i = 0; i < losses.Length; i++)
            if (!float.IsFinite(losses[i]))
                throw Unsound("loss", losses[i], updates: Step - losses.Length + i, step: Step - losses.Length + i + 1);
        return losses;
    }

    /// <summary>The loss on the test images, with the same draws at each call.</summary>
    /// <exception cref="MezzotintException">It is not a finite number.</exception>
    public double Evaluate(CancellationToken cancellation = default)
    {
        Order(TrainingOrder.Evaluate);
        double loss = Loss(Network, _test, _training.BatchSize, _exchange, cancellation);
        return double.IsFinite(loss) ? loss : throw Unsound("loss on the test images", loss, updates: Step);
    }

    /// <summary>The task's own figures of the test images, by name.</summary>
    public IReadOnlyDictionary<string, double> Figures(CancellationToken cancellation = default) =>
        _task.Figures(Network, _test, _threads, cancellation);

    /// <summary>Makes sure that the weights have not run away: that their loss on the first test images is finite, and at most
    /// ten times that of the untrained network. Nothing of the training's state changes.</summary>
    /// <exception cref="MezzotintException">They have; the message names the step and the learning rate.</exception>
    public void CheckSound()
    {
        double loss = Probe();
        if (!(loss <= LargestLossGrowth * _untrainedLoss))
            throw Unsound("loss on the first test images", loss, updates: Step);
    }

    private double Probe() => Loss(_network, _probe, ProbeBatch, Exchange.Alone);

    private double Loss(
        nn.Module network, ResidentImages images, int batch, Exchange exchange, CancellationToken cancellation = default) =>
        LossEvaluation.Evaluate(
            _task, network, images, _threads, _training.Seed, batch, _training.Precision, exchange, cancellation).Loss;

    /// <summary>Copies of the tensors that a checkpoint holds, as they stand between two steps.</summary>
    /// <exception cref="MezzotintException">The weights are not finite numbers any more, which the next loss would show: no
    /// checkpoint may hold them.</exception>
    public IReadOnlyDictionary<string, TensorData> Tensors()
    {
        using var scope = NewDisposeScope();
        return _trainingStep.Weights.isfinite().all().item<bool>()
            ? State().ToDictionary(named => named.Name, named => named.Tensor.ToData())
            : throw Unsound("size of the weights", double.PositiveInfinity, updates: Step);
    }

    /// <summary>Takes up the state of <paramref name="checkpoint"/>.</summary>
    /// <exception cref="MezzotintException">It is of another model.</exception>
    public void Restore(Checkpoint checkpoint)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        foreach (var (name, tensor) in State())
        {
            if (!checkpoint.Tensors.TryGetValue(name, out var data) || !data.Shape.AsSpan().SequenceEqual(tensor.shape)
                || data.Type != ElementType.Float32)
                throw new MezzotintException(
                    $"The checkpoint does not fit the configuration: '{name}' should be float32 [{string.Join(", "
                    + "", tensor.shape)}]. Resume with the configuration that the run was started with.");
            data.CopyTo(tensor);
        }
        Step = checkpoint.Step;
        _unread = 0;
        Refresh();
    }

    private void Refresh()
    {
        _trainingStep.Refresh();
        _averages.Network?.CopyFrozenFrom(_network);
    }

    private IEnumerable<(string Name, Tensor Tensor)> State()
    {
        yield return ("weights", _trainingStep.Weights);
        yield return ("first_moment", _trainingStep.Optimiser.FirstMoment);
        yield return ("second_moment", _trainingStep.Optimiser.SecondMoment);
        for (int i = 0; i < _averages.Tensors.Count; i++)
            yield return ($"average_{i}", _averages.Tensors[i]);
    }

    /// <summary>Of an image and its mirror image one is taken.</summary>
    private int ImagesPerEpoch => EpochSteps > 0 ? checked(EpochSteps * _training.BatchSize)
        : checked(_train.Images.DistinctCount * _training.Repeats);

    private Tensor EpochOrder(long epoch)
    {
        if (_orderEpoch != epoch)
        {
            _order?.Dispose();
            using var generator = RandomSeeds.Generator(_training.Seed, RandomPurpose.Shuffle, epoch);
            int orders = (ImagesPerEpoch + _train.Images.DistinctCount - 1) / _train.Images.DistinctCount;
            _order = cat([.. Enumerable.Range(0, orders).Select(_ => Order(generator))]).DetachFromDisposeScope();
            _orderEpoch = epoch;
        }
        return _order!;
    }

    /// <summary>All images in some order, each as it is or mirrored, by lot: int64 [N].</summary>
    private Tensor Order(Generator generator)
    {
        long count = _train.Images.DistinctCount;
        var order = randperm(count, generator: generator);
        if (count == _train.Count)
            return order;
        using Scalar mirror = count;
        return order.AddInPlace(randint(0, 2, [count], dtype: ScalarType.Int64, generator: generator).mul_(mirror));
    }

    /// <summary>The task of an experiment, once it is known that its data and its memory fit.</summary>
    private static DenoisingTask Fitted(
        ExperimentConfig config, ImageSet train, Device? device, DenoisingNetwork? start, NetworkConfig? begun,
        DenoisingNetwork? teacher, Exchange? exchange)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(train);
        config.Validate();
        config = config.Fit(train, begun ?? start?.Config);
        if (start is not null && !StartingWeights.Fit(config.Model, start.Config))
            throw new MezzotintException(
                "The model to begin with has a network of another shape than [model] says: take its own configuration.");
        if (config.Distillation.Guidance is not null && teacher is null && exchange is not { IsFirst: false })
            throw new MezzotintException(
                "distillation.kind = \"consistency-distillation\" needs a teacher: begin with `mezzotint distill MODEL --teacher "
                + "MODEL`, which keeps it in the run folder.") { Key = "distillation.kind" };
        Libtorch.Load();
        if (device is null || device.type == DeviceType.CPU)
            TrainingMemory.Of(config, train.Height, train.Width).Check();
        return config.TaskOf(teacher);
    }

    private DivergedException Unsound(string what, double value, long updates, long? step = null) =>
        DivergedException.Of(what, value, updates, step ?? updates, LargestLossGrowth, _untrainedLoss, _training.LearningRate,
            _task.LossSettings);

    /// <summary>Frees everything, the network included; at process 0, the others leave <see cref="Follow"/>.</summary>
    public void Dispose()
    {
        Order(TrainingOrder.End);
        if (_task.LendsNetwork)
            _trainingStep.LowRank?.Revert();
        _trainingStep.Dispose();
        _network.Dispose();
        _averages.Dispose();
        _train.Dispose();
        _test.Dispose();
        _probe.Dispose();
        _losses.Dispose();
        _order?.Dispose();
        _threads.Dispose();
    }
}
