using System.Globalization;
using Mezzotint.Runtime;

namespace Mezzotint.Training;

/// <summary>The memory that a training takes on the CPU.</summary>
public static class TrainingMemory
{
    /// <summary>Estimates it.</summary>
    /// <param name="config">The experiment; 0 replicas are one a core.</param>
    /// <param name="height">H of the images; 0 where it is not known yet: only what follows from the network counts then.</param>
    /// <param name="width">W, likewise.</param>
    public static MemoryNeed Of(Experiment config, int height = 0, int width = 0)
    {
        ArgumentNullException.ThrowIfNull(config);
        return Of(config, height, width, MemoryNeed.Available - Environment.WorkingSet);
    }

    /// <summary>The same for a given number of bytes. What to lower is the first of replicas, batch and channels that
    /// helps.</summary>
    internal static MemoryNeed Of(Experiment config, int height, int width, double available)
    {
        var training = config.Training;
        int replicas = training.Replicas > 0 ? training.Replicas : Environment.ProcessorCount;
        var (networks, widthKey) = config.Work(height, width);
        (double Weights, double Maps) Take(int count, int batch) => (
            networks.Sum(memory => memory.TrainedWeights(count, training.Average.Count)),
            networks.Sum(memory => memory.Training(count, batch, training.Accumulate)));
        bool Fits((double Weights, double Maps) need) => need.Weights + need.Maps <= available;

        var (weights, maps) = Take(replicas, training.BatchSize);
        var (key, remedy) = (widthKey, $"Lower {widthKey}");
        if (Enumerable.Range(1, replicas - 1).LastOrDefault(count => Fits(Take(count, training.BatchSize))) is > 0 and var fewer)
            (key, remedy) = ("training.replicas", $"Lower training.replicas to {fewer}");
        else if (Halves(training.BatchSize).FirstOrDefault(batch => Fits(Take(replicas, batch))) is > 0 and var smaller)
            (key, remedy) = ("training.batch_size", $"Lower training.batch_size to {smaller}");
        string weightsOf = string.Create(CultureInfo.InvariantCulture,
            $"{networks.Sum(memory => memory.ParameterCount):N0} parameters with moments, gradients and averages");
        return new("The training", weightsOf, weights, maps, key, remedy);
    }

    private static IEnumerable<int> Halves(int batch)
    {
        while ((batch /= 2) > 0)
            yield return batch;
    }
}
