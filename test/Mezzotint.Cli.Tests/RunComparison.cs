using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Runs;
using Mezzotint.Training;

namespace Mezzotint.Cli.Tests;

/// <summary>Whether two trainings ended alike.</summary>
internal static class RunComparison
{
    /// <summary>The files of a run's checkpoints, oldest first; none where there is no run yet.</summary>
    public static string[] Checkpoints(ScratchFolder scratch, string run) => Directory.Exists(scratch[run, "checkpoints"])
        ? [.. Directory.GetFiles(scratch[run, "checkpoints"], "step-*.safetensors").Order(StringComparer.Ordinal)] : [];

    /// <summary>The newest checkpoint of a run.</summary>
    public static Checkpoint Last(ScratchFolder scratch, string run) => Checkpoint.Read(Checkpoints(scratch, run)[^1]);

    /// <summary>Weights and optimiser to the bit, the model, and the log but for its times.</summary>
    public static void AssertSameResult(ScratchFolder scratch, string expected, string actual)
    {
        var (left, right) = (Last(scratch, expected), Last(scratch, actual));
        Assert.Equal((left.Step, left.EpochsReported), (right.Step, right.EpochsReported));
        AssertSameTensors(left.Tensors, right.Tensors);
        AssertSameTensors(
            SafetensorsFile.Read(scratch[expected, "model", ModelFolder.WeightsFile]).Tensors,
            SafetensorsFile.Read(scratch[actual, "model", ModelFolder.WeightsFile]).Tensors);
        Assert.Equal(
            RunLog.Read(scratch[expected, "log.jsonl"]).Select(line => (line.Step, line.Epoch, line.TrainLoss, line.EvalLoss)),
            RunLog.Read(scratch[actual, "log.jsonl"]).Select(line => (line.Step, line.Epoch, line.TrainLoss, line.EvalLoss)));
    }

    public static void AssertSameTensors(
        IReadOnlyDictionary<string, TensorData> expected, IReadOnlyDictionary<string, TensorData> actual)
    {
        Assert.Equal(expected.Keys.Order(), actual.Keys.Order());
        foreach (var (name, tensor) in expected)
            Assert.True(tensor.Bytes.Span.SequenceEqual(actual[name].Bytes.Span), $"{name} differs.");
    }
}
