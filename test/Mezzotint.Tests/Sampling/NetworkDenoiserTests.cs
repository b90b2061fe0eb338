using Mezzotint.Evaluation;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Sampling;
using Mezzotint.Tests.Models;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Sampling;

/// <summary>What binding a condition to a network gives.</summary>
public sealed class NetworkDenoiserTests : IDisposable
{
    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();
    private readonly UNet _network = new(SmallNetwork.Config with { Unconditional = true }, seed: 3);
    private readonly List<long> _asked = []; // images of each evaluation

    public void Dispose()
    {
        _network.Dispose();
        _scope.Dispose();
    }

    [Fact]
    public void Two_conditions_of_one_network_are_one_evaluation_of_twice_as_many_images()
    {
        var model = Model();
        var x = Images(3);
        var (one, none) = (model.For(Labels(1, 0, 1)), model.Unconditional()!);
        var (own, others) = one.DenoiseWith(none, x, 2);
        Assert.Equal([6], _asked);
        Assert.Equal(6, model.Evaluations);
        TensorAssert.Same(one.Denoise(x, 2), own);
        TensorAssert.Same(none.Denoise(x, 2), others);
        Assert.NotEqual(own.data<float>().ToArray(), others.data<float>().ToArray());
    }

    [Fact]
    public void Two_models_are_two_evaluations()
    {
        var (model, other) = (Model(), Model());
        var x = Images(3);
        var (own, others) = model.For(Labels(1)).DenoiseWith(other.For(Labels(0)), x, 2);
        Assert.Equal([3, 3], _asked);
        Assert.Equal((3, 3), (model.Evaluations, other.Evaluations));
        TensorAssert.Same(model.For(Labels(1)).Denoise(x, 2), own);
        TensorAssert.Same(model.For(Labels(0)).Denoise(x, 2), others);
    }

    [Fact]
    public void Conditions_of_other_numbers_of_tokens_are_two_evaluations()
    {
        var model = Model();
        var two = model.For(Condition.OfClasses(tensor(new long[] { 1, 0 }, [1, 2])));
        two.DenoiseWith(model.Unconditional()!, Images(3), 2);
        Assert.Equal([3, 3], _asked);
    }

    [Theory]
    [InlineData("cfg")]
    [InlineData("cfg++")]
    [InlineData("apg")]
    public void Guidance_by_the_same_network_is_one_evaluation_of_twice_as_many_images(string kind)
    {
        var model = Model();
        using var guided = Guidance.Named(kind, 0.5).Wrap(model.For(Labels(1)), model.Unconditional());
        guided.Estimate(Images(3), 2);
        Assert.Equal([6], _asked);
    }

    [Fact]
    public void One_row_of_labels_counts_for_all_images()
    {
        var x = Images(5);
        TensorAssert.Same(Model().For(Labels(1, 1, 1, 1, 1)).Denoise(x, 2), Model().For(Labels(1)).Denoise(x, 2));
    }

    [Fact]
    public void Labels_made_where_derivatives_are_off_leave_the_estimate_differentiable()
    {
        using var inference = inference_mode();
        var labels = Labels(1, 0, 1, 0, 1); // so many go to the network as they are: see SteadyBatch
        var x = Images(5);
        var denoiser = new NetworkDenoiser(_network, new VarianceExploding(), new ScoreParameterisation()).For(labels);
        var trace = JacobianTrace.Of(denoiser, x, 2, x.sign().unsqueeze(0));
        Assert.True(trace.Trace.isfinite().all().item<bool>());
    }

    [Fact]
    public void A_network_that_has_not_learned_images_of_no_class_has_no_such_denoiser()
    {
        using var network = SmallNetwork.Build();
        Assert.Null(new NetworkDenoiser(network, new VarianceExploding(), new ScoreParameterisation()).Unconditional());
    }

    [Fact]
    public void Labels_that_do_not_fit_are_refused()
    {
        void Refused(string why, Action act) =>
            Assert.Contains(why, Assert.Throws<ArgumentException>(act).Message, StringComparison.Ordinal);
        Refused("int64 [images, tokens], not Float32 [2, 1]", () => Condition.OfClasses(zeros(2, 1)));
        Refused("int64 [images, tokens], not Int64 [2]", () => Condition.OfClasses(zeros(2, dtype: int64)));
        var model = Model();
        var two = model.For(Labels(0, 1));
        Refused("The condition has 2 rows, and is asked for 3 images", () => two.Denoise(Images(3), 2));
        Refused("The condition has 2 rows, and is asked for 3 images", () => model.For(Labels(1)).DenoiseWith(two, Images(3), 2));
        Assert.Empty(_asked);
    }

    private NetworkDenoiser Model() => new(_network, new VarianceExploding(), new ScoreParameterisation())
    {
        Call = (x, t, condition) =>
        {
            _asked.Add(x.shape[0]);
            Assert.Equal(x.shape[0], condition.Count);
            return Mezzotint.Engine.SteadyBatch.Evaluate(_network, x, t, condition);
        },
    };

    private static Condition Labels(params int[] labels) => Condition.OfLabels(labels);

    private static Tensor Images(int count)
    {
        using var generator = new Generator(4, CPU);
        return randn([count, 1, 8, 10], generator: generator);
    }
}
