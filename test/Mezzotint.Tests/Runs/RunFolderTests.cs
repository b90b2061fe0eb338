using Mezzotint.Formats;
using Mezzotint.Runs;
using Mezzotint.Tests.Formats;
using Mezzotint.Training;

namespace Mezzotint.Tests.Runs;

public class RunFolderTests
{
    [Fact]
    public void A_second_owner_is_refused_until_the_first_gives_the_folder_back()
    {
        using var temporary = new TemporaryFolder();
        using (RunFolder.Open(temporary.File("run")))
        {
            var error = Assert.Throws<MezzotintException>(() => RunFolder.Open(temporary.File("run")));
            Assert.StartsWith($"Another process trains in '{temporary.File("run")}'.", error.Message, StringComparison.Ordinal);
        }
        RunFolder.Open(temporary.File("run")).Dispose();
    }

    [Fact]
    public void A_folder_that_cannot_be_made_is_named()
    {
        using var temporary = new TemporaryFolder();
        File.WriteAllText(temporary.File("file"), "");
        var error = Assert.Throws<MezzotintException>(() => RunFolder.Open(Path.Combine(temporary.File("file"), "run")));
        Assert.Contains("Cannot make the run folder", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("model")]
    [InlineData("averages")]
    [InlineData("samples")]
    [InlineData("checkpoints")]
    public void A_file_where_a_training_writes_a_folder_is_refused_at_its_start(string name)
    {
        using var temporary = new TemporaryFolder();
        RunFolder.Open(temporary.File("run")).Dispose();
        string place = Path.Combine(temporary.File("run"), name);
        if (Directory.Exists(place))
            Directory.Delete(place);
        File.WriteAllText(place, "");
        var error = Assert.Throws<MezzotintException>(() => RunFolder.Open(temporary.File("run")));
        Assert.Contains(
            $"'{place}' is a file, where a folder is to be made. Remove it.", error.Message, StringComparison.Ordinal);
        File.Delete(place);
        RunFolder.Open(temporary.File("run")).Dispose();
    }

    [Theory]
    [InlineData("config.toml")]
    [InlineData("log.jsonl")]
    [InlineData("loss.png")]
    public void A_folder_where_a_training_writes_a_file_is_refused_at_its_start(string name)
    {
        using var temporary = new TemporaryFolder();
        string place = Path.Combine(temporary.File("run"), name);
        Directory.CreateDirectory(place);
        var error = Assert.Throws<MezzotintException>(() => RunFolder.Open(temporary.File("run")));
        Assert.Contains(
            $"'{place}' is a folder, where a file is to be written. Remove it.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_cleared_folder_is_a_new_one_and_stays_its_owners()
    {
        using var temporary = new TemporaryFolder();
        using var folder = RunFolder.Open(temporary.File("run"));
        folder.Save(At(3));
        File.WriteAllText(folder.Configuration, "");
        Directory.CreateDirectory(folder.Model);
        folder.Clear();
        Assert.Null(folder.Latest([]));
        Assert.False(RunFolder.Exists(folder.Path) || Directory.Exists(folder.Model));
        Assert.Throws<MezzotintException>(() => RunFolder.Open(temporary.File("run")));
        folder.Save(At(1));
    }

    [Fact]
    public void A_new_folder_has_no_checkpoint()
    {
        using var temporary = new TemporaryFolder();
        using var folder = RunFolder.Open(temporary.File("run"));
        Assert.Null(folder.Latest([]));
        Assert.False(RunFolder.Exists(folder.Path));
    }

    [Fact]
    public void The_newest_two_checkpoints_are_kept_and_leftovers_removed()
    {
        using var temporary = new TemporaryFolder();
        using var folder = RunFolder.Open(temporary.File("run"));
        for (long step = 1; step <= 3; step++)
            folder.Save(At(step));
        File.WriteAllText(Path.Combine(Checkpoints(folder), AtomicFile.TemporaryPrefix + "killed.tmp"), "half");
        folder.Save(At(10));
        Assert.Equal(["step-000000003.safetensors", "step-000000010.safetensors"], Files(folder));
        Assert.Equal(10, folder.Latest([])!.Step);
    }

    [Fact]
    public void A_damaged_newest_checkpoint_falls_back_to_the_older_one_and_says_so()
    {
        using var temporary = new TemporaryFolder();
        using var folder = RunFolder.Open(temporary.File("run"));
        folder.Save(At(1));
        folder.Save(At(2));
        Damage(folder, 2);
        var damaged = new List<string>();
        Assert.Equal(1, folder.Latest(damaged)!.Step);
        Assert.Contains("step-000000002", Assert.Single(damaged), StringComparison.Ordinal);
    }

    [Fact]
    public void Checkpoints_that_are_all_damaged_are_an_error_not_a_new_start()
    {
        using var temporary = new TemporaryFolder();
        using var folder = RunFolder.Open(temporary.File("run"));
        folder.Save(At(1));
        folder.Save(At(2));
        Damage(folder, 1);
        Damage(folder, 2);
        var error = Assert.Throws<MezzotintException>(() => folder.Latest([]));
        Assert.Contains("No checkpoint in", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_later_checkpoint_does_not_push_out_one_that_is_whole()
    {
        using var temporary = new TemporaryFolder();
        using var folder = RunFolder.Open(temporary.File("run"));
        folder.Save(At(5));
        // What a kill between writing one checkpoint and removing an older one leaves, and then the disk failed.
        foreach (long step in new long[] { 8, 9 })
        {
            At(step).Write(Path.Combine(Checkpoints(folder), $"step-{step:D9}.safetensors"));
            Damage(folder, step);
        }
        Assert.Equal(5, folder.Latest([])!.Step);
        folder.Save(At(6));
        Assert.Equal(6, folder.Latest([])!.Step);
        Assert.Equal(["step-000000005.safetensors", "step-000000006.safetensors"], Files(folder));
    }

    internal static void Damage(RunFolder folder, long step)
    {
        string path = Path.Combine(Checkpoints(folder), $"step-{step:D9}.safetensors");
        byte[] bytes = File.ReadAllBytes(path);
        bytes[^2] ^= 0x10;
        File.WriteAllBytes(path, bytes);
    }

    private static string Checkpoints(RunFolder folder) => Path.Combine(folder.Path, "checkpoints");

    private static IEnumerable<string?> Files(RunFolder folder) =>
        Directory.GetFiles(Checkpoints(folder)).Select(Path.GetFileName).Order(StringComparer.Ordinal);

    private static Checkpoint At(long step) => new()
    {
        Step = step, EpochsReported = 0, EpochLoss = 0, SinceLog = (0, 0), Elapsed = TimeSpan.Zero,
        Tensors = new Dictionary<string, TensorData> { ["weights"] = new(ElementType.Float32, [2], new byte[8]) },
    };
}
