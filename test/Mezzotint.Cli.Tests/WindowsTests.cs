using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Runs;

namespace Mezzotint.Cli.Tests;

/// <summary>
/// What the program for Windows does. The engine computes the bits of Linux there. libtorch does not, which draws the noise and
/// the weights that a training begins with: its build for Windows rounds some in the last digit otherwise.
/// </summary>
[Collection(WindowsDefinition.Name), Trait("System", "Windows")]
public sealed class WindowsTests(WindowsProgram windows) : IDisposable
{
    private readonly ScratchFolder _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void The_engine_computes_the_bits_of_Linux_forward_and_backward_for_both_networks_that_ship()
    {
        using (var process = windows.Start(_scratch.Path, ["--version"], start => EngineBits.Prepare(
            start, WindowsProgram.PathOf(typeof(EngineBits).Assembly.Location), WindowsProgram.PathOf(_scratch["bits.txt"]))))
            Assert.Equal("", Command.Finish(process).Error);
        Assert.Equal(EngineBits.Of(Path.Combine(Repository.Root, "models")), File.ReadAllText(_scratch["bits.txt"]));
    }

    [Fact]
    public void Doctor_finds_libtorch_and_the_engine_that_the_processor_allows()
    {
        JsonElement Facts(Outcome outcome) => JsonDocument.Parse(outcome.Out).RootElement;
        var there = Facts(windows.Succeed(_scratch.Path, "doctor", "--json"));
        var here = Facts(Command.Run("doctor", "--json"));
        Assert.Equal("win-x64", there.GetProperty("runtime_identifier").GetString());
        foreach (string same in new[] { "libtorch", "torch_sharp", "engine" })
            Assert.Equal(here.GetProperty(same).GetString(), there.GetProperty(same).GetString());
    }

    /// <summary>The configuration has the line ends of Windows, and backslashes in its paths.</summary>
    [Fact]
    public void A_training_that_is_killed_resumes_to_the_bit_and_ends_where_it_does_on_Linux()
    {
        _scratch.Write("tiny.toml", TinyTraining.Toml.ReplaceLineEndings("\r\n"));
        string[] train = ["train", "tiny.toml", "--set", "training.precision=float32", "--out"];
        using (var process = windows.Start(_scratch.Path, [.. train, @"runs\killed"]))
        {
            while (!File.Exists(_scratch["runs", "killed", "checkpoints", "step-000000003.safetensors"]))
                Assert.False(process.WaitForExit(5), "it ended by itself");
            process.Kill();
            process.WaitForExit();
        }
        windows.Succeed(_scratch.Path, "train", "--resume", "--out", @"runs\killed");
        windows.Succeed(_scratch.Path, [.. train, @"runs\whole"]);
        var here = Command.RunIn(_scratch.Path, [.. train, "runs/here"]);
        Assert.True(here.ExitCode == 0, here.Error);

        string file = Path.Combine("model", ModelFolder.WeightsFile);
        var whole = SafetensorsFile.Read(_scratch["runs", "whole", file]).Tensors;
        foreach (var (name, tensor) in SafetensorsFile.Read(_scratch["runs", "killed", file]).Tensors)
            Assert.True(tensor.Bytes.Span.SequenceEqual(whole[name].Bytes.Span), $"{name} differs.");
        double Loss(string run) => RunLog.Read(_scratch["runs", run, "log.jsonl"])[^1].EvalLoss!.Value;
        Assert.Equal(Loss("here"), Loss("whole"), 1e-3 * Loss("here"));
    }

    [Fact]
    public void What_Linux_draws_imports_exports_and_evaluates_Windows_does_too()
    {
        TinyTraining.WriteModel(_scratch["models", "tiny"], classNames: Names);
        string[][] commands =
        [
            ["sample", "tiny", "--label", "1,5", "--count", "2", "--steps", "3", "--precision", "float32", "--out", "{0}.png"],
            ["sample", "--like", "here.png", "--out", "{0}-again.png"],
            ["import", "models/tiny", "--out", "{0}-model"],
            ["export", "tiny", "--out", "{0}.onnx"],
        ];
        foreach (string[] command in commands)
        {
            string[] For(string where) => [.. command.Select(word => word.Replace("{0}", where, StringComparison.Ordinal))];
            var here = Command.RunIn(_scratch.Path, For("here"));
            Assert.True(here.ExitCode == 0, here.Error);
            windows.Succeed(_scratch.Path, For("there"));
        }
        byte[] Of(string file) => File.ReadAllBytes(_scratch[file]);
        AssertSame(PngFile.Read(_scratch["here.png"]), PngFile.Read(_scratch["there.png"]));
        Assert.Equal(Of("there.png"), Of("there-again.png")); // by the receipt of what Linux drew
        Assert.Equal(Of("here.onnx"), Of("there.onnx"));
        Assert.Equal(ModelFolder.Hash(_scratch["here-model"]), ModelFolder.Hash(_scratch["there-model"]));

        string[] evaluate = ["evaluate", "tiny", "--data", "strokes", "--loss", "--count", "16", "--json"];
        double Loss(Outcome outcome) => JsonDocument.Parse(outcome.Out).RootElement.GetProperty("loss").GetDouble();
        Assert.Equal(Loss(Command.RunIn(_scratch.Path, evaluate)), Loss(windows.Succeed(_scratch.Path, evaluate)), 1e-6);
    }

    /// <summary>In a pipe they are UTF-8, whatever code page the console has.</summary>
    [Fact]
    public void Names_in_any_script_come_through_and_those_of_devices_become_folders()
    {
        TinyTraining.WriteModel(_scratch["models", "tiny"], classNames: Names);
        var told = JsonDocument.Parse(windows.Succeed(_scratch.Path, "inspect", "tiny", "--json").Out).RootElement;
        Assert.Equal(Names, told.GetProperty("class_names").EnumerateArray().Select(name => name.GetString()));
        windows.Succeed(_scratch.Path, "sample", "tiny", "--label", "0,1,2,3", "--count", "1", "--steps", "2", "--out", @"out\");
        Assert.Equal(["Zürich", "_con", "_nul.txt", "猫"],
            Directory.GetDirectories(_scratch["out"]).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    private static readonly string[] Names = ["con", "Zürich", "猫", "nul.txt.", "4", "5", "6", "7", "8", "9"];

    [Theory]
    [InlineData("sample tiny --label 1 --count 1 --steps 2 --out con.png", "'con.png' is the name of a device")]
    [InlineData("sample tiny --label 1 --count 1 --steps 2 --out aux/", "'aux' is the name of a device")]
    [InlineData("train tiny.toml --out run.", "no name ends in a dot or a space, as 'run.' does")]
    [InlineData("import models/tiny --out lpt1", "'lpt1' is the name of a device")]
    public void An_output_that_Windows_takes_for_another_is_refused_by_name(string command, string message)
    {
        TinyTraining.WriteModel(_scratch["models", "tiny"]);
        _scratch.Write("tiny.toml", TinyTraining.Toml);
        var outcome = windows.Run(_scratch.Path, command.Split(' '));
        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains(message, outcome.ErrorLine, StringComparison.Ordinal);
        Assert.Equal(["models", "tiny.toml"], Directory.GetFileSystemEntries(_scratch.Path).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void A_path_of_more_than_260_characters_is_one_as_any()
    {
        TinyTraining.WriteModel(_scratch["models", "tiny"]);
        string folder = string.Join('\\', Enumerable.Repeat(new string('a', 60), 5));
        string file = Path.Combine(folder, "one.png");
        windows.Succeed(_scratch.Path, "sample", "tiny", "--label", "1", "--count", "1", "--steps", "2", "--out", file);
        windows.Succeed(_scratch.Path, "sample", "--like", file, "--out", "again.png");
        Assert.Equal(File.ReadAllBytes(_scratch[file.Replace('\\', '/')]), File.ReadAllBytes(_scratch["again.png"]));
    }

    [Fact]
    public async Task A_file_that_another_process_has_open_is_replaced_once_that_closes_it()
    {
        TinyTraining.WriteModel(_scratch["models", "tiny"]);
        _scratch.Write("one.png", "old");
        using var holder = windows.Start(_scratch.Path, ["--version"], start => HoldingProgram.Prepare(start, "one.png"));
        Assert.Equal(HoldingProgram.Held, await holder.StandardOutput.ReadLineAsync());
        string[] sample = ["sample", "tiny", "--label", "1", "--count", "1", "--steps", "2", "--out", "one.png"];
        using var writer = windows.Start(_scratch.Path, sample, start => DyingProgram.Prepare(
            start, WindowsProgram.PathOf(_scratch["steps.txt"]), null,
            WindowsProgram.PathOf(typeof(DyingProgram).Assembly.Location)));
        var outcome = Task.Run(() => Command.Finish(writer));
        while (!Contains(_scratch["steps.txt"], "one.png: rename"))
        {
            Assert.False(outcome.IsCompleted, "it ended by itself");
            await Task.Delay(5);
        }
        Assert.Equal("old", await File.ReadAllTextAsync(_scratch["one.png"]));
        holder.StandardInput.Close();
        Assert.True((await outcome).ExitCode == 0, (await outcome).Error);
        PngFile.Read(_scratch["one.png"]);

        static bool Contains(string file, string line) =>
            File.Exists(file) && File.ReadAllText(file).Contains(line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_trainings_do_not_share_a_folder_and_Ctrl_C_keeps_a_checkpoint()
    {
        _scratch.Write("tiny.toml", TinyTraining.Toml);
        using var process = windows.StartInTerminal(_scratch.Path, "train tiny.toml --set training.epochs=500 --out run");
        var shown = process.StandardOutput.ReadToEndAsync();
        while (!File.Exists(_scratch["run", "checkpoints", "step-000000003.safetensors"]))
            Assert.False(process.WaitForExit(5), "it ended by itself");
        var second = windows.Run(_scratch.Path, "train", "--resume", "--out", "run");
        Assert.Contains("Another process trains in 'run'", second.ErrorLine, StringComparison.Ordinal);
        await process.StandardInput.WriteAsync('\x03');
        await process.StandardInput.FlushAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == CommandLine.Stopped, await shown);
        Assert.Equal("stopped", (await File.ReadAllTextAsync(_scratch["run", "heartbeat"])).Trim());
        Assert.Equal(0, Command.RunIn(_scratch.Path, "train", "--resume", "--out", "run", "--set", "training.epochs=1").ExitCode);
    }

    [Fact]
    public async Task The_server_answers_as_on_Linux_and_outlives_a_client_that_goes_away()
    {
        string model = TinyTraining.WriteModel(_scratch["models", "tiny"]);
        using var process = windows.Start(_scratch.Path, ["serve", "tiny", "--urls", "http://127.0.0.1:0", "--json"]);
        try
        {
            var started = JsonDocument.Parse((await process.StandardOutput.ReadLineAsync())!).RootElement;
            var address = new Uri(started.GetProperty("urls")[0].GetString()!);
            using (var client = new TcpClient())
            {
                await client.ConnectAsync(IPAddress.Loopback, address.Port);
                const string body = "{\"prompt\": \"3\", \"steps\": 500, \"stream\": true, \"partial_images\": 50}";
                await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes("POST /v1/images/generations HTTP/1.1\r\nHost: a\r\n"
                    + "Content-Type: application/json\r\n"
                    + string.Create(CultureInfo.InvariantCulture, $"Content-Length: {body.Length}\r\n\r\n{body}")));
                await client.GetStream().ReadExactlyAsync(new byte[100]);
            }
            using var http = new HttpClient { BaseAddress = address };
            using var response = await http.PostAsJsonAsync(
                "/v1/images/generations", new { prompt = "3", steps = 4, sampler = "heun", seed = 42 });
            var answer = await response.Content.ReadFromJsonAsync<JsonElement>();
            using var pipeline = Mezzotint.Serving.DiffusionPipeline.Load(model);
            await File.WriteAllBytesAsync(
                _scratch["there.png"], answer.GetProperty("data")[0].GetProperty("b64_json").GetBytesFromBase64());
            pipeline.Generate([3], new() { Seed = 42, Steps = 4, Sampler = "heun" }).SavePng(_scratch["here.png"], 1);
            AssertSame(PngFile.Read(_scratch["here.png"]), PngFile.Read(_scratch["there.png"]));
        }
        finally
        {
            process.Kill();
        }
    }

    /// <summary>The last digit of the noise can turn the rounding of a pixel.</summary>
    private static void AssertSame(ImageBatch wanted, ImageBatch made)
    {
        Assert.True(wanted.Pixels.Distinct().Count() > 10, "the images are flat");
        Assert.Equal(wanted.Pixels.Length, made.Pixels.Length);
        Assert.All(wanted.Pixels.Zip(made.Pixels), pixel => Assert.InRange(pixel.First - pixel.Second, -1, 1));
    }
}
