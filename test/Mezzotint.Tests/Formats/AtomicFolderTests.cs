using System.Diagnostics;
using System.Globalization;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Runs;
using Mezzotint.Tests.Models;

namespace Mezzotint.Tests.Formats;

/// <summary>A model folder is the old model or the new one, whole, before whichever rename or fsync its writer is
/// killed.</summary>
public class AtomicFolderTests
{
    [Fact]
    public void Killed_before_any_step_a_model_folder_is_the_old_model_or_the_new_one()
    {
        using var network = SmallNetwork.Build(seed: 1);
        using var other = SmallNetwork.Build(seed: 2);
        var steps = StepsOf(folder => ModelFolder.Write(folder, network, SmallNetwork.Info));
        Assert.Contains("rename .mezzotint-next", steps);
        Assert.Contains("rename model.safetensors", steps);
        var seen = new HashSet<long?>();
        for (int kill = 0; kill < steps.Count; kill++)
        {
            using var temporary = new TemporaryFolder();
            string folder = temporary.File("model");
            ModelFolder.Write(folder, network, SmallNetwork.Info with { Steps = 1 });
            File.WriteAllText(Path.Combine(folder, "notes.txt"), "mine");
            Interrupted(kill, () => ModelFolder.Write(folder, other, SmallNetwork.Info with { Steps = 2 }));

            Assert.True(ModelFolder.Exists(folder), steps[kill]);
            Assert.Equal(ModelFolder.ReadInfo(folder).Steps, ModelFolder.ReadInfo(folder).Steps);
            using (var read = ModelFolder.Read(folder))
            {
                Assert.Equal(SmallNetwork.Weights(read.Info.Steps == 1 ? network : other), SmallNetwork.Weights(read.Network));
                seen.Add(read.Info.Steps);
            }
            ModelFolder.Write(folder, network, SmallNetwork.Info with { Steps = 3 });
            Assert.Equal(3, ModelFolder.ReadInfo(folder).Steps);
            Assert.Equal("mine", File.ReadAllText(Path.Combine(folder, "notes.txt")));
            Assert.Equal(4, Directory.GetFileSystemEntries(folder).Length);
        }
        Assert.Equal([1, 2], seen.Order());
    }

    [Fact]
    public void Killed_before_any_step_a_new_folder_is_no_model_or_a_whole_one()
    {
        using var network = SmallNetwork.Build();
        int count = StepsOf(folder => ModelFolder.Write(folder, network, SmallNetwork.Info)).Count;
        for (int kill = 0; kill < count; kill++)
        {
            using var temporary = new TemporaryFolder();
            string folder = temporary.File("model");
            Interrupted(kill, () => ModelFolder.Write(folder, network, SmallNetwork.Info));
            if (ModelFolder.Exists(folder))
                ModelFolder.Read(folder).Dispose();
        }
    }

    [Fact]
    public void A_reader_moves_what_a_killed_writer_left_to_move()
    {
        using var network = SmallNetwork.Build();
        using var temporary = new TemporaryFolder();
        string folder = temporary.File("model");
        var steps = StepsOf(path => ModelFolder.Write(path, network, SmallNetwork.Info));
        int firstMove = steps.IndexOf("rename .mezzotint-next") + 2; // an fsync of the folder is between
        Interrupted(firstMove, () => ModelFolder.Write(folder, network, SmallNetwork.Info));
        Assert.False(File.Exists(Path.Combine(folder, ModelFolder.WeightsFile)));
        ModelFolder.Read(folder).Dispose();
        Assert.Equal(
            ["README.md", "config.json", "model.safetensors"],
            Directory.GetFileSystemEntries(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    /// <summary>On Windows that is a file that another process has open; here it is a folder of its name.</summary>
    [Fact]
    public void Where_a_file_cannot_take_its_place_the_new_one_counts_and_the_writer_succeeds()
    {
        using var temporary = new TemporaryFolder();
        string folder = temporary.File("model"), taken = Path.Combine(folder, "a.txt");
        Directory.CreateDirectory(taken);
        AtomicFolder.Write(folder, staged => File.WriteAllText(Path.Combine(staged, "a.txt"), "new"));
        Assert.Equal("new", File.ReadAllText(AtomicFolder.PathOf(folder, "a.txt")));
        Directory.Delete(taken);
        AtomicFolder.TryFinish(folder);
        Assert.Equal(taken, AtomicFolder.PathOf(folder, "a.txt"));
        Assert.Equal("new", File.ReadAllText(taken));
    }

    [Fact]
    public void What_dead_processes_left_is_swept_and_what_living_ones_write_is_not()
    {
        using var temporary = new TemporaryFolder();
        using var dead = Process.Start(new ProcessStartInfo("dotnet", ["--version"]) { RedirectStandardOutput = true })!;
        dead.WaitForExit();
        string own = AtomicFile.TemporaryName();
        string Of(int process) =>
            own.Replace(
            $"-{Environment.ProcessId}-", string.Create(CultureInfo.InvariantCulture, $"-{process}-"), StringComparison.Ordinal);
        using var parent = Process.GetProcesses().First(process => process.Id != Environment.ProcessId);
        string[] kept = [own, Of(parent.Id), ".mezzotint-notes", "mine.tmp"];
        foreach (string folder in new[] { "", "samples", "averages", "model", "checkpoints" })
        {
            Directory.CreateDirectory(temporary.File(Path.Combine("run", folder)));
            foreach (string name in kept.Append(Of(dead.Id)))
                File.WriteAllText(temporary.File(Path.Combine("run", folder, name)), "");
        }
        Directory.CreateDirectory(temporary.File(Path.Combine("run", "model", Of(dead.Id) + "x")));
        RunFolder.Open(temporary.File("run")).Dispose();
        foreach (string folder in new[] { "", "samples", "averages", "model", "checkpoints" })
        {
            Assert.False(File.Exists(temporary.File(Path.Combine("run", folder, Of(dead.Id)))));
            Assert.All(
                kept, name => Assert.True(
                File.Exists(temporary.File(Path.Combine("run", folder, name))), Path.Combine(folder, name)));
        }
    }

    private static List<string> StepsOf(Action<string> write)
    {
        using var temporary = new TemporaryFolder();
        var steps = new List<string>();
        AtomicFile.BeforeStep = (step, path) => steps.Add($"{step} {Path.GetFileName(path)}");
        try
        {
            write(temporary.File("model"));
        }
        finally
        {
            AtomicFile.BeforeStep = null;
        }
        return steps;
    }

    private static void Interrupted(int kill, Action write)
    {
        AtomicFile.BeforeStep = (_, _) =>
        {
            if (kill-- == 0)
                throw new KilledException();
        };
        try
        {
            Assert.Throws<KilledException>(write);
        }
        finally
        {
            AtomicFile.BeforeStep = null;
        }
    }

    private sealed class KilledException : Exception;
}
