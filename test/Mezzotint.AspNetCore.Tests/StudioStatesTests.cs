using Mezzotint.Formats;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>Every view and state of the studio with the models that ship, as the pictures that docs/studio-states.md
/// shows.</summary>
public sealed class StudioStatesTests(BrowserTests.OneBrowser browser)
    : IClassFixture<BrowserTests.OneBrowser>, IAsyncLifetime
{
    private const string Still = "document.querySelector('article')?.getAttribute('aria-busy') === 'false'",
        Quiet = "document.querySelector('.tile img[src]') "
            + "&& document.querySelector('form.controls').getAttribute('aria-busy') === 'false'";

    private const int Colours = 96, MostBytes = 60_000;
    private const double Scale = 0.75;

    /// <summary>Where the pictures go.</summary>
    private static readonly string? Folder = Environment.GetEnvironmentVariable("MEZZOTINT_STATES");

    /// <summary>Trainings with their samples; the logs that ship have none.</summary>
    private static readonly string Runs =
        Environment.GetEnvironmentVariable("MEZZOTINT_RUNS") ?? Path.Combine(Repository.Root, "docs", "runs");

    private Chromium? _browser;
    private StudioServer? _server;

    public async ValueTask InitializeAsync()
    {
        Assert.SkipWhen(Folder is null, "These pictures are taken anew where MEZZOTINT_STATES names a folder for them.");
        Directory.SetCurrentDirectory(Repository.Root); // what the pages tell of folders is then as in the documents
        _browser = await browser.StartedAsync();
        _server = await StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null)
            await _browser.CloseAsync();
        if (_server is not null)
            await _server.DisposeAsync();
    }

    [Theory]
    [InlineData("noise", "mnist")]
    [InlineData("schedule", "mnist")]
    [InlineData("field", "mnist")]
    [InlineData("solvers", "mnist")]
    [InlineData("guidance", "mnist")]
    [InlineData("latents", "mnist-latent")]
    [InlineData("words", "emoji")]
    [InlineData("training", "mnist")]
    public async Task A_stop_of_Understand(string stop, string model)
    {
        var page = await AtAsync($"understand?stop={stop}&model={model}", Still, 1280, 900);
        if (stop == "field")
        {
            await page.TabToAsync(".plane");
            foreach (string key in Enumerable.Repeat("ArrowUp", 8).Concat(Enumerable.Repeat("ArrowLeft", 9)))
                await page.KeyAsync(key);
            await page.KeyAsync("Enter");
            await page.UntilAsync("document.querySelector(\"[data-number='ends at']\").innerText !== ''");
        }
        await SeeAsync(page, "understand-" + stop);
    }

    [Fact]
    public async Task Draw()
    {
        var page = await AtAsync("draw?seed=5", Quiet);
        await SeeAsync(page, "draw");
        await page.ClickAsync("details.card summary");
        await page.UntilAsync("document.querySelector('#card').innerText.includes('sha256')");
        await page.UntilAsync("document.querySelector('#card').innerText.includes('eport')");
        await SeeAsync(page, "draw-about");

        page = await AtAsync("draw?seed=5", Quiet, 1280, 1650);
        await page.ClickAsync("[data-part=neighbours] summary");
        await page.ClickAsync("[data-part=nearest] summary");
        await page.UntilAsync("document.querySelectorAll('.neighbours button img').length === 8");
        await page.UntilAsync("document.querySelectorAll('[data-part=nearest] img[src]').length === 4");
        await page.EvaluateAsync("scrollTo(0, 0)");
        await SeeAsync(page, "draw-around");

        await SeeAsync(await AtAsync(
            "draw?prompt=7&count=5&seed=0&sampler=euler&steps=8&levels=karras&compare=heun,ddim", Quiet), "draw-samplers");
        await SeeAsync(
            await AtAsync("draw?model=emoji&prompt=sunflower,+twemoji+style&count=6&seed=1", Quiet, 1280, 900), "draw-words");
    }

    [Fact]
    public async Task Repair_and_walk()
    {
        var page = await AtAsync("repair", "document.querySelector('.paint')", 1280, 1100);
        await SeeAsync(page, "repair-empty");
        await page.ClickAsync("button", "Clear");
        await page.StrokeAsync(0.3, 0.28, 0.7, 0.28);
        await page.ClickAsync("button", "Eraser");
        await page.StrokeAsync(0.68, 0.36, 0.42, 0.85);
        await page.FillAsync("#field-count", "4");
        await page.ClickAsync(".primary");
        await page.UntilAsync(Quiet + " && document.querySelector('.psnr')?.innerText.startsWith('PSNR ')");
        await page.EvaluateAsync("scrollTo(0, 0)");
        await SeeAsync(page, "repair");
        await page.EvaluateAsync("document.querySelector('.over').scrollIntoView({ block: 'end' })");
        await SeeAsync(page, "repair-wipe");

        await SeeAsync(await AtAsync("walk?prompt=3&seed=5&to=9&count=7", Quiet), "walk");
    }

    [Fact]
    public async Task Compare()
    {
        const string Grid = "compare?prompt=7&seed=8&across=steps&acrossValues=4,8,16&down=sampler"
            + "&downValues=euler,heun,dpmpp-2m&levels=karras";
        const string Filled = "document.querySelectorAll('.cells img[src]').length === ";
        var page = await AtAsync(Grid, Filled + "9 && " + Quiet, 1280, 900);
        await SeeAsync(page, "compare");
        await page.ClickAsync(".cells tr:nth-child(1) .tile");
        await page.ClickAsync(".cells tr:nth-child(3) .tile");
        await page.UntilAsync("document.querySelector('.psnr')?.innerText.startsWith('PSNR ')");
        await page.EvaluateAsync("document.querySelector('.over').scrollIntoView({ block: 'end' })");
        await SeeAsync(page, "compare-wipe");
        page = await AtAsync(Grid.Replace("4,8,16", "4,16", StringComparison.Ordinal).Replace(
            "euler,heun,dpmpp-2m", "euler,heun", StringComparison.Ordinal) + "&third=seed&thirdValues=8,5",
            Filled + "8 && " + Quiet, 1280, 1100);
        await SeeAsync(page, "compare-three");
        await page.FillAsync("#measured-count", "50");
        await page.ClickAsync(".measured button", "Measure");
        await page.UntilAsync("document.querySelector('.measured .status')?.innerText.startsWith('50 images a cell, read by')");
        await page.EvaluateAsync("document.querySelector('.measured').scrollIntoView()");
        await SeeAsync(page, "compare-measured");
        await page.ClickAsync(".reports summary");
        await page.UntilAsync("document.querySelector('.reports-pair section :is(table, [role=status])')");
        await page.EvaluateAsync("document.querySelector('.reports').scrollIntoView()");
        await SeeAsync(page, "compare-report");
    }

    [Fact]
    public async Task Train_and_API()
    {
        string[] runs = [.. Directory.GetDirectories(Runs).Where(folder => File.Exists(Path.Combine(folder, "log.jsonl")))
            .Select(folder => Path.GetFileName(folder)).Order(StringComparer.Ordinal)];
        var page = await AtAsync(
            $"train?name={runs[0]}&with={runs[1]}&x=epoch", "document.querySelectorAll('.run .figure polyline').length === 2",
            1280, 1300);
        bool sampled = Directory.Exists(Path.Combine(Runs, runs[0], "samples"));
        if (sampled)
            await page.UntilAsync("document.querySelector('.sample')?.naturalWidth > 0");
        await page.EvaluateAsync("scrollTo(0, 0)");
        await SeeAsync(page, "train");
        await page.ClickAsync("details.data summary");
        await page.UntilAsync("document.querySelectorAll('.data .tile').length === 48");
        await page.ClickAsync(".data .tile");
        await page.UntilAsync("document.querySelectorAll('[data-name^=changed]').length === 12");
        await page.EvaluateAsync("document.querySelector('.data').scrollIntoView()");
        await SeeAsync(page, "train-data");

        var empty = Directory.CreateTempSubdirectory("mezzotint-no-runs-");
        try
        {
            await using var server = await StartAsync(with: options => options with
            {
                Runs = empty.FullName, Templates = Path.Combine(Repository.Root, "configs"), TrainingCommand = TrainingTests.Told,
            });
            page = await AtAsync(
                "train", "document.querySelector('.runlist .hint')?.innerText.startsWith('There are no trainings yet')",
                server: server);
            await SeeAsync(page, "train-empty");
            await page.UntilAsync("document.querySelector('.runlist details')?.hidden === false");
            await page.ClickAsync(".runlist summary");
            await page.FillAsync("#new-name", "no name");
            await page.ClickAsync(".new .primary");
            await page.UntilAsync("document.querySelector('.new .error').innerText.includes('letters, digits')");
            await page.EvaluateAsync("scrollTo(0, 0)");
            await SeeAsync(page, "train-new");
        }
        finally
        {
            empty.Delete(recursive: true);
        }

        page = await AtAsync("draw?prompt=7&count=2&seed=42", Quiet);
        await page.ClickAsync("nav [data-view=api]");
        await page.UntilAsync("document.querySelector('pre')?.innerText.startsWith('curl ')");
        await page.ClickAsync("button", "Send it");
        await page.UntilAsync("document.querySelectorAll('pre')[1].innerText.split('image_generation.completed').length === 3");
        await page.ClickAsync("button", "a sampler that there is not");
        await page.UntilAsync("document.querySelector('.stop .error').innerText.includes('fastest')");
        await page.EvaluateAsync("scrollTo(0, 0)");
        await SeeAsync(page, "api");
    }

    [Fact]
    public async Task While_it_draws_and_waits()
    {
        const string Long = "draw?prompt=7&count=4&seed=5&sampler=euler&steps=1000&levels=karras";
        var page = await AtAsync(
            Long, "document.querySelectorAll('.veil:not([hidden])').length === 4 "
                + "&& Number(document.querySelector('.veil').style.opacity) < 0.85",
            wish: ("prefers-reduced-motion", "no-preference"));
        await SeeAsync(page, "state-working");
        await page.KeyAsync("Escape");
        await page.UntilAsync("document.querySelector('.status').innerText.startsWith('Stopped after')");

        await using var busy = await StartAsync(with: options => options with { MaxRequests = 4 });
        using var client = new HttpClient { BaseAddress = new Uri(busy.Addresses[0]), Timeout = Timeout.InfiniteTimeSpan };
        using var stop = new CancellationTokenSource();
        Task Taken() => client.PostAsync("/v1/images/generations", new StringContent(
            """{"prompt": "7", "steps": 1000, "n": 8}""", System.Text.Encoding.UTF8, "application/json"), stop.Token);
        List<Task> taken = [Taken(), Taken()];
        await SmallStudio.UntilAsync(() => busy.Queue.Requests == 2);
        page = await AtAsync(
            Long, "/^2 before you, [\\d.]+ (s|min|h)$/.test(document.querySelector('#queue').textContent)", server: busy);
        await SeeAsync(page, "state-queue");
        await page.KeyAsync("Escape");
        await SmallStudio.UntilAsync(() => busy.Queue.Requests == 2);
        taken.AddRange([Taken(), Taken()]);
        await SmallStudio.UntilAsync(() => busy.Queue.Requests == 4);
        page = await AtAsync("draw?seed=5",
            "document.querySelector('.status')?.innerText.startsWith('The queue is full, with 4 before this one; trying again')",
            server: busy);
        await SeeAsync(page, "state-queue-full");
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Task.WhenAll(taken));
        await page.UntilAsync(Quiet); // it was asked again by itself
    }

    [Fact]
    public async Task When_something_is_wrong()
    {
        var page = await AtAsync("draw?seed=5", Quiet);
        await page.FillAsync("#field-prompt", "a cat on a roof");
        await page.KeyAsync("Enter");
        await page.UntilAsync("document.querySelector('#field-prompt-error').innerText !== ''");
        await SeeAsync(page, "state-wrong-input");

        var first = await StartAsync(["mnist"]);
        string address = first.Addresses[0];
        page = await AtAsync("draw?seed=5", Quiet, server: first);
        await first.DisposeAsync();
        await page.ClickAsync(".primary");
        await page.UntilAsync(
            "document.querySelector('.status').innerText.startsWith('The connection is lost; trying again in')");
        Assert.Equal(10, await page.CountAsync(".tile"));
        await SeeAsync(page, "state-server-gone");
        await using var second = await StartAsync(["mnist-few"], options => options with { Urls = address });
        await page.UntilAsync("document.querySelector('form.controls').getAttribute('aria-busy') === 'false'");
        await SeeAsync(page, "state-another-model");
        await page.GoAsync(address + "/#draw?model=mnist&seed=5");
        await page.UntilAsync("document.querySelector('#notice').innerText !== ''");
        await page.UntilAsync(Quiet);
        await SeeAsync(page, "state-another-model-link");

        await using var guarded = await StartAsync(with: options => options with { ApiKey = "correct-horse" });
        page = await AtAsync("draw", "document.querySelector('#key').open", server: guarded);
        await SeeAsync(page, "state-key");
    }

    [Fact]
    public async Task On_narrow_and_wide_screens()
    {
        var page = await AtAsync("draw?seed=5", Quiet, 360, 740);
        foreach (string view in new[] { "draw", "understand", "compare", "train", "api" })
        {
            await page.ClickAsync($"nav [data-view={view}]");
            await page.UntilAsync($"document.querySelector('nav [data-view={view}]').getAttribute('aria-current') === 'page'");
            if (view == "compare")
            {
                await page.UntilAsync("document.querySelector('form.controls')");
                await page.ClickAsync(".primary");
            }
            await page.UntilAsync(view switch
            {
                "understand" => Still, "compare" => "document.querySelectorAll('.cells img[src]').length > 2 && " + Quiet,
                "train" => "document.querySelector('.chart')", "api" => "document.querySelector('pre')?.innerText", _ => Quiet,
            });
            Assert.True((await page.EvaluateAsync("document.documentElement.scrollWidth <= 360"))!.GetValue<bool>(), view);
            await page.EvaluateAsync("scrollTo(0, 0)");
            await SeeAsync(page, "narrow-" + view);
        }
        await page.ClickAsync("nav [data-view=draw]");
        await page.UntilAsync("document.querySelector('form.controls .fields')");
        await page.ClickAsync(".drawer");
        await page.UntilAsync("getComputedStyle(document.querySelector('form.controls .fields')).display === 'block'");
        await page.EvaluateAsync("scrollTo(0, 0)");
        await SeeAsync(page, "narrow-drawer");
        await SeeAsync(await AtAsync("draw?seed=5", Quiet, 1600, 1000), "wide-1600", 0.6);
        await SeeAsync(await AtAsync("draw?seed=5", Quiet, 3840, 2160), "wide-4k", 0.3);
    }

    [Fact]
    public async Task As_its_user_wishes_it()
    {
        foreach (var (hash, ready, name) in new[]
        {
            ("understand?stop=solvers", Still, "understand"), ("draw?seed=5", Quiet, "draw"),
        })
        {
            var page = await AtAsync(hash, ready, wish: ("prefers-color-scheme", "dark"));
            await SeeAsync(page, "dark-" + name);
            page = await AtAsync(hash, ready, wish: ("forced-colors", "active"));
            await SeeAsync(page, "forced-colours-" + name);
        }
        // Without motion the noise clears in four still steps: at a third of the way, by one of them.
        var still = await AtAsync(
            "draw?prompt=7&count=4&seed=5&sampler=euler&steps=1000&levels=karras",
            "[...document.querySelectorAll('.veil')].some((veil) => veil.style.opacity && Number(veil.style.opacity) < 1)",
            wish: ("prefers-reduced-motion", "reduce"));
        await SeeAsync(still, "reduced-motion");
        await still.KeyAsync("Escape");

        var keys = await AtAsync("draw?seed=5", Quiet);
        await keys.TabToAsync(".tile:nth-child(4)");
        await SeeAsync(keys, "keyboard-focus");
        await keys.KeyAsync("?");
        await keys.UntilAsync("document.querySelector('#keys').open");
        await SeeAsync(keys, "keyboard-list");
        await keys.KeyAsync("Escape");
        await keys.GoAsync(_server!.Addresses[0] + "/#draw?seed=5");
        await keys.UntilAsync(Quiet);
        await keys.EvaluateAsync("document.activeElement.blur()");
        await keys.TabToAsync("#skip");
        await SeeAsync(keys, "keyboard-skip");
    }

    private static Task<StudioServer> StartAsync(string[]? models = null, Func<StudioOptions, StudioOptions>? with = null)
    {
        var options = new StudioOptions
        {
            Urls = "http://127.0.0.1:0", Runs = Runs, AllowDownloads = true,
            Classifiers = { Path.Combine(Repository.Root, "models", "classifiers", "mnist-residual") },
        };
        options = with?.Invoke(options) ?? options;
        foreach (string name in models ?? ["mnist", "mnist-latent", "emoji"])
            options.Models[name] = new() { Folder = $"models/{name}" };
        return StudioServer.StartAsync(options);
    }

    /// <summary>A page of a size at an address, once it is ready.</summary>
    private async Task<BrowserPage> AtAsync(
        string hash, string ready, int width = 1280, int height = 800, StudioServer? server = null,
        (string Feature, string Value)? wish = null)
    {
        var page = await _browser!.OpenAsync(width, height);
        if (wish is var (feature, value))
            await page.PreferAsync(feature, value);
        await page.GoAsync((server ?? _server!).Addresses[0] + "/#" + hash);
        await page.UntilAsync(ready);
        return page;
    }

    /// <summary>Keeps what is seen.</summary>
    private static async Task SeeAsync(BrowserPage page, string name, double scale = Scale)
    {
        var (picture, _) = PngFile.Decode(await page.SeenAsync(scale), name);
        byte[] file = SmallPng.Encode(picture, Colours);
        Assert.True(file.Length <= MostBytes, $"{name}: {file.Length} bytes are more than {MostBytes}.");
        Directory.CreateDirectory(Folder!);
        await File.WriteAllBytesAsync(Path.Combine(Folder!, name + ".png"), file);
    }
}
