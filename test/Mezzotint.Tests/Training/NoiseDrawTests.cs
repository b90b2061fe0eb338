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
        float[] times = NoiseDraw.From(generator, objective, 20_000, 1, 1, 1).Factors.select(1, NoiseDraw.TimeIn).contiguous().data<float>().ToArray();
        Assert.All(times, t => Assert.InRange(t, 0.2f, 1));
        for (int tenth = 0; tenth < 10; tenth++) // 2000 +- 42 in each tenth of the range
            Assert.InRange(times.Count(t => (int)Math.Min((t - 0.2) / 0.08, 9) == tenth), 1750, 2250);
    }

    [Fact]
    public void Noise_is_standard_normal()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(1, CPU);
        var noise = NoiseDraw.From(generator, new TrainingObjective(), 100, 2, 10, 10).Noise;
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
        var without = NoiseDraw.From(first, new TrainingObjective(), 4000, 1, 1, 1);
        var with = NoiseDraw.From(second, new TrainingObjective(), 4000, 1, 1, 1, labelDropout: 0.2);
        Assert.Null(without.Dropped);
        Assert.Equal([4000, 1], with.Dropped!.shape);
        Assert.InRange(with.Dropped.to(float32).mean().item<float>(), 0.175, 0.225);  // 0.2 +- 0.006
        TensorAssert.Same(without.Noise, with.Noise);
        TensorAssert.Same(without.Factors, with.Factors);
    }

    [Fact]
    public void Equal_generators_draw_the_same_and_a_slice_is_a_part_of_the_whole()
    {
        using var scope = NewDisposeScope();
        using Generator first = new(5, CPU), second = new(5, CPU);
        var whole = NoiseDraw.From(first, new TrainingObjective(), 7, 1, 4, 4, 0.5);
        var again = NoiseDraw.From(second, new TrainingObjective(), 7, 1, 4, 4, 0.5);
        TensorAssert.Same(whole.Factors, again.Factors);
        TensorAssert.Same(whole.Noise, again.Noise);
        TensorAssert.Same(whole.Factors.narrow(0, 2, 3), whole.Slice(2, 3).Factors);
        TensorAssert.Same(whole.Noise.narrow(0, 2, 3), whole.Slice(2, 3).Noise);
        Assert.True(whole.Dropped!.narrow(0, 2, 3).Equals(whole.Slice(2, 3).Dropped!));
    }
}
