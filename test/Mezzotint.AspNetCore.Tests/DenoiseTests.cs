using System.Net.Http.Json;
using System.Text.Json;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks.Classifiers;
using Mezzotint.Serving;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>One evaluation laid open: what POST /api/denoise tells is what the pipeline finds.</summary>
public class DenoiseTests
{
    [Fact]
    public async Task The_estimates_are_those_of_the_pipeline_and_the_picture_is_that_of_the_seed()
    {
        await using var studio = await SmallStudio.StartAsync();
        var answer = await AskAsync(studio, new { prompt = "7", seed = 5, level = 0.8, noise_seed = 11, n = 3 });
        byte[] clean = studio.Alone(7, 5);
        Assert.Equal(clean, Pixels(answer, "image"));
        var found = await studio.Pipeline.Prepare([7], new()
        {
            Count = 3, Seed = 11, Source = new() { Image = new ImageBatch(1, 1, 8, 8, clean), Strength = 1 },
        }).EstimateAsync(0.8);
        Assert.Equal(3, answer.GetProperty("data").GetArrayLength());
        for (int i = 0; i < 3; i++)
        {
            var one = answer.GetProperty("data")[i];
            Assert.Equal(11 + i, one.GetProperty("noise_seed").GetInt64());
            Assert.Equal(found.Estimates.Slice(i).Pixels, Pixels(one, "estimate"));
            Assert.Equal(found.Noisy.Slice(i).Pixels, Pixels(one, "noisy"));
            Assert.Equal(found.Error(i), one.GetProperty("estimate_error").GetDouble(), 1e-9);
            Assert.Equal(found.Error(i) / 0.8, one.GetProperty("noise_error").GetDouble(), 1e-9);
        }
        // The mean of the estimates, pixel by pixel.
        byte[] mean = Pixels(answer, "mean");
        for (int i = 0; i < mean.Length; i++)
            Assert.Equal(Enumerable.Range(0, 3).Average(image => found.Estimates.Image(image)[i]), mean[i], 0.51);
        Assert.Equal(3, answer.GetProperty("evaluations").GetInt64());
        Assert.False(answer.TryGetProperty("classifier", out _));
    }

    [Fact]
    public async Task The_estimate_is_a_walk_of_one_step_to_nothing()
    {
        await using var studio = await SmallStudio.StartAsync();
        double level = studio.Pipeline.Model.Process.MaximumLevel;
        byte[] black = new byte[64];
        var source = new SourceImage { Image = new ImageBatch(1, 1, 8, 8, black), Strength = 1 };
        var how = new GenerationOptions { Seed = 4, Sampler = "euler", Levels = "karras", Steps = 1, Source = source };
        var step = studio.Pipeline.Generate([3], how).Images.Pixels;
        var answer = await AskAsync(studio, new
        {
            label = 3, level, noise_seed = 4, image = Convert.ToBase64String(PngFile.Encode(source.Image, 1, PictureFormat.Png)),
        });
        Assert.Equal(step, Pixels(answer.GetProperty("data")[0], "estimate"));
    }

    [Fact]
    public async Task The_same_noise_is_added_at_every_level_and_its_share_is_that_of_the_process()
    {
        await using var studio = await SmallStudio.StartAsync();
        var process = studio.Pipeline.Model.Process;
        foreach (double level in new[] { process.MinimumLevel, 0.5, process.MaximumLevel })
        {
            var answer = await AskAsync(studio, new { prompt = "7", level });
            double alpha = answer.GetProperty("alpha").GetDouble(), std = answer.GetProperty("std").GetDouble();
            Assert.Equal(process.Alpha(process.Time(level)), alpha, 1e-12);
            Assert.Equal(level, std / alpha, level * 1e-9);
            Assert.Equal(Math.Log(alpha / std), answer.GetProperty("half_log_snr").GetDouble(), 1e-9);
            Assert.Equal(1 / Math.Sqrt(1 + level * level), answer.GetProperty("shown").GetDouble(), 1e-12);
        }
        var first = await AskAsync(studio, new { prompt = "7", level = 0.5 });
        var second = await AskAsync(studio, new { prompt = "7", level = 2 });
        Assert.Equal(Pixels(first.GetProperty("data")[0], "noise"), Pixels(second.GetProperty("data")[0], "noise"));
        Assert.NotEqual(Pixels(first.GetProperty("data")[0], "noisy"), Pixels(second.GetProperty("data")[0], "noisy"));
    }

    [Fact]
    public async Task Guidance_is_the_estimate_without_a_class_and_its_way_to_that_of_the_class_times_the_weight()
    {
        await using var studio = await SmallStudio.StartAsync(guided: true);
        async Task<NoisyEstimates> At(double weight) => await studio.Pipeline.Prepare([7], new()
        {
            Seed = 1, GuidanceScale = weight, Source = new() { Image = new(1, 1, 8, 8, studio.Alone(7, 0)), Strength = 1 },
        }).EstimateAsync(0.8);
        var (none, one, three) = (await At(0), await At(1), await At(3));
        for (int i = 0; i < none.Length; i++)
            Assert.Equal(none.Denoised[i] + 3 * (one.Denoised[i] - none.Denoised[i]), three.Denoised[i], 1e-4);
        Assert.Equal((1, 2), (one.Evaluations, three.Evaluations));
        var answer = await AskAsync(studio, new { prompt = "7", level = 0.8, guidance_scale = 3, seed = 0 });
        Assert.Equal(three.Estimates.Pixels, Pixels(answer.GetProperty("data")[0], "estimate"));
        Assert.Equal(2, answer.GetProperty("evaluations").GetInt64());
    }

    [Fact]
    public async Task A_classifier_of_the_size_and_the_classes_reads_the_pictures()
    {
        var folder = Directory.CreateTempSubdirectory("mezzotint-classifier-");
        try
        {
            var shape = new ClassifierConfig { Channels = 1, Height = 8, Width = 8, Classes = 10 };
            using (var network = Classifier.Create(shape, seed: 2))
                ClassifierFolder.Write(folder.FullName, network, new()
                {
                    Name = "reads digits", Network = shape, ClassNames = [.. Enumerable.Range(0, 10).Select(i => $"{i}")],
                    Dataset = "mnist", Epochs = 1, Provenance = "a test",
                });
            await using var studio = await SmallStudio.StartAsync(new() { Classifiers = { folder.FullName } });
            var answer = await AskAsync(studio, new { prompt = "7", level = 1.5, n = 2 });
            Assert.Equal("reads digits", answer.GetProperty("classifier").GetString());
            using var read = ClassifierFolder.Read(folder.FullName);
            double[] Shares(byte[] pixels)
            {
                using var x = TorchSharp.torch.tensor(Array.ConvertAll(pixels, value => value / 255f), [1, 1, 8, 8]);
                using var shares = read.Network.call(x).softmax(1);
                return [.. shares.data<float>().ToArray().Select(share => (double)share)];
            }
            void Reads(JsonElement of, string picture, string reading)
            {
                double[] told = [.. of.GetProperty(reading).EnumerateArray().Select(share => share.GetDouble())];
                Assert.Equal(1, told.Sum(), 1e-5);
                Assert.All(told.Zip(Shares(Pixels(of, picture))), pair => Assert.Equal(pair.Second, pair.First, 1e-5));
            }
            Reads(answer, "image", "image_reading");
            Reads(answer, "mean", "mean_reading");
            Reads(answer.GetProperty("data")[1], "noisy", "noisy_reading");
            Reads(answer.GetProperty("data")[1], "estimate", "estimate_reading");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task A_model_of_words_is_asked_in_words()
    {
        var folder = Directory.CreateTempSubdirectory("mezzotint-words-");
        try
        {
            await using var studio = await SmallStudio.StartWordedAsync(folder.FullName);
            var answer = await AskAsync(studio, new { prompt = "a red heart", level = 0.7, n = 2, guidance_scale = 1 });
            Assert.Equal(2, answer.GetProperty("data").GetArrayLength());
            Assert.Equal(3, PngFile.Decode(Bytes(answer.GetProperty("data")[1], "noisy"), "noisy").Image.Channels);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Theory]
    [InlineData("""{"prompt": "7"}""", 400, "level")]
    [InlineData("""{"level": 1}""", 400, "prompt")]
    [InlineData("""{"prompt": "7", "level": -1}""", 400, "level")]
    [InlineData("""{"prompt": "7", "level": 1e9}""", 400, "level")]
    [InlineData("""{"prompt": "7", "level": 1, "n": 65}""", 400, "n")]
    [InlineData("""{"prompt": "7", "level": 1, "noise_seed": 4294967295, "n": 2}""", 400, "noise_seed")]
    [InlineData("""{"prompt": "a cat", "level": 1}""", 400, "prompt")]
    [InlineData("""{"prompt": "7", "level": 1, "image": "!"}""", 400, "image")]
    [InlineData("""{"prompt": "7", "level": 1, "image": "aGVsbG8="}""", 400, "image")]
    [InlineData("""{"prompt": "7", "level": 1, "image": "aGVsbG8=", "seed": 1}""", 400, "seed")]
    [InlineData("""{"prompt": "7", "level": 1, "guidance_scale": 3}""", 400, "guidance_scale")]
    [InlineData("""{"prompt": "7", "level": 1, "model": "other"}""", 404, "model")]
    [InlineData("""{"prompt": "7", "level": 1, "strength": 1}""", 400, "strength")]
    public async Task What_is_wrong_is_named(string body, int status, string param)
    {
        await using var studio = await SmallStudio.StartAsync();
        using var response = await studio.Client.PostAsync(
            "/api/denoise", new StringContent(body, System.Text.Encoding.UTF8, "application/json"));
        var error = await SmallStudio.ErrorAsync(response);
        Assert.Equal((status, param), (error.Status, error.Param));
    }

    [Fact]
    public async Task A_full_queue_takes_no_noise_either()
    {
        await using var studio = await SmallStudio.StartAsync(new() { MaxRequests = 1, MaxSteps = SmallStudio.Endless });
        using var stop = new CancellationTokenSource();
        var taken = studio.PostAsync(new { prompt = "7", steps = SmallStudio.Endless }, stop.Token);
        await SmallStudio.UntilAsync(() => studio.Server.Queue.Requests == 1);
        using var response = await studio.Client.PostAsJsonAsync("/api/denoise", new { prompt = "7", level = 1 });
        Assert.Equal(429, (int)response.StatusCode);
        Assert.NotNull(response.Headers.RetryAfter);
        using var toy = await studio.Client.GetAsync(new Uri("/api/toy", UriKind.Relative));
        Assert.Equal(429, (int)toy.StatusCode);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => taken);
        await SmallStudio.UntilAsync(() => studio.Server.Queue.Requests == 0);
    }

    [Fact]
    public async Task A_brief_answer_has_the_same_estimates_and_fewer_pictures()
    {
        await using var studio = await SmallStudio.StartAsync();
        var whole = (await AskAsync(studio, new { prompt = "7", level = 0.8, n = 3 })).GetProperty("data");
        var brief = (await AskAsync(studio, new { prompt = "7", level = 0.8, n = 3, brief = true })).GetProperty("data");
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(Pixels(whole[i], "estimate"), Pixels(brief[i], "estimate"));
            foreach (string picture in new[] { "noisy", "noise", "predicted" })
                Assert.Equal(i == 0, brief[i].TryGetProperty(picture, out _));
        }
        Assert.Equal(whole[0].ToString(), brief[0].ToString());
    }

    [Fact]
    public async Task The_noise_of_seeds_is_that_which_images_start_from()
    {
        await using var studio = await SmallStudio.StartAsync();
        byte[] strip = PngFile.Decode(
            await studio.Client.GetByteArrayAsync(new Uri("/api/noise?seed=9&n=3", UriKind.Relative)), "noise").Image.Pixels;
        var answer = await AskAsync(studio, new { prompt = "7", level = 1, noise_seed = 9, n = 3 });
        for (int i = 0; i < 3; i++)
            Assert.Equal(Pixels(answer.GetProperty("data")[i], "noise"), strip[(64 * i)..(64 * (i + 1))]);
        using var many = await studio.Client.GetAsync(new Uri("/api/noise?n=65", UriKind.Relative));
        Assert.Equal((400, "n"), ((await SmallStudio.ErrorAsync(many)).Status, (await SmallStudio.ErrorAsync(many)).Param));
    }

    private static async Task<JsonElement> AskAsync(SmallStudio studio, object body)
    {
        using var response = await studio.Client.PostAsJsonAsync("/api/denoise", body);
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonDocument.Parse(text).RootElement;
    }

    private static byte[] Bytes(JsonElement of, string name) => of.GetProperty(name).GetBytesFromBase64();

    private static byte[] Pixels(JsonElement of, string name) => PngFile.Decode(Bytes(of, name), name).Image.Pixels;
}
