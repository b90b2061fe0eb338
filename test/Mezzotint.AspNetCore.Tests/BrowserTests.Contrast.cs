namespace Mezzotint.AspNetCore.Tests;

/// <summary>What is to be read can be read, in both themes: the contrasts of WCAG 2.2, level AA.</summary>
public sealed partial class BrowserTests
{
    /// <summary>Every text, and every border of a field, whose contrast with what lies behind it is too low.</summary>
    private const string TooFaint = """
        (() => {
          const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
          const luminance = (colour) => channels(colour).slice(0, 3).map((value) => value / 255)
            .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
            .reduce((sum, value, i) => sum + value * [0.2126, 0.7152, 0.0722][i], 0);
          const contrast = (one, other) => {
            const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
            return (high + 0.05) / (low + 0.05);
          };
          const opaque = (colour) => (channels(colour)[3] ?? 1) === 1;
          const behind = (element) => {
            for (let at = element; at; at = at.parentElement)
              if (opaque(getComputedStyle(at).backgroundColor)) return getComputedStyle(at).backgroundColor;
            return 'rgb(255, 255, 255)';
          };
          const seen = (element) =>
            element.checkVisibility({ visibilityProperty: true }) && !element.closest('.unseen, .skip, canvas');
          const faint = [];
          const check = (element, colour, back, least, what) => {
            const found = contrast(colour, back);
            const name = `${what} of ${element.tagName} "${element.textContent.trim().slice(0, 30)}"`;
            if (found < least) faint.push(`${name}: ${found.toFixed(2)}`);
          };
          let texts = 0, borders = 0;
          for (const element of document.querySelectorAll('body *')) {
            if (!seen(element)) continue;
            const style = getComputedStyle(element);
            const field = element.matches('input:not([type=range]):not([type=checkbox]), select');
            if (!element.matches(':disabled')
                && (field || [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.nodeValue.trim()))) {
              texts++;
              check(element, element.namespaceURI.endsWith('svg') ? style.fill : style.color, behind(element), 4.5, 'text');
            }
            if (field) {
              borders++;
              check(element, style.borderTopColor, behind(element.parentElement), 3, 'border');
            }
          }
          return { texts, borders, faint: faint.join('\n') };
        })()
        """;

    [Theory]
    [InlineData("light")]
    [InlineData("dark")]
    public async Task Every_text_and_every_field_has_the_contrast_of_wcag_aa(string theme)
    {
        string folder = Path.Combine(_runs.FullName, "tiny");
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "log.jsonl"), string.Concat(Enumerable.Range(1, 9).Select(i =>
            $"{{\"step\":{i}0,\"epoch\":0.{i},\"train_loss\":{10 - i},\"seconds\":{i},\"images_per_second\":90}}\n")));
        foreach (string view in new[] { "#draw", "#draw?prompt=a+cat&compare=heun", "#repair", "#walk", "#train?name=tiny" })
        {
            var page = await _browser!.OpenAsync();
            await page.PreferAsync("prefers-color-scheme", theme);
            await page.GoAsync(Home + view);
            await page.UntilAsync("document.querySelector('.view') && document.querySelector('form.controls, .chart text')");
            if (view == "#draw")
                await page.DrawnAsync();
            if (view.Contains("cat", StringComparison.Ordinal))
                await page.UntilAsync("document.querySelector('#field-prompt-error').innerText !== ''");
            await page.EvaluateAsync("document.querySelectorAll('details').forEach((details) => details.open = true)");
            Assert.Equal(theme, (await page.EvaluateAsync("document.documentElement.dataset.theme"))!.GetValue<string>());
            var found = (await page.EvaluateAsync(TooFaint))!;
            Assert.True(found["texts"]!.GetValue<int>() > 10, $"{view}: no texts");
            bool fields = !view.StartsWith("#train", StringComparison.Ordinal);
            Assert.True(found["borders"]!.GetValue<int>() > 1 || !fields, $"{view}: no fields");
            Assert.True(found["faint"]!.GetValue<string>() == "", $"{view}, {theme}:\n{found["faint"]}");
            await page.ShotAsync($"contrast-{theme}-{view.Trim('#').Split('?')[0]}-{view.Length}");
        }
    }
}
