using System.Net.Sockets;
using System.Net;
using System.Text.Json;
using System.Text;
using CsCheck;
using Mezzotint.Formats;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>Whatever clients send, the answer is an error in its shape, never the server's own, and no place in the queue is
/// lost.</summary>
public class RobustnessTests
{
    [Fact]
    public async Task No_body_is_an_error_of_the_server()
    {
        await using var studio = await SmallStudio.StartAsync();
        var values = Gen.OneOf(
            Gen.String, Gen.String[Gen.Char["0123456789xX.-e \u0000\ud800é"], 0, 12],
            Gen.Int[-3, 9].Select(i => i.ToString(System.Globalization.CultureInfo.InvariantCulture)),
            OneOf(
                "null", "true", "[]", "{}", "1e999", "-0", "\"7\"", "\"seven\"", "\"8x8\"", "\"url\"", "\"heun\"",
                "99999999999999999999"));
        var names = OneOf(
            "prompt", "label", "n", "size", "response_format", "output_format", "output_compression", "stream", "partial_images",
            "seed", "sampler", "levels", "guidance_scale", "model", "user", "other");
        var bodies = Gen.OneOf(
            Gen.Select(names, values).Array[0, 6].Select(fields =>
                "{" + string.Join(',', fields.Select(field => $"\"{field.Item1}\":{field.Item2}")) + "}"),
            Gen.Select(names, values).Array[0, 6].Select(fields =>
                JsonSerializer.Serialize(
                    fields.DistinctBy(field => field.Item1).ToDictionary(field => field.Item1, field => field.Item2))),
            Gen.String,
            Gen.Int[1, 200].Select(depth => new string('[', depth)));
        bodies.Sample(body =>
        {
            using var response =
                studio.PostTextAsync(body.Replace("\"steps\"", "\"n\"", StringComparison.Ordinal)).GetAwaiter().GetResult();
            AssertSound(response);
        }, iter: 300, threads: 1);
        Assert.Equal(0, studio.Server.Queue.Requests);
    }

    [Fact]
    public async Task No_form_is_an_error_of_the_server()
    {
        await using var studio = await SmallStudio.StartAsync();
        byte[] picture = PngFile.Encode(new ImageBatch(1, 1, 8, 8, new byte[64]), 1, PictureFormat.Png);
        byte[] form = Encoding.Latin1.GetBytes(
            "--b\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\n7\r\n--b\r\nContent-Disposition: form-data; "
            + "name=\"image\"; filename=\"x.png\"\r\nContent-Type: image/png\r\n\r\n"
            + Encoding.Latin1.GetString(picture) + "\r\n--b--\r\n");
        Gen.Select(Gen.Int[0, form.Length], Gen.Int[0, form.Length - 1], Gen.Byte, Gen.Bool).Sample((cut, at, value, whole) =>
        {
            byte[] damaged = whole ? [.. form] : form[..cut];
            if (at < damaged.Length)
                damaged[at] = value;
            using var content = new ByteArrayContent(damaged);
            content.Headers.TryAddWithoutValidation("Content-Type", "multipart/form-data; boundary=b");
            using var response = studio.Client.PostAsync("/v1/images/edits", content).GetAwaiter().GetResult();
            AssertSound(response);
        }, iter: 300, threads: 1);
        foreach (
            string type in new[]
            {
                "multipart/form-data", "multipart/form-data; boundary=", $"multipart/form-data; boundary={new string('b', 300)}",
            })
        {
            using var content = new ByteArrayContent(form);
            content.Headers.TryAddWithoutValidation("Content-Type", type);
            using var response = await studio.Client.PostAsync("/v1/images/edits", content);
            AssertSound(response);
        }
        Assert.Equal(0, studio.Server.Queue.Requests);
    }

    [Fact]
    public async Task Oversized_bodies_are_refused()
    {
        await using var studio = await SmallStudio.StartAsync(new() { MaxBodyBytes = 100_000 });
        async Task Refused(string address, HttpContent content)
        {
            // The server does not read on: a client that is still sending may see its connection end instead of the answer.
            try
            {
                using var response = await studio.Client.PostAsync(address, content);
                Assert.Equal(
                    (413, "request_too_large"),
                    (await SmallStudio.ErrorAsync(response)) is var error ? (error.Status, error.Code) : default);
            }
            catch (HttpRequestException)
            {
            }
        }
        string json = $"{{\"prompt\":\"{new string('x', 200_000)}\"}}";
        await Refused("/v1/images/generations", new StringContent(json, Encoding.UTF8, "application/json"));
        await Refused("/v1/images/generations", new Unsized(Encoding.UTF8.GetBytes(json), "application/json"));
        using var form = new MultipartFormDataContent { { new ByteArrayContent(new byte[200_000]), "image", "x.png" } };
        await Refused("/v1/images/edits", form);
        await studio.DrawAsync(new { prompt = "7" });
    }

    [Fact]
    public async Task Requests_that_are_cut_off_anywhere_leave_no_trace()
    {
        await using var studio = await SmallStudio.StartAsync();
        var address = studio.Client.BaseAddress!;
        byte[] request = Encoding.ASCII.GetBytes(
            $"POST /v1/images/generations HTTP/1.1\r\nHost: {address.Authority}\r\nContent-Type: "
            + $"application/json\r\nContent-Length: 40\r\n\r\n{{\"prompt\":\"7\",\"n\":8,\"stream\":true        }}");
        for (int length = 0; length <= request.Length; length += 7)
        {
            using var socket = new TcpClient();
            await socket.ConnectAsync(IPAddress.Loopback, address.Port);
            await socket.GetStream().WriteAsync(request.AsMemory(0, length));
            if (length % 2 == 0)
                socket.LingerState = new LingerOption(true, 0); // a reset, not an end
        }
        await SmallStudio.UntilAsync(() => studio.Server.Queue.Requests == 0);
        await studio.DrawAsync(new { prompt = "7" });
    }

    [Theory]
    [InlineData("/../../../etc/passwd")]
    [InlineData("/..%2f..%2f..%2fetc%2fpasswd")]
    [InlineData("/%2e%2e/%2e%2e/etc/passwd")]
    [InlineData("/v1/images/files/../../../../etc/passwd")]
    [InlineData("/v1/images/files/..%2f..%2f..%2f..%2fetc%2fpasswd")]
    [InlineData("/v1/images/files/%2fetc%2fpasswd")]
    [InlineData("/v1/images/files/%00")]
    [InlineData("/v1/models/..%2f..%2fetc%2fpasswd")]
    [InlineData("/v1/models/%2e%2e%2fmodels")]
    [InlineData("//etc/passwd")]
    [InlineData("/\\..\\..\\etc\\passwd")]
    public async Task No_path_leads_to_a_file(string path)
    {
        await using var studio = await SmallStudio.StartAsync();
        // As it stands, without the client's own tidying.
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, studio.Client.BaseAddress!.Port);
        await socket.GetStream().WriteAsync(
            Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
        using var reader = new StreamReader(socket.GetStream());
        string answer = await reader.ReadToEndAsync();
        Assert.Matches("^HTTP/1.1 (404|400)", answer);
        Assert.DoesNotContain("root:", answer, StringComparison.Ordinal);
    }

    private static Gen<string> OneOf(params string[] texts) => Gen.Int[0, texts.Length - 1].Select(i => texts[i]);

    private static void AssertSound(HttpResponseMessage response)
    {
        Assert.True((int)response.StatusCode is 200 or 400 or 404 or 413 or 415, $"{response.StatusCode}");
        if (!response.IsSuccessStatusCode)
            _ = SmallStudio.ErrorAsync(response).GetAwaiter().GetResult();
    }

    /// <summary>A body that does not say how long it is.</summary>
    private sealed class Unsized : HttpContent
    {
        private readonly byte[] _bytes;

        public Unsized(byte[] bytes, string type)
        {
            _bytes = bytes;
            Headers.ContentType = new(type);
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            stream.WriteAsync(_bytes).AsTask();

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
