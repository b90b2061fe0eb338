using Mezzotint.Networks;
using Mezzotint.Tests.Networks;
using Mezzotint.Training;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Training;

/// <summary>Loss, gradients and three steps of Adam against the PyTorch reference of Golden/seed, with one and with two
/// replicas.</summary>
public class SeedTrainingGoldenTests
{
    private static readonly TrainingObjective Seed = new();

    [Theory]
    [InlineData("two_levels")]
    [InlineData("attention")]
    public void Loss_of_each_image_agrees_with_PyTorch(string name)
    {
        var golden = new SeedFixture(name);
        using var network = golden.Network();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var losses = DenoisingLoss.PerImage(network, golden["x"], golden["labels"], Draw(golden));
        golden.AssertAgrees("loss_per_image", losses);
        golden.AssertAgrees("loss_per_image64", losses);
        golden.AssertAgrees("loss", losses.mean());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Gradients_agree_with_PyTorch(int replicas)
    {
        using var training = new Replicas(replicas);
        training.Backward();
        foreach (var (name, gradient) in training.Parts(training.Flat[0].Gradients))
        {
            if (training.ZeroGradients.Contains(name))
                Assert.True(TensorAssert.Largest(gradient) < 1e-5, $"{name}: {TensorAssert.Largest(gradient):E2} instead of 0");
            else
                training.Golden.AssertAgrees("grad." + name, gradient);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Parameters_after_three_steps_of_Adam_agree_with_PyTorch(int replicas)
    {
        using var training = new Replicas(replicas);
        using var scope = NewDisposeScope();
        using var adam = new Adam(training.Flat[0].Weights);
        var losses = new List<double>();
        for (int step = 1; step <= 3; step++)
        {
            losses.Add(training.Backward());
            adam.Step(training.Flat[0].Weights, training.Flat[0].Gradients, 2e-4, step);
            training.Flat[0].Gradients.zero_();
        }

        training.Golden.AssertAgrees("adam_losses", tensor(losses.ToArray()));
        training.Golden.AssertAgrees("adam_losses64", tensor(losses.ToArray()));
        // Where the gradient is zero but for rounding, Adam makes full steps out of the rounding: those have no right value.
        foreach (
            var (name, weights) in training.Parts(training.Flat[0].Weights).Where(part =>
                !training.ZeroGradients.Contains(part.Name)))
            Assert.True(TensorAssert.Largest(weights - training.Golden["adam3." + name]) < 1e-5, name);
    }

    private static NoiseDraw Draw(SeedFixture golden) =>
        NoiseDraw.At(Seed, Array.ConvertAll(golden["t"].data<float>().ToArray(), t => (double)t), golden["z"]);

    /// <summary>The fixture's network on flat storage, its batch of three shared out over replicas as <see cref="TrainingStep"/>
    /// does.</summary>
    private sealed class Replicas : IDisposable
    {
        private readonly SeedFixture _inputs = new("attention");
        private readonly UNet[] _networks;

        public Replicas(int count)
        {
            ZeroGradients = [.. Golden.FromMetadata<string[]>("zero_gradients")];
            _networks = [.. Enumerable.Range(0, count).Select(_ => _inputs.Network())];
            var first = FlatParameters.Of(_networks[0]);
            Flat = [first, .. _networks.Skip(1).Select(first.Share)];
        }

        public SeedFixture Golden { get; } = new("attention_training");

        public HashSet<string> ZeroGradients { get; }

        public FlatParameters[] Flat { get; }

        /// <summary>Leaves the gradient of the mean loss in the first replica's storage, and returns the loss.</summary>
        public double Backward()
        {
            using var scope = NewDisposeScope();
            var draw = Draw(_inputs);
            double loss = 0;
            for (int i = 0; i < _networks.Length; i++)
            {
                long start = 3L * i / _networks.Length, count = 3L * (i + 1) / _networks.Length - start;
                var part = DenoisingLoss.PerImage(
                    _networks[i], _inputs["x"].narrow(0, start, count), _inputs["labels"].narrow(0, start, count),
                    draw.Slice(start, count)).sum() / 3;
                part.backward();
                loss += part.item<float>();
            }
            using var noGrad = no_grad();
            foreach (var other in Flat.Skip(1))
            {
                Flat[0].Gradients.add_(other.Gradients);
                other.Gradients.zero_();
            }
            return loss;
        }

        /// <summary>What of a flat tensor belongs to which parameter.</summary>
        public IEnumerable<(string Name, Tensor Part)> Parts(Tensor flat)
        {
            long offset = 0;
            foreach (var (name, parameter) in _networks[0].named_parameters().Where(named => named.parameter.requires_grad))
            {
                yield return (name, flat.narrow(0, offset, parameter.numel()).view(parameter.shape));
                offset += parameter.numel();
            }
            Assert.Equal(flat.numel(), offset);
        }

        public void Dispose()
        {
            foreach (var flat in Flat)
                flat.Dispose();
            foreach (var network in _networks)
                network.Dispose();
        }
    }
}
