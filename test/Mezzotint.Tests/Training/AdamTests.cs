using Mezzotint.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Training;

public class AdamTests
{
    [Theory]
    [InlineData(0.9, 0.999)]
    [InlineData(0.5, 0.9)]
    [InlineData(0, 0)]
    public void Steps_are_those_of_the_algorithm_in_plain_float64(double beta1, double beta2)
    {
        const int Size = 40, Steps = 25;
        const double LearningRate = 0.01;
        using var scope = NewDisposeScope();
        using var generator = new Generator(3, CPU);
        var weights = randn(Size, generator: generator);
        using var adam = new Adam(weights, beta1, beta2);
        double[] w = [.. weights.data<float>().ToArray().Select(x => (double)x)], m = new double[Size], v = new double[Size];

        for (int step = 1; step <= Steps; step++)
        {
            var gradients = randn(Size, generator: generator) * Math.Pow(10, step % 5 - 3);
            float[] g = gradients.data<float>().ToArray();
            adam.Step(weights, gradients, LearningRate, step);
            for (int i = 0; i < Size; i++)
            {
                m[i] = beta1 * m[i] + (1 - beta1) * g[i];
                v[i] = beta2 * v[i] + (1 - beta2) * g[i] * g[i];
                double mHat = m[i] / (1 - Math.Pow(beta1, step)), vHat = v[i] / (1 - Math.Pow(beta2, step));
                w[i] -= LearningRate * mHat / (Math.Sqrt(vHat) + 1e-8);
            }
        }

        TensorAssert.Close(tensor(w), weights, 1e-6, "weights");
        TensorAssert.Close(tensor(m), adam.FirstMoment, 1e-6, "first moment");
        TensorAssert.Close(tensor(v), adam.SecondMoment, 1e-6, "second moment");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.1)]
    public void With_a_decay_the_weights_shrink_by_it_before_each_step_whoever_computes_it(double decay)
    {
        const int Size = 100, Steps = 10;
        const double LearningRate = 0.01;
        using var scope = NewDisposeScope();
        using var generator = new Generator(4, CPU);
        var (weights, parts) = (randn(Size, generator: generator), empty(Size));
        parts.copy_(weights);
        using var adam = new Adam(weights, decay: decay);
        using var inParts = new Adam(parts, decay: decay);
        double[] w = [.. weights.data<float>().ToArray().Select(x => (double)x)], m = new double[Size], v = new double[Size];
        for (int step = 1; step <= Steps; step++)
        {
            var gradients = randn(Size, generator: generator);
            float[] g = gradients.data<float>().ToArray();
            adam.Step(weights, gradients, LearningRate, step);
            inParts.StepPart(parts, [gradients.clone()], 1, LearningRate, step, 0, Size);
            for (int i = 0; i < Size; i++)
            {
                w[i] -= LearningRate * decay * w[i];
                m[i] = 0.9 * m[i] + 0.1 * g[i];
                v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
                double mHat = m[i] / (1 - Math.Pow(0.9, step)), vHat = v[i] / (1 - Math.Pow(0.999, step));
                w[i] -= LearningRate * mHat / (Math.Sqrt(vHat) + 1e-8);
            }
        }
        TensorAssert.Close(tensor(w), weights, 2e-6, "weights");
        TensorAssert.Close(tensor(w), parts, 2e-6, "weights in parts");
    }

    [Fact]
    public void The_first_step_is_as_long_as_the_learning_rate_whatever_the_gradient()
    {
        using var scope = NewDisposeScope();
        var weights = zeros(3);
        using var adam = new Adam(weights);
        adam.Step(weights, tensor([1e-3f, -1f, 1e4f]), 0.1, step: 1);
        TensorAssert.Close(tensor([-0.1, 0.1, -0.1]), weights, 2e-5);
    }

    [Fact]
    public void Without_a_gradient_nothing_moves()
    {
        using var scope = NewDisposeScope();
        var weights = ones(3);
        using var adam = new Adam(weights);
        for (int step = 1; step <= 3; step++)
            adam.Step(weights, zeros(3), 0.1, step);
        TensorAssert.Same(ones(3), weights);
    }
}
