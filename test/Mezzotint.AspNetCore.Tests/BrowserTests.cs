namespace Mezzotint.AspNetCore.Tests;

/// <summary>The page as a person uses it, in a real browser. Where there is none, each test says so and is skipped.</summary>
public sealed partial class BrowserTests(BrowserTests.OneBrowser browser)
    : IClassFixture<BrowserTests.OneBrowser>, IAsyncLifetime, IDisposable
{
    /// <summary>All tests share a browser; each has pages of its own.</summary>
    public sealed class OneBrowser : IAsyncDisposable
    {
        private readonly Lazy<Task<Chromium>> _started = new(Chromium.StartAsync);

        internal Task<Chromium> StartedAsync() => _started.Value;

        public async ValueTask DisposeAsync()
        {
            if (_started is { IsValueCreated: true, Value.IsCompletedSuccessfully: true })
                await (await _started.Value).DisposeAsync();
        }
    }

    private readonly DirectoryInfo _runs = Directory.CreateTempSubdirectory("mezzotint-runs-");
    private Chromium? _browser;
    private SmallStudio? _studio;

    private string Home => _studio!.Server.Addresses[0] + "/";

    public async ValueTask InitializeAsync()
    {
        _browser = await browser.StartedAsync();
        _browser.Complaints.Clear();
        _studio = await SmallStudio.StartAsync(new() { Runs = _runs.FullName, MaxSteps = SmallStudio.Endless });
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null)
            await _browser.CloseAsync();
        if (_studio is not null)
            await _studio.DisposeAsync();
        // Neither a broken policy nor an exception; that errors were answered with a status is what some tests mean to see.
        string complaints = string.Join('\n', _browser?.Complaints.Where(
            complaint => !complaint.Contains("\"source\":\"network\"", StringComparison.Ordinal)) ?? []);
        Assert.True(complaints == "", complaints);
    }

    public void Dispose() => _runs.Delete(recursive: true);

    [Fact]
    public async Task Something_is_on_the_plate_before_anything_is_asked_for()
    {
        var page = await OpenAsync();
        Assert.Equal(10, await page.CountAsync(".tile img[src]"));
        Assert.Equal("0, seed 0", await AltAsync(page, 0));
        Assert.Equal("9, seed 9", await AltAsync(page, 9));
        Assert.Contains("seed=0", await AddressAsync(page), StringComparison.Ordinal);
        Assert.Contains("small · CPU, ", await page.TextAsync("#facts"), StringComparison.Ordinal);
        Assert.Contains("60 evaluations", await page.TextAsync("#facts"), StringComparison.Ordinal);
        Assert.Equal("Go", (await page.EvaluateAsync("document.activeElement.innerText"))!.GetValue<string>());
        Assert.Equal(await FileAsync(0, 0), await SourceAsync(page, 0));
    }

    [Fact]
    public async Task The_steps_are_seen_and_one_can_go_back_through_them()
    {
        var page = await OpenAsync("#draw?prompt=7&count=2&seed=42&sampler=euler&steps=6&levels=karras");
        Assert.Equal(6, await page.CountAsync(".strip button"));
        string image = await SourceAsync(page, 0);
        await page.KeyAsync("ArrowLeft");
        Assert.Equal("7, seed 42, step 5 of 6", await AltAsync(page, 0));
        Assert.Equal("7, seed 43, step 5 of 6", await AltAsync(page, 1));
        Assert.NotEqual(image, await SourceAsync(page, 0));
        await page.KeyAsync("Home");
        Assert.Equal("7, seed 42, step 1 of 6", await AltAsync(page, 0));
        await page.ClickAsync(".strip button:nth-child(3)");
        Assert.Equal("7, seed 42, step 3 of 6", await AltAsync(page, 0));
        await page.ClickAsync(".tile:nth-child(2)");
        Assert.Contains("7, seed 43", await page.TextAsync(".about"), StringComparison.Ordinal);
        await page.UntilAsync("location.hash.includes('image=1') && location.hash.includes('step=3')");
        await page.KeyAsync("End");
        Assert.Equal("7, seed 43", await AltAsync(page, 1));
        Assert.Equal(image, await SourceAsync(page, 0));
    }

    [Fact]
    public async Task The_address_draws_again_what_is_on_screen()
    {
        var page = await OpenAsync();
        await page.FillAsync("#field-prompt", "a handwritten 3");
        await page.FillAsync("#field-count", "2");
        await page.FillAsync("#field-seed", "11");
        await page.FillAsync("#field-sampler", "heun");
        Assert.Equal("0, seed 0", await AltAsync(page, 0)); // a changed control clears nothing
        await page.KeyAsync("Enter");
        await page.UntilAsync("document.querySelectorAll('.tile').length === 2");
        await page.DrawnAsync();
        await page.ClickAsync(".tile:nth-child(2)");
        await page.UntilAsync("location.hash.includes('image=1')");
        string seen = await SourceAsync(page, 1), address = await AddressAsync(page);
        await page.GoAsync(address);
        await page.DrawnAsync();
        await page.UntilAsync("document.querySelectorAll('.tile[aria-pressed=true] img')[0]?.alt === 'a handwritten 3, seed 12'");
        Assert.Equal(seen, await SourceAsync(page, 1));
        Assert.Equal(address, await AddressAsync(page));
    }

    [Fact]
    public async Task Escape_stops_and_keeps_what_is_there()
    {
        var page = await OpenAsync("#draw?prompt=7&count=2&seed=1&sampler=euler&steps=3000&levels=karras", drawn: false);
        await page.UntilAsync("document.querySelectorAll('.tile img[src]').length === 2");
        await page.KeyAsync("Escape");
        await page.DrawnAsync();
        Assert.StartsWith("Stopped after", await page.TextAsync(".status"), StringComparison.Ordinal);
        Assert.Equal(2, await page.CountAsync(".tile img[src]"));
        await SmallStudio.UntilAsync(() => _studio!.Server.Queue.Requests == 0);
    }

    [Fact]
    public async Task Samplers_stand_side_by_side_at_equal_evaluations()
    {
        var page = await OpenAsync("#draw?prompt=7&count=3&seed=0&sampler=euler&steps=7&levels=karras&compare=heun,ddim");
        Assert.Equal(3, await page.CountAsync(".group"));
        Assert.Equal(9, await page.CountAsync(".tile img[src]"));
        Assert.Equal("euler: 7 steps, 7 evaluations", await page.TextAsync(".group:nth-child(1) h2"));
        Assert.Equal("heun: 4 steps, 7 evaluations", await page.TextAsync(".group:nth-child(3) h2"));
        await page.ShotAsync("small-compare");
    }

    [Fact]
    public async Task An_error_stands_at_its_field()
    {
        var page = await OpenAsync();
        await page.FillAsync("#field-prompt", "a cat on a roof");
        await page.KeyAsync("Enter");
        await page.UntilAsync("document.querySelector('#field-prompt-error').innerText !== ''");
        Assert.Contains("cat", await page.TextAsync("#field-prompt-error"), StringComparison.Ordinal);
        Assert.Equal(
            "true",
            (
                await page.EvaluateAsync(
                    "document.querySelector('#field-prompt').getAttribute('aria-invalid')"))!.GetValue<string>());
        await page.FillAsync("#field-prompt", "7");
        await page.FillAsync("#field-count", "100000");
        await page.ClickAsync(".primary");
        await page.UntilAsync("document.querySelector('#field-count-error').innerText !== ''");
        Assert.Equal("", await page.TextAsync("#field-prompt-error"));
        Assert.Equal("0, seed 0", await AltAsync(page, 0)); // and what was drawn is still there
        await page.ShotAsync("small-error");
    }

    [Fact]
    public async Task What_the_eraser_takes_is_drawn_anew_and_the_rest_is_kept()
    {
        var page = await OpenAsync("#repair");
        await page.UntilAsync("document.querySelector('.paint') && document.querySelector('#field-prompt').value === '7'");
        await page.ClickAsync("button", "Clear");
        await page.StrokeAsync(0.1, 0.2, 0.9, 0.2); // the pen
        await page.ClickAsync("button", "Eraser");
        await page.StrokeAsync(0.2, 0.7, 0.8, 0.7);
        Assert.Contains(
            "pixels erased",
            (await page.EvaluateAsync("document.querySelector('.paint').getAttribute('aria-label')"))!.GetValue<string>(),
            StringComparison.Ordinal);
        Assert.Equal("1", (await page.EvaluateAsync("document.querySelector('#field-strength').value"))!.GetValue<string>());
        await page.FillAsync("#field-count", "2");
        await page.ClickAsync(".primary");
        await page.UntilAsync("document.querySelectorAll('.tile').length === 2");
        await page.DrawnAsync();
        // The top two rows of the 8 x 8 picture were kept: the pen's white is in them, and nowhere did the model change it.
        Assert.True((await page.EvaluateAsync("""
            (async () => {
              const read = async (source) => {
                const canvas = document.createElement('canvas');
                canvas.width = canvas.height = 8;
                const image = new Image();
                image.src = source;
                await image.decode();
                canvas.getContext('2d').drawImage(image, 0, 0);
                return [...canvas.getContext('2d').getImageData(0, 0, 8, 3).data];
              };
              const picture = new URLSearchParams(location.hash.split('?')[1]).get('picture')
                .replaceAll('-', '+').replaceAll('_', '/');
              const kept = await read('data:image/png;base64,' + picture);
              const drawn = await read(document.querySelector('.tile img').src);
              return kept.every((value, i) => value === drawn[i]) && kept.includes(255);
            })()
            """))!.GetValue<bool>());
        string seen = await SourceAsync(page, 1), address = await AddressAsync(page);
        await page.ShotAsync("small-repair");
        await page.GoAsync(address);
        await page.UntilAsync("document.querySelectorAll('.tile').length === 2");
        await page.DrawnAsync();
        Assert.Equal(seen, await SourceAsync(page, 1));
    }

    [Fact]
    public async Task The_canvas_is_used_with_keys_alone_and_undone()
    {
        var page = await OpenAsync("#repair");
        await page.EvaluateAsync("document.querySelector('.paint').focus()");
        string Label() => "document.querySelector('.paint').getAttribute('aria-label')";
        await page.KeyAsync("e");
        await page.KeyAsync("ArrowRight");
        await page.KeyAsync(" ");
        await page.UntilAsync($"{Label()}.includes('pixels erased')");
        await page.KeyAsync("u");
        await page.UntilAsync($"{Label()}.includes('nothing erased')");
    }

    [Fact]
    public async Task A_walk_leads_from_one_seed_to_the_other()
    {
        var page = await OpenAsync("#walk?prompt=3&seed=5&to=9&count=5&sampler=euler&steps=4&levels=karras");
        Assert.Equal(5, await page.CountAsync(".tile img[src]"));
        // Both ends are what their seeds draw alone.
        Assert.Equal(await PixelsAsync(page, 0), _studio!.Alone(3, 5, new() { Sampler = "euler", Steps = 4, Levels = "karras" }));
        Assert.Equal(await PixelsAsync(page, 4), _studio!.Alone(3, 9, new() { Sampler = "euler", Steps = 4, Levels = "karras" }));
        await page.KeyAsync("End");
        Assert.Equal(
            "3, 5 of 5 between seed 5 and seed 9",
            (await page.EvaluateAsync("document.querySelector('.big').alt"))!.GetValue<string>());
        await page.ClickAsync("button", "Play");
        await page.UntilAsync("document.querySelector('.big').alt.startsWith('3, 2 of 5')");
        await page.ClickAsync("button", "Pause");
        await page.ShotAsync("small-walk");
    }

    [Fact]
    public async Task Runs_are_seen_and_grow_while_they_train()
    {
        string folder = Path.Combine(_runs.FullName, "tiny");
        Directory.CreateDirectory(folder);
        string log = Path.Combine(folder, "log.jsonl");
        string Line(int step) =>
            string.Create(
                System.Globalization.CultureInfo.InvariantCulture,
                $"{{\"step\":{step},\"epoch\":{step / 100.0},\"train_loss\":{200.0 / step},\"seconds\":{step},"
                + $"\"images_per_second\":{90 + step % 7}}}\n");
        File.WriteAllText(log, string.Concat(Enumerable.Range(1, 40).Select(i => Line(10 * i))));
        var page = await OpenAsync("#train", drawn: false);
        await page.UntilAsync("document.querySelectorAll('.chart polyline').length >= 2");
        Assert.Contains("400 steps", await page.TextAsync(".run .about"), StringComparison.Ordinal);
        File.AppendAllText(log, Line(410));
        await page.UntilAsync("document.querySelector('.run .about').innerText.includes('410 steps')");
        await page.ShotAsync("small-runs");
        await page.GoAsync(Home + "#train?name=nowhere");
        await page.UntilAsync("document.querySelector('.runlist .error')?.innerText.includes('no run')");
    }

    [Fact]
    public async Task A_narrow_screen_has_the_plate_first_and_the_controls_in_a_drawer()
    {
        var page = await _browser!.OpenAsync(360, 740);
        await page.GoAsync(Home + "#draw");
        await page.UntilAsync("document.querySelectorAll('.tile img[src]').length === 10");
        await page.DrawnAsync();
        foreach (string view in new[] { "understand", "draw", "compare", "train", "api" })
        {
            await page.ClickAsync($"nav [data-view={view}]");
            await page.UntilAsync($"document.querySelector('nav [data-view={view}]').getAttribute('aria-current') === 'page'");
            Assert.True(
                (await page.EvaluateAsync("document.documentElement.scrollWidth <= 360"))!.GetValue<bool>(),
                $"{view} is wider than the screen.");
            await page.ShotAsync($"small-narrow-{view}");
        }
        await page.ClickAsync("nav [data-view=draw]");
        // the address changes first, and the page after it
        await page.UntilAsync("document.querySelector('form.controls .fields')");
        Assert.Equal(
            "none",
            (
                await page.EvaluateAsync(
                    "getComputedStyle(document.querySelector('form.controls .fields')).display"))!.GetValue<string>());
        await page.ClickAsync(".drawer");
        await page.UntilAsync("getComputedStyle(document.querySelector('form.controls .fields')).display === 'block'");
        await page.ShotAsync("small-narrow-drawer");
    }

    [Fact]
    public async Task The_keys_are_listed_and_darkness_is_remembered()
    {
        var page = await OpenAsync();
        await page.KeyAsync("?");
        await page.UntilAsync("document.querySelector('#keys').open");
        await page.KeyAsync("Escape");
        await page.UntilAsync("!document.querySelector('#keys').open");
        string Theme() => "document.documentElement.dataset.theme";
        string before = (await page.EvaluateAsync(Theme()))!.GetValue<string>();
        await page.ClickAsync("#dark");
        await page.UntilAsync($"{Theme()} !== '{before}'");
        await page.GoAsync(Home + "#draw");
        await page.UntilAsync($"{Theme()} && {Theme()} !== '{before}'");
    }

    private async Task<BrowserPage> OpenAsync(string hash = "#draw", bool drawn = true)
    {
        var page = await _browser!.OpenAsync();
        await page.GoAsync(Home + hash);
        await page.UntilAsync("document.querySelector('.view')");
        if (drawn && !hash.StartsWith("#repair", StringComparison.Ordinal))
        {
            await page.UntilAsync("document.querySelectorAll('.tile img[src]').length > 0");
            await page.DrawnAsync();
        }
        return page;
    }

    private static async Task<string> AltAsync(BrowserPage page, int image) =>
        (await page.EvaluateAsync($"document.querySelectorAll('.tile img')[{image}].alt"))!.GetValue<string>();

    private static async Task<string> SourceAsync(BrowserPage page, int image) =>
        (await page.EvaluateAsync($"document.querySelectorAll('.tile img')[{image}].src"))!.GetValue<string>();

    private static async Task<string> AddressAsync(BrowserPage page) =>
        (await page.EvaluateAsync("location.href"))!.GetValue<string>();

    private static async Task<byte[]> PixelsAsync(BrowserPage page, int image) =>
        Mezzotint.Formats.PngFile.Decode(Convert.FromBase64String((await SourceAsync(page, image)).Split(',')[1]), "tile")
            .Image.Pixels;

    /// <summary>The file that the server sends for an image, as the page shows it.</summary>
    private async Task<string> FileAsync(int label, long seed) =>
        "data:image/png;base64,"
        + (await _studio!.DrawAsync(new { label, seed, sampler = "euler", levels = "karras", steps = 6 })).GetProperty("data")[0]
            .GetProperty("b64_json").GetString();
}
