using System.Diagnostics;
using System.Globalization;
using Mezzotint.Training;

namespace Mezzotint.Cli.Tests;

/// <summary>What does not fit into memory is refused before the work, with the figures, and the figures are right.</summary>
public sealed class MemoryTests : IDisposable
{
    private const string SlowVariable = "MEZZOTINT_SLOW";

    private static readonly string[] Huge = ["model.model_channels=4096", "model.channel_multipliers=[64,64]"];

    private static readonly string[] Few =
        ["data.name=strokes", "data.train_count=64", "data.test_count=32", "training.epochs=1", "training.replicas=2"];

    private readonly ScratchFolder _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void A_training_that_cannot_fit_is_refused_before_anything_is_made()
    {
        _scratch.Write("tiny.toml", TinyTraining.Toml);
        var refused = Command.RunIn(_scratch.Path, ["train", "tiny.toml", "--data", "nowhere", .. Set(Huge)]);
        Assert.Equal(1, refused.ExitCode);
        Assert.Matches(
            @"^mezzotint: The training does not fit into memory: it takes about [\d.]+ GB, .*\. There are [\d.]+ GB here, "
            + @"and this process holds [\d.]+ of them already\. Lower model\.model_channels, ", refused.ErrorLine);
        Assert.Equal([_scratch["tiny.toml"]], Directory.GetFileSystemEntries(_scratch.Path));
    }

    [Fact]
    public void Inspect_gives_the_figures_of_a_network_that_cannot_be_made()
    {
        _scratch.Write("huge.toml", "[model]\nmodel_channels = 4096\nchannel_multipliers = [64, 64]\n");
        var told = Command.Run("inspect", _scratch["huge.toml"]);
        Assert.Equal((0, ""), (told.ExitCode, told.Error));
        Assert.Matches(@"^[\d,]+ parameters, [\d.]+ GB: too many for this machine, which has [\d.]+ GB\n$", told.Out);
    }

    /// <summary>Half of it goes to .NET's heap, so that libtorch's libraries do not fit into the first, and Skia's into
    /// some.</summary>
    [Theory]
    [InlineData(2_000_000)]
    [InlineData(3_000_000)]
    [InlineData(4_000_000)]
    public void Under_a_short_address_space_a_command_works_or_says_that_it_is_short(int kibibytes)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Limits of POSIX, and how Linux loads libraries.");
        _scratch.Write("tiny.toml", TinyTraining.Toml);
        string model = TinyTraining.WriteModel(_scratch["model"]);
        string limit = string.Create(CultureInfo.InvariantCulture, $"ulimit -v {kibibytes}; exec ");
        foreach (string[] args in new string[][]
        {
            ["sample", model, "--label", "1", "--count", "1", "--steps", "1", "--out", "x.png"],
            ["inspect", "tiny.toml"],
            ["train", "tiny.toml", "--out", "run", "--set", "training.epochs=1", "--set", "data.train_count=32"],
        })
        {
            using var process = Command.StartShell(_scratch.Path, limit, "", args);
            var outcome = Command.Finish(process);
            Assert.True(outcome.ExitCode == 0
                || outcome.ErrorLine.Contains("the address space of this process is limited to ", StringComparison.Ordinal),
                $"{args[0]} with {kibibytes} KiB: exit code {outcome.ExitCode}: {outcome.Error}");
            Assert.DoesNotContain("package", outcome.Error, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("tiny.toml")]
    [InlineData("mnist.toml")]
    [InlineData("mnist.toml", "model.model_channels=128")]
    [InlineData("mnist.toml", "model.model_channels=256", "training.batch_size=16")]
    [InlineData("mnist.toml", "model.model_channels=40", "model.head_channels=8")] // no whole vectors: libtorch
    [InlineData("mnist.toml", "model.model_channels=128", "model.head_channels=8")]
    public void A_trainings_measured_peak_is_within_a_factor_of_one_and_a_half_of_the_estimate(
        string configuration, params string[] settings) =>
        MeasureAndCompare(
            Path.Combine(Repository.Root, "configs", configuration), [.. Few, "training.samples_per_label=1", .. settings], 28);

    [Theory]
    [InlineData(28, "training.batch_size=64")] // two engines a replica
    [InlineData(28, "training.batch_size=256", "network.block_out_channels=[24,40]", "network.norm_num_groups=8")] // two levels
    [InlineData(128, "training.batch_size=8")]
    public void An_autoencoders_measured_peak_is_too(int side, params string[] settings)
    {
        if (side != 28)
            settings = [.. settings, $"data.size={side}"];
        MeasureAndCompare(Path.Combine(Repository.Root, "configs", "mnist-vae.toml"), [.. Few, .. settings], side);
    }

    private void MeasureAndCompare(string path, string[] settings, int side)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The peak is read from /proc.");
        Assert.SkipUnless(
            Environment.GetEnvironmentVariable(SlowVariable) == "1", $"It takes minutes: set {SlowVariable}=1 to run it.");
        double held = PeakOf("doctor"), peak = PeakOf(["train", path, "--out", "run", .. Set(settings)]);
        double estimate = held + Configuration.ReadExperiment(path, settings).Memory(side, side).Bytes;
        string figures = string.Create(CultureInfo.InvariantCulture,
            $"{Path.GetFileName(path)} {string.Join(' ', settings)}: measured {peak / 1e6:F0} MB, "
            + $"estimated {estimate / 1e6:F0} MB ({peak / estimate:F2})");
        TestContext.Current.TestOutputHelper!.WriteLine(figures);
        Assert.True(peak / estimate is > 1 / 1.5 and < 1.5, figures);
    }

    private static IEnumerable<string> Set(string[] settings) => settings.SelectMany(setting => new[] { "--set", setting });

    /// <summary>The high-water mark of a command's resident memory, in bytes: the last that was seen of it.</summary>
    private double PeakOf(params string[] args)
    {
        using var process = Command.Start(_scratch.Path, args);
        string status = string.Create(CultureInfo.InvariantCulture, $"/proc/{process.Id}/status");
        double peak = 0;
        var ending = Task.Run(() => Command.Finish(process));
        while (!ending.Wait(10))
        {
            try
            {
                // VmHWM:     173452 kB
                string? line = File.ReadLines(status).FirstOrDefault(line => line.StartsWith("VmHWM:", StringComparison.Ordinal));
                if (line?.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries) is [_, var kibibytes, _])
                    peak = double.Parse(kibibytes, CultureInfo.InvariantCulture) * 1024;
            }
            catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
            {
            }
        }
        Assert.True(ending.Result.ExitCode == 0, ending.Result.Error);
        return peak;
    }
}
