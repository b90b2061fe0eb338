using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace Mezzotint.AspNetCore.Tests;

public class QueueTests
{
    private static readonly StudioOptions LongOptions = new() { MaxSteps = SmallStudio.Endless };

    private static readonly object Endless = new { prompt = "7", steps = SmallStudio.Endless };

    [Fact]
    public async Task Many_clients_at_once_each_get_their_own_image_and_429_is_the_only_error()
    {
        await using var studio = await SmallStudio.StartAsync(new() { MaxRequests = 24, MaxImages = 64 });
        // Drawn alone before, as what the server shall answer.
        var expected =
            Enumerable.Range(0, 10).SelectMany(label => Enumerable.Range(0, 3).Select(sampler => (label, sampler))).ToDictionary(
            key => key, key => studio.Pipeline.Generate([key.label], Options(key.sampler)).Images);
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        int drawn = 0, refused = 0;
        await Task.WhenAll(Enumerable.Range(0, 48).Select(client => Task.Run(async () =>
        {
            var random = new Random(client);
            while (!stop.IsCancellationRequested)
            {
                var key = (label: random.Next(10), sampler: random.Next(3));
                int first = random.Next(4), count = random.Next(1, 5 - first);
                var options = Options(key.sampler);
                bool stream = random.Next(3) == 0;
                using var response = await studio.PostAsync(
                    new
                    {
                        label = key.label, n = count, seed = options.Seed + first, sampler = options.Sampler,
                        steps = options.Steps, stream,
                    });
                if (response.StatusCode == HttpStatusCode.TooManyRequests)
                {
                    Assert.InRange(response.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);
                    Interlocked.Increment(ref refused);
                    await Task.Delay(20);
                    continue;
                }
                Assert.Equal(HttpStatusCode.OK, response.StatusCode);
                byte[][] images = stream
                    ? [
                        .. (await GenerationsTests.EventsAsync(response)).OrderBy(sent =>
                            sent.Data.GetProperty("image_index").GetInt32()).Select(sent =>
                                Mezzotint.Formats.PngFile.Decode(sent.Data.GetProperty("b64_json").GetBytesFromBase64(), "x")
                                    .Image.Pixels)]
                    : [
                        .. JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement is var answer
                            ? Enumerable.Range(0, count).Select(i => SmallStudio.Pixels(answer, i)) : []];
                Assert.Equal(count, images.Length);
                for (int i = 0; i < count; i++)
                    Assert.Equal(expected[key].Image(first + i).ToArray(), images[i]);
                Interlocked.Add(ref drawn, count);
            }
        })));
        Assert.True(drawn > 50, $"{drawn} images");
        Assert.True(refused > 0, "More clients than places: some must have been refused.");
        Assert.Equal((0, 0), (studio.Server.Queue.Requests, studio.Server.Queue.Images));
        TestContext.Current.SendDiagnosticMessage("{0} images drawn, {1} requests refused.", drawn, refused);

        static Serving.GenerationOptions Options(int sampler) =>
            new() { Seed = 70, Count = 4, Sampler = new[] { "euler", "dpmpp-2m-sde", "heun" }[sampler], Steps = 4 + sampler };
    }

    [Fact]
    public async Task A_full_queue_says_when_to_come_again()
    {
        await using var studio = await SmallStudio.StartAsync(LongOptions with { MaxRequests = 2 });
        using var stop = new CancellationTokenSource();
        Task<HttpResponseMessage>[] taken = [studio.PostAsync(Endless, stop.Token), studio.PostAsync(Endless, stop.Token)];
        await SmallStudio.UntilAsync(() => studio.Server.Queue.Requests == 2);
        using var response = await studio.PostAsync(new { prompt = "7" });
        var error = await SmallStudio.ErrorAsync(response);
        Assert.Equal((429, "rate_limit_exceeded"), (error.Status, error.Code));
        Assert.InRange(response.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);
        await stop.CancelAsync();
        await GoneAsync(taken);
        await SmallStudio.UntilAsync(() => studio.Server.Queue.Requests == 0);
        await studio.DrawAsync(new { prompt = "7" });
    }

    [Fact]
    public async Task Whoever_waits_learns_how_many_came_before_and_how_long_it_is_likely_to_take()
    {
        await using var studio = await SmallStudio.StartAsync(LongOptions);
        using var stop = new CancellationTokenSource();
        Task<HttpResponseMessage>[] before = [studio.PostAsync(Endless, stop.Token), studio.PostAsync(Endless, stop.Token)];
        await SmallStudio.UntilAsync(() => studio.Server.Queue.Requests == 2);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/images/generations")
            { Content = JsonContent.Create(new { prompt = "7", steps = 50_000, stream = true }) };
        using var response = await studio.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stop.Token);
        string place = Assert.Single(response.Headers.GetValues("Mezzotint-Place"));
        await SmallStudio.UntilAsync(() => StateAsync(studio, place).GetAwaiter().GetResult().TryGetProperty("seconds", out _));
        var state = await StateAsync(studio, place);
        Assert.Equal((3, 2), (state.GetProperty("requests").GetInt32(), state.GetProperty("before").GetInt32()));
        Assert.True(state.GetProperty("seconds").GetDouble() > 0);
        await stop.CancelAsync();
        await GoneAsync(before);
        response.Dispose();
        await SmallStudio.UntilAsync(() => studio.Server.Queue.Requests == 0);
        Assert.Equal(0, (await StateAsync(studio, place)).GetProperty("before").GetInt32());
        using var wrong = await studio.Client.GetAsync(new Uri("/api/queue?places=1,x", UriKind.Relative));
        Assert.Equal((400, "places"), await SmallStudio.ErrorAsync(wrong) is var error ? (error.Status, error.Param) : default);
    }

    private static Task<JsonElement> StateAsync(SmallStudio studio, string place) =>
        studio.Client.GetFromJsonAsync<JsonElement>($"/api/queue?places={place}");

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_client_that_goes_away_frees_its_place_and_its_part_of_the_batch(bool stream)
    {
        await using var studio = await SmallStudio.StartAsync(LongOptions with { MaxRequests = 1 });
        using var errors = new MeterReading(studio.Server.Services);
        for (int i = 0; i < 5; i++)
        {
            using var stop = new CancellationTokenSource();
            var endless = studio.PostAsync(
                new { prompt = "7", n = 20, steps = SmallStudio.Endless, stream, partial_images = stream ? 10 : 0 }, stop.Token);
            await SmallStudio.UntilAsync(() => studio.Server.Queue.Requests == 1);
            await stop.CancelAsync();
            await GoneAsync(endless);
            await SmallStudio.UntilAsync(() => studio.Server.Queue.Requests == 0);
        }
        await SmallStudio.UntilAsync(() => studio.Pipeline.Work.Waiting == 0);
        var answer = await studio.DrawAsync(new { prompt = "7", seed = 3 });
        Assert.Equal(studio.Alone(7, 3), SmallStudio.Pixels(answer));
        Assert.Equal(5, errors.Sum("mezzotint.errors", "client_closed_request"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_request_that_takes_too_long_is_given_up(bool stream)
    {
        await using var studio = await SmallStudio.StartAsync(LongOptions with { Deadline = TimeSpan.FromMilliseconds(200) });
        using var response = await studio.PostAsync(new { prompt = "7", steps = SmallStudio.Endless, stream });
        string code = stream
            ? Assert.Single(await GenerationsTests.EventsAsync(response), sent => sent.Type == "error").Data.GetProperty("error")
                .GetProperty("code").GetString()!
            : (await SmallStudio.ErrorAsync(response)).Code!;
        Assert.Equal("deadline_exceeded", code);
        Assert.Equal(stream ? HttpStatusCode.OK : HttpStatusCode.GatewayTimeout, response.StatusCode);
        Assert.Equal(0, studio.Server.Queue.Requests);
    }

    [Fact]
    public async Task Draining_finishes_what_was_taken_and_takes_nothing_new()
    {
        await using var studio = await SmallStudio.StartAsync(LongOptions);
        var last = studio.PostAsync(new { prompt = "7", seed = 3, steps = 400 });
        await SmallStudio.UntilAsync(() => studio.Server.Queue.Requests == 1);
        using var idle = await studio.Client.GetAsync(new Uri("/healthz", UriKind.Relative)); // a connection that is open already
        var stopping = studio.Server.StopAsync(TimeSpan.FromMinutes(2));
        using (var refused = await TryAsync(() => studio.PostAsync(new { prompt = "1" })))
            Assert.True(refused is null || refused.StatusCode == HttpStatusCode.ServiceUnavailable);
        using var response = await last;
        var answer = JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal(studio.Alone(7, 3, new() { Steps = 400 }), SmallStudio.Pixels(answer));
        await stopping;
        await Assert.ThrowsAsync<HttpRequestException>(() => studio.PostAsync(new { prompt = "1" }));
    }

    [Fact]
    public async Task What_does_not_end_is_cut_off_after_the_grace()
    {
        await using var studio = await SmallStudio.StartAsync(LongOptions);
        var endless = studio.PostAsync(Endless);
        await SmallStudio.UntilAsync(() => studio.Server.Queue.Requests == 1);
        await studio.Server.StopAsync(TimeSpan.FromMilliseconds(50));
        using var response = await endless;
        Assert.Equal(
            (503, "shutting_down"),
            (await SmallStudio.ErrorAsync(response)) is var error ? (error.Status, error.Code!) : default);
    }

    private static async Task<HttpResponseMessage?> TryAsync(Func<Task<HttpResponseMessage>> send)
    {
        try
        {
            return await send();
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    private static async Task GoneAsync(params Task[] requests)
    {
        foreach (var request in requests)
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => request);
    }
}
