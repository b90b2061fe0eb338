using System.Text.Json.Nodes;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>A page of a browser: where a person would look, click and type.</summary>
internal sealed class BrowserPage(Chromium browser, string session)
{
    /// <summary>Pictures of what was seen go there, where somebody asks for them.</summary>
    private static readonly string? Pictures = Environment.GetEnvironmentVariable("MEZZOTINT_PICTURES");

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    public Task<JsonNode?> SendAsync(string method, JsonObject? parameters = null) =>
        browser.SendAsync(method, parameters, session);

    public async Task GoAsync(string address)
    {
        // A document of its own, also where only the part behind # differs.
        await SendAsync("Page.navigate", new JsonObject { ["url"] = "about:blank" });
        await UntilAsync("location.href === 'about:blank'");
        await SendAsync("Page.navigate", new JsonObject { ["url"] = address });
        await UntilAsync("location.href !== 'about:blank' && document.readyState === 'complete'");
    }

    public Task ResizeAsync(int width, int height) => SendAsync("Emulation.setDeviceMetricsOverride",
        new JsonObject { ["width"] = width, ["height"] = height, ["deviceScaleFactor"] = 1, ["mobile"] = width < 600 });

    /// <summary>Makes the browser say something of its user's wishes: as ("forced-colors", "active").</summary>
    public Task PreferAsync(string feature, string value) => SendAsync("Emulation.setEmulatedMedia",
        new JsonObject { ["features"] = new JsonArray(new JsonObject { ["name"] = feature, ["value"] = value }) });

    /// <summary>Cuts the page off from every server, or lets it reach them again.</summary>
    public Task OfflineAsync(bool offline) => SendAsync("Network.emulateNetworkConditions",
        new JsonObject { ["offline"] = offline, ["latency"] = 0, ["downloadThroughput"] = -1, ["uploadThroughput"] = -1 });

    /// <summary>The value of an expression; promises are waited for.</summary>
    public async Task<JsonNode?> EvaluateAsync(string expression)
    {
        var answer = await SendAsync(
            "Runtime.evaluate",
            new JsonObject
                { ["expression"] = expression, ["awaitPromise"] = true, ["returnByValue"] = true, ["userGesture"] = true });
        Assert.True(answer!["exceptionDetails"] is null, $"{expression}: {answer["exceptionDetails"]?.ToJsonString()}");
        return answer["result"]!["value"];
    }

    public async Task<string> TextAsync(string selector) =>
        (await EvaluateAsync($"document.querySelector({Quoted(selector)})?.innerText ?? ''"))!.GetValue<string>();

    /// <summary>The texts of all elements of a selector, with a bar between.</summary>
    public async Task<string> TextOfAllAsync(string selector) => (await EvaluateAsync(
        $"[...document.querySelectorAll({Quoted(selector)})].map((one) => one.innerText.trim()).join('|')"))!.GetValue<string>();

    /// <summary>The number that an element shows, whole.</summary>
    public async Task<string> ExactAsync(string selector) =>
        (await EvaluateAsync($"document.querySelector({Quoted(selector)}).dataset.exact"))!.GetValue<string>();

    public async Task<int> CountAsync(string selector) =>
        (await EvaluateAsync($"document.querySelectorAll({Quoted(selector)}).length"))!.GetValue<int>();

    /// <summary>Waits until an expression is true. A page that breaks must not hang the tests: after minutes, which no healthy
    /// one needs, it is given up.</summary>
    public async Task UntilAsync(string condition)
    {
        for (var waited = System.Diagnostics.Stopwatch.StartNew(); ;)
        {
            var answer = await SendAsync(
                "Runtime.evaluate", new JsonObject { ["expression"] = $"Boolean({condition})", ["returnByValue"] = true });
            if (answer!["result"]?["value"]?.GetValueKind() == System.Text.Json.JsonValueKind.True)
                return;
            Assert.True(waited.Elapsed < Patience, $"Still not true: {condition}. The page says: {await TextAsync("body")}");
            await Task.Delay(20);
        }
    }

    /// <summary>Waits until everything that was asked for is on the plate.</summary>
    public Task DrawnAsync() => UntilAsync("document.querySelector('form.controls')?.getAttribute('aria-busy') === 'false'");

    /// <summary>Fills a field as typing does.</summary>
    public Task FillAsync(string selector, string value) => EvaluateAsync(
        $"(() => {{ const field = document.querySelector({Quoted(selector)}); field.value = {Quoted(value)}; "
        + $"field.dispatchEvent(new Event('input', {{ bubbles: true }})); field.dispatchEvent(new Event('change', {{ bubbles: "
        + $"true }})); }})()");

    /// <summary>Clicks the first element of a selector with a text, with the mouse where it lies.</summary>
    public async Task ClickAsync(string selector, string? text = null)
    {
        var place = await EvaluateAsync($$"""
            (() => {
              const found =
                  [...document.querySelectorAll({{Quoted(selector)}})].find(
                      (one) => {{(text is null ? "true" : $"one.innerText.trim() === {Quoted(text)}")}});
              if (!found) return null;
              found.scrollIntoView({ block: 'center' });
              const box = found.getBoundingClientRect();
              return [box.left + box.width / 2, box.top + box.height / 2];
            })()
            """);
        Assert.True(place is not null, $"Nothing to click: {selector} {text}");
        await PressAsync(place[0]!.GetValue<double>(), place[1]!.GetValue<double>());
    }

    /// <summary>Presses the mouse at a point and releases it, at the same or, over some way, at another one.</summary>
    public async Task PressAsync(double x, double y, double? toX = null, double? toY = null)
    {
        Task<JsonNode?> Mouse(string type, double atX, double atY) => SendAsync("Input.dispatchMouseEvent",
            new JsonObject
            {
                ["type"] = type, ["x"] = atX, ["y"] = atY, ["button"] = "left", ["buttons"] = type == "mouseReleased" ? 0 : 1,
                ["clickCount"] = 1,
            });
        await Mouse("mousePressed", x, y);
        if (toX is { } endX && toY is { } endY)
            for (int i = 1; i <= 8; i++)
                await Mouse("mouseMoved", x + (endX - x) * i / 8, y + (endY - y) * i / 8);
        await Mouse("mouseReleased", toX ?? x, toY ?? y);
    }

    /// <summary>Presses a key, named as the browser does: ArrowLeft, Enter, Escape, or a letter.</summary>
    public async Task KeyAsync(string key)
    {
        var code = key switch
        {
            "Tab" => 9, "Enter" => 13, "Escape" => 27, " " => 32, "End" => 35, "Home" => 36, "ArrowLeft" => 37, "ArrowUp" => 38,
            "ArrowRight" => 39, "ArrowDown" => 40, _ => 0,
        };
        string? text = key == "Enter" ? "\r" : key.Length == 1 ? key : null;
        var pressed = new JsonObject
            { ["type"] = text is null ? "rawKeyDown" : "keyDown", ["key"] = key, ["windowsVirtualKeyCode"] = code };
        if (text is not null)
            pressed["text"] = text;
        await SendAsync("Input.dispatchKeyEvent", pressed);
        await SendAsync(
            "Input.dispatchKeyEvent", new JsonObject { ["type"] = "keyUp", ["key"] = key, ["windowsVirtualKeyCode"] = code });
    }

    /// <summary>Leads to an element by Tab alone, as somebody does who has no mouse.</summary>
    public async Task TabToAsync(string selector)
    {
        for (int pressed = 0; pressed < 200; pressed++)
        {
            if ((await EvaluateAsync($"document.activeElement?.matches({Quoted(selector)}) ?? false"))!.GetValue<bool>())
                return;
            await KeyAsync("Tab");
        }
        Assert.Fail($"Tab leads nowhere to {selector}.");
    }

    /// <summary>What is seen, as a PNG file.</summary>
    /// <param name="scale">Pixels of the file for each of the page.</param>
    public async Task<byte[]> SeenAsync(double scale = 1)
    {
        var view = await EvaluateAsync("[scrollX, scrollY, innerWidth, innerHeight]");
        double At(int i) => view![i]!.GetValue<double>();
        var shot = await SendAsync("Page.captureScreenshot", new JsonObject
        {
            ["format"] = "png",
            ["clip"] = new JsonObject
                { ["x"] = At(0), ["y"] = At(1), ["width"] = At(2), ["height"] = At(3), ["scale"] = scale },
        });
        return Convert.FromBase64String(shot!["data"]!.GetValue<string>());
    }

    /// <summary>Keeps what is seen, where a folder for it is named in MEZZOTINT_PICTURES.</summary>
    public async Task ShotAsync(string name)
    {
        if (Pictures is null)
            return;
        Directory.CreateDirectory(Pictures);
        await File.WriteAllBytesAsync(Path.Combine(Pictures, name + ".png"), await SeenAsync());
    }

    private static string Quoted(string text) => System.Text.Json.JsonSerializer.Serialize(text);

    /// <summary>Draws a line on the canvas, from and to shares of its sides.</summary>
    public async Task StrokeAsync(double x, double y, double toX, double toY)
    {
        var box = await EvaluateAsync(
            "(() => { const canvas = document.querySelector('.paint'); canvas.scrollIntoView({ block: 'center' }); const box = "
            + "canvas.getBoundingClientRect(); return [box.left, box.top, box.width, box.height]; })()");
        double At(int from, int size, double share) => box![from]!.GetValue<double>() + box[size]!.GetValue<double>() * share;
        await PressAsync(At(0, 2, x), At(1, 3, y), At(0, 2, toX), At(1, 3, toY));
    }
}
