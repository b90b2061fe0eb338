using Mezzotint.Engine;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Serving;
using Mezzotint.Tests.Engine;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Serving;

/// <summary>Latent consistency models, which are told the weight of guidance.</summary>
public class ToldGuidanceTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static readonly ConditionalUNetConfig Told = WordedPipeline.Config with { TimeCondProjDim = 8 };

    /// <summary>sin and cos of 1000 (w - 1) / 10000^(i / (half - 1)): the original's function, by hand.</summary>
    [Fact]
    public void Its_features_are_the_originals()
    {
        float[] features = ToldGuidance.Features(8.5, 4); // angles 7500 and 0.75
        double[] expected = [Math.Sin(7500), Math.Sin(0.75), Math.Cos(7500), Math.Cos(0.75)];
        Assert.All(expected.Zip(features), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
    }

    [Fact]
    public void The_network_adds_the_projected_features_before_its_perceptron()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var network = Told.Build(seed: 3);
        var names = network.named_parameters().ToDictionary(named => named.name, named => named.parameter);
        Assert.Equal([16, 8], names["time_embedding.cond_proj.weight"].shape);
        Assert.DoesNotContain("time_embedding.cond_proj.bias", names.Keys);
        var (x, t, context) = (randn(2, 3, 8, 8), tensor([500f, 20f]), randn(2, 5, 16));
        Tensor With(float value) => network.call(x, t, Condition.OfContext(context, pooled: full([2, 8], value)));
        var weight = names["time_embedding.cond_proj.weight"].clone();
        Assert.False(With(0).allclose(With(1)));
        names["time_embedding.cond_proj.weight"].zero_();
        Assert.True(With(0).allclose(With(1)));
        names["time_embedding.cond_proj.weight"].copy_(weight);
        using var any = Engines.UseAny();
        using var engine = NetworkEngine.For(network, 8, 8, bfloat16: false, training: false, 5)!;
        TensorAssert.Close(With(1),
            NetworkEvaluator.Evaluate(engine, x, t, Condition.OfContext(context, pooled: full([2, 8], 1f))), 1e-5);
    }

    [Fact]
    public async Task A_weight_is_told_and_costs_one_evaluation_a_step()
    {
        var (prompts, encoder) = WordedPipeline.NewPrompts();
        using var owned = encoder;
        var info = WordedPipeline.Info(prompts) with
        {
            Model = Told, Sampling = new() { Sampler = "lcm", Levels = "lcm", Steps = 4, Guidance = 8.5 },
            Parameterisation = new VelocityParameterisation(),
        };
        using var pipeline = new DiffusionPipeline(new LoadedModel(Told.Build(seed: 3), info), threads: 1, ownsModel: true);
        var prepared = pipeline.Prepare(["a red heart"], new() { Seed = 4 });
        Assert.Equal((4, null), (prepared.Evaluations, prepared.Guidance));
        Assert.Equal(8.5, prepared.Receipt.Recipe.Guidance);
        var drawn = await prepared.RunAsync(cancellation: Stop);
        Assert.NotEqual(drawn.Images.Pixels,
            pipeline.Generate("a red heart", new() { Seed = 4, GuidanceScale = 1 }).Images.Pixels);
        var again = await pipeline.Prepare(prepared.Receipt).RunAsync(cancellation: Stop);
        Assert.Equal(drawn.Images.Pixels, again.Images.Pixels);
        Assert.Throws<InvalidRequestException>(() => pipeline.Prepare(["a red heart"], new() { NegativePrompt = "blue" }));
    }
}
