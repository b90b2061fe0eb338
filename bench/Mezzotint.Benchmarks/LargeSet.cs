using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using System.Text.Json;
using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Training;

namespace Mezzotint.Benchmarks;

/// <summary>
/// <c>large</c>: the memory of a training on a set that is larger than it: pictures in a zip archive are decoded into the cache,
/// and read from there. The archive and the cache are made in a folder of their own, and deleted.
/// </summary>
internal static class LargeSet
{
    public const string ChildCommand = "large-child";
    public const double LimitMegabytes = 1500;

    private const string CacheVariable = "MEZZOTINT_CACHE";

    private const int Side = 128, Channels = 3, Different = 512, Classes = 2, Steps = 60, TestCount = 256;

    /// <summary>Makes the set, and measures a training on it in a process of its own.</summary>
    /// <param name="add">Told each figure.</param>
    /// <param name="gigabytes">The size of the decoded pictures, in 10^9 bytes.</param>
    public static double? Measure(Action<Figure> add, double gigabytes)
    {
        string folder = Directory.CreateTempSubdirectory("mezzotint-large-").FullName;
        string? cache = Environment.GetEnvironmentVariable(CacheVariable);
        try
        {
            string archive = Path.Combine(folder, "pictures.zip");
            int count = (int)(gigabytes * 1e9 / (Channels * Side * Side));
            Write(archive, count);
            add(Once("pictures in the archive", "", count, $"{Side} x {Side} x {Channels}, {gigabytes} GB when decoded"));
            add(Once("the archive", "MB", new FileInfo(archive).Length / 1e6));
            Environment.SetEnvironmentVariable(CacheVariable, Path.Combine(folder, "cache"));
            using var child = PeakMemory.StartChild(ChildCommand, archive);
            while (child.StandardOutput.ReadLine() is { } line)
                add(JsonSerializer.Deserialize<Figure>(line)!);
            child.WaitForExit();
            if (child.ExitCode != 0)
                throw new InvalidOperationException($"The measuring process ended with {child.ExitCode}.");
        }
        finally
        {
            Environment.SetEnvironmentVariable(CacheVariable, cache); // this process has a use for it too
            Directory.Delete(folder, recursive: true);
        }
        return null;
    }

    /// <summary>The measured process: one line of JSON a figure.</summary>
    public static void RunChild(string archive)
    {
        var clock = Stopwatch.StartNew();
        var reading = new ReadingOptions { Part = ImageSplit.Train, Split = "0.01" };
        var train = DataSource.Load(archive, reading);
        var test = DataSource.Load(archive, reading with { Part = ImageSplit.Test }, limit: TestCount);
        Tell("decoding into the cache", "s", clock.Elapsed.TotalSeconds, $"{train.Count} training images");
        TellMemory("decoding");
        var config = new ExperimentConfig
        {
            Pixels = new PixelScaling { Mean = 0.5, Scale = 0.5 },
            Process = new Edm(),
            Parameterisation = new EdmPreconditioning(),
            Loss = new EdmWeighting(),
            Model = new ResidualUNetConfig
            {
                PatchSize = 4, ModelChannels = 32, HeadChannels = 32, ChannelMultipliers = [1, 2, 2], ResidualBlocks = [1, 1, 1],
            },
            Training = new TrainingConfig { Replicas = Environment.ProcessorCount, BatchSize = 64 },
        };
        using var trainer = new Trainer(config, train, test);
        clock.Restart();
        for (int i = 0; i < Steps; i++)
        {
            trainer.TrainStep();
            trainer.ReadLosses();
        }
        double seconds = clock.Elapsed.TotalSeconds;
        Tell("training", "images/s", Steps * config.Training.BatchSize / seconds, $"{Steps} steps of 64 images drawn from all");
        TellMemory("training");
        trainer.Evaluate();
        TellMemory("evaluation");
    }

    /// <summary>Different pictures under many names: a gradient in two colours each.</summary>
    private static void Write(string archive, int count)
    {
        byte[][] pictures = [.. Enumerable.Range(0, Different).Select(Picture)];
        using var zip = ZipFile.Open(archive, ZipArchiveMode.Create);
        for (int i = 0; i < count; i++)
        {
            string name = string.Create(CultureInfo.InvariantCulture, $"{(char)('a' + i % Classes)}/{i:D7}.png");
            using var entry = zip.CreateEntry(name, CompressionLevel.NoCompression).Open();
            entry.Write(pictures[i % Different]);
        }
    }

    private static byte[] Picture(int number)
    {
        byte[] pixels = new byte[Channels * Side * Side];
        for (int i = 0; i < pixels.Length; i++)
        {
            var (across, down, channel) = (i % Side, i / Side % Side, i / (Side * Side));
            pixels[i] = (byte)(across * (1 + number % 7) / 4 + down * (1 + number / 7 % 5) / 4 + number * channel);
        }
        return PngFile.Encode(new ImageBatch(1, Channels, Side, Side, pixels), scale: 1, PictureFormat.Png);
    }

    private static void TellMemory(string after)
    {
        var (resident, peak) = PeakMemory.Of(Environment.ProcessId);
        Tell($"after {after}: peak of resident memory", "MB", peak,
            string.Create(CultureInfo.InvariantCulture, $"now {resident:F0} MB; the limit is {LimitMegabytes}"));
    }

    private static void Tell(string title, string unit, double value, string note = "") =>
        Console.WriteLine(JsonSerializer.Serialize(Once(title, unit, value, note)));

    private static Figure Once(string title, string unit, double value, string note = "") =>
        Figure.Of(title, unit, [value], note);
}
