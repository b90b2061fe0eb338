using CsCheck;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using Mezzotint.Sampling;
using Mezzotint.Serving;
using Mezzotint.Tests.Data;
using Mezzotint.Tests.Sampling;

namespace Mezzotint.Tests.Serving;

public sealed class DiffusionPipelineTests : IDisposable
{
    private readonly DiffusionPipeline _pipeline = SmallPipeline.Create();

    public void Dispose() => _pipeline.Dispose();

    [Fact]
    public void Three_lines_make_a_picture()
    {
        using var scratch = new ScratchFolder();
        using (var network = new UNet(SmallPipeline.Config, seed: 3))
            ModelFolder.Write(Path.Combine(scratch.Path, "small"), network, SmallPipeline.Info);
        using var pipeline = DiffusionPipeline.Load(Path.Combine(scratch.Path, "small"));
        string file = Path.Combine(scratch.Path, "seven.png");
        pipeline.Generate("a handwritten seven", new() { Seed = 5 }).SavePng(file);
        Assert.Equal(("small", ModelFolder.Hash(Path.Combine(scratch.Path, "small"))), (pipeline.Name, pipeline.ModelHash));
        Assert.Equal(Draw(7, 5), PngFile.Read(file).Pixels);
    }

    [Fact]
    public void An_image_is_the_same_to_the_bit_whatever_it_is_drawn_with()
    {
        byte[][] alone = [.. Enumerable.Range(0, 20).Select(i => Draw(i % 10, 100 + i))];
        var gen = Gen.Select(Gen.Int[0, 19], Gen.Int[1, 20]);
        gen.Array[1, 6].Sample(requests =>
        {
            // All at once, with samplers and steps of their own among them.
            var others = Enumerable.Range(0, 3).Select(i =>
                _pipeline.GenerateAsync(
                    [i], new() { Count = 3, Seed = i, Sampler = i == 0 ? "heun" : "dpmpp-2m", Steps = 3 + i })).ToArray();
            var drawn = requests.Select(request => (First: request.Item1, Count: Math.Min(request.Item2, 20 - request.Item1)))
                .Select(request =>
                    (
                        request.First,
                        Images: _pipeline.GenerateAsync(
                            [.. Enumerable.Range(request.First, request.Count).Select(i => i % 10)],
                            new() { Seed = 100 + request.First }))).ToArray();
            foreach (var (first, images) in drawn)
                for (int i = 0; i < images.Result.Count; i++)
                    Assert.Equal(alone[first + i], images.Result.Images.Image(i).ToArray());
            Task.WaitAll(others);
        }, iter: 10, threads: 1);
    }

    [Fact]
    public void More_images_than_an_array_holds_are_refused_before_anything_is_made()
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        var refused = Assert.Throws<InvalidRequestException>(() => _pipeline.Generate([1, 2], new() { Count = int.MaxValue }));
        Assert.Equal("count", refused.Key);
        Assert.StartsWith("4294967294 images of", refused.Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void The_sampler_draws_the_same_to_the_bit()
    {
        using var network = new UNet(SmallPipeline.Config, seed: 3);
        var images = _pipeline.Generate([1, 2, 3], new() { Count = 7, Seed = 9 });
        var request = SmallPipeline.Info.Sampling.Of(
            new SamplingRequest { Condition = Condition.OfLabels(images.Labels), Seed = 9 }, SmallPipeline.Info.Process);
        var sampler = new LoadedModel(network, SmallPipeline.Info).CreateSampler();
        Assert.Equal(Drawn.Images(sampler, request).Pixels, images.Images.Pixels);
    }

    [Fact]
    public async Task Every_named_solver_draws_in_company_what_it_draws_alone()
    {
        string[] names = [EulerMaruyama.Name, .. Solvers.All.Select(solver => solver.Name)];
        GenerationOptions Of(string name) =>
            new()
            {
                Seed = 3, Sampler = name, Steps = 3, Count = 2,
                SolverOptions = name == "dopri5" ? new() { Rtol = 0.05, Atol = 0.05 } : new(),
            };
        var alone = names.Select(name => _pipeline.Generate([4], Of(name)).Images.Pixels).ToArray();
        var together = names.Select(name => _pipeline.GenerateAsync([4], Of(name))).ToArray();
        for (int i = 0; i < names.Length; i++)
        {
            byte[] pixels = (await together[i]).Images.Pixels;
            Assert.True(alone[i].AsSpan().SequenceEqual(pixels), names[i]);
        }
    }

    [Fact]
    public async Task The_stream_tells_every_step_of_every_image_and_ends_with_the_images()
    {
        var steps = new List<GenerationStep>();
        await foreach (var step in _pipeline.StreamAsync([1, 2], new() { Count = 3, Seed = 7, Steps = 5 }))
            steps.Add(step);
        var images = _pipeline.Generate([1, 2], new() { Count = 3, Seed = 7, Steps = 5 });
        Assert.Equal(30, steps.Count);
        foreach (var image in steps.GroupBy(step => step.Image))
        {
            Assert.Equal([0, 1, 2, 3, 4], image.Select(step => step.Step));
            Assert.True(image.Zip(image.Skip(1)).All(pair => pair.First.Sigma > pair.Second.Sigma));
            Assert.Equal(images.Images.Image(image.Key).ToArray(), image.Single(step => step.IsLast).Estimate.Pixels);
        }
    }

    [Fact]
    public async Task Whoever_stops_listening_stops_the_drawing()
    {
        await foreach (var step in _pipeline.StreamAsync([1], new() { Steps = 100_000, Sampler = "euler" }))
            if (step.Step == 3)
                break;
        Assert.InRange(_pipeline.Work.Evaluations, 1, 10_000);
    }

    [Fact]
    public async Task Cancellation_stops_within_a_step_and_leaves_the_pipeline_usable()
    {
        using var stop = new CancellationTokenSource();
        var never = _pipeline.GenerateAsync([1], new() { Steps = 100_000, Count = 40 }, stop.Token);
        while (_pipeline.Work.Batches < 3)
            await Task.Delay(1);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => never);
        Assert.Equal(Draw(3, 1), Draw(3, 1));
    }

    [Fact]
    public async Task Requests_share_evaluations()
    {
        var before = _pipeline.Work;
        await Task.WhenAll(
            [.. Enumerable.Range(0, 24).Select(i => _pipeline.GenerateAsync([i % 10], new() { Seed = i, Steps = 40 }))]);
        var after = _pipeline.Work;
        Assert.Equal(24 * 40, after.Evaluations - before.Evaluations);
        Assert.True(after.Batches - before.Batches < 24 * 40 / 2, $"{after.Batches - before.Batches} batches");
    }

    [Fact]
    public void A_seed_is_drawn_where_none_is_given_and_told()
    {
        var (one, two) = (_pipeline.Generate("1"), _pipeline.Generate("1"));
        Assert.NotEqual(one.Seed, two.Seed);
        Assert.Equal(one.Images.Pixels, _pipeline.Generate("1", new() { Seed = one.Seed }).Images.Pixels);
    }

    [Fact]
    public void A_wrong_request_has_the_key_of_what_is_wrong()
    {
        void Refused(string? key, GenerationOptions options, int label = 1) =>
            Assert.Equal(key, Assert.Throws<InvalidRequestException>(() => _pipeline.Prepare([label], options)).Key);
        Refused("label", new(), -7);
        Refused("count", new() { Count = 0 });
        Refused("seed", new() { Seed = -1 });
        Refused("interpolate_to", new() { Count = 2, InterpolateTo = -1 });
        Refused("sampling.steps", new() { Steps = 0 });
        Refused("sampler", new() { Sampler = "huen" });
        Refused("levels", new() { Levels = "kara" });
        Refused("guidance", new() { GuidanceScale = 2 });
        Refused("source", new() { Source = new() { Image = new ImageBatch(1, 1, 3, 3, new byte[9]) } });
        Assert.Equal("prompt", Assert.Throws<InvalidRequestException>(() => _pipeline.LabelOf("-1")).Key);
    }

    [Fact]
    public void What_cannot_be_drawn_is_refused_by_its_name()
    {
        void Refused(string expected, GenerationOptions options, int label = 1) =>
            Assert.Contains(
                expected, Assert.Throws<InvalidRequestException>(() => _pipeline.Generate([label], options)).Message,
                StringComparison.Ordinal);
        Refused("label = 10: must be 0 to 9", new(), 10);
        Refused("count = 0", new() { Count = 0 });
        Refused("seed = -1", new() { Seed = -1 });
        Refused("seed = 4294967295: must be low enough", new() { Seed = uint.MaxValue, Count = 2 });
        Refused("steps = 0", new() { Steps = 0 });
        Refused("did you mean 'heun'", new() { Sampler = "huen" });
        Refused("did you mean 'karras'", new() { Levels = "kara" });
        Refused("takes no churn", new() { Sampler = "ddpm", SolverOptions = new() { Churn = 1 } });
        Refused("this one has not learned that", new() { GuidanceScale = 2 });
        Assert.Throws<InvalidRequestException>(() => _pipeline.Generate(Array.Empty<int>(), new()));
        Assert.Equal(1, _pipeline.Generate([1], new() { GuidanceScale = 1 }).Count);
    }

    [Fact]
    public async Task An_error_in_a_walk_reaches_who_asked_and_nobody_else()
    {
        var healthy = _pipeline.GenerateAsync([1], new() { Seed = 1, Steps = 30 });
        var broken = _pipeline.Prepare([2]).RunAsync(_ => throw new InvalidOperationException("from the watcher"));
        Assert.Equal("from the watcher", (await Assert.ThrowsAnyAsync<InvalidOperationException>(() => broken)).Message);
        Assert.Equal(_pipeline.Generate([1], new() { Seed = 1, Steps = 30 }).Images.Pixels, (await healthy).Images.Pixels);
    }

    private byte[] Draw(int label, long seed) => _pipeline.Generate([label], new() { Seed = seed }).Images.Pixels;
}
