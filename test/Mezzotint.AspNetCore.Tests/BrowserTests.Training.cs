namespace Mezzotint.AspNetCore.Tests;

/// <summary>Train: begun and stopped from the page, and the data browsed.</summary>
public sealed partial class BrowserTests
{
    [Fact]
    public async Task A_training_is_begun_and_stopped_from_the_page()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "The program that stands for the training is a shell's.");
        NearestTests.RegisterFlat();
        await using var studio = await SmallStudio.StartAsync(new()
        {
            Runs = _runs.FullName, TrainingCommand = TrainingTests.Measuring,
            Templates = Path.Combine(Repository.Root, "configs"),
        }, dataset: NearestTests.Flat);
        var page = await _browser!.OpenAsync();
        await page.GoAsync(studio.Server.Addresses[0] + "/#train");
        await page.UntilAsync("document.querySelector('.runlist details')?.hidden === false");
        await page.ClickAsync(".runlist summary");
        await page.FillAsync("#new-name", "no name");
        await page.ClickAsync(".new .primary");
        await page.UntilAsync("document.querySelector('.new .error').innerText.includes('letters, digits')");
        await page.FillAsync("#new-name", "mine");
        await page.FillAsync("#new-template", "tiny");
        await page.ClickAsync(".new button", "How long?");
        await page.UntilAsync("document.querySelector('.new [role=status]').innerText.startsWith('About 3 min and 1.25 GB')");
        await page.ShotAsync("small-train-form");
        await page.ClickAsync(".new .primary");
        await page.UntilAsync("document.querySelector('.run pre')?.innerText.includes('tiny.toml --out')");
        await page.ClickAsync("details.data summary");
        await page.UntilAsync("document.querySelectorAll('.data .tile').length === 20");
        await page.ClickAsync(".data .tile");
        await page.UntilAsync("document.querySelectorAll('[data-name^=changed] ').length === 12");
        await page.ShotAsync("small-train");
        await page.ClickAsync(".run button", "Stop");
        await page.UntilAsync("document.querySelector('.run pre').innerText.includes('ended with 0')");
        await page.ClickAsync(".runlist summary"); // the fields of a folder
        await page.FillAsync("#new-template", "a folder of pictures");
        await page.FillAsync("#new-data", Repository.Root);
        await page.ClickAsync(".new button", "How long?");
        await page.UntilAsync("document.querySelector('.new .error').innerText === 'There are no pictures in it.'");
    }
}
