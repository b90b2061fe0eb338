using System.Globalization;
using Mezzotint.Networks;
using Mezzotint.Training;

namespace Mezzotint.Runtime;

/// <summary>
/// How much memory something will take at its peak, told from its description before anything is allocated, so that what cannot
/// fit is refused at once, and not by a native error in the middle of the work.
/// </summary>
/// <remarks>
/// Weights count as often as they are held (themselves, moments, the gradients of each replica, averages, copies for a
/// checkpoint), maps and what is packed for them as <see cref="NetworkMemory"/> has it. What the process already holds, its
/// libraries and data, is added where a need is checked. Measured peaks of trainings were 1.0 to 1.3 times the estimate: the rest
/// is the runtime's, and garbage that is not collected yet.
/// </remarks>
public sealed record MemoryNeed
{
    private const string Channels = "model.model_channels";
    private const double Gigabyte = 1e9;

    private MemoryNeed(string what, string weightsOf, double weights, double maps, string key, string remedy) =>
        (What, WeightsOf, Weights, Maps, Key, Remedy) = (what, weightsOf, weights, maps, key, remedy);

    /// <summary>What takes it, for people to read.</summary>
    public string What { get; }

    /// <summary>Bytes of all numbers that there are one of for each parameter.</summary>
    public double Weights { get; }

    /// <summary>Bytes of maps, their gradients, and weights packed for multiplication, on all threads.</summary>
    public double Maps { get; }

    /// <summary>Bytes in all.</summary>
    public double Bytes => Weights + Maps;

    /// <summary>The setting that makes it too large where it is.</summary>
    public string Key { get; internal init; }

    /// <summary>Bytes that this process may use: those of the machine, or of its container.</summary>
    public static double Available
    {
        get
        {
            var info = GC.GetGCMemoryInfo();
            // In a container, .NET keeps the first to three quarters of the limit; the second is nine tenths of it.
            return Math.Max(info.TotalAvailableMemoryBytes, info.HighMemoryLoadThresholdBytes);
        }
    }

    private string WeightsOf { get; }

    internal string Remedy { private get; init; }

    /// <summary>Of a network by itself: its weights in float32.</summary>
    /// <param name="network">The shape.</param>
    public static MemoryNeed OfNetwork(NetworkConfig network)
    {
        ArgumentNullException.ThrowIfNull(network);
        return new(
            "The network", Parameters(network), (double)network.ParameterCount * sizeof(float), 0, Channels,
            "Lower model.model_channels");
    }

    /// <summary>Of a training on the CPU.</summary>
    /// <param name="config">The experiment; 0 replicas are one a core.</param>
    /// <param name="height">H of the images; 0 where it is not known yet: only what follows from the network counts then.</param>
    /// <param name="width">W, likewise.</param>
    public static MemoryNeed OfTraining(ExperimentConfig config, int height = 0, int width = 0)
    {
        ArgumentNullException.ThrowIfNull(config);
        return OfTraining(config, height, width, Available - Environment.WorkingSet);
    }

    /// <summary>Of drawing with a network on the CPU.</summary>
    /// <param name="network">The shape of the network, which is there already.</param>
    /// <param name="height">H of the images.</param>
    /// <param name="width">W.</param>
    /// <param name="threads">How many threads evaluate.</param>
    /// <param name="images">Images that are drawn at once for each of them.</param>
    /// <param name="precision">As <see cref="ComputePrecision"/> has it.</param>
    public static MemoryNeed OfDrawing(
        NetworkConfig network, int height, int width, int threads, int images, string precision = ComputePrecision.Automatic)
    {
        ArgumentNullException.ThrowIfNull(network);
        return OfDrawing(new NetworkMemory(network, height, width, precision), threads, images);
    }

    internal static MemoryNeed OfDrawing(NetworkMemory memory, int threads, int images)
    {
        double maps = threads * (memory.Evaluation(images) + memory.Walk(images));
        string drawing = string.Create(CultureInfo.InvariantCulture, $"Drawing {threads * images} images at once");
        return new(drawing, "no weights of its own", 0, maps, "count", "Draw fewer at once");
    }

    /// <summary>Whether it is there, beside what the process holds already.</summary>
    public bool Fits => Bytes + Environment.WorkingSet <= Available;

    /// <summary>Makes sure that it is there.</summary>
    /// <exception cref="MezzotintException">It is not: the message has what is needed and what there is, and names the setting to
    /// lower, which is the exception's key.</exception>
    public void Check() => Check(Available, Environment.WorkingSet);

    /// <param name="available">Bytes of the machine.</param>
    /// <param name="held">Bytes that the process has already.</param>
    internal void Check(double available, double held)
    {
        if (Bytes + held <= available)
            return;
        throw new MezzotintException(string.Create(CultureInfo.InvariantCulture,
            $"{What} does not fit into memory: it takes about {Bytes / Gigabyte:F1} GB ({Figures}), and of the "
            + $"{available / Gigabyte:F1} GB that there are, this process holds {held / Gigabyte:F1} already. {Remedy}, or use a "
            + $"machine with more memory."))
        {
            Key = Key,
        };
    }

    /// <summary>What it is made of, for people to read.</summary>
    private string Figures => string.Create(CultureInfo.InvariantCulture,
        $"{Weights / Gigabyte:F1} for {WeightsOf}, {Maps / Gigabyte:F1} for maps and what is multiplied with them");

    /// <summary>The same with the memory given; what to lower is the first of replicas, batch and channels that helps.</summary>
    internal static MemoryNeed OfTraining(ExperimentConfig config, int height, int width, double available)
    {
        var training = config.Training;
        int replicas = training.Replicas > 0 ? training.Replicas : Environment.ProcessorCount;
        var memory = new NetworkMemory(config.Model, height, width, training.Precision);
        (double Weights, double Maps) Of(int count, int batch) =>
            (memory.TrainedWeights(count, training.Average.Count), memory.Training(count, batch));
        bool Fits((double Weights, double Maps) need) => need.Weights + need.Maps <= available;

        var (weights, maps) = Of(replicas, training.BatchSize);
        var (key, remedy) = (Channels, "Lower model.model_channels");
        if (Enumerable.Range(1, replicas - 1).LastOrDefault(count => Fits(Of(count, training.BatchSize))) is > 0 and var fewer)
            (key, remedy) = ("training.replicas", $"Lower training.replicas to {fewer}");
        else if (Halves(training.BatchSize).FirstOrDefault(batch => Fits(Of(replicas, batch))) is > 0 and var smaller)
            (key, remedy) = ("training.batch_size", $"Lower training.batch_size to {smaller}");
        string weightsOf = $"{Parameters(config.Model)} with moments, gradients and averages";
        return new("The training", weightsOf, weights, maps, key, remedy);
    }

    private static IEnumerable<int> Halves(int batch)
    {
        while ((batch /= 2) > 0)
            yield return batch;
    }

    private static string Parameters(NetworkConfig network) =>
        string.Create(CultureInfo.InvariantCulture, $"{network.ParameterCount:N0} parameters");
}
