using System.Globalization;
using System.Text.Json.Nodes;
using Mezzotint.AspNetCore.Plane;
using Mezzotint.Formats;
using Mezzotint.Noise;
using Mezzotint.Sampling;
using Mezzotint.Serving;
using Mezzotint.Text;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>What the page explains: by keyboard, and with the library's own numbers.</summary>
public sealed partial class BrowserTests
{
    private const string Still = "document.querySelector('article')?.getAttribute('aria-busy') === 'false'";

    [Fact]
    public async Task A_student_walks_through_seven_stops_by_keyboard_and_reads_the_numbers_of_the_library()
    {
        using var pipeline = DiffusionPipeline.Load(Path.Combine(Repository.Root, "models", "mnist-latent"));
        await using var server = await StudioServer.StartAsync(pipeline, new()
        {
            Urls = "http://127.0.0.1:0", Runs = _runs.FullName,
            Classifiers = { Path.Combine(Repository.Root, "models", "classifiers", "mnist-residual") },
        });
        var page = await _browser!.OpenAsync();
        await page.GoAsync(server.Addresses[0] + "/"); // the first visit
        await page.UntilAsync(Still);
        Assert.Equal(
            "1 Noise|2 Schedule|3 Score field|4 Solvers|5 Guidance|6 Latents|7 Training",
            await page.TextOfAllAsync(".stops a"));
        await StudentSeesNoiseAsync(page, pipeline);
        await StudentSeesTheScheduleAsync(page, pipeline);
        await StudentSeesTheFieldAsync(page);
        await StudentSeesSolversAsync(page);
        await StudentSeesGuidanceAsync(page, pipeline);
        await StudentSeesLatentsAsync(page, pipeline);
        await StudentSeesTrainingAsync(page, pipeline);
        // The address of a stop opens it again, as it was.
        await page.KeyAsync("3");
        await page.UntilAsync("document.querySelector('h2')?.innerText === 'Score field' && " + Still);
        string address = await AddressAsync(page), score = await page.TextAsync("[data-number='score x']");
        await page.GoAsync(address);
        await page.UntilAsync(Still);
        Assert.Equal(score, await page.TextAsync("[data-number='score x']"));
    }

    private static async Task StudentSeesNoiseAsync(BrowserPage page, DiffusionPipeline pipeline)
    {
        Assert.Equal("Noise", await page.TextAsync("h2"));
        await page.TabToAsync("#stop-level");
        for (int i = 0; i < 5; i++)
            await page.KeyAsync("ArrowLeft");
        await page.UntilAsync(Still);
        double level = await NumberAsync(page, "level");
        Assert.Equal(double.Parse(await page.TextAsync(".knob output"), CultureInfo.InvariantCulture), level, 1e-12);
        Assert.Contains($"level={level.ToString(CultureInfo.InvariantCulture)}", await AddressAsync(page),
            StringComparison.Ordinal);
        var clean = pipeline.Generate([3], new() { Seed = 0 }).Images;
        Assert.Equal(clean.Pixels, await PixelsOfAsync(page, "[data-name=clean]"));
        var found = await EstimateAsync(pipeline, clean, level, 16, weight: 1);
        var process = pipeline.Model.Process;
        Assert.Equal(process.Alpha(process.Time(level)), await NumberAsync(page, "alpha"), 1e-9);
        Assert.Equal(process.Std(process.Time(level)), await NumberAsync(page, "sigma"), 1e-9);
        Assert.Equal(-2 * Math.Log(level), await NumberAsync(page, "log-SNR"), 1e-9);
        Assert.Equal(found.Error(0), await NumberAsync(page, "error of D"), 1e-6);
        Assert.Equal(found.Error(0) / level, await NumberAsync(page, "error of the noise"), 1e-6);
        Assert.Equal(found.Estimates.Slice(0).Pixels, await PixelsOfAsync(page, "[data-name=estimate]"));
        Assert.Equal(found.Estimates.Slice(15).Pixels, await PixelsOfAsync(page, ".mosaic img:last-child"));
        Assert.Matches(@"^reads 3, \d+ %$", await page.TextAsync(".reading"));
        await page.ShotAsync("understand-noise");
    }

    private static async Task StudentSeesTheScheduleAsync(BrowserPage page, DiffusionPipeline pipeline)
    {
        await ToStopAsync(page, "2", "Schedule");
        await page.TabToAsync("#stop-steps");
        await page.KeyAsync("ArrowLeft");
        await page.KeyAsync("ArrowLeft");
        await page.UntilAsync("document.querySelector(\"[data-number=steps]\").innerText === '7' && " + Still);
        double[] levels = NoiseLevels.Named(pipeline.Model.Sampling.Levels, pipeline.Model.Process, 7);
        Assert.Equal(levels[0], await NumberAsync(page, "most"), 1e-9);
        Assert.Equal(levels[6], await NumberAsync(page, "least"), 1e-9);
        double[] told = [.. (await page.TextAsync("[data-number=levels]")).Split(", ")
            .Select(level => double.Parse(level, CultureInfo.InvariantCulture))];
        Assert.All(levels.Zip(told), pair => Assert.Equal(pair.First, pair.Second, pair.First * 0.006));
        Assert.Equal(7, await page.CountAsync(".figure > .pictures img[src]"));
        await page.ShotAsync("understand-schedule");
    }

    private static async Task StudentSeesTheFieldAsync(BrowserPage page)
    {
        await ToStopAsync(page, "3", "Score field");
        await page.TabToAsync(".plane");
        foreach (string key in new[] { "ArrowUp", "ArrowUp", "ArrowUp", "ArrowRight", "ArrowRight" })
            await page.KeyAsync(key);
        double x = await NumberAsync(page, "x"), y = await NumberAsync(page, "y"), level = await NumberAsync(page, "level");
        Assert.Equal((0.32, 0.48), (x, y));
        var mixture = PlaneMixture.Named("moons", 0.08);
        var (denoised, score, density) = mixture.At(x, y, level);
        Assert.Equal(score.X, await NumberAsync(page, "score x"), 1e-4);
        Assert.Equal(score.Y, await NumberAsync(page, "score y"), 1e-4);
        Assert.Equal(denoised.X, await NumberAsync(page, "D x"), 1e-4);
        Assert.Equal(density, await NumberAsync(page, "ln p"), 1e-3);
        await page.KeyAsync("Enter");
        await page.UntilAsync("document.querySelector(\"[data-number='ends at']\").innerText !== ''");
        double[] levels = NoiseLevels.Named("karras", PlaneWalks.From(level), 24);
        var (endX, endY) = new PlaneWalks(mixture).Exact(levels, [(x, y)], CancellationToken.None).Points[^1][0];
        double[] end = [.. (await page.TextAsync("[data-number='ends at']")).Split(", ")
            .Select(value => double.Parse(value, CultureInfo.InvariantCulture))];
        Assert.Equal(endX, end[0], 1e-2);
        Assert.Equal(endY, end[1], 1e-2);
        await page.ShotAsync("understand-field");
    }

    private static async Task StudentSeesSolversAsync(BrowserPage page)
    {
        await ToStopAsync(page, "4", "Solvers");
        await page.TabToAsync("#stop-steps");
        await page.KeyAsync("ArrowRight");
        await page.UntilAsync("document.querySelector('.knob output').innerText === '7' && " + Still);
        var walks = new PlaneWalks(PlaneMixture.Named("moons", 0.08));
        double[] levels = NoiseLevels.Named("karras", PlaneWalks.From(1.2), 7);
        var starts = PlaneWalks.Starts(levels[0], 0, 1);
        var exact = walks.Exact(levels, starts, CancellationToken.None);
        foreach (string name in new[] { "euler", "heun", "dpmpp-2m" })
        {
            var walk = walks.Walk(Solvers.Named(name), levels, starts, 0, CancellationToken.None);
            Assert.Equal(
                walk.Evaluations.ToString(CultureInfo.InvariantCulture),
                await page.TextAsync($"tr[data-sampler={name}] td:nth-child(2)"));
            Assert.Equal(
                PlaneWalks.Distance(walk, exact),
                double.Parse(await page.ExactAsync($"tr[data-sampler={name}] td:nth-child(3)"), CultureInfo.InvariantCulture),
                1e-5);
        }
        await page.ShotAsync("understand-solvers");
    }

    private static async Task StudentSeesGuidanceAsync(BrowserPage page, DiffusionPipeline pipeline)
    {
        await ToStopAsync(page, "5", "Guidance");
        await page.TabToAsync("#stop-weight");
        await page.KeyAsync("ArrowRight");
        await page.UntilAsync("document.querySelector(\"[data-number=weight]\").innerText === '2.5' && " + Still);
        double level = await NumberAsync(page, "level");
        var clean = pipeline.Generate([3], new() { Seed = 0 }).Images;
        Assert.Equal(
            (await EstimateAsync(pipeline, clean, level, 1, 2.5)).Error(0), await NumberAsync(page, "error when guided"), 1e-6);
        Assert.Equal((await EstimateAsync(pipeline, clean, level, 1, 0)).Error(0), await NumberAsync(page, "error of D₀"), 1e-6);
        Assert.Equal(2, await NumberAsync(page, "evaluations"));
        Assert.Equal(
            pipeline.Generate([3], new() { Seed = 5, GuidanceScale = 2.5 }).Images.Pixels,
            await PixelsOfAsync(page, "[data-name=sample-5]"));
        await page.ShotAsync("understand-guidance");
    }

    private static async Task StudentSeesLatentsAsync(BrowserPage page, DiffusionPipeline pipeline)
    {
        await ToStopAsync(page, "6", "Latents");
        var clean = pipeline.Generate([3], new() { Seed = 0 }).Images;
        var kept = (await EstimateAsync(pipeline, clean, pipeline.Model.Process.MinimumLevel, 1, null)).Kept;
        Assert.Equal(kept.Pixels, await PixelsOfAsync(page, "[data-name=kept]"));
        Assert.Equal(
            Math.Sqrt(kept.Pixels.Zip(clean.Pixels, (a, b) => (a - b) * (double)(a - b)).Average()) / 255,
            await NumberAsync(page, "error of a pixel"), 1e-9);
        await page.ShotAsync("understand-latents");
    }

    private static async Task StudentSeesTrainingAsync(BrowserPage page, DiffusionPipeline pipeline)
    {
        await ToStopAsync(page, "7", "Training");
        var clean = pipeline.Generate([3], new() { Seed = 0 }).Images;
        Assert.Equal(11, await page.CountAsync("tbody tr"));
        double most = pipeline.Model.Process.MaximumLevel;
        var found = await EstimateAsync(pipeline, clean, most, 8, null);
        Assert.Equal(
            Enumerable.Range(0, 8).Average(found.Error),
            double.Parse(await page.ExactAsync("tbody tr:last-child td"), CultureInfo.InvariantCulture), 1e-6);
        await page.ShotAsync("understand-training");
    }

    [Fact]
    public async Task A_student_sees_by_keyboard_which_words_places_look_at_with_the_numbers_of_the_library()
    {
        var folder = _runs.CreateSubdirectory("words");
        await using var studio = await SmallStudio.StartWordedAsync(folder.FullName);
        var page = await _browser!.OpenAsync();
        await page.GoAsync(studio.Server.Addresses[0] + "/#understand?stop=noise");
        await page.UntilAsync(Still);
        await ToStopAsync(page, "6", "Words");
        Assert.Equal(3, await NumberAsync(page, "words"));
        Assert.Equal(
            "the start|“a”|“red”|“heart”|the end|the estimate|with noise|"
                + "without “a”|without “red”|without “heart”",
            await page.TextOfAllAsync("figcaption"));
        await SameAsync(maps => maps.Mean());
        await page.ShotAsync("understand-words");
        // The layer in the middle by keyboard.
        await page.TabToAsync("#stop-layer");
        await page.KeyAsync("ArrowDown");
        await page.KeyAsync("ArrowDown");
        await page.UntilAsync("location.hash.includes('layer=mid_block') && " + Still);
        await SameAsync(maps => maps.Layers[1]);

        async Task SameAsync(Func<AttentionMaps, Networks.AttentionLayer> of)
        {
            var clean = studio.Pipeline.Generate("a red heart", new() { Seed = 0 }).Images;
            var maps = await studio.Pipeline.Prepare(["a red heart"], new()
            {
                Seed = 1, Source = new() { Image = clean, Strength = 1 },
            }).AttendAsync(await NumberAsync(page, "level"));
            var layer = of(maps);
            int places = layer.Height * layer.Width;
            Assert.Equal(layer.Height, await NumberAsync(page, "rows"));
            Assert.Equal(1, await NumberAsync(page, "shares of a place"), 1e-5);
            int[] first = AttentionTests.FirstTokens(
                ((TextPrompts)studio.Pipeline.Model.Prompts!).Tokenize("a red heart").Pieces, layer.Tokens);
            foreach (var (word, text) in new[] { "start", "a", "red", "heart", "end" }.Index())
            {
                string name = "looks " + text;
                string told = (await page.EvaluateAsync($"document.querySelector(\"[data-name='{name}']\").dataset.mean"))!
                    .GetValue<string>();
                Assert.Equal(
                    layer.Weights[(first[word] * places)..(first[word + 1] * places)].Sum(share => (double)share) / places,
                    double.Parse(told, CultureInfo.InvariantCulture), 1e-5);
            }
        }
    }

    [Fact]
    public async Task What_is_wrong_with_a_stop_stands_in_it()
    {
        var page = await _browser!.OpenAsync();
        await page.GoAsync(Home + "#understand?stop=noise&level=100000");
        await page.UntilAsync("document.querySelector('article .error').innerText !== ''");
        Assert.Contains("knows levels of noise from", await page.TextAsync("article .error"), StringComparison.Ordinal);
        await page.TabToAsync("#stop-level");
        await page.KeyAsync("ArrowLeft");
        await page.UntilAsync(Still + " && document.querySelector('article .error').innerText === ''");
    }

    private static async Task ToStopAsync(BrowserPage page, string key, string title)
    {
        await page.EvaluateAsync("document.activeElement.blur()"); // digits are typed into fields
        await page.KeyAsync(key);
        await page.UntilAsync($"document.querySelector('h2')?.innerText === '{title}' && {Still}");
        Assert.NotEqual("", await page.TextAsync(".lead"));
        Assert.Equal(1, await page.CountAsync("math[aria-label]"));
        Assert.Equal("", await page.TextAsync("article .error"));
    }

    private static Task<NoisyEstimates> EstimateAsync(
        DiffusionPipeline pipeline, ImageBatch clean, double level, int count, double? weight) =>
        pipeline.Prepare([3], new()
        {
            Count = count, Seed = 1, GuidanceScale = weight, Source = new() { Image = clean, Strength = 1 },
        }).EstimateAsync(level);

    /// <summary>A number that a stop shows, as exactly as the page knows it.</summary>
    private static async Task<double> NumberAsync(BrowserPage page, string name) =>
        double.Parse(await page.ExactAsync($"[data-number='{name}']"), CultureInfo.InvariantCulture);

    private static async Task<byte[]> PixelsOfAsync(BrowserPage page, string selector)
    {
        JsonNode? source = await page.EvaluateAsync($"document.querySelector(\"{selector}\").src");
        return PngFile.Decode(Convert.FromBase64String(source!.GetValue<string>().Split(',')[1]), selector).Image.Pixels;
    }
}
