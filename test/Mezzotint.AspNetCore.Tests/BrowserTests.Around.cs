using Mezzotint.Sampling;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>The chosen image: the noise that its steps start from, its nearest training images, its variations; and the bar while
/// others draw.</summary>
public sealed partial class BrowserTests
{
    [Fact]
    public async Task The_noise_of_each_step_stands_beside_its_estimate()
    {
        var page = await OpenAsync("#draw?prompt=7&count=1&seed=42&sampler=euler&steps=6&levels=karras");
        await page.KeyAsync("Home");
        await page.UntilAsync("document.querySelector('[data-name=noisy]').alt.startsWith('7 with noise of level ')");
        byte[] first = await PixelsOfAsync(page, "[data-name=noisy]");
        Assert.NotEqual(first, await PixelsOfAsync(page, ".big"));
        await page.KeyAsync("End");
        Assert.NotEqual(first, await PixelsOfAsync(page, "[data-name=noisy]"));
        Assert.Contains("where the last step ends", await page.TextAsync(".pair figcaption"), StringComparison.Ordinal);
        await page.ShotAsync("small-noisy");
    }

    [Fact]
    public async Task A_variation_that_is_pressed_becomes_the_chosen_image_and_the_address_draws_it_again()
    {
        var page = await OpenAsync("#draw?prompt=7&count=2&seed=42&sampler=euler&steps=6&levels=karras");
        await page.ClickAsync("[data-part=neighbours] summary");
        await page.UntilAsync("document.querySelectorAll('.neighbours button img').length === 8");
        byte[] third = await PixelsOfAsync(page, ".neighbours button:nth-of-type(3) img");
        Assert.Equal(_studio!.Alone(7, 42, new() { Variations = [new(1_000_044, 0.2)] }), third);
        await page.ShotAsync("small-variations");
        await page.ClickAsync(".neighbours button:nth-of-type(3)");
        await page.UntilAsync(
            "document.querySelectorAll('.tile[aria-pressed]').length === 1 && location.hash.includes('variations')");
        await page.DrawnAsync();
        Assert.Equal(third, await PixelsOfAsync(page, ".plate .tile img"));
        Assert.Equal(
            "1000044:0.2",
            (await page.EvaluateAsync("document.querySelector('#field-variations').value"))!.GetValue<string>());
        // Its own variations go on from there.
        await page.UntilAsync(
            $"document.querySelector('.neighbours span img').src === document.querySelector('.plate .tile img').src");
        string address = await AddressAsync(page);
        await page.GoAsync(address);
        await page.DrawnAsync();
        Assert.Equal(third, await PixelsOfAsync(page, ".plate .tile img"));
    }

    [Fact]
    public async Task The_nearest_training_images_are_shown_or_why_they_cannot_be()
    {
        NearestTests.RegisterFlat();
        await using var studio = await SmallStudio.StartAsync(new() { Runs = _runs.FullName }, dataset: NearestTests.Flat);
        var page = await _browser!.OpenAsync();
        await page.GoAsync(studio.Server.Addresses[0] + "/#draw?prompt=7&count=1&seed=42");
        await page.UntilAsync("document.querySelector('.tile img[src]')");
        await page.DrawnAsync();
        await page.ClickAsync("[data-part=nearest] summary");
        await page.UntilAsync("document.querySelectorAll('[data-part=nearest] img[src]').length === 4");
        Assert.Contains(
            "of 20 training images of flat-greys", await page.TextAsync("[data-part=nearest] .hint"), StringComparison.Ordinal);
        await page.ShotAsync("small-nearest");
        var other = await OpenAsync("#draw?prompt=7&count=1&seed=42");
        await other.ClickAsync("[data-part=nearest] summary");
        await other.UntilAsync("document.querySelector('[data-part=nearest] .hint')?.innerText.includes('cannot be shown here')");
    }

    [Fact]
    public async Task The_bar_says_how_many_came_before_and_when_it_is_done()
    {
        var page = await OpenAsync();
        using var stop = new CancellationTokenSource();
        var others = new[] { 1, 2 }
            .Select(_ => _studio!.PostAsync(new { prompt = "1", steps = SmallStudio.Endless }, stop.Token)).ToList();
        await SmallStudio.UntilAsync(() => _studio!.Server.Queue.Requests == 2);
        await page.EvaluateAsync("location.hash = '#draw?prompt=7&count=1&steps=20000&sampler=euler'");
        await page.UntilAsync("/^2 before you, [\\d.]+ (s|min|h)$/.test(document.querySelector('#queue').textContent)");
        await page.ShotAsync("small-queue");
        await page.KeyAsync("Escape");
        await page.UntilAsync("document.querySelector('#queue').textContent === ''");
        await stop.CancelAsync();
        foreach (var other in others)
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => other);
    }
}
