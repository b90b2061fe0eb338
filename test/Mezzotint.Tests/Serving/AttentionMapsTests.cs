using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Serving;

namespace Mezzotint.Tests.Serving;

/// <summary>One evaluation that shows what the model attends to.</summary>
public class AttentionMapsTests
{
    [Fact]
    public async Task The_shares_of_a_place_sum_to_one_and_the_estimate_is_that_without_guidance()
    {
        var (prompts, encoder) = WordedPipeline.NewPrompts();
        using (encoder)
        using (var pipeline = WordedPipeline.New(prompts, threads: 2))
        {
            var maps = await Prepare(pipeline).AttendAsync(0.7);
            var alone = await Prepare(pipeline, guidance: 1).EstimateAsync(0.7);
            Assert.Equal(1, maps.Estimates.Evaluations);
            Assert.All(maps.Estimates.Denoised.Zip(alone.Denoised), pair => Assert.Equal(pair.Second, pair.First, 1e-4));
            Assert.Equal(4, maps.Layers.Count);
            foreach (var layer in maps.Layers.Append(maps.Mean()))
            {
                int places = layer.Height * layer.Width;
                Assert.Equal((WordedPipeline.Tokens, layer.Tokens * places), (layer.Tokens, layer.Weights.Length));
                for (int place = 0; place < places; place++)
                    Assert.Equal(
                        1, Enumerable.Range(0, layer.Tokens).Sum(token => (double)layer.Weights[token * places + place]), 1e-5);
            }
            // A place of the mean: of the map of half the side, the place that it lies in.
            var mean = maps.Mean();
            Assert.Equal((8, 8), (mean.Height, mean.Width));
            int At(AttentionLayer layer) => 2 * layer.Height * layer.Width // token 2 at row 5, column 3 of 8
                + 5 * layer.Height / 8 * layer.Width + 3 * layer.Width / 8;
            Assert.Equal(maps.Layers.Average(layer => layer.Weights[At(layer)]), mean.Weights[At(mean)], 1e-6);
        }
    }

    [Fact]
    public async Task A_class_is_one_token_that_every_place_gives_all_of_its_attention()
    {
        using var pipeline = SmallPipeline.Create();
        var source = new SourceImage { Image = Grey(1), Strength = 1 };
        var maps = await pipeline.Prepare([7], new() { Seed = 1, Source = source }).AttendAsync(0.7);
        Assert.All(maps.Layers, layer => Assert.Equal(1, layer.Tokens));
        Assert.All(maps.Mean().Weights, share => Assert.Equal(1, share));
    }

    [Fact]
    public async Task What_has_no_attention_to_show_is_refused_and_a_cancelled_one_stops()
    {
        var config = new ResidualUNetConfig
        {
            ModelChannels = 16, ChannelMultipliers = [1], ResidualBlocks = [1], AttentionLevels = [],
            HeadChannels = 16,
        };
        using var plain = new DiffusionPipeline(
            new LoadedModel(config.Build(seed: 3), SmallPipeline.Info with { Model = config }), ownsModel: true);
        var source = new SourceImage { Image = Grey(1), Strength = 1 };
        var refused = await Assert.ThrowsAsync<InvalidRequestException>(
            () => plain.Prepare([7], new() { Seed = 1, Source = source }).AttendAsync(0.7));
        Assert.Equal("model", refused.Key);
        using var pipeline = SmallPipeline.Create();
        refused = await Assert.ThrowsAsync<InvalidRequestException>(
            () => pipeline.Prepare([7], new() { Seed = 1, Count = 2, Source = source }).AttendAsync(0.7));
        Assert.Equal("count", refused.Key);
        using var stop = new CancellationTokenSource();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => pipeline.Prepare([7], new() { Seed = 1, Source = source }).AttendAsync(0.7, stop.Token));
    }

    [Fact]
    public void What_does_not_fit_into_memory_is_refused_before_it_is_computed()
    {
        AttentionMaps.CheckMemory(2e9, available: 5e9, held: 3e9);
        var refused = Assert.Throws<InvalidRequestException>(() => AttentionMaps.CheckMemory(2.1e9, available: 5e9, held: 3e9));
        Assert.Equal("model", refused.Key);
        Assert.Equal(
            "Showing attention takes about 2.1 GB, and of 5.0 GB this process holds 3.0 already.", refused.Message);
    }

    [Fact]
    public async Task A_layer_that_there_is_not_is_refused_with_the_names_of_those_that_attend()
    {
        var (prompts, encoder) = WordedPipeline.NewPrompts();
        using (encoder)
        using (var pipeline = WordedPipeline.New(prompts, threads: 2))
        {
            var prepared = Prepare(pipeline);
            var refused = Assert.Throws<InvalidRequestException>(() => prepared.CheckAttention(0.7, "none"));
            Assert.Equal("layer", refused.Key);
            var maps = await prepared.AttendAsync(0.7);
            Assert.All(maps.Layers, layer =>
            {
                Assert.Contains(layer.Name, refused.Message, StringComparison.Ordinal);
                prepared.CheckAttention(0.7, layer.Name);
            });
            Assert.Equal("level", Assert.Throws<InvalidRequestException>(() => prepared.CheckEstimate(1e9)).Key);
        }
    }

    private static PreparedGeneration Prepare(DiffusionPipeline pipeline, double? guidance = null) =>
        pipeline.Prepare(["a red heart"], new()
        {
            Seed = 4, GuidanceScale = guidance, Source = new() { Image = Grey(3), Strength = 1 },
        });

    private static ImageBatch Grey(int channels) => new(1, channels, 8, 8,
        [.. Enumerable.Range(0, channels * 64).Select(i => (byte)(i * 37 % 256))]);
}
