using System.Globalization;
using Mezzotint.Data;
using Mezzotint.Runs;
using Mezzotint.Serving;
using Mezzotint.Training;

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
        Assert.Equal(2, await page.CountAsync(".measured .chart line.level")); // one model: real images are of one line
        double distance = double.Parse(
            await page.ExactAsync(".measured tbody tr:last-child td:nth-child(5)"), CultureInfo.InvariantCulture);
        Assert.True(distance > 0);
        await page.EvaluateAsync("document.querySelector('.measured').scrollIntoView()");
        await page.ShotAsync("small-measured");
    }

    [Fact]
    public async Task Reports_stand_beside_each_other_in_Compare_and_the_worst_space_in_the_card()
    {
        ReportTests.Write(_runs, "judged");
        var page = await _browser!.OpenAsync();
        await page.GoAsync(Home + "#compare?model=judged");
        await page.UntilAsync("document.querySelector('.reports summary')");
        await page.ClickAsync(".reports summary");
        await page.UntilAsync("document.querySelector('.reports img')?.naturalWidth === 16");
        Assert.Equal(
            "worst space|9.700 ± 0.3|5.000|1.94 (1.40 to 2.70)|lower",
            await page.TextOfAllAsync(".reports tbody tr:first-child > *"));
        await page.FillAsync("#report-beside", "small");
        await page.UntilAsync(
            "document.querySelector('.reports-pair section:last-child')?.innerText.includes('--report MODEL/report` makes one')");
        await page.ClickAsync("details.card summary");
        await page.UntilAsync(
            "document.querySelector('#card').innerText.includes('worst space: 9.700, 1.94 (1.40 to 2.70) times real')");
        await page.ShotAsync("small-report");
    }

    [Fact]
    public async Task The_averages_that_a_training_has_kept_are_cells_of_a_grid_over_its_epochs()
    {
        // A whole training of four steps, which keeps its averages at steps 2 and 4.
        MeasureTests.RegisterDots();
        string run = Path.Combine(_runs.FullName, "kept");
        var config = Configuration.ParseExperiment($$"""
            [data]
            name = "{{MeasureTests.Data}}"
            [model]
            kind = "unet"
            num_res_blocks = 1
            channel_multipliers = [1]
            attention_levels = []
            transformer = { context_dim = 8, num_heads = 2 }
            [training]
            epochs = 1
            batch_size = 100
            replicas = 1
            precision = "float32"
            samples_per_label = 1
            sample_steps = 4
            [training.average]
            kind = "power"
            widths = [0.1]
            snapshot_every = 2
            """, "the test's configuration");
        var (train, test) = (DataSource.Load(MeasureTests.Data), DataSource.Load(MeasureTests.Data, train: false));
        config = config.Fit(train);
        using (var folder = RunFolder.Open(run))
        {
            File.WriteAllText(folder.Configuration, Configuration.Write(config));
            Assert.True(new TrainingRun(config, folder, train, test).Run().Finished);
        }
        Assert.Equal([2, 4], RunModels.Steps(run));
        var page = await _browser!.OpenAsync();
        await page.GoAsync(Home + "#compare?prompt=7&across=epoch&acrossValues=kept@2,kept@4,kept&down=nothing&seed=4"
            + "&sampler=euler&levels=karras&steps=4");
        await page.UntilAsync("document.querySelectorAll('.cells img[src]').length === 3");
        await page.DrawnAsync();
        foreach (long step in new[] { 2, 4 })
        {
            using var own = new DiffusionPipeline(RunModels.Average(run, step, null).Model, ownsModel: true);
            Assert.Equal(
                own.Generate([7], new() { Seed = 4, Sampler = "euler", Levels = "karras", Steps = 4 }).Images.Pixels,
                await PixelsOfAsync(page, $"[alt='epoch kept@{step}']"));
        }
        Assert.NotEqual(
            await PixelsOfAsync(page, "[alt='epoch kept@2']"), await PixelsOfAsync(page, "[alt='epoch kept@4']"));
        await page.ShotAsync("small-epochs");
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
