namespace Mezzotint.AspNetCore.Tests;

/// <summary>What axe says of the page, where it is at hand: its file axe.min.js, named by MEZZOTINT_AXE.</summary>
public sealed partial class BrowserTests
{
    private static readonly string? Axe = Environment.GetEnvironmentVariable("MEZZOTINT_AXE");

    /// <summary>In forced colours the system chooses the colours, and computed styles do not tell which: without their
    /// contrast.</summary>
    private const string Violations = """
        axe.run(document, {
          resultTypes: ['violations'],
          rules: { 'color-contrast': { enabled: !matchMedia('(forced-colors: active)').matches } },
        }).then(({ violations }) => violations.map(({ id, nodes }) =>
            `${id}: ${nodes.map((node) => `${node.target.join(' ')} (${node.failureSummary})`).join('; ')}`).join('\n'))
        """;

    [Theory]
    [InlineData("light", 1280)]
    [InlineData("dark", 1280)]
    [InlineData("light", 360)]
    public async Task Axe_has_nothing_to_say_in_any_view(string theme, int width)
    {
        Assert.SkipWhen(Axe is null || !File.Exists(Axe), "axe is not at hand: name its axe.min.js in MEZZOTINT_AXE.");
        string source = await File.ReadAllTextAsync(Axe!);
        string folder = _runs.CreateSubdirectory("tiny").FullName;
        File.WriteAllText(Path.Combine(folder, "log.jsonl"), string.Concat(Enumerable.Range(1, 9).Select(i =>
            $"{{\"step\":{i}0,\"epoch\":0.{i},\"train_loss\":{10 - i},\"seconds\":{i},\"images_per_second\":90}}\n")));
        await using var guided = await SmallStudio.StartAsync(
            new() { Runs = _runs.FullName, MaxSteps = SmallStudio.Endless }, guided: true);
        foreach (var (hash, ready) in new[]
        {
            ("understand?stop=noise", Still), ("understand?stop=schedule", Still), ("understand?stop=field", Still),
            ("understand?stop=solvers", Still), ("understand?stop=guidance", Still), ("understand?stop=training", Still),
            ("draw", Quiet), ("draw?prompt=a+cat", "document.querySelector('#field-prompt-error').innerText !== ''"),
            ("repair", "document.querySelector('.paint')"), ("walk?count=3&steps=2", Quiet),
            ("compare?prompt=7&across=steps&acrossValues=2,3&down=seed&downValues=0,1",
                "document.querySelectorAll('.cells img[src]').length === 4"),
            ("train?name=tiny", "document.querySelectorAll('.chart').length >= 2"),
            ("api", "document.querySelector('pre')?.innerText"),
            ("draw?prompt=7&count=1&steps=5000", "document.querySelector('.tile img[src]')"), // while it draws
        })
        {
            var page = await _browser!.OpenAsync(width, 800);
            await page.SendAsync("Page.setBypassCSP", new() { ["enabled"] = true }); // for axe alone
            await page.PreferAsync("prefers-color-scheme", theme);
            await page.GoAsync(guided.Server.Addresses[0] + "/#" + hash);
            await page.UntilAsync($"document.querySelector('.view') && ({ready})");
            await page.EvaluateAsync("document.querySelectorAll('details').forEach((details) => details.open = true)");
            await page.EvaluateAsync(source + "; 0");
            async Task SaysNothingAsync(string state)
            {
                string said = (await page.EvaluateAsync(Violations))!.GetValue<string>();
                Assert.True(said == "", $"{hash}, {state}, {theme}, {width}:\n{said}");
            }
            await SaysNothingAsync("open");
            await page.PreferAsync("forced-colors", "active");
            await SaysNothingAsync("forced colours");
            await page.EvaluateAsync("document.querySelector('#help').click()");
            await SaysNothingAsync("keys");
            await page.EvaluateAsync("document.querySelector('#keys').close()");
            await page.OfflineAsync(true); // the server is gone
            await page.EvaluateAsync("document.querySelector('form.controls')?.requestSubmit()");
            await SaysNothingAsync("without a server");
            await page.ShotAsync($"axe-{theme}-{width}-{hash.Split('?')[0]}-{hash.Length}");
        }
    }

    private const string Quiet =
        "document.querySelector('.tile img[src]') "
        + "&& document.querySelector('form.controls').getAttribute('aria-busy') === 'false'";
}
