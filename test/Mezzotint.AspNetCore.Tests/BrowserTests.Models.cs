namespace Mezzotint.AspNetCore.Tests;

/// <summary>Pages of models that are asked in words, and of several models.</summary>
public sealed partial class BrowserTests
{
    [Fact]
    public async Task A_model_that_is_asked_in_words_has_prompts_and_shows_their_tokens()
    {
        var folder = _runs.CreateSubdirectory("words");
        await using var studio = await SmallStudio.StartWordedAsync(folder.FullName);
        var page = await _browser!.OpenAsync();
        await page.GoAsync(studio.Server.Addresses[0] + "/#draw");
        await page.UntilAsync("document.querySelectorAll('.tile img[src]').length > 0");
        await page.DrawnAsync();
        await page.FillAsync("#field-prompt", "a blue heart");
        await page.FillAsync("#field-negative", "a red heart");
        await page.UntilAsync("document.body.innerText.includes('of 6: a · ')");
        await page.UntilAsync("document.body.innerText.includes('8 evaluations of the network per image')");
        await page.FillAsync("#field-seed", "5");
        await page.ClickAsync("form.controls button", "Go");
        await page.UntilAsync("document.querySelector('.tile img')?.alt === 'a blue heart, seed 5'");
        await page.DrawnAsync();
        string source = (await page.EvaluateAsync("document.querySelector('.tile img').src"))!.GetValue<string>();
        byte[] drawn = Formats.PngFile.Decode(Convert.FromBase64String(source.Split(',')[1]), "page").Image.Pixels;
        Assert.Equal(
            studio.Pipeline.Generate("a blue heart", new()
            {
                Seed = 5, NegativePrompt = "a red heart", Sampler = "euler", Levels = "karras", Steps = 4, GuidanceScale = 3,
            }).Images.Pixels, drawn);
        await page.ShotAsync("words");

        await page.EvaluateAsync("document.querySelector('.examples').open = true");
        await page.ClickAsync(".examples button", "a green heart");
        await page.UntilAsync("document.querySelector('.tile img')?.alt === 'a green heart, seed 5'");
        await page.DrawnAsync();
        await page.ShotAsync("examples");
    }

    [Fact]
    public async Task A_walk_leads_from_one_prompt_to_another()
    {
        var folder = _runs.CreateSubdirectory("words");
        await using var studio = await SmallStudio.StartWordedAsync(folder.FullName);
        var page = await _browser!.OpenAsync();
        await page.GoAsync(
            studio.Server.Addresses[0] + "/#walk?prompt=a+red+heart&toPrompt=a+blue+heart&seed=5&to=5&count=3&guidance=1");
        await page.UntilAsync("document.querySelectorAll('.tile img[src]').length === 3");
        await page.DrawnAsync();
        var how = new Serving.GenerationOptions
        {
            Seed = 5, Count = 3, InterpolateTo = 5, InterpolateToPrompt = "a blue heart", GuidanceScale = 1, Sampler = "euler",
            Levels = "karras", Steps = 4,
        };
        var images = studio.Pipeline.Generate("a red heart", how).Images;
        for (int i = 0; i < 3; i++)
            Assert.Equal(images.Slice(i).Pixels, await PixelsAsync(page, i));
    }

    [Fact]
    public async Task One_of_several_models_is_chosen_and_links_name_it()
    {
        var options = new StudioOptions { Urls = "http://127.0.0.1:0", Runs = _runs.FullName };
        foreach (var (name, seed) in new[] { ("one", 3), ("two", 4) })
        {
            string folder = _runs.CreateSubdirectory(name).FullName;
            SmallStudio.WriteModel(folder, seed);
            options.Models[name] = new() { Folder = folder, Threads = 1 };
        }
        await using var server = await StudioServer.StartAsync(options);
        var page = await _browser!.OpenAsync();
        await page.GoAsync(server.Addresses[0] + "/#draw?prompt=7&n=1&seed=5&sampler=euler&levels=karras&steps=4");
        await page.UntilAsync("document.querySelectorAll('.tile img[src]').length === 1");
        await page.DrawnAsync();
        byte[] first = await PixelsAsync(page, 0);
        await page.FillAsync("#model", "two"); // loads the page anew
        await page.UntilAsync("document.querySelector('#facts')?.innerText.startsWith('two')");
        await page.UntilAsync("document.querySelectorAll('.tile img[src]').length > 0");
        await page.DrawnAsync();
        Assert.Contains("model=two", await AddressAsync(page), StringComparison.Ordinal);
        await page.ShotAsync("models");
        await page.GoAsync(server.Addresses[0] + "/#draw?model=two&prompt=7&n=1&seed=5&sampler=euler&levels=karras&steps=4");
        await page.UntilAsync("document.querySelectorAll('.tile img[src]').length === 1");
        await page.DrawnAsync();
        Assert.Equal("", await page.TextAsync("#notice"));
        byte[] second = await PixelsAsync(page, 0);
        byte[] Alone(string name)
        {
            using var pipeline = Serving.DiffusionPipeline.Load(Path.Combine(_runs.FullName, name), threads: 1);
            return pipeline.Generate([7], new() { Seed = 5, Sampler = "euler", Levels = "karras", Steps = 4 }).Images.Pixels;
        }
        Assert.Equal(Alone("one"), first);
        Assert.Equal(Alone("two"), second);
        Assert.NotEqual(first, second);
    }
}
