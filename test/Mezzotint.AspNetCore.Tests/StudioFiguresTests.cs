using System.Text.Json.Nodes;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>How quick the page is with models/mnist, and that drawing leaves nothing in its memory: the figures of chapter
/// 8.</summary>
public sealed class StudioFiguresTests(BrowserTests.OneBrowser browser)
    : IClassFixture<BrowserTests.OneBrowser>
{
    private const int Drawings = 500, Previewed = 20, Frames = 180;

    /// <summary>Where the figures go.</summary>
    private static readonly string? File = Environment.GetEnvironmentVariable("MEZZOTINT_FIGURES");

    /// <summary>Draws from a seed, as a press of Go does, and tells when the first estimate is seen, how many are seen, and for
    /// how long it draws.</summary>
    private const string Draw = """
        window.drawn = async (seed) => {
          const field = document.querySelector('#field-seed');
          field.value = seed;
          field.dispatchEvent(new Event('change', { bubbles: true }));
          let seen = 0;
          const observer = new MutationObserver((changes) => { seen += changes.length; });
          observer.observe(document.querySelector('.grid'), { subtree: true, attributes: true, attributeFilter: ['src'] });
          const next = () => new Promise((done) => requestAnimationFrame(done));
          const begun = performance.now();
          document.querySelector('.primary').click();
          const first = () => document.querySelector('.tile img');
          while (!(first()?.src && first().alt.includes(`seed ${seed}`))) await next();
          const preview = performance.now() - begun;
          while (document.querySelector('form.controls').getAttribute('aria-busy') !== 'false') await next();
          const took = performance.now() - begun;
          observer.disconnect();
          return [preview, seen, took];
        };
        0
        """;

    [Fact]
    public async Task The_page_is_as_quick_as_chapter_8_says_and_500_drawings_leave_nothing_behind()
    {
        Assert.SkipWhen(File is null, "These figures are measured anew where MEZZOTINT_FIGURES names a file for them.");
        var options = new StudioOptions { Urls = "http://127.0.0.1:0", Runs = "no-runs" };
        options.Models["mnist"] = new() { Folder = Path.Combine(Repository.Root, "models", "mnist") };
        await using var server = await StudioServer.StartAsync(options);
        var chromium = await browser.StartedAsync();
        var page = await chromium.OpenAsync();
        await page.GoAsync(server.Addresses[0] + "/#draw?seed=0");
        await page.UntilAsync("document.querySelector('.tile img[src]') "
            + "&& document.querySelector('form.controls').getAttribute('aria-busy') === 'false'");
        await page.EvaluateAsync(Draw);
        List<double> previews = [], rates = [];
        for (int seed = 1; seed <= Previewed; seed++)
        {
            var told = (await page.EvaluateAsync($"drawn({1000 * seed})"))!.AsArray();
            previews.Add(told[0]!.GetValue<double>());
            rates.Add(told[1]!.GetValue<double>() / told[2]!.GetValue<double>() * 1000);
        }
        double[] scrubbed = [.. (await page.EvaluateAsync($$"""
            new Promise((done) => {
              const slider = document.querySelector('#scrub');
              const times = [];
              let last = 0;
              const tick = (now) => {
                if (last) times.push(now - last);
                last = now;
                slider.value = 1 + times.length % Number(slider.max);
                slider.dispatchEvent(new Event('input', { bubbles: true }));
                if (times.length < {{Frames}}) requestAnimationFrame(tick);
                else done(times);
              };
              requestAnimationFrame(tick);
            })
            """))!.AsArray().Select(time => time!.GetValue<double>()).Order()];
        await page.FillAsync("#field-prompt", "7");
        await page.FillAsync("#field-steps", "2");
        await page.EvaluateAsync("drawn(1)");
        double before = await MemoryAsync(page);
        for (int seed = 2; seed < Drawings + 2; seed++)
            await page.EvaluateAsync($"drawn({seed})");
        double after = await MemoryAsync(page);
        previews.Sort();
        rates.Sort();
        string Row(string what, FormattableString found) => $"| {what} | {FormattableString.Invariant(found)} |\n";
        await System.IO.File.WriteAllTextAsync(File!, "| | |\n| --- | --- |\n"
            + Row($"from *Go* to the first preview, {Previewed} drawings",
                $"{previews[0]:F0} to {previews[^1]:F0} ms, half within {previews[Previewed / 2]:F0} ms")
            + Row("previews a second, ten digits at once",
                $"{rates[0]:F0} to {rates[^1]:F0}, half from {rates[Previewed / 2]:F0} on")
            + Row("scrubbing through the steps",
                $"{1000 / scrubbed.Average():F0} frames a second, 99 % within {scrubbed[Frames * 99 / 100]:F0} ms")
            + Row($"{Drawings} drawings, one after the other",
                $"the page's memory {before:F1} MB before, {after:F1} MB after"));
        Assert.True(after < before + 4, $"{before:F1} MB before, {after:F1} MB after.");
        await chromium.CloseAsync();
    }

    /// <summary>Megabytes of the page's scripts, after a collection.</summary>
    private static async Task<double> MemoryAsync(BrowserPage page)
    {
        await page.SendAsync("HeapProfiler.enable");
        await page.SendAsync("HeapProfiler.collectGarbage");
        await page.SendAsync("HeapProfiler.disable");
        await page.SendAsync("Performance.enable");
        var metrics = (await page.SendAsync("Performance.getMetrics"))!["metrics"]!.AsArray();
        return metrics.OfType<JsonObject>().First(metric => metric["name"]!.GetValue<string>() == "JSHeapUsedSize")["value"]!
            .GetValue<double>() / 1e6;
    }
}
