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
        await using var worded = await SmallStudio.StartWordedAsync(_runs.CreateSubdirectory("words").FullName);
        await using var judged = await MeasureTests.StartAsync(_runs.CreateSubdirectory("judge").FullName, new()
        {
            Runs = _runs.FullName, TrainingCommand = TrainingTests.Measuring,
            Templates = Path.Combine(Repository.Root, "configs"), AllowDownloads = true,
        });
        ReportTests.Write(_runs, "judged");
        foreach (var (studio, hash, ready, click) in new (SmallStudio?, string, string, string)[]
        {
            (worded, "understand?stop=words", Still, ""),
            (judged, "compare?model=judged&prompt=7&across=steps&acrossValues=2,3&down=nothing",
                "document.querySelectorAll('.cells img[src]').length === 2 "
                + "&& document.querySelector('.reports img')?.naturalWidth === 16", ""),
            (judged, "compare?prompt=7&across=steps&acrossValues=2,3&down=nothing&levels=karras",
                "document.querySelectorAll('.measured .chart').length === 2", "#measured-count=50;.measured button"),
            (judged, "train?name=tiny", "document.querySelectorAll('.data .tile').length > 9 "
                + "&& document.querySelector('.new [role=status]').innerText.startsWith('About')",
                "?document.querySelector('#new-template').options.length > 1;.new button"),
            (judged, "draw?prompt=7&count=2&steps=4", "document.querySelectorAll('.neighbours button img').length === 8 "
                + "&& document.querySelectorAll('[data-part=nearest] img[src]').length === 4", ""),
            (judged, "api", "document.querySelector('pre')?.innerText && document.querySelector('a.button[download]')", ""),
        }.Concat(new (string Hash, string Ready)[]
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
        }.Select(view => ((SmallStudio?)null, view.Hash, view.Ready, ""))))
        {
            var page = await _browser!.OpenAsync(width, 800);
            await page.SendAsync("Page.setBypassCSP", new() { ["enabled"] = true }); // for axe alone
            await page.PreferAsync("prefers-color-scheme", theme);
            await page.GoAsync((studio ?? guided).Server.Addresses[0] + "/#" + hash);
            await page.UntilAsync("document.querySelector('.view')");
            if (studio is null)
                await page.UntilAsync(ready);
            else if (hash.StartsWith("draw", StringComparison.Ordinal) || hash.StartsWith("compare", StringComparison.Ordinal))
                await page.UntilAsync(Drawn);
            await page.EvaluateAsync("document.querySelectorAll('details').forEach((details) => details.open = true)");
            foreach (string step in click.Split(';', StringSplitOptions.RemoveEmptyEntries))
                await (step[0] == '?' ? page.UntilAsync(step[1..])
                    : step.Split('=') is [var field, var value] ? page.FillAsync(field, value)
                    : page.EvaluateAsync($"document.querySelector('{step}').click()"));
            await page.UntilAsync(ready); // with all panes open
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

    private const string Drawn = "document.querySelector('form.controls').getAttribute('aria-busy') === 'false'";

    private const string Quiet =
        "document.querySelector('.tile img[src]') "
        + "&& document.querySelector('form.controls').getAttribute('aria-busy') === 'false'";
}
