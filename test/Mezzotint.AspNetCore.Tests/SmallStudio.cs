using System.Diagnostics;
using System.Net.Http.Json;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Serving;
using Mezzotint.Text;
using Microsoft.Extensions.Logging;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>A server with a small network of random weights that draws ten digits of 8 x 8, and a client of it.</summary>
internal sealed class SmallStudio : IAsyncDisposable
{
    /// <summary>More steps than any test waits for.</summary>
    public const int Endless = 100_000;

    private static readonly UNetConfig Config = new()
    {
        NumResBlocks = 1,
        ChannelMultipliers = [1],
        AttentionLevels = [],
        Transformer = new TransformerConfig { ContextDim = 8, NumHeads = 2 },
    };

    private SmallStudio(DiffusionPipeline pipeline, StudioServer server, Errors errors)
    {
        (Pipeline, Server, Log) = (pipeline, server, errors);
        Client = new HttpClient { BaseAddress = new Uri(server.Addresses[0]), Timeout = Timeout.InfiniteTimeSpan };
    }

    public DiffusionPipeline Pipeline { get; }

    public StudioServer Server { get; }

    public HttpClient Client { get; }

    /// <summary>What the server logged: nothing, unless a test means it to.</summary>
    public Errors Log { get; }

    public static async Task<SmallStudio> StartAsync(
        StudioOptions? options = null, TimeProvider? time = null, bool guided = false, string? dataset = null)
    {
        var config = Config with { Unconditional = guided };
        var info = new ModelInfo
        {
            Name = "small",
            Model = config,
            Height = 8,
            Width = 8,
            Dataset = dataset,
            ClassNames = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
            // As models/mnist: guidance of its own, at some levels alone.
            Sampling = new()
                { Sampler = "euler", Levels = "karras", Steps = 6, Guidance = guided ? 1.7 : null,
                GuidanceLow = guided ? 0.1 : null, GuidanceHigh = guided ? 5 : null },
        };
        return await StartAsync(
            new LoadedModel(new UNet(config, seed: 3), info), options ?? new StudioOptions(), time);
    }

    /// <summary>A server with a small network that is asked in words: 8 x 8 in colour.</summary>
    /// <param name="folder">An empty folder for its text encoder, which is read at once.</param>
    /// <param name="options">The server's.</param>
    public static async Task<SmallStudio> StartWordedAsync(string folder, StudioOptions? options = null)
    {
        var tokenizer = ClipVocabulary.Train(["a red heart", "a blue heart"], 600, 8);
        tokenizer.Write(Path.Combine(folder, "tokenizer"));
        using (var encoder = TextEncoder.Create(new TextEncoderConfig
        {
            VocabSize = tokenizer.Count, HiddenSize = 16, IntermediateSize = 32, NumHiddenLayers = 1, NumAttentionHeads = 2,
            MaxPositionEmbeddings = 8, ProjectionDim = 16, EosTokenId = tokenizer.End, BosTokenId = tokenizer.Start,
        }))
            TextEncoderFolder.Write(Path.Combine(folder, "text_encoder"), encoder);
        var config = new ConditionalUNetConfig
        {
            InChannels = 3, OutChannels = 3, BlockOutChannels = [16], LayersPerBlock = [1], CrossAttentionDim = 16,
            DownBlockTypes = [ConditionalUNetConfig.AttendingDown], UpBlockTypes = [ConditionalUNetConfig.AttendingUp],
            AttentionHeadDim = [2], NormNumGroups = 4,
        };
        var info = new ModelInfo
        {
            Name = "worded",
            Model = config,
            Process = new Noise.VariancePreserving { Schedule = new Noise.CosineSchedule() },
            Parameterisation = new Noise.VelocityParameterisation(),
            Prompts = TextFolder.Open(new TextPrompts { Encoder = folder }).Prompts,
            Examples = new() { Learned = ["a red heart"], Unseen = ["a green heart"] },
            Height = 8,
            Width = 8,
            ClassNames = [],
            Sampling = new() { Sampler = "euler", Levels = "karras", Steps = 4, Guidance = 3 },
        };
        return await StartAsync(new LoadedModel(config.Build(seed: 3), info), options ?? new StudioOptions(), time: null);
    }

    /// <summary>Writes a small model of its own random weights.</summary>
    public static void WriteModel(string folder, long seed)
    {
        using var network = new UNet(Config, seed);
        ModelFolder.Write(folder, network, new ModelInfo
        {
            Name = $"model of seed {seed}", Model = Config, Height = 8, Width = 8,
            ClassNames = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
            Sampling = new() { Sampler = "euler", Levels = "karras", Steps = 4 },
        });
    }

    private static async Task<SmallStudio> StartAsync(LoadedModel model, StudioOptions options, TimeProvider? time)
    {
        var pipeline = new DiffusionPipeline(model, "small", new string('a', 64), 2, ownsModel: true);
        var errors = new Errors();
        if (options.Urls == StudioOptions.DefaultUrl)
            options = options with { Urls = "http://127.0.0.1:0" };
        return new SmallStudio(pipeline, await StudioServer.StartAsync(pipeline, options, errors, time), errors);
    }

    /// <summary>The pixels of an image, drawn without the server.</summary>
    public byte[] Alone(int label, long seed, GenerationOptions? options = null) =>
        Pipeline.Generate([label], (options ?? new GenerationOptions()) with { Seed = seed }).Images.Pixels;

    /// <summary>Sends a request; what an anonymous object calls n is n.</summary>
    public Task<HttpResponseMessage> PostAsync(object body, CancellationToken stop = default) =>
        Client.PostAsJsonAsync("/v1/images/generations", body, stop);

    public Task<HttpResponseMessage> PostTextAsync(string body, string type = "application/json") =>
        Client.PostAsync("/v1/images/generations", new StringContent(body, Encoding.UTF8, type));

    /// <summary>The answer to a request that is sound.</summary>
    public async Task<JsonElement> DrawAsync(object body)
    {
        using var response = await PostAsync(body);
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == HttpStatusCode.OK, text);
        return JsonDocument.Parse(text).RootElement;
    }

    /// <summary>The pixels of image i of an answer.</summary>
    public static byte[] Pixels(JsonElement answer, int i = 0) =>
        PngFile.Decode(answer.GetProperty("data")[i].GetProperty("b64_json").GetBytesFromBase64(), "answer").Image.Pixels;

    /// <summary>What an error says: in OpenAI's shape where its clients ask, elsewhere as problem details.</summary>
    public static async Task<(int Status, string? Code, string? Param, string Message)> ErrorAsync(HttpResponseMessage response)
    {
        string text = await response.Content.ReadAsStringAsync();
        var body = JsonDocument.Parse(text).RootElement;
        if (!response.RequestMessage!.RequestUri!.AbsolutePath.Contains("/v1/", StringComparison.Ordinal))
            return Problem(response, body);
        Assert.Equal("application/json", response.Content.Headers.ContentType?.MediaType);
        var error = body.GetProperty("error");
        Assert.Equal(["code", "message", "param", "type"], error.EnumerateObject().Select(property => property.Name).Order());
        return (
            (int)response.StatusCode, error.GetProperty("code").GetString(), error.GetProperty("param").GetString(),
            error.GetProperty("message").GetString()!);
    }

    private static (int Status, string? Code, string? Param, string Message) Problem(
        HttpResponseMessage response, JsonElement body)
    {
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        Assert.Equal((int)response.StatusCode, body.GetProperty("status").GetInt32());
        Assert.NotEmpty(body.GetProperty("title").GetString()!);
        return (
            (int)response.StatusCode, body.GetProperty("code").GetString(),
            body.TryGetProperty("param", out var param) ? param.GetString() : null, body.GetProperty("detail").GetString()!);
    }

    /// <summary>Waits until a condition holds; one that does not in minutes never will.</summary>
    public static async Task UntilAsync(Func<bool> holds, [CallerArgumentExpression(nameof(holds))] string condition = "")
    {
        for (var waited = Stopwatch.StartNew(); !holds(); await Task.Delay(5))
            Assert.True(waited.Elapsed < TimeSpan.FromMinutes(3), $"Still not true: {condition}");
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await Server.DisposeAsync();
        Pipeline.Dispose();
        Assert.Empty(Log.Lines);
    }

    /// <summary>Keeps what is logged.</summary>
    internal sealed class Errors : ILoggerProvider, ILogger
    {
        public List<string> Lines { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        /// <summary>Errors alone: on a busy machine the web server warns that its clock is late.</summary>
        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (Lines)
                if (IsEnabled(logLevel))
                    Lines.Add($"{logLevel}: {formatter(state, exception)} {exception}");
        }

        public void Dispose()
        {
        }
    }
}
