using System.IO.Compression;
using System.Text.Json;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>The views beside the plate: grids over two axes, other programs, what was drawn before; and the first
/// visit.</summary>
public sealed partial class BrowserTests
{
    [Fact]
    public async Task A_first_visit_takes_ten_requests_and_less_than_90_kilobytes()
    {
        var page = await _browser!.OpenAsync();
        await page.GoAsync(Home);
        await page.UntilAsync(Still);
        Assert.Equal("Understand", await page.TextAsync("nav a[aria-current]"));
        var found = (await page.EvaluateAsync(
            "performance.getEntries().filter((each) => each.transferSize !== undefined)"
            + ".map((each) => ({ name: each.name, bytes: each.transferSize }))"))!.AsArray();
        int bytes = found.Sum(each => each!["bytes"]!.GetValue<int>());
        Assert.True(found.Count <= 10, string.Join("\n", found.Select(each => each!["name"])));
        Assert.InRange(bytes, 10_000, 90_000);
        TestContext.Current.TestOutputHelper!.WriteLine($"{found.Count} requests, {bytes} bytes");
        await page.ClickAsync(".card summary");
        await page.UntilAsync("document.querySelector('#card').innerText.includes('sha256 aaaaaaaaaaaaaaaa')");
        await page.GoAsync(Home); // the second visit draws
        await page.UntilAsync("document.querySelector('nav a[aria-current]')?.innerText === 'Draw'");
    }

    [Fact]
    public async Task Every_cell_of_a_grid_is_what_its_settings_draw_alone()
    {
        var page = await _browser!.OpenAsync();
        await page.GoAsync(
            Home + "#compare?prompt=7&across=steps&acrossValues=2,4&down=sampler&downValues=euler,heun&seed=3&levels=karras");
        await page.UntilAsync("document.querySelectorAll('.cells img[src]').length === 4");
        await page.DrawnAsync();
        foreach (string sampler in new[] { "euler", "heun" })
        {
            foreach (int steps in new[] { 2, 4 })
            {
                Assert.Equal(
                    _studio!.Alone(7, 3, new() { Sampler = sampler, Steps = steps, Levels = "karras" }),
                    await PixelsOfAsync(page, $"[alt='sampler {sampler}, steps {steps}']"));
            }
        }
        Assert.Equal("2 evaluations|4 evaluations|3 evaluations|7 evaluations", await page.TextOfAllAsync(".cells .tile span"));
        await page.ClickAsync(".cells tr:nth-child(1) .tile");
        await page.ClickAsync(".cells tr:nth-child(2) .tile");
        await page.UntilAsync("document.querySelector('.psnr')?.innerText.startsWith('PSNR ')");
        await page.ShotAsync("small-grid");
        // What it costs is told before it starts.
        await page.FillAsync("#field-acrossValues", "2, 4, 6");
        await page.UntilAsync("document.querySelector('.status').innerText === '6 cells, 33 evaluations of the network.'");
        await page.FillAsync("#field-acrossValues", string.Join(",", Enumerable.Range(1, 40)));
        await page.UntilAsync("document.querySelector('.status').innerText.startsWith('80 cells are more than the 64')");
    }

    [Fact]
    public async Task The_current_drawing_is_shown_as_programs_and_sent()
    {
        var page = await OpenAsync("#draw?prompt=7&count=2&seed=42&sampler=euler&steps=6&levels=karras");
        await page.ClickAsync("nav [data-view=api]");
        await page.UntilAsync("document.querySelector('pre')?.innerText.startsWith('curl ')");
        string curl = await page.TextAsync("pre");
        using var response = await _studio!.PostTextAsync(curl.Split("--data-raw '")[1].TrimEnd('\''));
        var answer = JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal(
            _studio.Alone(7, 43, new() { Sampler = "euler", Steps = 6, Levels = "karras" }), SmallStudio.Pixels(answer, 1));
        foreach (var (language, has) in new[]
        {
            ("C#", "DiffusionPipeline.Load(\"models/small\")"), ("Python", "client.images.generate("), ("JavaScript", "fetch(\""),
        })
        {
            await page.ClickAsync(".languages button", language);
            await page.UntilAsync($"document.querySelector('pre').innerText.includes('{has}')");
            Assert.Contains("42", await page.TextAsync("pre"), StringComparison.Ordinal);
        }
        await page.ClickAsync("button", "Send it");
        await page.UntilAsync("document.querySelectorAll('pre')[1].innerText.split('image_generation.completed').length === 3");
        await page.ShotAsync("api");
        await page.ClickAsync("button", "a sampler that there is not");
        await page.UntilAsync("document.querySelector('.stop .error').innerText.includes('fastest')");
    }

    [Fact]
    public async Task What_was_drawn_is_kept_in_a_tray_and_comes_back()
    {
        var page = await OpenAsync("#draw?prompt=7&count=1&seed=42&sampler=euler&steps=6&levels=karras");
        await page.UntilAsync("document.querySelectorAll('#tray li').length === 1");
        byte[] first = await PixelsAsync(page, 0);
        await page.FillAsync("#field-prompt", "3");
        await page.ClickAsync(".primary");
        await page.UntilAsync("document.querySelectorAll('#tray li').length === 2");
        await page.GoAsync(Home + "#api"); // it is the browser's, not the page's
        await page.UntilAsync("document.querySelectorAll('#tray li').length === 2");
        Assert.Equal(
            "3, seed 42, euler, 6 steps|7, seed 42, euler, 6 steps",
            (await page.EvaluateAsync(
                "[...document.querySelectorAll('#tray img')].map((one) => one.alt).join('|')"))!.GetValue<string>());
        await page.ClickAsync("#tray li:nth-child(2) a");
        await page.UntilAsync("document.querySelector('.tile img[src]')?.alt === '7, seed 42'");
        await page.DrawnAsync();
        Assert.Equal(first, await PixelsAsync(page, 0));
        await page.ShotAsync("small-tray");

        // As many as there is room for, and what is pinned stays.
        await page.ClickAsync("#tray li:nth-child(2) button");
        await page.EvaluateAsync("""
            (() => {
              const kept = JSON.parse(localStorage.getItem('mezzotint-history'));
              const more = Array.from({ length: 30 }, (_, i) => ({ ...kept[0], hash: `#draw?seed=${i}`, pinned: false }));
              localStorage.setItem('mezzotint-history', JSON.stringify([...more, ...kept.filter((entry) => entry.pinned)]));
            })()
            """);
        await page.FillAsync("#field-seed", "77");
        await page.ClickAsync(".primary");
        await page.UntilAsync("document.querySelector('#tray img')?.alt.includes('seed 77')");
        Assert.Equal(24, await page.CountAsync("#tray li"));
        Assert.Equal(1, await page.CountAsync("#tray .pinned"));
        await page.ClickAsync("#tray button", "Clear");
        await page.UntilAsync("document.querySelectorAll('#tray li').length === 1");
    }

    [Fact]
    public async Task The_archive_of_the_tray_holds_files_that_others_read()
    {
        var page = await OpenAsync("#draw?prompt=7&count=1&seed=1");
        string base64 = (await page.EvaluateAsync("""
            (async () => {
              const { zip } = await import('/page/zip.js');
              const bytes = (text) => new TextEncoder().encode(text);
              const blob = zip([{ name: 'one.txt', bytes: bytes('1') }, { name: 'zwei ä.txt', bytes: bytes('') }]);
              return btoa(String.fromCharCode(...new Uint8Array(await blob.arrayBuffer())));
            })()
            """))!.GetValue<string>();
        using var archive = new ZipArchive(new MemoryStream(Convert.FromBase64String(base64)));
        Assert.Equal(["one.txt", "zwei ä.txt"], archive.Entries.Select(entry => entry.FullName));
        using var text = new StreamReader(archive.Entries[0].Open());
        Assert.Equal("1", await text.ReadToEndAsync());
    }

    [Fact]
    public async Task A_walk_is_saved_as_a_film()
    {
        var page = await OpenAsync("#walk?prompt=3&seed=5&to=9&count=3&sampler=euler&steps=2&levels=karras");
        string base64 = (await page.EvaluateAsync("""
            (async () => {
              const { film } = await import('/page/film.js');
              const files = [...document.querySelectorAll('.tile img')]
                  .map((image) => Uint8Array.from(atob(image.src.split(',')[1]), (letter) => letter.charCodeAt(0)));
              return btoa(String.fromCharCode(...new Uint8Array(await film(files, 120).arrayBuffer())));
            })()
            """))!.GetValue<string>();
        byte[] bytes = Convert.FromBase64String(base64);
        // Who knows no films sees the first picture.
        Assert.Equal(await PixelsAsync(page, 0), Formats.PngFile.Decode(bytes, "film").Image.Pixels);
        // The browser plays all of them.
        Assert.Equal("3 120000", (await page.EvaluateAsync($$"""
            (async () => {
              const data = Uint8Array.from(atob('{{base64}}'), (letter) => letter.charCodeAt(0));
              const decoder = new ImageDecoder({ data, type: 'image/png' });
              await decoder.tracks.ready;
              const { image } = await decoder.decode({ frameIndex: 2 });
              return `${decoder.tracks.selectedTrack.frameCount} ${image.duration}`;
            })()
            """))!.GetValue<string>());
        await page.ClickAsync("button", "Download film");
    }

    [Fact]
    public async Task A_repair_is_seen_before_and_after()
    {
        var page = await OpenAsync("#repair");
        await page.UntilAsync("document.querySelector('.paint') && document.querySelector('#field-prompt').value === '7'");
        await page.FillAsync("#field-count", "1");
        await page.ClickAsync(".primary");
        await page.UntilAsync("document.querySelector('.psnr')?.innerText.startsWith('PSNR ')");
        await page.ClickAsync("button", "Flicker");
        await page.UntilAsync("document.querySelector('.over button').getAttribute('aria-pressed') === 'true'");
        await page.ShotAsync("small-before-after");
    }

    [Fact]
    public async Task A_picture_that_is_dropped_draws_itself_again()
    {
        var page = await OpenAsync("#api", drawn: false);
        var answer = await _studio!.DrawAsync(
            new { label = 4, seed = 12, sampler = "heun", levels = "karras", steps = 5, n = 3 });
        await DropAsync(page, answer.GetProperty("data")[2].GetProperty("b64_json").GetString()!);
        await page.UntilAsync("document.querySelector('.tile img[src]')?.alt === '4, seed 14'");
        await page.DrawnAsync();
        Assert.Equal(SmallStudio.Pixels(answer, 2), await PixelsAsync(page, 0));
        Assert.Contains("sampler=heun", await AddressAsync(page), StringComparison.Ordinal);

        // One that does not say how it was drawn becomes the source of a repair.
        byte[] plain = Formats.PngFile.Encode(
            new Formats.ImageBatch(1, 1, 8, 8, SmallStudio.Pixels(answer)), 1, Formats.PictureFormat.Png);
        await DropAsync(page, Convert.ToBase64String(plain));
        await page.UntilAsync("document.querySelector('.paint') && location.hash.startsWith('#repair')");
        await DropAsync(page, Convert.ToBase64String("no picture"u8));
        await page.UntilAsync("document.querySelector('#notice').innerText.startsWith('This file is no picture')");
    }

    [Fact]
    public async Task Waiting_tiles_show_the_noise_that_their_images_start_from()
    {
        var page = await OpenAsync("#draw?prompt=7&count=2&seed=5&sampler=euler&steps=3000&levels=karras", drawn: false);
        await page.UntilAsync("document.querySelectorAll('.veil:not([hidden])').length === 2");
        var told = (await page.EvaluateAsync("""
            (() => {
              const pixels = document.querySelectorAll('.veil')[1].getContext('2d').getImageData(0, 0, 8, 8).data;
              return [...pixels].filter((_, i) => i % 4 === 0);
            })()
            """))!.AsArray().Select(value => (byte)value!.GetValue<int>());
        byte[] strip = Formats.PngFile.Decode(
            await _studio!.Client.GetByteArrayAsync(new Uri("/api/noise?seed=6", UriKind.Relative)), "noise").Image.Pixels;
        Assert.Equal(strip, told);
        await page.ShotAsync("small-veil");
        await page.KeyAsync("Escape");
        await page.GoAsync(Home + "#draw?prompt=7&count=2&seed=5&sampler=euler&steps=6&levels=karras");
        await page.UntilAsync("document.querySelectorAll('.tile img[src]').length === 2");
        await page.DrawnAsync();
        Assert.Equal(0, await page.CountAsync(".veil:not([hidden])"));
    }

    [Fact]
    public async Task Trainings_lie_over_each_other_and_their_settings_are_told_apart()
    {
        foreach (var (name, rate) in new[] { ("one", 0.001), ("two", 0.002) })
        {
            var folder = _runs.CreateSubdirectory(name);
            File.WriteAllText(Path.Combine(folder.FullName, "log.jsonl"), string.Concat(Enumerable.Range(1, 20).Select(i =>
                $"{{\"step\":{i}0,\"epoch\":{i},\"train_loss\":{100 - i},\"seconds\":{i},\"images_per_second\":90}}\n")));
            File.WriteAllText(
                Path.Combine(folder.FullName, "config.toml"),
                FormattableString.Invariant($"[training]\nrate = {rate}\nseed = 1\n"));
        }
        foreach (string name in new[] { "one", "two" })
        {
            var samples = Directory.CreateDirectory(Path.Combine(_runs.FullName, name, "samples"));
            for (int epoch = 1; epoch <= 3; epoch++)
                Formats.PngFile.Write(
                    Path.Combine(samples.FullName, $"epoch-{epoch:D4}.png"), new Formats.ImageBatch(1, 1, 8, 8, new byte[64]));
        }
        var page = await OpenAsync("#train?name=one&with=two&x=epoch", drawn: false);
        await page.UntilAsync("document.querySelectorAll('.run .figure polyline').length === 2");
        Assert.Equal("one\n  [training] rate = 0.001\ntwo\n  [training] rate = 0.002", await page.TextAsync(".run .figure pre"));
        Assert.Equal("at 20|80", await page.TextOfAllAsync(".run .figure tbody tr:first-child td"));
        await page.FillAsync("#stop-cursor", "50");
        Assert.Equal("at 10|90", await page.TextOfAllAsync(".run .figure tbody tr:first-child td"));
        await page.UntilAsync(
            "[...document.querySelectorAll('.run .figure figcaption')].map((one) => one.innerText).join('|') "
            + "=== 'Training loss|one, epoch-0002|two, epoch-0002'");
        await page.ShotAsync("small-overlay");
        await page.ClickAsync("#beside-0");
        await page.UntilAsync("document.querySelector('.run .figure').hidden && !location.hash.includes('with=two')");
    }

    private static async Task DropAsync(BrowserPage page, string base64) => await page.EvaluateAsync($$"""
        (() => {
          const bytes = Uint8Array.from(atob('{{base64}}'), (letter) => letter.charCodeAt(0));
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([bytes], 'dropped.png', { type: 'image/png' }));
          document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
        })()
        """);
}
