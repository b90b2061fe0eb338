using System.Globalization;
using Mezzotint.Formats;
using Mezzotint.Networks;
using Mezzotint.Runs;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>
/// The averages that a run keeps now and then, <c>averages/step-00001000.safetensors</c>, and the average of any width that is
/// made of them afterwards.
/// </summary>
/// <remarks>Karras et al. 2024, arXiv 2312.02696, section 3.2: which width is best is not known before the training is
/// over.</remarks>
public static class AverageSnapshots
{
    private const string Format = "mezzotint averages 1";

    /// <summary>Writes one snapshot, in place of the one that may be there.</summary>
    /// <param name="folder">The folder of the snapshots.</param>
    /// <param name="step">The step.</param>
    /// <param name="widths">The widths of the averages.</param>
    /// <param name="averages">The averages, each float32 [P].</param>
    internal static void Write(string folder, long step, IReadOnlyList<double> widths, IReadOnlyList<Tensor> averages)
    {
        Directory.CreateDirectory(folder);
        var tensors = widths.Select((_, i) => KeyValuePair.Create(NameOf(i), averages[i].ToData())).ToDictionary();
        SafetensorsFile.Write(
            Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"step-{step:D8}.safetensors")), tensors,
            new Dictionary<string, string>
        {
            ["format"] = Format,
            ["step"] = step.ToString(CultureInfo.InvariantCulture),
            ["widths"] = string.Join(' ', widths.Select(width => width.ToString("R", CultureInfo.InvariantCulture))),
        });
    }

    /// <summary>Makes a network whose weights are the average of another width.</summary>
    /// <param name="folder">The folder of the snapshots, <see cref="RunFolder.Averages"/>.</param>
    /// <param name="config">The run's configuration.</param>
    /// <param name="width">The width: more than 0.001, at most 0.28.</param>
    /// <param name="step">The step that it is to end at, one that has a snapshot; null for the last.</param>
    /// <returns>The network, the caller's to dispose, and the step.</returns>
    /// <exception cref="MezzotintException">There are no snapshots, none at that step, or they are damaged or of another
    /// network.</exception>
    public static (DenoisingNetwork Network, long Step) Reconstruct(
        string folder, ExperimentConfig config, double width, long? step = null)
    {
        ArgumentNullException.ThrowIfNull(config);
        Check.Range(
            "width", width, PowerFunctionAverage.IsWidth(width),
            $"more than 0.001 and at most {PowerFunctionAverage.LargestWidth}");
        string[] files = Directory.Exists(folder)
            ? [.. Directory.GetFiles(folder, "step-*.safetensors").Order(StringComparer.Ordinal)] : [];
        if (files.Length == 0)
            throw new MezzotintException(
                $"'{folder}' has no averages: a training keeps them with [training.average] kind = \"power\" and snapshot_every "
                + $"above 0.");
        var read = files.Select(file => Read(file, SafetensorsFile.Read(file))).ToList();
        long end = step ?? read[^1].Step;
        if (!read.Any(file => file.Step == end))
            throw new MezzotintException(
                $"'{folder}' has no averages of step {end}; there are {string.Join(", ", read.Select(file => file.Step))}.");
        var used = read.Where(file => file.Step <= end).SelectMany(file =>
            file.Widths.Select((w, i) =>
                (Snapshot: new PowerFunctionAverage.Snapshot(w, file.Step), Data: file.Tensors[i]))).ToList();
        double[] factors = PowerFunctionAverage.Reconstruct([.. used.Select(entry => entry.Snapshot)], new(width, end));
        return (Sum(config, folder, [.. used.Select((entry, i) => (factors[i], entry.Data))]), end);
    }

    private static DenoisingNetwork Sum(ExperimentConfig config, string folder, (double Factor, TensorData Data)[] terms)
    {
        var network = config.Model.Build(config.Training.Seed); // the seed decides what is not trained
        using var flat = FlatParameters.Of(network);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var sum = zeros_like(flat.Weights, dtype: float64); // factors of both signs: the rounding of float32 would add up
        var part = empty_like(flat.Weights);
        foreach (var (factor, data) in terms)
        {
            if (data.Type != ElementType.Float32 || !data.Shape.AsSpan().SequenceEqual(part.shape))
                throw new MezzotintException(
                    $"'{folder}' has averages of [{string.Join(", ", data.Shape)}] numbers, the network of the run's "
                    + $"configuration has {part.shape[0]}: they do not belong together.");
            data.CopyTo(part);
            using Scalar alpha = factor;
            sum.add_(part.to(float64), alpha: alpha);
        }
        flat.Weights.copy_(sum);
        return network;
    }

    private static (long Step, double[] Widths, TensorData[] Tensors) Read(string path, SafetensorsFile file)
    {
        string Value(string key) =>
            file.Metadata.GetValueOrDefault(key)
                ?? throw new MezzotintException($"{path} holds no averages: its metadata have no '{key}'.");
        if (Value("format") != Format)
            throw new MezzotintException($"{path} is a '{Value("format")}', not a '{Format}'.");
        double[] widths =
        [
            .. Value("widths").Split(' ').Select(text =>
                double.TryParse(text, CultureInfo.InvariantCulture, out double width) && PowerFunctionAverage.IsWidth(width)
                    ? width : throw Damaged(path)),
        ];
        if (!long.TryParse(Value("step"), CultureInfo.InvariantCulture, out long step) || step < 1)
            throw Damaged(path);
        return (step, widths, [.. widths.Select((_, i) => file.Tensors.GetValueOrDefault(NameOf(i)) ?? throw Damaged(path))]);
    }

    private static MezzotintException Damaged(string path) =>
        new($"{path} is damaged: its step, widths and tensors do not belong together. Remove it; the others may do.");

    private static string NameOf(int index) => string.Create(CultureInfo.InvariantCulture, $"average_{index}");
}
