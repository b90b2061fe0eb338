using System.ClientModel;
using System.ClientModel.Primitives;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Mezzotint.Engine;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Serving;
using OpenAI;
using OpenAI.Images;
using OpenAI.Models;

namespace Mezzotint.Cli.Tests;

/// <summary>
/// What the program for Windows computes. The engine computes the bits of Linux there. libtorch does not, which draws the noise
/// and the weights that a training begins with: its build for Windows rounds some in the last digit otherwise.
/// </summary>
[Collection(WindowsDefinition.Name), Trait("System", "Windows")]
public sealed class WindowsTests(WindowsProgram windows) : IDisposable
{
    private const string Hidden =
        "wine does not say that this processor has AVX-512, so the program for Windows computes with AVX2";

    private readonly ScratchFolder _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void The_engine_computes_the_bits_of_Linux_forward_and_backward_for_both_networks_that_ship()
    {
        using (var process = windows.Start(
            _scratch.Path, ["--version"], start => EngineBits.Prepare(start, WindowsProgram.PathOf(_scratch["bits.txt"]))))
            Assert.Equal("", Command.Finish(process).Error);
        string there = File.ReadAllText(_scratch["bits.txt"]);
        Assert.SkipWhen(ComputePrecision.Engine!.StartsWith("AVX-512", StringComparison.Ordinal) && there.Contains("AVX2",
            StringComparison.Ordinal), Hidden);
        Assert.Equal(EngineBits.Of(Path.Combine(Repository.Root, "models")), there);
    }

    // Where this fails, no figure of this program's speed says anything: see WindowsProgram.
    [Fact]
    public void The_compiler_of_the_runtime_gives_up_optimising_no_method()
    {
        string file = Path.Combine(_scratch.Path, "methods.txt");
        using var process = windows.Start(_scratch.Path, ["doctor"], start =>
        {
            start.Environment["DOTNET_JitStdOutFile"] = WindowsProgram.PathOf(file);
            start.Environment["DOTNET_JitDisasmSummary"] = "1";
        });
        Command.Finish(process);

        string[] methods = File.ReadAllLines(file);
        Assert.Contains(methods, line => line.Contains("[Tier", StringComparison.Ordinal));
        Assert.DoesNotContain(methods, line => line.Contains("MinOpts", StringComparison.Ordinal));
    }

    [Fact]
    public void Doctor_finds_libtorch_and_the_engine_that_the_processor_allows()
    {
        JsonElement Facts(Outcome outcome) => JsonDocument.Parse(outcome.Out).RootElement;
        var there = Facts(windows.Succeed(_scratch.Path, "doctor", "--json"));
        var here = Facts(Command.Run("doctor", "--json"));
        Assert.Equal("win-x64", there.GetProperty("runtime_identifier").GetString());
        bool hidden = ComputePrecision.Engine!.StartsWith("AVX-512", StringComparison.Ordinal)
            && there.GetProperty("engine").GetString() == "AVX2"; // see Hidden
        foreach (string same in new[] { "libtorch", "torch_sharp", hidden ? "torch_sharp" : "engine" })
            Assert.Equal(here.GetProperty(same).GetString(), there.GetProperty(same).GetString());
    }

    /// <summary>Windows has all paths with its drive letter and backslashes; what it writes has none of them.</summary>
    [Fact]
    public void What_Linux_draws_imports_exports_and_evaluates_Windows_does_too_and_each_reads_the_others_receipts()
    {
        TinyTraining.WriteModel(_scratch["models", "tiny"], classNames: WindowsPathTests.Names);
        string[] sample = ["sample", "{models/tiny}", "--label", "1,5", "--count", "2", "--steps", "3"];
        string[] evaluate = ["evaluate", "tiny", "--data", "strokes", "--loss", "--count", "16", "--json",
            "--precision", "float32"];
        string[][] For(string where, string receipt, Func<string, string> pathOf)
        {
            string Word(string word) => word is ['{', .. var path, '}'] ? pathOf(_scratch[path.Split('/')]) : word;
            return [.. new string[][]
            {
                [.. sample, "--precision", "float32", "--out", $"{{{where}.png}}"],
                ["sample", "--like", $"{{{receipt}.png}}", "--out", $"{{{where}-again.png}}"],
                ["import", "{models/tiny}", "--out", $"{{{where}-model}}"],
                ["export", "{models/tiny}", "--out", $"{{{where}.onnx}}"],
                evaluate,
            }.Select(command => command.Select(Word).ToArray())];
        }
        var commands = For("here", "there", path => path);
        var here = new List<Outcome> { Command.RunIn(_scratch.Path, commands[0]) };
        var there = windows.SucceedAll(_scratch.Path, For("there", "here", WindowsProgram.PathOf));
        here.AddRange(commands[1..].Select(command => Command.RunIn(_scratch.Path, command)));
        Assert.All(here, outcome => Assert.True(outcome.ExitCode == 0, outcome.Error));

        byte[] Of(string file) => File.ReadAllBytes(_scratch[file]);
        AssertSame(PngFile.Read(_scratch["here.png"]), PngFile.Read(_scratch["there.png"]));
        Assert.Equal(Of("here.png"), Of("here-again.png")); // by the receipt of what Windows drew
        Assert.Equal(Of("there.png"), Of("there-again.png"));
        Assert.Equal(Of("here.onnx"), Of("there.onnx"));
        Assert.Equal(ModelFolder.Hash(_scratch["here-model"]), ModelFolder.Hash(_scratch["there-model"]));
        double Loss(Outcome outcome) => JsonDocument.Parse(outcome.Out).RootElement.GetProperty("loss").GetDouble();
        Assert.Equal(Loss(here[^1]), Loss(there[^1]), 1e-6);
    }

    /// <summary>The picture that is edited is larger than what servers keep in memory if nobody says otherwise.</summary>
    [Fact]
    public async Task The_server_answers_the_client_of_OpenAI_as_on_Linux_and_outlives_one_that_goes_away()
    {
        string model = TinyTraining.WriteModel(_scratch["models", "tiny"]);
        using var process = windows.Start(_scratch.Path, ["serve", @"models\tiny", "--urls", "http://127.0.0.1:0", "--json",
            "--precision", ComputePrecision.Float32]);
        try
        {
            var started = JsonDocument.Parse((await process.StandardOutput.ReadLineAsync())!).RootElement;
            var address = new Uri(started.GetProperty("urls")[0].GetString()!);
            await AskAndGoAway(address.Port);

            var (key, options) = (new ApiKeyCredential("any key"), new OpenAIClientOptions
                { Endpoint = new Uri(address, "/v1"), RetryPolicy = new ClientRetryPolicy(0) });
            Assert.Equal("tiny", Assert.Single((await new OpenAIModelClient(key, options).GetModelsAsync()).Value).Id);
            var client = new ImageClient("tiny", key, options);
            var answer = await client.GenerateImagesAsync(BinaryContent.Create(BinaryData.FromObjectAsJson(
                new { model = "tiny", prompt = "3", steps = 4, sampler = "heun", seed = 42 })));
            var image = JsonDocument.Parse(answer.GetRawResponse().Content).RootElement.GetProperty("data")[0];
            await File.WriteAllBytesAsync(_scratch["there.png"], image.GetProperty("b64_json").GetBytesFromBase64());
            using var pipeline = DiffusionPipeline.Load(model, precision: ComputePrecision.Float32);
            var here = pipeline.Generate([3], new() { Seed = 42, Steps = 4, Sampler = "heun" });
            here.SavePng(_scratch["here.png"], 1);
            AssertSame(PngFile.Read(_scratch["here.png"]), PngFile.Read(_scratch["there.png"]));

            byte[] noise = new byte[28 * 28 * 144];
            new Random(1).NextBytes(noise);
            byte[] picture = PngFile.Encode(new ImageBatch(1, 1, 28 * 12, 28 * 12, noise), 1, PictureFormat.Png);
            Assert.InRange(picture.Length, 1 << 16, 1 << 20);
            var edited = await client.GenerateImageEditAsync(
                new MemoryStream(picture), "noise.png", "3", new() { ResponseFormat = GeneratedImageFormat.Uri });
            using var http = new HttpClient();
            byte[] file = await http.GetByteArrayAsync(edited.Value.ImageUri);
            Assert.Equal(28, PngFile.Decode(file, "edited").Image.Width);
        }
        finally
        {
            process.Kill();
        }
    }

    private static async Task AskAndGoAway(int port)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port);
        const string body = "{\"prompt\": \"3\", \"steps\": 500, \"stream\": true, \"partial_images\": 50}";
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes("POST /v1/images/generations HTTP/1.1\r\nHost: a\r\n"
            + "Content-Type: application/json\r\n"
            + string.Create(CultureInfo.InvariantCulture, $"Content-Length: {body.Length}\r\n\r\n{body}")));
        await client.GetStream().ReadExactlyAsync(new byte[100]);
    }

    /// <summary>The last digit of the noise can turn the rounding of a pixel.</summary>
    private static void AssertSame(ImageBatch wanted, ImageBatch made)
    {
        Assert.True(wanted.Pixels.Distinct().Count() > 10, "the images are flat");
        Assert.Equal(wanted.Pixels.Length, made.Pixels.Length);
        Assert.All(wanted.Pixels.Zip(made.Pixels), pixel => Assert.InRange(pixel.First - pixel.Second, -1, 1));
    }
}
