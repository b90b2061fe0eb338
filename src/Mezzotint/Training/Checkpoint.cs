using System.Globalization;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using Mezzotint.Formats;

namespace Mezzotint.Training;

/// <summary>
/// All that a training needs to go on to the bit: weights, moments, average, and where it is. Random streams follow from the
/// run's seed and the step, so they need no state. On disk: a safetensors file whose metadata hold the numbers and a hash of it
/// all.
/// </summary>
public sealed record Checkpoint
{
    private const string Format = "mezzotint checkpoint 1";
    private const string HashKey = "sha256";

    /// <summary>Steps done since the beginning.</summary>
    public required long Step { get; init; }

    /// <summary>Epochs whose end has been evaluated and logged.</summary>
    public required int EpochsReported { get; init; }

    /// <summary>The sum of the losses of the current epoch's steps so far.</summary>
    public required double EpochLoss { get; init; }

    /// <summary>The sum of the losses since the last line of the log, and of how many steps.</summary>
    public required (double Loss, int Steps) SinceLog { get; init; }

    /// <summary>Time spent training so far, over all sessions.</summary>
    public required TimeSpan Elapsed { get; init; }

    /// <summary>The tensors by name: <c>weights</c>, <c>first_moment</c>, <c>second_moment</c>, and <c>average_0</c>, ... where
    /// there are any.</summary>
    public required IReadOnlyDictionary<string, TensorData> Tensors { get; init; }

    /// <summary>Writes the checkpoint whole or not at all.</summary>
    public void Write(string path)
    {
        var facts = new Dictionary<string, string>
        {
            ["format"] = Format,
            ["step"] = Step.ToString(CultureInfo.InvariantCulture),
            ["epochs_reported"] = EpochsReported.ToString(CultureInfo.InvariantCulture),
            ["epoch_loss"] = EpochLoss.ToString("R", CultureInfo.InvariantCulture),
            ["log_loss"] = SinceLog.Loss.ToString("R", CultureInfo.InvariantCulture),
            ["log_steps"] = SinceLog.Steps.ToString(CultureInfo.InvariantCulture),
            ["elapsed_seconds"] = Elapsed.TotalSeconds.ToString("R", CultureInfo.InvariantCulture),
        };
        facts[HashKey] = Hash(Tensors, facts);
        SafetensorsFile.Write(path, Tensors, facts);
    }

    /// <summary>Reads a checkpoint and checks its hash.</summary>
    /// <exception cref="MezzotintException">The file is not a checkpoint, or is damaged.</exception>
    public static Checkpoint Read(string path)
    {
        var file = SafetensorsFile.Read(path);
        string Value(string key) => file.Metadata.TryGetValue(key, out string? value)
            ? value
            : throw new MezzotintException($"{path} is not a checkpoint: its metadata have no '{key}'.");
        T Number<T>(string key) where T : struct, INumberBase<T> =>
            T.TryParse(Value(key), CultureInfo.InvariantCulture, out var value) && !T.IsNegative(value) && T.IsFinite(value)
                ? value
                : throw new MezzotintException($"{path} is damaged: '{key}' is '{Value(key)}', not a number of 0 or more.");
        if (Value("format") != Format)
            throw new MezzotintException($"{path} is a '{Value("format")}', not a '{Format}'.");
        var checkpoint = new Checkpoint
        {
            Step = Number<long>("step"),
            EpochsReported = Number<int>("epochs_reported"),
            EpochLoss = Number<double>("epoch_loss"),
            SinceLog = (Number<double>("log_loss"), Number<int>("log_steps")),
            Elapsed = TimeSpan.FromSeconds(Math.Clamp(Number<double>("elapsed_seconds"), 0, 1e9)),
            Tensors = file.Tensors,
        };
        if (Value(HashKey) != Hash(file.Tensors, file.Metadata))
            throw new MezzotintException(
                $"{path} is damaged: the hash of its contents is not the one it was written with. Resume from an older "
                + $"checkpoint.");
        return checkpoint;
    }

    /// <summary>Of the numbers and of the tensors: a flipped bit in either would resume another training.</summary>
    private static string Hash(IReadOnlyDictionary<string, TensorData> tensors, IReadOnlyDictionary<string, string> facts)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (key, value) in facts.Where(fact => fact.Key != HashKey).OrderBy(fact => fact.Key, StringComparer.Ordinal))
            hash.AppendData(Encoding.UTF8.GetBytes($"{key}={value}\n"));
        foreach (var (name, tensor) in tensors.OrderBy(named => named.Key, StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{name}\n"));
            hash.AppendData(tensor.Bytes.Span);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
