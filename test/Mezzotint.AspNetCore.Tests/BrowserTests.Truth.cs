using Mezzotint.Sampling;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>That the page shows what is so: what it states is what is drawn, and it is told apart, in place and taken back when
/// it is no longer so.</summary>
public sealed partial class BrowserTests
{
    [Fact]
    public async Task The_page_states_the_evaluations_that_the_server_counts()
    {
        await using var guided = await SmallStudio.StartAsync(guided: true);
        var page = await _browser!.OpenAsync();
        await page.GoAsync(guided.Server.Addresses[0] + "/#draw?prompt=7&count=1&steps=7&levels=karras");
        await page.UntilAsync("document.querySelectorAll('.tile img[src]').length === 1");
        await page.DrawnAsync();
        Assert.Equal("1.7", (await page.EvaluateAsync("document.querySelector('#field-guidance').value"))!.GetValue<string>());
        foreach (string guidance in new[] { "1.7", "1" })
        {
            await page.FillAsync("#field-guidance", guidance);
            foreach (var solver in Solvers.All)
            {
                await page.FillAsync("#field-sampler", solver.Name);
                long before = guided.Pipeline.Work.Evaluations;
                await page.EvaluateAsync("document.querySelector('.tile').remove()"); // so that the new one is known
                await page.ClickAsync(".primary");
                await page.UntilAsync("document.querySelectorAll('.tile img[src]').length === 1");
                await page.DrawnAsync();
                long counted = guided.Pipeline.Work.Evaluations - before;
                Assert.EndsWith($" {counted} evaluations", await page.TextAsync("#facts"), StringComparison.Ordinal);
                string stated = solver.Evaluations is null ? "this sampler chooses its own steps"
                    : $"{counted} evaluations of the network per image";
                await page.UntilAsync($"document.querySelector('#field-steps-hint').innerText.startsWith('{stated}')");
            }
        }
    }

    [Fact]
    public async Task Captions_of_compared_samplers_are_what_was_counted()
    {
        await using var guided = await SmallStudio.StartAsync(guided: true);
        var page = await _browser!.OpenAsync();
        await page.GoAsync(
            guided.Server.Addresses[0]
            + "/#draw?prompt=7&count=1&steps=8&sampler=euler&levels=karras&compare=heun,ddim,dpm-solver-2");
        await page.UntilAsync("document.querySelectorAll('.tile img[src]').length >= 3");
        await page.DrawnAsync();
        long sum = 0;
        foreach (
            var caption in (
            await page.EvaluateAsync(
            "[...document.querySelectorAll('.group h2')].map((heading) => heading.innerText)"))!.AsArray())
        {
            string[] words = caption!.GetValue<string>().Split(' ');
            Assert.Equal(("steps,", "evaluations"), (words[2], words[4]));
            sum += int.Parse(words[3], System.Globalization.CultureInfo.InvariantCulture);
        }
        Assert.Equal(guided.Pipeline.Work.Evaluations, sum);
    }

    [Fact]
    public async Task An_error_has_the_names_of_the_page_and_goes_when_it_is_corrected()
    {
        var page = await OpenAsync();
        await page.FillAsync("#field-count", "100000");
        await page.FillAsync("#field-steps", "0");
        await page.ClickAsync(".primary");
        Assert.Equal(
            $"How many must be a whole number from 1 to {new StudioOptions().MaxCount}.",
            await page.TextAsync("#field-count-error"));
        Assert.StartsWith(
            "Steps must be a whole number from 1 to", await page.TextAsync("#field-steps-error"), StringComparison.Ordinal);
        await page.FillAsync("#field-count", "2");
        Assert.Equal("", await page.TextAsync("#field-count-error"));
        Assert.Equal(
            "null", (
            await page.EvaluateAsync(
            "String(document.querySelector('#field-count').getAttribute('aria-invalid'))"))!.GetValue<string>());
        Assert.NotEqual("", await page.TextAsync("#field-steps-error"));
        await page.FillAsync("#field-steps", "3");
        // What only the server knows has its words, and the page's names.
        await page.FillAsync("#field-seed", "4294967295");
        await page.ClickAsync(".primary");
        await page.UntilAsync("document.querySelector('#field-seed-error').innerText !== ''");
        Assert.StartsWith("“Seed” is ", await page.TextAsync("#field-seed-error"), StringComparison.Ordinal);
        await page.FillAsync("#field-seed", "1");
        Assert.Equal("", await page.TextAsync("#field-seed-error"));
    }

    [Fact]
    public async Task Nothing_below_the_bar_moves_while_a_drawing_goes_on()
    {
        var page = await OpenAsync("#draw?prompt=7&count=2&seed=42&sampler=euler&steps=6&levels=karras");
        await page.EvaluateAsync("""
            (() => {
              window.places = new Set();
              const note = () => {
                window.places.add(['.grid', '.scrub', '.share']
                    .map((name) => document.querySelector(name).getBoundingClientRect().top).join());
                requestAnimationFrame(note);
              };
              note();
            })()
            """);
        await page.FillAsync("#field-seed", "5");
        await page.ClickAsync(".primary");
        await page.UntilAsync("document.querySelectorAll('.tile img')[0]?.alt === '7, seed 5'");
        await page.DrawnAsync();
        await page.EvaluateAsync("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
        Assert.Single((await page.EvaluateAsync("[...window.places]"))!.AsArray());
    }

    [Fact]
    public async Task Drawings_of_a_view_are_one_entry_of_the_history()
    {
        var page = await OpenAsync("#draw?prompt=7&count=1&seed=1");
        int before = (await page.EvaluateAsync("history.length"))!.GetValue<int>();
        for (int seed = 2; seed < 6; seed++)
        {
            await page.FillAsync("#field-seed", $"{seed}");
            await page.ClickAsync(".primary");
            await page.UntilAsync($"document.querySelectorAll('.tile img')[0]?.alt === '7, seed {seed}'");
            await page.DrawnAsync();
        }
        Assert.Contains("seed=5", await AddressAsync(page), StringComparison.Ordinal);
        Assert.Equal(before, (await page.EvaluateAsync("history.length"))!.GetValue<int>());
    }

    [Fact]
    public async Task A_link_names_the_model_and_another_one_is_told()
    {
        var page = await OpenAsync("#draw?prompt=7&count=1");
        Assert.Contains("model=small&sha=aaaaaaaa", await AddressAsync(page), StringComparison.Ordinal);
        Assert.Equal("", await page.TextAsync("#notice"));
        await page.GoAsync(Home + "#draw?model=large&prompt=7&count=1");
        await page.UntilAsync("document.querySelector('#notice').innerText !== ''");
        Assert.Equal(
            "This link was made with the model large. This server draws with small, so the images differ.",
            await page.TextAsync("#notice"));
        await page.UntilAsync("document.querySelectorAll('.tile img[src]').length === 1");
        await page.DrawnAsync();
        await page.ClickAsync(".primary"); // a drawing of one's own
        Assert.Equal("", await page.TextAsync("#notice"));
        await page.DrawnAsync();
        await page.GoAsync(Home + "#walk?model=small&sha=bbbbbbbb&prompt=7&count=2");
        await page.UntilAsync("document.querySelector('#notice').innerText.includes('the model small (bbbbbbbb)')");
    }

    [Fact]
    public async Task Before_the_first_image_no_button_takes_one()
    {
        await using var busy = await SmallStudio.StartAsync(new() { MaxSteps = SmallStudio.Endless });
        var page = await _browser!.OpenAsync();
        foreach (
            string hash in new[] { "repair", $"draw?prompt=7&count=1&sampler=euler&steps={SmallStudio.Endless}",
            $"walk?prompt=7&count=2&sampler=heun&steps={SmallStudio.Endless}" })
        {
            await page.GoAsync(busy.Server.Addresses[0] + "/#" + hash);
            await page.UntilAsync("document.querySelector('.share')");
            // Each is pressed; an exception is found at the end of the test.
            await page.EvaluateAsync(
                "document.querySelectorAll('.share button, .details button, .stage button').forEach((button) => button.click())");
            if (hash == "repair")
                Assert.Equal(3, await page.CountAsync(".share button:disabled"));
            await page.KeyAsync("Escape");
        }
    }

    [Fact]
    public async Task A_chart_of_one_line_shows_its_point()
    {
        Directory.CreateDirectory(Path.Combine(_runs.FullName, "young"));
        File.WriteAllText(
            Path.Combine(_runs.FullName, "young", "log.jsonl"),
            """{"step":50,"epoch":0.1,"train_loss":30,"seconds":2,"images_per_second":100}""" + "\n");
        File.WriteAllText(Path.Combine(_runs.FullName, "young", "heartbeat"), "training\n");
        var page = await OpenAsync("#train", drawn: false);
        await page.UntilAsync("document.querySelectorAll('.chart').length === 2");
        foreach (int chart in new[] { 1, 2 })
            Assert.Equal(1, await page.CountAsync($".charts figure:nth-child({chart}) circle"));
        Assert.Contains("it is training", await page.TextAsync(".run .about"), StringComparison.Ordinal);
        await page.ShotAsync("small-runs-one-point");
    }

    [Fact]
    public async Task What_is_chosen_is_told_apart_in_forced_colours()
    {
        var page = await OpenAsync("#draw?prompt=7&count=3&seed=42&sampler=euler&steps=6&levels=karras");
        await page.PreferAsync("forced-colors", "active");
        await page.UntilAsync("matchMedia('(forced-colors: active)').matches");
        foreach (
            var (chosen, other) in new[] { (".tile[aria-pressed=true]", ".tile[aria-pressed=false]"),
            (".strip .here", ".strip button:not(.here)"), ("nav a[aria-current]", "nav a:not([aria-current])") })
        {
            async Task<string> LookAsync(string selector) =>
                (await page.EvaluateAsync(
                $"(() => {{ const look = getComputedStyle(document.querySelector('{selector}')); return look.borderBottomColor + "
                + $"look.outlineStyle + look.backgroundColor; }})()"))!.GetValue<string>();
            Assert.NotEqual(await LookAsync(other), await LookAsync(chosen));
        }
        await page.ShotAsync("small-forced-colours");
    }

    [Fact]
    public async Task A_walk_fits_a_narrow_screen_with_its_margins()
    {
        var page = await _browser!.OpenAsync(360, 740);
        await page.GoAsync(Home + "#walk?prompt=3&count=3&steps=2");
        await page.UntilAsync("document.querySelectorAll('.tile img[src]').length === 3");
        await page.DrawnAsync();
        const string Sides = "(() => { const box = document.querySelector('.big').getBoundingClientRect(); "
            + "return [box.left, box.right]; })()";
        var sides = (await page.EvaluateAsync(Sides))!.AsArray();
        Assert.True(sides[0]!.GetValue<double>() >= 16 && sides[1]!.GetValue<double>() <= 360 - 16, sides.ToJsonString());
        await page.ShotAsync("small-narrow-walk-drawn");
    }

    [Fact]
    public async Task With_reduced_motion_a_walk_is_no_film()
    {
        var page = await _browser!.OpenAsync();
        await page.PreferAsync("prefers-reduced-motion", "reduce");
        await page.GoAsync(Home + "#walk?prompt=3&count=3&steps=2");
        await page.UntilAsync("document.querySelectorAll('.tile img[src]').length === 3");
        await page.DrawnAsync();
        await page.EvaluateAsync(
            "(() => { const every = window.setInterval; window.setInterval = (what, wait) => { window.beat = wait; return "
            + "every(what, wait); }; })()");
        await page.ClickAsync("button", "Play");
        Assert.True((await page.EvaluateAsync("window.beat"))!.GetValue<double>() >= 1000);
        await page.UntilAsync("document.querySelector('.big').alt.startsWith('3, 3 of 3')");
        // it ends by itself
        await page.UntilAsync("[...document.querySelectorAll('button')].some((button) => button.innerText === 'Play')");
    }
}
