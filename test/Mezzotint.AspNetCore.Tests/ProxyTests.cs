using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>Behind a proxy: whose headers are believed, and what the server calls itself.</summary>
public class ProxyTests
{
    private const string Key = "secret-key-1";

    [Theory]
    [InlineData(null, null, 403)]
    [InlineData("10.0.0.1", null, 403)] // another proxy
    [InlineData("127.0.0.1", null, 200)]
    [InlineData("127.0.0.0/8", null, 200)]
    [InlineData(null, "https://draw.example", 200)]
    [InlineData(null, "https://draw.example/", 200)]
    [InlineData(null, "https://other.example", 403)]
    public async Task The_page_s_request_passes_once_the_proxy_or_the_address_is_named(
        string? proxy, string? publicUrl, int status)
    {
        await using var studio = await SmallStudio.StartAsync(
            new() { ApiKey = Key, Proxies = proxy is null ? [] : [proxy], PublicUrl = publicUrl });
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/images/generations")
            { Content = JsonContent.Create(new { prompt = "7", response_format = "url" }) };
        request.Headers.Host = "draw.example";
        foreach (
            var (name, value) in new[] { ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "draw.example"),
            ("Origin", "https://draw.example"), ("Authorization", $"Bearer {Key}") })
            request.Headers.Add(name, value);
        using var response = await studio.Client.SendAsync(request);
        Assert.Equal(status, (int)response.StatusCode);
        if (status != 200)
        {
            var error = await SmallStudio.ErrorAsync(response);
            Assert.Equal("cross_origin", error.Code);
            Assert.Contains(
                "--public-url https://draw.example, or with --proxy 127.0.0.1", error.Message, StringComparison.Ordinal);
            return;
        }
        string url = (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data")[0].GetProperty("url")
            .GetString()!;
        Assert.StartsWith("https://draw.example/v1/images/files/", url, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/draw", true, true, false)]
    [InlineData("", true, true, false)]
    [InlineData("/draw", false, false, true)]
    [InlineData("/draw", true, true, true)]
    public async Task Drawing_and_image_addresses_work_through_a_proxy_that_ends_TLS(
        string prefix, bool tells, bool named, bool published)
    {
        SmallStudio? studio = null;
        await using var proxy = await TlsProxy.StartAsync(() => studio!.Server.Addresses[0], prefix, tells);
        await using var started = studio = await SmallStudio.StartAsync(new()
        {
            ApiKey = Key,
            Proxies = named ? ["127.0.0.1"] : [],
            PublicUrl = published ? proxy.Address.AbsoluteUri : null,
        });
        using var client = proxy.NewClient();
        client.DefaultRequestHeaders.Add("Authorization", $"Bearer {Key}");
        client.DefaultRequestHeaders.Add("Origin", proxy.Address.GetLeftPart(UriPartial.Authority));
        using var response = await client.PostAsJsonAsync(
            "v1/images/generations", new { prompt = "7", seed = 3, response_format = "url" });
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        string url = (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data")[0].GetProperty("url")
            .GetString()!;
        Assert.StartsWith(proxy.Address.AbsoluteUri + "v1/images/files/", url, StringComparison.Ordinal);
        byte[] file = await client.GetByteArrayAsync(new Uri(url));
        Assert.Equal(studio.Alone(7, 3), Formats.PngFile.Decode(file, "file").Image.Pixels);
        client.DefaultRequestHeaders.Remove("Origin");
        client.DefaultRequestHeaders.Add("Origin", "https://evil.example");
        using var refused = await client.PostAsJsonAsync("v1/images/generations", new { prompt = "7" });
        Assert.Equal("cross_origin", (await SmallStudio.ErrorAsync(refused)).Code);
    }

    [Fact]
    public async Task A_prefix_that_the_proxy_leaves_in_the_path_is_taken_off()
    {
        await using var studio = await SmallStudio.StartAsync(new() { ApiKey = Key, PublicUrl = "https://draw.example/a/b" });
        Assert.Equal(200, (await RawRequest.GetAsync(studio, "/a/b/")).Status);
        Assert.Equal(200, (await RawRequest.GetAsync(studio, "/a/b/page/main.js")).Status);
        Assert.Equal(200, (await RawRequest.GetAsync(studio, "/page/main.js")).Status);
        Assert.Equal(308, (await RawRequest.GetAsync(studio, "/a/b")).Status);
        Assert.Equal(401, (await RawRequest.GetAsync(studio, "/a/b/v1/models")).Status);
    }

    [Fact]
    public async Task A_browser_draws_repairs_and_downloads_through_the_proxy()
    {
        await using var browser = await Chromium.StartAsync();
        var folder = Directory.CreateTempSubdirectory("mezzotint-downloads-");
        SmallStudio? studio = null;
        await using var proxy = await TlsProxy.StartAsync(() => studio!.Server.Addresses[0], "/draw");
        await using var started = studio = await SmallStudio.StartAsync(new() { Proxies = ["127.0.0.1"] });
        await browser.SendAsync(
            "Browser.setDownloadBehavior", new() { ["behavior"] = "allow", ["downloadPath"] = folder.FullName });
        var page = await browser.OpenAsync();
        await page.SendAsync("Security.enable");
        await page.SendAsync("Security.setIgnoreCertificateErrors", new() { ["ignore"] = true });
        await page.GoAsync(proxy.Address.AbsoluteUri + "#draw");
        await page.DrawnAsync(); // what the page draws comes as a stream
        Assert.Equal(10, await page.CountAsync(".tile img[src]"));

        await page.ClickAsync(".tile:nth-child(1)");
        await page.ClickAsync(".details button", "Download PNG");
        await SmallStudio.UntilAsync(() => folder.GetFiles("*.png").Any(file => file.Length > 0));
        var saved = Formats.PngFile.Read(folder.GetFiles("*.png").Single().FullName);
        Assert.Equal((8, 8), (saved.Width, saved.Height));

        await page.GoAsync(proxy.Address.AbsoluteUri + "#repair");
        await page.UntilAsync("document.querySelector('.paint') && document.querySelector('#field-prompt').value === '7'");
        await page.FillAsync("#field-count", "2");
        await page.ClickAsync(".primary");
        await page.UntilAsync("document.querySelectorAll('.tile').length === 2");
        await page.DrawnAsync();
        Assert.Equal(2, await page.CountAsync(".tile img[src]"));
        await browser.CloseAsync();
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Two_replicas_behind_a_proxy_answer_alike_and_one_that_ends_is_left_out_by_its_health()
    {
        await using var first = await SmallStudio.StartAsync(new() { Proxies = ["127.0.0.1"] });
        await using var second = await SmallStudio.StartAsync(new() { Proxies = ["127.0.0.1"] });
        string[] replicas = [first.Server.Addresses[0], second.Server.Addresses[0]];
        int turn = 0;
        await using var proxy = await TlsProxy.StartAsync(() => replicas[turn++ % replicas.Length], "/draw");
        using var client = proxy.NewClient();
        async Task<byte[]> DrawAsync()
        {
            using var response = await client.PostAsJsonAsync("v1/images/generations", new { prompt = "7", seed = 3 });
            return SmallStudio.Pixels(await response.Content.ReadFromJsonAsync<JsonElement>());
        }
        byte[] expected = first.Alone(7, 3);
        for (int i = 0; i < 4; i++)
            Assert.Equal(expected, await DrawAsync());
        Assert.Equal((2, 2), (first.Pipeline.Work.Images - 1, second.Pipeline.Work.Images)); // one was drawn alone

        first.Server.Services.GetRequiredService<Drain>().Begin();
        using var ending = await client.GetAsync(new Uri("healthz", UriKind.Relative));
        using var living = await client.GetAsync(new Uri("healthz", UriKind.Relative));
        Assert.Equal((HttpStatusCode.ServiceUnavailable, HttpStatusCode.OK), (ending.StatusCode, living.StatusCode));
    }

    [Theory]
    [InlineData("nginx", null, null, "--proxy 'nginx' is no address")]
    [InlineData("10.0.0.0/99", null, null, "--proxy '10.0.0.0/99' is no address")]
    [InlineData(null, "draw.example", Key, "--public-url 'draw.example' is no address")]
    [InlineData(null, "ftp://draw.example", Key, "is no address that a browser shows")]
    [InlineData(null, "https://draw.example/?x=1", Key, "is no address that a browser shows")]
    [InlineData(null, "https://draw.example", null, "say with --api-key KEY")]
    public void What_names_no_proxy_or_address_is_refused(string? proxy, string? publicUrl, string? key, string expected)
    {
        var options = new StudioOptions { Proxies = proxy is null ? [] : [proxy], PublicUrl = publicUrl, ApiKey = key };
        Assert.Contains(expected, Assert.Throws<MezzotintException>(options.Validate).Message, StringComparison.Ordinal);
    }
}
