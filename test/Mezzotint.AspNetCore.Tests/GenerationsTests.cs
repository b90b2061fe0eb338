using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Net;
using System.Text.Json;
using Mezzotint.Formats;
using Mezzotint.Serving;

namespace Mezzotint.AspNetCore.Tests;

public class GenerationsTests
{
    [Fact]
    public async Task An_answer_says_what_was_drawn_and_is_drawn_again_by_it()
    {
        await using var studio = await SmallStudio.StartAsync();
        var answer = await studio.DrawAsync(
            new
            {
                model = "small", prompt = "seven", n = 3, seed = 5, sampler = "heun", levels = "exponential", steps = 4,
                user = "somebody", quality = "high",
            });
        Assert.Equal(("8x8", "png"), (answer.GetProperty("size").GetString(), answer.GetProperty("output_format").GetString()));
        Assert.Equal(3, answer.GetProperty("data").GetArrayLength());
        for (int i = 0; i < 3; i++)
        {
            var image = answer.GetProperty("data")[i];
            Assert.Equal(
                (5 + i, 7, "7"),
                (
                    image.GetProperty("seed").GetInt64(), image.GetProperty("label").GetInt32(),
                    image.GetProperty("revised_prompt").GetString()));
            Assert.Equal(
                studio.Alone(7, 5 + i, new() { Sampler = "heun", Levels = "exponential", Steps = 4 }),
                SmallStudio.Pixels(answer, i));
        }
    }

    [Theory]
    [InlineData("jpeg", "FFD8FF")]
    [InlineData("webp", "52494646")]
    [InlineData("png", "89504E47")]
    public async Task The_format_and_the_size_are_those_that_are_asked_for(string format, string signature)
    {
        await using var studio = await SmallStudio.StartAsync();
        var answer = await studio.DrawAsync(new { label = 3, size = "40x40", output_format = format, output_compression = 80 });
        byte[] file = answer.GetProperty("data")[0].GetProperty("b64_json").GetBytesFromBase64();
        Assert.StartsWith(signature, Convert.ToHexString(file), StringComparison.Ordinal);
        var picture = PngFile.Decode(file, "x").Image;
        Assert.Equal((40, 40), (picture.Width, picture.Height));
    }

    [Fact]
    public async Task A_stream_carries_the_estimates_and_the_images()
    {
        await using var studio = await SmallStudio.StartAsync();
        using var response =
            await studio.PostAsync(new { prompt = "2", n = 3, seed = 8, steps = 10, stream = true, partial_images = 4 });
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType?.MediaType);
        var events = await EventsAsync(response);
        Assert.All(events, sent => Assert.Equal(sent.Type, sent.Data.GetProperty("type").GetString()));
        for (int i = 0; i < 3; i++)
        {
            var mine = events.Where(sent => sent.Data.GetProperty("image_index").GetInt32() == i).ToList();
            Assert.Equal(
                [.. Enumerable.Repeat("image_generation.partial_image", 4), "image_generation.completed"],
                mine.Select(sent => sent.Type));
            Assert.Equal([2, 4, 6, 8, 10], mine.Select(sent => sent.Data.GetProperty("step").GetInt32()));
            Assert.Equal([0, 1, 2, 3], mine.SkipLast(1).Select(sent => sent.Data.GetProperty("partial_image_index").GetInt32()));
            var steps = await studio.Pipeline.StreamAsync([2], new() { Seed = 8 + i, Steps = 10 }).ToListAsync();
            foreach (var (_, data) in mine)
                Assert.Equal(
                    steps[data.GetProperty("step").GetInt32() - 1].Estimate.Pixels,
                    PngFile.Decode(data.GetProperty("b64_json").GetBytesFromBase64(), "x").Image.Pixels);
            Assert.Equal(
                studio.Alone(2, 8 + i, new() { Steps = 10 }),
                PngFile.Decode(mine[^1].Data.GetProperty("b64_json").GetBytesFromBase64(), "x").Image.Pixels);
        }
    }

    [Theory]
    [InlineData(1, 5, new[] { 1 })]
    [InlineData(2, 1, new[] { 1, 2 })]
    [InlineData(7, 3, new[] { 1, 3, 5, 7 })]
    [InlineData(7, 1000, new[] { 1, 2, 3, 4, 5, 6, 7 })]
    [InlineData(7, 0, new[] { 7 })]
    public async Task Estimates_are_spread_evenly(int steps, int partial, int[] expected)
    {
        await using var studio = await SmallStudio.StartAsync();
        using var response = await studio.PostAsync(new { prompt = "2", steps, stream = true, partial_images = partial });
        Assert.Equal(expected, (await EventsAsync(response)).Select(sent => sent.Data.GetProperty("step").GetInt32()));
    }

    [Theory]
    [InlineData("""{"prompt":"a cat"}""", 400, "prompt_not_understood", "prompt")]
    [InlineData("""{}""", 400, "missing_required_parameter", "prompt")]
    [InlineData("""{"prompt":7}""", 400, "invalid_type", "prompt")]
    [InlineData("""{"label":"eleven"}""", 400, "invalid_value", "label")]
    [InlineData("""{"prompt":"-1"}""", 400, "prompt_not_understood", "prompt")] // field case 03
    [InlineData("""{"label":-7}""", 400, "invalid_value", "label")] // field case 03
    [InlineData("""{"label":"-7"}""", 400, "invalid_value", "label")]
    [InlineData("""{"label":" 7"}""", 400, "invalid_value", "label")]
    [InlineData("""{"label":"7.0"}""", 400, "invalid_value", "label")]
    [InlineData("""{"label":"a seven"}""", 400, "invalid_value", "label")]
    [InlineData("""{"label":7.5}""", 400, "invalid_type", "label")]
    [InlineData("""{"label":-0}""", 400, "invalid_value", "label")]
    [InlineData("""{"label":1e300}""", 400, "invalid_value", "label")]
    [InlineData("""{"label":7.0}""", 200, null, null)] // JSON has one type of number
    [InlineData("""{"label":"7"}""", 200, null, null)]
    [InlineData("""{"prompt":"7","n":" 2"}""", 400, "invalid_type", "n")]
    [InlineData("""{"prompt":"7","seed":"1 "}""", 400, "invalid_type", "seed")]
    [InlineData("""{"label":true}""", 400, "invalid_type", "label")]
    [InlineData("""{"prompt":"7","n":0}""", 400, "integer_below_min_value", "n")]
    [InlineData("""{"prompt":"7","n":65}""", 400, "integer_above_max_value", "n")]
    [InlineData("""{"prompt":"7","n":1.5}""", 400, "invalid_type", "n")]
    [InlineData("""{"prompt":"7","n":"2"}""", 200, null, null)] // forgiven: forms have texts alone
    [InlineData("""{"prompt":"7","n":"two"}""", 400, "invalid_type", "n")]
    [InlineData("""{"prompt":"7","steps":1001}""", 400, "integer_above_max_value", "steps")]
    [InlineData("""{"prompt":"7","seed":-1}""", 400, "integer_below_min_value", "seed")]
    [InlineData("""{"prompt":"7","n":2,"seed":4294967295}""", 400, "integer_above_max_value", "seed")]
    [InlineData("""{"prompt":"7","sampler":"huen"}""", 400, "invalid_value", "sampler")]
    [InlineData("""{"prompt":"7","levels":"kara"}""", 400, "invalid_value", "levels")]
    [InlineData("""{"prompt":"7","guidance_scale":3}""", 400, "invalid_value", "guidance_scale")]
    [InlineData("""{"prompt":"7","guidance_scale":1}""", 200, null, null)]
    [InlineData("""{"prompt":"7","classifier_guidance":3}""", 400, "invalid_value", "classifier_guidance")]
    [InlineData("""{"prompt":"7","classifier_guidance":0}""", 200, null, null)]
    [InlineData("""{"prompt":"7","classifier_guidance":-1}""", 400, "integer_below_min_value", "classifier_guidance")]
    [InlineData("""{"prompt":"7","size":"9x9"}""", 400, "invalid_value", "size")]
    [InlineData("""{"prompt":"7","size":"8x16"}""", 400, "invalid_value", "size")]
    [InlineData("""{"prompt":"7","size":"8000000x8000000"}""", 400, "invalid_value", "size")]
    [InlineData("""{"prompt":"7","size":"4096x4096","n":64}""", 400, "invalid_value", "size")]
    [InlineData("""{"prompt":"7","response_format":"file"}""", 400, "invalid_value", "response_format")]
    [InlineData("""{"prompt":"7","output_format":"gif"}""", 400, "invalid_value", "output_format")]
    [InlineData("""{"prompt":"7","partial_images":2}""", 400, "invalid_value", "partial_images")]
    [InlineData("""{"prompt":"7","stream":true,"response_format":"url"}""", 400, "invalid_value", "response_format")]
    [InlineData("""{"prompt":"7","stream":"yes"}""", 400, "invalid_type", "stream")]
    [InlineData("""{"prompt":"7","stepps":3}""", 400, "unknown_parameter", "stepps")]
    [InlineData("""{"prompt":"7","prompt":"8"}""", 400, "duplicate_parameter", "prompt")]
    [InlineData("""{"prompt":"7","model":"../../etc/passwd"}""", 404, "model_not_found", "model")]
    [InlineData("""[1]""", 400, "invalid_json", null)]
    [InlineData("""{"prompt":""", 400, "invalid_json", null)]
    [InlineData("", 400, "invalid_json", null)]
    [InlineData("""{"prompt":"\ud800"}""", 400, "invalid_json", null)]
    public async Task A_mistake_is_answered_by_its_name(string body, int status, string? code, string? param)
    {
        await using var studio = await SmallStudio.StartAsync();
        using var response = await studio.PostTextAsync(body);
        if (status == 200)
        {
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            return;
        }
        var error = await SmallStudio.ErrorAsync(response);
        Assert.Equal((status, code, param), (error.Status, error.Code, error.Param));
        Assert.Equal(0, studio.Server.Queue.Requests);
    }

    [Fact]
    public async Task Other_types_addresses_and_methods_are_refused()
    {
        await using var studio = await SmallStudio.StartAsync();
        Assert.Equal((415, "unsupported_content_type"), await CodeAsync(studio.PostTextAsync("{}", "text/plain")));
        Assert.Equal(
            (415, "unsupported_content_type"),
            await CodeAsync(studio.Client.PostAsJsonAsync("/v1/images/edits", new { prompt = "7" })));
        Assert.Equal(
            (404, "unknown_url"), await CodeAsync(studio.Client.GetAsync(new Uri("/v1/chat/completions", UriKind.Relative))));
        Assert.Equal(
            (405, "method_not_supported"),
            await CodeAsync(studio.Client.GetAsync(new Uri("/v1/images/generations", UriKind.Relative))));
        Assert.Equal(
            (404, "model_not_found"), await CodeAsync(studio.Client.GetAsync(new Uri("/v1/models/other", UriKind.Relative))));
        Assert.Equal(
            (404, "not_found"), await CodeAsync(studio.Client.GetAsync(new Uri("/v1/images/files/0123", UriKind.Relative))));
    }

    [Fact]
    public async Task An_edit_in_all_its_forms()
    {
        await using var studio = await SmallStudio.StartAsync();
        var seven = studio.Pipeline.Generate([7], new() { Seed = 1 });
        async Task<HttpResponseMessage> Edit(params (string Name, object Value)[] fields)
        {
            using var form = new MultipartFormDataContent();
            foreach (var (name, value) in fields)
                if (value is byte[] bytes)
                    form.Add(new ByteArrayContent(bytes), name, "x.png");
                else
                    form.Add(new StringContent((string)value), name);
            return await studio.Client.PostAsync("/v1/images/edits", form);
        }
        using var whole = await Edit(
            ("image[]", seven.ToPng(0, 3)), ("prompt", "a one"), ("seed", "4"), ("strength", "0.5"), ("n", "2"),
            ("model", "small"));
        var answer = await whole.Content.ReadFromJsonAsync<JsonElement>();
        for (int i = 0; i < 2; i++)
            Assert.Equal(
                studio.Alone(1, 4 + i, new() { Source = new() { Image = seven.Images, Strength = 0.5 } }),
                SmallStudio.Pixels(answer, i));

        using var streamed =
            await Edit(("image", seven.ToPng(0)), ("prompt", "1"), ("seed", "4"), ("stream", "true"), ("partial_images", "1"));
        Assert.Equal(
            ["image_edit.partial_image", "image_edit.completed"], (await EventsAsync(streamed)).Select(sent => sent.Type));

        async Task Refused(string? code, string? param, params (string Name, object Value)[] fields)
        {
            using var response = await Edit(fields);
            var error = await SmallStudio.ErrorAsync(response);
            Assert.Equal((400, code, param), (error.Status, error.Code, error.Param));
        }
        await Refused("missing_required_parameter", "image", ("prompt", "1"));
        await Refused("missing_required_parameter", "prompt", ("image", seven.ToPng(0)));
        await Refused("invalid_value", "image", ("image", new byte[] { 1, 2, 3 }), ("prompt", "1"));
        await Refused(
            "invalid_value", "image", ("image", PngFile.Encode(new ImageBatch(1, 1, 9, 8, new byte[72]), 1, PictureFormat.Png)),
            ("prompt", "1"));
        await Refused("invalid_value", "mask", ("image", seven.ToPng(0)), ("mask", new byte[] { 1, 2, 3 }), ("prompt", "1"));
        await Refused("invalid_value", "strength", ("image", seven.ToPng(0)), ("prompt", "1"), ("strength", "0"));
        await Refused("invalid_value", "image", ("image", seven.ToPng(0)), ("image[]", seven.ToPng(0)), ("prompt", "1"));
        await Refused("unknown_parameter", "picture", ("image", seven.ToPng(0)), ("picture", seven.ToPng(0)), ("prompt", "1"));
        await Refused("unknown_parameter", "other", ("image", seven.ToPng(0)), ("other", "1"), ("prompt", "1"));
    }

    [Fact]
    public async Task A_picture_may_come_as_text()
    {
        await using var studio = await SmallStudio.StartAsync();
        var seven = studio.Pipeline.Generate([7], new() { Seed = 1 });
        string base64 = Convert.ToBase64String(seven.ToPng(0));
        async Task<HttpResponseMessage> Edit(string field, string text)
        {
            using var form =
                new MultipartFormDataContent { { new StringContent("1"), "prompt" }, { new StringContent("4"), "seed" },
                { new StringContent(text), field } };
            return await studio.Client.PostAsync("/v1/images/edits", form);
        }
        foreach (string field in new[] { "image", "image[]" })
            foreach (string text in new[] { base64, "data:image/png;base64," + base64 })
            {
                using var response = await Edit(field, text);
                var answer = await response.Content.ReadFromJsonAsync<JsonElement>();
                Assert.Equal(studio.Alone(1, 4, new() { Source = new() { Image = seven.Images } }), SmallStudio.Pixels(answer));
            }
        foreach (
            string text in new[] { "picture.png", "https://example.org/picture.png", "data:image/png,abc",
            "data:image/png;base64,", "@picture.png" })
        {
            using var response = await Edit("image", text);
            var error = await SmallStudio.ErrorAsync(response);
            Assert.Equal((400, "image"), (error.Status, error.Param));
            Assert.Contains("'image' must be a file", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Uploads_never_touch_the_disk()
    {
        const string Variable = "ASPNETCORE_TEMP";
        string? before = Environment.GetEnvironmentVariable(Variable);
        // no such folder: whoever wrote into it would fail
        Environment.SetEnvironmentVariable(Variable, Path.Combine(Path.GetTempPath(), "mezzotint-" + Guid.NewGuid()));
        try
        {
            await using var studio = await SmallStudio.StartAsync();
            byte[] picture = PngFile.Encode(
                new ImageBatch(1, 1, 1024, 1024, System.Security.Cryptography.RandomNumberGenerator.GetBytes(1 << 20)), 1,
                PictureFormat.Png);
            Assert.True(picture.Length > 1 << 19);
            using var form =
                new MultipartFormDataContent { { new StringContent("1"), "prompt" },
                { new ByteArrayContent(picture), "image", "x.png" } };
            using var response = await studio.Client.PostAsync("/v1/images/edits", form);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }
        finally
        {
            Environment.SetEnvironmentVariable(Variable, before);
        }
    }

    [Fact]
    public async Task A_row_between_two_seeds_begins_and_ends_with_their_images()
    {
        await using var studio = await SmallStudio.StartAsync();
        var row = await studio.DrawAsync(new { prompt = "3", n = 4, seed = 5, interpolate_to = 9 });
        Assert.Equal(4, row.GetProperty("data").GetArrayLength());
        Assert.Equal(studio.Alone(3, 5), SmallStudio.Pixels(row));
        Assert.Equal(studio.Alone(3, 9), SmallStudio.Pixels(row, 3));
        Assert.NotEqual(SmallStudio.Pixels(row), SmallStudio.Pixels(row, 1));
        using var lone = await studio.PostAsync(new { prompt = "3", seed = 5, interpolate_to = 9 });
        Assert.Equal("n", (await SmallStudio.ErrorAsync(lone)).Param);
        using var high = await studio.PostAsync(new { prompt = "3", n = 2, interpolate_to = 4294967296 });
        Assert.Equal("interpolate_to", (await SmallStudio.ErrorAsync(high)).Param);
    }

    internal static async Task<List<(string Type, JsonElement Data)>> EventsAsync(HttpResponseMessage response)
    {
        var events = new List<(string, JsonElement)>();
        await foreach (var sent in SseParser.Create(await response.Content.ReadAsStreamAsync()).EnumerateAsync())
            events.Add((sent.EventType, JsonDocument.Parse(sent.Data).RootElement));
        return events;
    }

    private static async Task<(int, string?)> CodeAsync(Task<HttpResponseMessage> sent)
    {
        using var response = await sent;
        var error = await SmallStudio.ErrorAsync(response);
        return (error.Status, error.Code);
    }
}
