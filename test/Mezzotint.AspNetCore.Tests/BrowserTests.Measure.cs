using System.Globalization;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>Compare over three axes, over what a training has kept, and measured.</summary>
public sealed partial class BrowserTests
{
    [Fact]
    public async Task A_grid_over_three_axes_is_measured_with_its_cost_told_before()
    {
        var folder = _runs.CreateSubdirectory("judge");
        await using var studio = await MeasureTests.StartAsync(folder.FullName, new() { Runs = _runs.FullName });
        var page = await _browser!.OpenAsync();
        await page.GoAsync(studio.Server.Addresses[0]
            + "/#compare?prompt=7&across=steps&acrossValues=2,4&down=sampler&downValues=euler,heun&third=seed&thirdValues=3,8"
            + "&levels=karras");
        await page.UntilAsync("document.querySelectorAll('.cells img[src]').length === 8");
        await page.DrawnAsync();
        Assert.Equal(2, await page.CountAsync("table.cells"));
        Assert.Equal(
            studio.Alone(7, 8, new() { Sampler = "heun", Steps = 4, Levels = "karras" }),
            await PixelsOfAsync(page, "[alt='seed 8, sampler heun, steps 4']"));
        await page.FillAsync("#measured-count", "50");
        await page.UntilAsync(
            "document.querySelector('.measured .hint').innerText.startsWith('8 cells of 50 images: 1600 evaluations')");
        await page.ClickAsync(".measured button", "Measure");
        await page.UntilAsync(
            "document.querySelector('.measured .status')?.innerText.startsWith('50 images a cell, read by random')");
        Assert.Equal(8, await page.CountAsync(".measured tbody tr"));
        Assert.Equal(2, await page.CountAsync(".measured .chart"));
        double distance = double.Parse(
            await page.ExactAsync(".measured tbody tr:last-child td:nth-child(5)"), CultureInfo.InvariantCulture);
        Assert.True(distance > 0);
        await page.EvaluateAsync("document.querySelector('.measured').scrollIntoView()");
        await page.ShotAsync("small-measured");
    }

    [Fact]
    public async Task The_model_of_a_training_is_drawn_with_while_it_goes_on()
    {
        string run = _runs.CreateSubdirectory("live").FullName;
        File.WriteAllText(
            Path.Combine(run, "log.jsonl"),
            "{\"step\":10,\"epoch\":1,\"train_loss\":2,\"seconds\":1,\"images_per_second\":90}\n");
        SmallStudio.WriteModel(Path.Combine(run, "model"), seed: 9);
        using var own = Serving.DiffusionPipeline.Load(Path.Combine(run, "model"));
        var page = await _browser!.OpenAsync();
        await page.GoAsync(Home + "#draw?model=live&prompt=7&count=1&seed=4");
        await page.UntilAsync("document.querySelector('.tile img[src]')");
        await page.DrawnAsync();
        byte[] drawn = own.Generate([7], new() { Seed = 4 }).Images.Pixels;
        Assert.Equal(drawn, await PixelsOfAsync(page, ".tile img"));
        await page.EvaluateAsync("document.querySelector('#model').focus()");
        await page.UntilAsync("document.querySelector('optgroup option')?.value === 'live'");
        await page.GoAsync(Home + "#compare?prompt=7&across=epoch&acrossValues=live,small&down=nothing&seed=4&steps=4");
        await page.UntilAsync("document.querySelectorAll('.cells img[src]').length === 2");
        await page.DrawnAsync();
        Assert.Equal(drawn, await PixelsOfAsync(page, "[alt='epoch live']"));
        // The next epoch takes the place of the last one.
        Directory.Delete(Path.Combine(run, "model"), recursive: true);
        SmallStudio.WriteModel(Path.Combine(run, "model"), seed: 10);
        File.SetLastWriteTimeUtc(Path.Combine(run, "model", "model.safetensors"), DateTime.UtcNow.AddMinutes(1));
        using var next = Serving.DiffusionPipeline.Load(Path.Combine(run, "model"));
        Assert.Equal(
            next.Generate([7], new() { Seed = 4 }).Images.Pixels,
            SmallStudio.Pixels(await _studio!.DrawAsync(new { model = "live", prompt = "7", seed = 4 })));
    }
}
