using System.Net.Http.Json;
using System.Text.Json;
using Mezzotint.Data;
using Mezzotint.Evaluation;
using Mezzotint.Models;
using Mezzotint.Networks.Classifiers;
using Mezzotint.Runtime;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>POST /api/measure: the library's figures of what a model draws in one way.</summary>
public sealed class MeasureTests : IDisposable
{
    internal const string Data = "dotted-greys";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("mezzotint-measure-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task The_figures_are_those_of_the_whole_evaluation()
    {
        await using var studio = await StartAsync();
        using var response = await studio.Client.PostAsJsonAsync(
            "/api/measure", new { n = 60, seed = 5, sampler = "euler", steps = 3, levels = "karras" });
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        var answer = JsonDocument.Parse(text).RootElement;
        Assert.Equal((60, 3, 100), (answer.GetProperty("images").GetInt32(), answer.GetProperty("evaluations").GetInt32(),
            answer.GetProperty("test_images").GetInt32()));
        int[] labels = [.. Enumerable.Range(0, 60).Select(i => i / 6)];
        var images = studio.Pipeline.Generate(labels, new() { Seed = 5, Sampler = "euler", Steps = 3, Levels = "karras" }).Images;
        byte[] shown = Array.ConvertAll(labels, label => (byte)label);
        var (train, test) = (Dots("train", 400), Dots("test", 100));
        using var judge = ClassifierFolder.Read(_folder.FullName);
        using var threads = new WorkerThreads(0);
        var whole = ImageEvaluation.Of(
            new(new ImageSet("drawn", images.Pixels, shown, 1, 8, 8, test.ClassNames)),
            ReferenceImages.Divide(train, test, shown, 60, 5), [judge], threads).Figures;
        var accuracy = whole.First(figure => figure.Key.StartsWith("accuracy_", StringComparison.Ordinal));
        var distance = whole.First(figure => figure.Key == $"frechet_{judge.Info.Network.Architecture}_test");
        Same(accuracy, answer.GetProperty("accuracy"));
        Same(distance, answer.GetProperty("distance"));
        Assert.True(answer.GetProperty("distance").GetProperty("low").GetDouble() > distance.Real);
        Assert.Equal(0, studio.Server.Queue.Requests);
    }

    [Theory]
    [InlineData(49)]
    [InlineData(2001)]
    public async Task A_number_of_images_that_is_not_measured_is_refused(int n)
    {
        await using var studio = await StartAsync();
        using var response = await studio.Client.PostAsJsonAsync("/api/measure", new { n });
        Assert.Equal((400, "n"), await SmallStudio.ErrorAsync(response) is var error ? (error.Status, error.Param) : default);
    }

    [Fact]
    public async Task Without_a_classifier_it_says_so_and_whoever_goes_away_stops_it()
    {
        await using (var bare = await SmallStudio.StartAsync(dataset: Data))
        {
            using var refused = await bare.Client.PostAsJsonAsync("/api/measure", new { n = 60 });
            var error = await SmallStudio.ErrorAsync(refused);
            Assert.Equal((409, "cannot_be_measured"), (error.Status, error.Code));
            Assert.Contains("no classifier", error.Message, StringComparison.Ordinal);
        }
        await using var studio = await StartAsync();
        using var stop = new CancellationTokenSource();
        var endless = studio.Client.PostAsJsonAsync("/api/measure", new { n = 60, steps = SmallStudio.Endless }, stop.Token);
        await SmallStudio.UntilAsync(() => studio.Server.Queue.Requests == 1);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => endless);
        await SmallStudio.UntilAsync(() => studio.Server.Queue.Requests == 0);
    }

    private static void Same(Figure expected, JsonElement told)
    {
        Assert.Equal(expected.Value!.Value, told.GetProperty("value").GetDouble(), 1e-9);
        Assert.Equal(expected.Real!.Value, told.GetProperty("real").GetDouble(), 1e-9);
        Assert.InRange(
            expected.Value!.Value, told.GetProperty("low").GetDouble() - 1e-9, told.GetProperty("high").GetDouble() + 1e-9);
    }

    private Task<SmallStudio> StartAsync() => StartAsync(_folder.FullName, new());

    /// <summary>A studio with data and a classifier of random weights.</summary>
    internal static Task<SmallStudio> StartAsync(string folder, StudioOptions options)
    {
        RegisterDots();
        var shape = new ClassifierConfig { Channels = 1, Height = 8, Width = 8, Classes = 10 };
        using (var network = Classifier.Create(shape, seed: 2))
            ClassifierFolder.Write(folder, network, new()
            {
                Name = "random", Network = shape, Dataset = Data, Epochs = 1, Provenance = "a test",
                ClassNames = [.. Enumerable.Range(0, 10).Select(i => $"{i}")],
            });
        return SmallStudio.StartAsync(
            options with { Classifiers = [folder], MaxSteps = SmallStudio.Endless }, dataset: Data);
    }

    internal static void RegisterDots() => DataSource.Register(Data, (reading, limit) =>
        Dots(reading.Part == ImageSplit.Test ? "test" : "train", reading.Part == ImageSplit.Test ? 100 : 400));

    private static ImageSet Dots(string part, int count)
    {
        var random = new Random(part == "test" ? 1 : 2);
        byte[] labels = [.. Enumerable.Range(0, count).Select(i => (byte)(i % 10))], pixels = new byte[count * 64];
        random.NextBytes(pixels);
        for (int i = 0; i < count; i++)
            pixels[64 * i + 6 * labels[i]] = 255;
        return new($"dots {part}", pixels, labels, 1, 8, 8, [.. Enumerable.Range(0, 10).Select(i => $"{i}")]);
    }
}
