using System.Diagnostics;
using System.Globalization;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Runs;
using Mezzotint.Training;

namespace Mezzotint.Cli.Tests;

/// <summary>Several processes under <c>mpirun</c> do what one does.</summary>
public sealed class ProcessesTests : IDisposable
{
    /// <summary>The last batch of an epoch is smaller than the others.</summary>
    private const int StepsPerEpoch = 3;

    private readonly ScratchFolder _scratch = new();

    public ProcessesTests()
    {
        Assert.SkipUnless(MpiRun.Exists, MpiRun.Missing);
        _scratch.Write("tiny.toml", TinyTraining.Toml.Replace("train_count = 256", "train_count = 90", StringComparison.Ordinal));
    }

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [InlineData(2, 2)]
    [InlineData(2, 4)]
    [InlineData(4, 4)]
    public void Processes_train_the_weights_that_one_process_trains_with_as_many_replicas(int processes, int replicas)
    {
        string[] train = Train(
            "run", replicas, "--set", "training.gradient_clip=1", "--set", "training.compare_every=1",
            "--set", "training.average.kind=ema");
        var several = MpiRun.Run(processes, _scratch.Path, train);
        Assert.True(several.ExitCode == 0, several.Error);
        Assert.Contains($"with {replicas} threads in {processes} processes", several.Error, StringComparison.Ordinal);
        Assert.Single(several.Out.Split('\n'), line => line.StartsWith("model  ", StringComparison.Ordinal)); // one tells

        train[3] = "alone";
        Assert.Equal(0, Command.RunProgram(_scratch.Path, train).ExitCode);
        AssertSameResult("alone", "run");
    }

    [Fact]
    public void Images_and_texts_are_embedded_in_processes_as_in_one()
    {
        _scratch.Write("words.toml", TinyPrompts.TextImage);
        TinyPrompts.WritePictures(_scratch["pictures"]);
        string[] train = ["train", "words.toml", "--out", "run", "--set", "training.replicas=2"];
        var two = MpiRun.Run(2, _scratch.Path, train);
        Assert.True(two.ExitCode == 0, two.Error);
        train[3] = "alone";
        Assert.Equal(0, Command.RunProgram(_scratch.Path, train).ExitCode);
        RunComparison.AssertSameTensors(Last("alone").Tensors, Last("run").Tensors);
    }

    [Fact]
    public void Low_rank_changes_of_a_model_that_process_0_alone_reads_are_trained_as_in_one()
    {
        string model = TinyTraining.WriteModel(_scratch["model"]);
        string[] train = Train(
            "run", 2, "--from", model, "--set", "training.low_rank.rank=2", "--set", "training.freeze=encoder",
            "--set", "training.compare_every=1");
        var two = MpiRun.Run(2, _scratch.Path, train);
        Assert.True(two.ExitCode == 0, two.Error);
        train[3] = "alone";
        Assert.Equal(0, Command.RunProgram(_scratch.Path, train).ExitCode);
        AssertSameResult("alone", "run");
        RunComparison.AssertSameTensors(
            SafetensorsFile.Read(_scratch["alone", "adapter.safetensors"]).Tensors,
            SafetensorsFile.Read(_scratch["run", "adapter.safetensors"]).Tensors);
    }

    [Fact]
    public void Sums_in_bfloat16_are_near_those_in_float32_and_equal_in_all_processes()
    {
        string[] train = Train("run", 2, "--set", "training.exchange=bfloat16", "--set", "training.compare_every=1");
        var two = MpiRun.Run(2, _scratch.Path, train);
        Assert.True(two.ExitCode == 0, two.Error); // each step compares the weights
        Assert.Equal(0, Command.RunProgram(_scratch.Path, Train("alone", 2)).ExitCode);
        var (expected, actual) = (RunLog.Read(_scratch["alone", "log.jsonl"]), RunLog.Read(_scratch["run", "log.jsonl"]));
        Assert.Equal(expected[^1].EvalLoss!.Value, actual[^1].EvalLoss!.Value, 0.02 * expected[^1].EvalLoss!.Value);
        Assert.NotEqual(Last("alone").Tensors["weights"].Bytes.ToArray(), Last("run").Tensors["weights"].Bytes.ToArray());
    }

    [Fact]
    public void A_killed_process_ends_the_job_and_another_number_of_processes_goes_on_to_the_bit()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Signals of POSIX.");
        using (var job = MpiRun.Start(2, _scratch.Path, [], Train("run", 4, "--set", "training.epochs=100000")))
        {
            while (Checkpoints("run").Length == 0 && !job.HasExited)
                Thread.Sleep(20);
            int helper = HelperOf(job);
            using (var kill = Process.Start("kill", ["-KILL", helper.ToString(CultureInfo.InvariantCulture)]))
                kill.WaitForExit();
            var killed = Command.Finish(job);
            Assert.NotEqual(0, killed.ExitCode);
            Assert.DoesNotContain("   at ", killed.Error, StringComparison.Ordinal);
        }
        long epochs = Last("run").Step / StepsPerEpoch + 1;
        var resumed = MpiRun.Run(
            4, _scratch.Path, "train", "tiny.toml", "--out", "run", "--resume", "--set", $"training.epochs={epochs}");
        Assert.True(resumed.ExitCode == 0, resumed.Error);
        Assert.Equal(
            0, Command.RunProgram(_scratch.Path, Train("alone", 4, "--set", $"training.epochs={epochs}")).ExitCode);
        AssertSameResult("alone", "run");
    }

    [Fact]
    public void What_process_0_refuses_is_one_line_and_the_others_say_nothing()
    {
        var refused = MpiRun.Run(2, _scratch.Path, Train("run", 3));
        Assert.NotEqual(0, refused.ExitCode);
        Assert.Contains("training.replicas", refused.ErrorLine, StringComparison.Ordinal);
        Assert.Contains("a multiple of the 2 processes", refused.ErrorLine, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_scratch["run"]));
    }

    [Fact]
    public void What_another_process_fails_at_is_one_line_that_names_it()
    {
        PictureFolder.Write(_scratch["pictures"], ["a", "b"], (8, 8));
        // the other process is started elsewhere, where there are no such pictures
        _scratch.Write("start.sh", """
            [ "${OMPI_COMM_WORLD_RANK:-$PMI_RANK}" = 0 ] || cd /
            exec "$@"
            """);
        using var process = MpiRun.Start(
            2, _scratch.Path, ["sh", "start.sh"],
            Train("run", 2, "--set", "data.name=pictures", "--set", "data.train_count=0", "--set", "data.test_count=0"));
        var failed = Command.Finish(process);
        Assert.NotEqual(0, failed.ExitCode);
        Assert.StartsWith("mezzotint: process 1 of 2: ", failed.ErrorLine, StringComparison.Ordinal);
        Assert.Contains("pictures", failed.ErrorLine, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("out.npz", 3)]
    [InlineData("out.png", 2)]
    public void Processes_draw_the_bytes_that_one_process_draws(string output, int processes)
    {
        string model = TinyTraining.WriteModel(_scratch["model"]);
        string[] sample = ["sample", model, "--count", "2", "--steps", "6", "--out", output];
        var several = MpiRun.Run(processes, _scratch.Path, sample);
        Assert.True(several.ExitCode == 0, several.Error);
        byte[] shared = File.ReadAllBytes(_scratch[output]);
        File.Delete(_scratch[output]);
        Assert.Equal(0, Command.RunProgram(_scratch.Path, sample).ExitCode);
        Assert.Equal(File.ReadAllBytes(_scratch[output]), shared);
    }

    [Fact]
    public void Processes_measure_what_one_process_measures()
    {
        string model = TinyTraining.WriteModel(_scratch["model"]);
        string[] evaluate = ["evaluate", model, "--count", "20", "--steps", "4", "--likelihood", "0", "--json"];
        var two = MpiRun.Run(2, _scratch.Path, evaluate);
        Assert.True(two.ExitCode == 0, two.Error);
        var one = Command.RunProgram(_scratch.Path, evaluate);
        Assert.NotEmpty(Figures(one.Out));
        Assert.Equal(Figures(one.Out), Figures(two.Out));

        // to nine digits: the threads that measure add up as they come
        static (string, double)[] Figures(string json)
        {
            using var document = System.Text.Json.JsonDocument.Parse(json);
            return
            [
                .. from figure in document.RootElement.GetProperty("figures").EnumerateObject()
                let value = figure.Value.GetProperty("value")
                where figure.Name != "seconds_per_image" && value.ValueKind == System.Text.Json.JsonValueKind.Number
                select (figure.Name, Math.Round(value.GetDouble(), 9)),
            ];
        }
    }

    [Fact]
    public void Commands_that_have_nothing_to_share_out_run_once()
    {
        var outcome = MpiRun.Run(2, _scratch.Path, "samplers");
        Assert.Equal(0, outcome.ExitCode);
        Assert.Equal(Command.Run("samplers").Out, outcome.Out);
    }

    private static string[] Train(string folder, int replicas, params string[] more) =>
        ["train", "tiny.toml", "--out", folder, "--set", $"training.replicas={replicas}", .. more];

    /// <summary>The process of a job that is not its first: its children are started in the order of their numbers.</summary>
    private static int HelperOf(Process job)
    {
        string children = File.ReadAllText($"/proc/{job.Id}/task/{job.Id}/children");
        return int.Parse(children.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^1], CultureInfo.InvariantCulture);
    }

    private string[] Checkpoints(string run) => RunComparison.Checkpoints(_scratch, run);

    private Checkpoint Last(string run) => RunComparison.Last(_scratch, run);

    private void AssertSameResult(string expected, string actual) =>
        RunComparison.AssertSameResult(_scratch, expected, actual);
}
