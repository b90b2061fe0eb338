using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Mezzotint.AspNetCore.Api;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>What the page is made of, and how it is handed out.</summary>
public partial class PageTests
{
    private static string Folder { get; } = Path.Combine(Repository.Root, "src", "Mezzotint.AspNetCore", "Page");

    [Fact]
    public void All_files_of_the_page_travel_in_the_assembly()
    {
        Assert.Equal(Directory.GetFiles(Folder).Select(Path.GetFileName).Order(), PageEndpoints.Files.Keys.Order());
        foreach (string file in Directory.GetFiles(Folder))
            Assert.Equal(File.ReadAllBytes(file), PageEndpoints.Files[Path.GetFileName(file)].Bytes);
    }

    [Fact]
    public void Nothing_of_the_page_comes_from_elsewhere()
    {
        foreach (var (name, file) in PageEndpoints.Files)
        {
            string text = Encoding.UTF8.GetString(file.Bytes);
            // The names of SVG's and MathML's elements begin so; nothing is fetched from there.
            Assert.DoesNotMatch(
                @"(?i)(https?:|wss?:|[""'(=]\s*)//[a-z]",
                Regex.Replace(text, "http://www.w3.org/(2000/svg|1998/Math/MathML)", ""));
            // What one file takes from another is there.
            foreach (Match taken in Taken().Matches(text))
                Assert.True(PageEndpoints.Files.ContainsKey(taken.Groups[1].Value), $"{name} takes {taken.Groups[1].Value}");
            // Markup out of text is what the policy forbids as well.
            Assert.DoesNotMatch(
                @"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function| style=| on[a-z]+=""", text);
        }
    }

    [Fact]
    public void A_copied_command_reads_no_file_that_a_value_names()
    {
        string share = Encoding.UTF8.GetString(PageEndpoints.Files["share.js"].Bytes);
        Assert.Contains("--data-raw ", share, StringComparison.Ordinal);
        Assert.Contains("--form-string ${quoted(`${name}=${value}`)}", share, StringComparison.Ordinal);
        // -F and -d would read a file for a value that begins with @ or <.
        Assert.DoesNotMatch(@" -d |-F \$\{quoted\(`\$\{name\}=\$\{", share);
    }

    [Fact]
    public async Task Files_have_their_types_and_a_strict_policy()
    {
        await using var studio = await SmallStudio.StartAsync();
        foreach (
            var (path, type) in new[] { ("/", "text/html"), ("/page/main.js", "text/javascript"),
            ("/page/style.css", "text/css") })
        {
            using var response = await studio.Client.GetAsync(new Uri(path, UriKind.Relative));
            Assert.Equal((HttpStatusCode.OK, type), (response.StatusCode, response.Content.Headers.ContentType?.MediaType));
            string policy = response.Headers.GetValues("Content-Security-Policy").Single();
            Assert.StartsWith("default-src 'none'; script-src 'self'; style-src 'self';", policy, StringComparison.Ordinal);
            Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
            Assert.Equal("nosniff", response.Headers.GetValues("X-Content-Type-Options").Single());
            Assert.Equal("no-referrer", response.Headers.GetValues("Referrer-Policy").Single());
        }
    }

    [Fact]
    public async Task What_a_browser_has_is_not_sent_again()
    {
        await using var studio = await SmallStudio.StartAsync();
        using var first = await studio.Client.GetAsync(new Uri("/page/main.js", UriKind.Relative));
        Assert.True(first.Headers.CacheControl?.NoCache);
        async Task<HttpStatusCode> Again(string tag)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/page/main.js");
            request.Headers.TryAddWithoutValidation("If-None-Match", tag);
            using var response = await studio.Client.SendAsync(request);
            return response.StatusCode;
        }
        Assert.Equal(HttpStatusCode.NotModified, await Again(first.Headers.ETag!.ToString()));
        Assert.Equal(HttpStatusCode.NotModified, await Again("\"other\", W/" + first.Headers.ETag));
        Assert.Equal(HttpStatusCode.OK, await Again("\"other\""));
        Assert.Equal(HttpStatusCode.OK, await Again("nonsense"));
        using var head = await studio.Client.SendAsync(new HttpRequestMessage(HttpMethod.Head, "/"));
        Assert.Equal(
            (HttpStatusCode.OK, PageEndpoints.Files["index.html"].Bytes.Length),
            (head.StatusCode, (int)head.Content.Headers.ContentLength!));
    }

    [Fact]
    public async Task Browsers_get_the_files_compressed()
    {
        await using var studio = await SmallStudio.StartAsync();
        async Task<HttpResponseMessage> Get(string encodings, string? tag = null)
        {
            var request = new HttpRequestMessage(HttpMethod.Get, "/page/main.js");
            request.Headers.TryAddWithoutValidation("Accept-Encoding", encodings);
            request.Headers.TryAddWithoutValidation("If-None-Match", tag);
            return await studio.Client.SendAsync(request);
        }
        using var small = await Get("gzip, deflate, br");
        using var whole = await Get("gzip;q=0, identity");
        Assert.Equal("gzip", small.Content.Headers.ContentEncoding.Single());
        Assert.Empty(whole.Content.Headers.ContentEncoding);
        Assert.NotEqual(small.Headers.ETag, whole.Headers.ETag);
        Assert.Equal("Accept-Encoding", small.Headers.Vary.Single());
        using var unpacked = new System.IO.Compression.GZipStream(
            await small.Content.ReadAsStreamAsync(), System.IO.Compression.CompressionMode.Decompress);
        using var text = new MemoryStream();
        await unpacked.CopyToAsync(text);
        Assert.Equal(await whole.Content.ReadAsByteArrayAsync(), text.ToArray());
        using var again = await Get("gzip", small.Headers.ETag!.ToString());
        Assert.Equal(HttpStatusCode.NotModified, again.StatusCode);
    }

    [Theory]
    [InlineData("/page/")]
    [InlineData("/page/none.js")]
    [InlineData("/page/../appsettings.json")]
    [InlineData("/page/%2e%2e/x")]
    [InlineData("/page/..%2fmain.js")]
    [InlineData("/page/MAIN.JS")]
    public async Task Other_names_are_not_there(string path)
    {
        await using var studio = await SmallStudio.StartAsync();
        Assert.Equal(404, (await RawRequest.GetAsync(studio, path)).Status);
    }

    [Fact]
    public async Task With_a_key_the_page_is_seen_without_and_everything_else_is_not()
    {
        await using var studio = await SmallStudio.StartAsync(new() { ApiKey = "correct-horse" });
        foreach (
            var (path, status) in new[] { ("/", 200), ("/page/main.js", 200), ("/api/runs", 401), ("/api/runs/x", 401),
            ("/api/samplers", 401), ("/v1/models", 401), ("/pages", 401), ("//", 401) })
            Assert.Equal((path, status), (path, (await RawRequest.GetAsync(studio, path)).Status));
    }

    [GeneratedRegex(@"(?:from '\./|import\('\./|(?:src|href)=""page/)([\w.]+)")]
    private static partial Regex Taken();
}
