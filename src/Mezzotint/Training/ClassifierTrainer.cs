using Mezzotint.Data;
using Mezzotint.Networks.Classifiers;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>How a classifier is trained.</summary>
public sealed record ClassifierTraining
{
    /// <summary>Passes over the training images.</summary>
    public int Epochs { get; init; } = 16;

    /// <summary>Images a step.</summary>
    public int BatchSize { get; init; } = 128;

    /// <summary>The largest step size of Adam: reached after a twentieth of the steps, then led down to 0 along a cosine.</summary>
    public double LearningRate { get; init; } = 2e-3;

    /// <summary>The share of the target that is spread over all classes: Szegedy et al. 2016, arXiv 1512.00567, section 7.</summary>
    public double LabelSmoothing { get; init; } = 0.1;

    /// <summary>Decay of the running average of the weights, which is what is tested and kept.</summary>
    public double AverageDecay { get; init; } = 0.998;

    /// <summary>Of the first weights, the order of the images and the augmentation: 0 to 2^32 - 1.</summary>
    public long Seed { get; init; } = 42;

    /// <summary>Checks the ranges.</summary>
    /// <exception cref="MezzotintException">A setting is out of its range; the message names it.</exception>
    public void Validate()
    {
        Check.Range("epochs", Epochs, Epochs is >= 1 and <= 10_000, "between 1 and 10000");
        Check.Range("batch size", BatchSize, BatchSize is >= 1 and <= 65_536, "between 1 and 65536");
        Check.Range("learning rate", LearningRate, LearningRate is > 0 and < 1, "above 0 and below 1");
        Check.Range("label smoothing", LabelSmoothing, LabelSmoothing is >= 0 and < 1, "0 or more and below 1");
        Check.Range("average decay", AverageDecay, AverageDecay is >= 0 and < 1, "0 or more and below 1");
        Check.Range("seed", Seed, Seed is >= 0 and <= uint.MaxValue, "between 0 and 4294967295");
    }
}

/// <summary>
/// The training of a classifier, a step at a time: cross-entropy on bent images, Adam, and a running average of the weights. The numbers of step n follow
/// from the seed and n alone; the result depends on the number of threads by rounding, and on nothing else.
/// </summary>
public sealed class ClassifierTrainer : IDisposable
{
    private readonly ClassifierTraining _training;
    private readonly ResidentImages _data;
    private readonly WorkerThreads _threads;
    private readonly Classifier[] _networks;      // one a thread; they share their weights
    private readonly FlatParameters[] _parameters;
    private readonly FlatParameters _average;
    private readonly Adam _adam;
    private readonly double[] _losses;            // of each thread's part
    private Tensor? _order;

    /// <summary>Builds the network and its replicas.</summary>
    /// <param name="config">Its shape.</param>
    /// <param name="training">How it is trained.</param>
    /// <param name="train">What it learns from.</param>
    /// <param name="threads">A batch is shared out over these.</param>
    /// <exception cref="MezzotintException">A setting is out of its range, or the images do not fit the shape.</exception>
    public ClassifierTrainer(ClassifierConfig config, ClassifierTraining training, ImageSet train, WorkerThreads threads)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(training);
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(threads);
        config.Validate();
        training.Validate();
        if ((train.Channels, train.Height, train.Width, train.ClassNames.Count) != (config.Channels, config.Height, config.Width, config.Classes) || train.Count == 0)
            throw new MezzotintException($"{train.Name} has {train.Count} images of {train.Channels} x {train.Height} x {train.Width} in {train.ClassNames.Count} classes: they do not fit the classifier.");
        (_training, _threads) = (training, threads);
        _data = new ResidentImages(train, CPU);
        _networks = [.. Enumerable.Range(0, threads.Count).Select(_ => Classifier.Create(config, training.Seed))];
        var flat = FlatParameters.Of(_networks[0]);
        _parameters = [flat, .. _networks.Skip(1).Select(flat.Share)];
        _adam = new Adam(flat.Weights);
        _losses = new double[threads.Count];
        Network = Classifier.Create(config, training.Seed);
        _average = FlatParameters.Of(Network);
    }

    /// <summary>The classifier with the averaged weights, as it is tested and kept.</summary>
    public Classifier Network { get; }

    /// <summary>Steps done.</summary>
    public long Step { get; private set; }

    /// <summary>Steps of an epoch: the last, smaller batch is kept.</summary>
    public int StepsPerEpoch => (_data.Count + _training.BatchSize - 1) / _training.BatchSize;

    /// <summary>Steps of the whole training.</summary>
    public long TotalSteps => (long)StepsPerEpoch * _training.Epochs;

    /// <summary>Does one step.</summary>
    /// <returns>The mean loss of its images.</returns>
    /// <exception cref="MezzotintException">The loss is not a finite number.</exception>
    public double TrainStep()
    {
        using var scope = NewDisposeScope();
        long position = Step % StepsPerEpoch * _training.BatchSize;
        long batch = Math.Min(_training.BatchSize, _data.Count - position);
        var indices = EpochOrder(Step / StepsPerEpoch).narrow(0, position, batch);
        using var generator = RandomSeeds.Generator(_training.Seed, RandomPurpose.Augmentation, Step);
        var augmentation = Augmentation.From(generator, batch);
        _threads.Run(replica => Backward(replica, indices, augmentation));

        using var noGrad = no_grad();
        var gradients = _parameters[0].Gradients;
        for (int i = 1; i < _parameters.Length; i++)
        {
            gradients.AddInPlace(_parameters[i].Gradients);
            _parameters[i].Gradients.zero_();
        }
        _adam.Step(_parameters[0].Weights, gradients, LearningRate(Step), Step + 1);
        gradients.zero_();
        // The first weights are worth little: early on the average forgets faster.
        var taken = tensor((float)(1 - Math.Min(_training.AverageDecay, (1.0 + Step) / (10.0 + Step)))); // lerp_ takes a tensor
        _average.Weights.lerp_(_parameters[0].Weights, taken);
        Step++;
        double loss = _losses.Sum();
        return double.IsFinite(loss) ? loss : throw new MezzotintException($"The loss is not a finite number at step {Step}: the weights have run away. Lower the learning rate (now {_training.LearningRate}).");
    }

    /// <summary>The step size of step <paramref name="step"/>, counted from 0.</summary>
    internal double LearningRate(long step)
    {
        double warmUp = Math.Max(1, TotalSteps / 20);
        return _training.LearningRate * (step < warmUp ? (step + 1) / warmUp : (1 + Math.Cos(Math.PI * (step - warmUp) / (TotalSteps - warmUp))) / 2);
    }

    private void Backward(int replica, Tensor indices, Augmentation augmentation)
    {
        using var scope = NewDisposeScope(); // scopes belong to their thread
        long batch = indices.shape[0], start = batch * replica / _networks.Length, count = batch * (replica + 1) / _networks.Length - start;
        _losses[replica] = 0;
        if (count == 0)
            return; // a last batch smaller than the number of threads
        var (images, labels) = _data.Batch(indices.narrow(0, start, count));
        var scores = _networks[replica].call(augmentation.Slice(start, count).Apply(images));
        var loss = nn.functional.cross_entropy(scores, labels.squeeze(1), reduction: nn.Reduction.Sum, label_smoothing: _training.LabelSmoothing).Over(batch);
        loss.backward();
        _losses[replica] = loss.item<float>();
    }

    private Tensor EpochOrder(long epoch)
    {
        if (_order is null || Step % StepsPerEpoch == 0)
        {
            _order?.Dispose();
            using var generator = RandomSeeds.Generator(_training.Seed, RandomPurpose.Shuffle, epoch);
            _order = randperm(_data.Count, generator: generator).DetachFromDisposeScope();
        }
        return _order;
    }

    /// <summary>Frees everything but <see cref="Network"/>.</summary>
    public void Dispose()
    {
        foreach (var parameters in _parameters)
            parameters.Dispose();
        foreach (var network in _networks)
            network.Dispose();
        _average.Dispose();
        _adam.Dispose();
        _data.Dispose();
        _order?.Dispose();
    }
}
