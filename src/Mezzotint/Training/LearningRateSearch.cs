using Mezzotint.Data;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>A learning rate that was tried, and the loss on the first test images right after a step of it.</summary>
/// <param name="Rate">The rate.</param>
/// <param name="Loss">The loss, with the same times and noise at each point.</param>
public readonly record struct TriedRate(double Rate, double Loss);

/// <summary>
/// A range test of the learning rate: a throw-away network is trained while the rate grows from step to step, until the loss runs
/// away. Smith 2017, "Cyclical Learning Rates for Training Neural Networks", arXiv 1506.01186, section 3.3; here the rate grows
/// evenly in its logarithm, and the loss is that of test images with fixed draws, which is less noisy than a batch's.
/// </summary>
/// <param name="Tried">The points, by rate.</param>
/// <param name="Rate">The suggestion: a tenth of the rate at which the loss was lowest, to one digit.</param>
public sealed record LearningRateSearch(IReadOnlyList<TriedRate> Tried, double Rate)
{
    private const double Lowest = 1e-6, Highest = 1;
    private const int Steps = 120, ProbeImages = 64;

    /// <summary>The loss has run away when it is so many times the lowest.</summary>
    private const double RunAway = 2;

    /// <summary>The loss is lowest where the rate is about to be too high for the many steps of a training.</summary>
    private const double Safety = 10;

    /// <summary>Searches.</summary>
    /// <param name="task">What is learned.</param>
    /// <param name="training">How; its rate and its schedule play no part, and its replicas are not 0.</param>
    /// <param name="train">From which images.</param>
    /// <param name="test">What the loss is evaluated on.</param>
    /// <param name="device">Where; the CPU unless told otherwise.</param>
    /// <param name="progress">Told each point.</param>
    /// <param name="cancellation">Stops between two steps.</param>
    /// <exception cref="MezzotintException">The data do not fit the network, or no rate lowers the loss.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static LearningRateSearch Of(
        TrainingTask task, TrainingConfig training, ImageSet train, ImageSet test, Device? device = null,
        IProgress<TriedRate>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(training);
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(test);
        task.Check(train);
        task.Check(test);
        Libtorch.Load();
        device ??= CPU;
        using var threads = new WorkerThreads(training.Replicas);
        using var images = new ResidentImages(train, device, task.Codec);
        using var probe = new ResidentImages(test.Take(Math.Min(ProbeImages, test.Count)), device, task.Codec);
        using var network = task.BuildFor(training, training.Seed).to(device);
        using var step = new TrainingStep(task, network, training, threads, device);
        double Loss() => LossEvaluation.Evaluate(
            task, network, probe, threads, training.Seed, ProbeImages, training.Precision, cancellation).Loss;
        double untrained = Loss(), lowest = untrained;
        var tried = new List<TriedRate>();
        for (int i = 0; i < Steps; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            using var generator = RandomSeeds.Generator(training.Seed, task.Randomness, i);
            var indices = randint(0, train.Count, [training.BatchSize], dtype: ScalarType.Int64, generator: generator);
            double rate = Lowest * Math.Pow(Highest / Lowest, i / (Steps - 1.0));
            step.Run(images, indices, generator, rate, i + 1, 0, zeros(1, device: device));
            var point = new TriedRate(rate, Loss());
            if (!(point.Loss <= RunAway * lowest))
                break;
            lowest = Math.Min(lowest, point.Loss);
            tried.Add(point);
            progress?.Report(point);
        }
        if (lowest >= untrained)
            throw new MezzotintException(
                "No learning rate lowered the loss: look at the data with `mezzotint data check`, or take a larger "
                + "training.batch_size.") { Key = "training.learning_rate" };
        return new(tried, OneDigit(tried.MinBy(point => point.Loss).Rate / Safety));
    }

    /// <summary>How far a search is that has come to a rate: 0 to 1.</summary>
    public static double Progress(double rate) => Math.Log(rate / Lowest) / Math.Log(Highest / Lowest);

    private static double OneDigit(double rate)
    {
        double unit = Math.Pow(10, Math.Floor(Math.Log10(rate)));
        return Math.Round(Math.Floor(rate / unit + 1e-9) * unit, 12);
    }
}
