namespace Mezzotint.AspNetCore.Tests;

/// <summary>What the page has to do with the world outside it: a key, a lost connection, a full queue, downloads and
/// copies.</summary>
public sealed partial class BrowserTests
{
    [Fact]
    public async Task A_server_with_a_key_has_it_asked_for_once()
    {
        await using var guarded = await SmallStudio.StartAsync(new() { ApiKey = "correct-horse" });
        var page = await _browser!.OpenAsync();
        await page.GoAsync(guarded.Server.Addresses[0] + "/#draw");
        await page.UntilAsync("document.querySelector('#key').open");
        await page.FillAsync("#key-text", "wrong-horse");
        await page.ClickAsync("#key button");
        await page.UntilAsync("document.querySelector('#key').open && document.querySelector('#key-error').innerText !== ''");
        await page.FillAsync("#key-text", "correct-horse");
        await page.ClickAsync("#key button");
        await page.UntilAsync("document.querySelectorAll('.tile img[src]').length === 10");
        Assert.Equal(
            "1 0",
            (
                await page.EvaluateAsync(
                    "`${sessionStorage.length} ${Object.values(localStorage).filter((value) => "
                    + "value.includes('horse')).length}`"))!.GetValue<string>());
    }

    [Fact]
    public async Task A_lost_connection_is_taken_up_again_by_itself()
    {
        var page = await OpenAsync();
        await page.OfflineAsync(true);
        await page.FillAsync("#field-prompt", "7");
        await page.FillAsync("#field-seed", "5");
        await page.KeyAsync("Enter");
        await page.UntilAsync(
            "document.querySelector('.status').innerText.startsWith('The connection is lost; trying again in')");
        // The plate stays usable meanwhile.
        Assert.Equal("0, seed 0", await AltAsync(page, 0));
        await page.KeyAsync("Home");
        await page.UntilAsync("document.querySelector('.tile img').alt === '0, seed 0, step 1 of 6'");
        await page.KeyAsync("End");
        await page.OfflineAsync(false);
        await page.UntilAsync("document.querySelectorAll('.tile img')[0]?.alt === '7, seed 5'");
        await page.DrawnAsync();
        Assert.Equal("", await page.TextAsync(".status"));
        Assert.Equal(await FileAsync(7, 5), await SourceAsync(page, 0));
    }

    [Fact]
    public async Task A_busy_server_says_how_long_its_queue_is_and_is_asked_again()
    {
        // the page asks for up to four things at once
        await using var busy = await SmallStudio.StartAsync(new() { MaxRequests = 4, MaxSteps = SmallStudio.Endless });
        using var stop = new CancellationTokenSource();
        var taken = Enumerable.Range(0, 4).Select(_ =>
            busy.PostAsync(new { prompt = "7", steps = SmallStudio.Endless }, stop.Token)).ToList();
        await SmallStudio.UntilAsync(() => busy.Server.Queue.Requests == 4);
        var page = await _browser!.OpenAsync();
        await page.GoAsync(busy.Server.Addresses[0] + "/#draw");
        await page.UntilAsync(
            "/^The queue is full, with 4 before this one; trying again in [0-9]+ "
            + "s[.]$/.test(document.querySelector('.status')?.innerText)");
        await page.ShotAsync("busy");
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Task.WhenAll(taken));
        // Nobody clicks anything: what was asked for is drawn when there is room.
        await page.UntilAsync("document.querySelectorAll('.tile img[src]').length === 10");
        await page.DrawnAsync();
        Assert.Equal("", await page.TextAsync(".status"));
    }

    [Fact]
    public async Task What_is_downloaded_is_what_is_seen()
    {
        var folder = Directory.CreateTempSubdirectory("mezzotint-downloads-");
        try
        {
            await _browser!.SendAsync(
                "Browser.setDownloadBehavior", new() { ["behavior"] = "allow", ["downloadPath"] = folder.FullName });
            var page = await OpenAsync("#draw?prompt=7&count=4&seed=42&sampler=euler&steps=6&levels=karras");
            await page.ClickAsync(".tile:nth-child(1)");
            await page.ClickAsync(".details button", "Download PNG");
            byte[] image = await DownloadedAsync(folder, "7-42.png");
            Assert.Equal(await FileAsync(7, 42), "data:image/png;base64," + Convert.ToBase64String(image));
            await page.ClickAsync(".share button", "Download grid");
            byte[] grid = await DownloadedAsync(folder, "7-42.png", but: image);
            var drawn = Mezzotint.Formats.PngFile.Decode(grid, "grid").Image;
            Assert.True(drawn.Width > 2 * 8 && drawn.Height > 2 * 8, $"{drawn.Width} x {drawn.Height}");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task What_is_copied_draws_what_is_seen()
    {
        var page = await OpenAsync("#draw?prompt=7&count=2&seed=42&sampler=euler&steps=6&levels=karras");
        await page.EvaluateAsync("navigator.clipboard.writeText = (text) => { window.copied = text; return Promise.resolve(); }");
        async Task<string> CopiedAsync(string button)
        {
            await page.EvaluateAsync("window.copied = ''");
            await page.ClickAsync(".share button", button);
            await page.UntilAsync("window.copied !== ''");
            return (await page.EvaluateAsync("window.copied"))!.GetValue<string>();
        }
        Assert.Equal(await AddressAsync(page), await CopiedAsync("Copy link"));
        string curl = await CopiedAsync("Copy as curl");
        Assert.StartsWith($"curl {Home}v1/images/generations ", curl, StringComparison.Ordinal);
        using var response = await _studio!.PostTextAsync(curl.Split("--data-raw '")[1].TrimEnd('\''));
        var answer = System.Text.Json.JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal(await PixelsAsync(page, 1), SmallStudio.Pixels(answer, 1));
        string program = await CopiedAsync("Copy as C#");
        Assert.Contains("DiffusionPipeline.Load(\"models/small\")", program, StringComparison.Ordinal);
        Assert.Contains("Seed = 42", program, StringComparison.Ordinal);
    }

    /// <summary>A file that a browser has saved, under its name or that with a number.</summary>
    private static async Task<byte[]> DownloadedAsync(DirectoryInfo folder, string name, byte[]? but = null)
    {
        byte[]? found = null;
        await SmallStudio.UntilAsync(() =>
            (
                found = folder.GetFiles("*.png").Select(file => File.ReadAllBytes(file.FullName)).FirstOrDefault(bytes =>
                    bytes.Length > 0 && (but is null || !bytes.AsSpan().SequenceEqual(but)))) is not null);
        Assert.Contains(
            folder.GetFiles(), file => file.Name.StartsWith(Path.GetFileNameWithoutExtension(name), StringComparison.Ordinal));
        return found!;
    }
}
