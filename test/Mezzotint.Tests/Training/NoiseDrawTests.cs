using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Training;

public class NoiseDrawTests
{
    [Fact]
    public void Times_are_uniform_between_the_minimum_and_1()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(1, CPU);
        var objective = new TrainingObjective { Process = new VarianceExploding { MinimumTime = 0.2 } };
        float[] times = NoiseDraw.From(generator, objective, 20_000, (1, 1, 1)).Factors.select(1, NoiseDraw.TimeIn).contiguous()
            .data<float>().ToArray();
        Assert.All(times, t => Assert.InRange(t, 0.2f, 1));
        for (int tenth = 0; tenth < 10; tenth++) // 2000 +- 42 in each tenth of the range
            Assert.InRange(times.Count(t => (int)Math.Min((t - 0.2) / 0.08, 9) == tenth), 1750, 2250);
    }

    [Fact]
    public void Noise_is_standard_normal()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(1, CPU);
        var noise = NoiseDraw.From(generator, new TrainingObjective(), 100, (2, 10, 10)).Noise;
        Assert.Equal([100, 2, 10, 10], noise.shape);
        Assert.InRange(noise.mean().item<float>(), -0.03, 0.03);                 // 0 +- 0.007
        Assert.InRange(noise.square().mean().item<float>(), 0.95, 1.05);        // 1 +- 0.01
        Assert.InRange(noise.abs().gt(1.96).to(float32).mean().item<float>(), 0.043, 0.057); // 0.05 +- 0.0015
    }

    [Fact]
    public void Labels_are_dropped_as_often_as_asked_and_leave_the_other_draws_alone()
    {
        using var scope = NewDisposeScope();
        using Generator first = new(5, CPU), second = new(5, CPU);
        var without = NoiseDraw.From(first, new TrainingObjective(), 4000, (1, 1, 1));
        var with = NoiseDraw.From(second, new TrainingObjective(), 4000, (1, 1, 1), labelDropout: 0.2);
        Assert.Null(without.Dropped);
        Assert.Equal([4000, 1], with.Dropped!.shape);
        Assert.InRange(with.Dropped.to(float32).mean().item<float>(), 0.175, 0.225);  // 0.2 +- 0.006
        TensorAssert.Same(without.Noise, with.Noise);
        TensorAssert.Same(without.Factors, with.Factors);
    }

    [Fact]
    public void Steps_are_filled_evenly_and_leave_the_other_draws_alone()
    {
        using var scope = NewDisposeScope();
        using Generator first = new(5, CPU), second = new(5, CPU);
        var without = NoiseDraw.From(first, new TrainingObjective(), 100, (1, 10, 10), labelDropout: 0.2);
        var with = NoiseDraw.From(second, new TrainingObjective { FilledStep = 0.02 }, 100, (1, 10, 10), labelDropout: 0.2);
        Assert.Null(without.Fill);
        TensorAssert.Same(without.Noise, with.Noise);
        TensorAssert.Same(without.Dropped!.to(float32), with.Dropped!.to(float32));
        Assert.Equal(with.Noise.shape, with.Fill!.shape);
        float[] fill = with.Fill.flatten().data<float>().ToArray();
        Assert.All(fill, value => Assert.InRange(value, -0.01f, 0.01f));
        Assert.InRange(fill.Average(), -3e-4, 3e-4);                               // 0 +- 5.8e-5
        Assert.InRange(fill.Average(value => value * value), 3.2e-5, 3.47e-5);    // 0.02^2 / 12
        TensorAssert.Same(with.Fill.narrow(0, 2, 3), with.Slice(2, 3).Fill!);
    }

    [Fact]
    public void The_loss_is_that_of_the_filled_images()
    {
        using var scope = NewDisposeScope();
        var config = new ResidualUNetConfig
            { ModelChannels = 8, ChannelMultipliers = [1], ResidualBlocks = [1], HeadChannels = 8 };
        using var network = config.Build(seed: 2);
        using var generator = new Generator(5, CPU);
        var objective = new TrainingObjective
        {
            Process = new Edm(), Parameterisation = new EdmPreconditioning(), Loss = new EdmWeighting(),
            Times = new LogNormalLevels(), FilledStep = 0.1,
        };
        var draw = NoiseDraw.From(generator, objective, 4, (1, 4, 4));
        var (images, labels) = (rand(4, 1, 4, 4), zeros(4, 1, int64));
        var filled = DenoisingLoss.PerImage(network, images, labels, draw);
        TensorAssert.Same(DenoisingLoss.PerImage(network, images.add(draw.Fill!), labels, draw with { Fill = null }), filled);
        Assert.False(DenoisingLoss.PerImage(network, images, labels, draw with { Fill = null }).allclose(filled, 1e-3, 1e-4));
    }

    [Fact]
    public void Equal_generators_draw_the_same_and_a_slice_is_a_part_of_the_whole()
    {
        using var scope = NewDisposeScope();
        using Generator first = new(5, CPU), second = new(5, CPU);
        var whole = NoiseDraw.From(first, new TrainingObjective(), 7, (1, 4, 4), 0.5);
        var again = NoiseDraw.From(second, new TrainingObjective(), 7, (1, 4, 4), 0.5);
        TensorAssert.Same(whole.Factors, again.Factors);
        TensorAssert.Same(whole.Noise, again.Noise);
        TensorAssert.Same(whole.Factors.narrow(0, 2, 3), whole.Slice(2, 3).Factors);
        TensorAssert.Same(whole.Noise.narrow(0, 2, 3), whole.Slice(2, 3).Noise);
        Assert.True(whole.Dropped!.narrow(0, 2, 3).Equals(whole.Slice(2, 3).Dropped!));
    }
}
