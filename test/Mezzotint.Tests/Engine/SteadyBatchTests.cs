using Mezzotint.Networks;
using Mezzotint.Engine;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Engine;

public class SteadyBatchTests
{
    public static TheoryData<string> Kinds => ["unet", "residual"];

    /// <summary>What libtorch's kernels do is measured here: should a version of it, or a processor, break this, the batches need
    /// other sizes.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void What_a_network_says_of_an_image_does_not_depend_on_the_batch(string kind)
    {
        NetworkConfig config = kind == "unet"
            ? new UNetConfig { NumResBlocks = 1, Transformer = new() { ContextDim = 16, NumHeads = 2 } }
            : new ResidualUNetConfig();
        using var network = config.Build(1);
        using var generator = new Generator(2UL, CPU);
        using var scope = NewDisposeScope();
        using (no_grad())
            foreach (var (_, parameter) in network.named_parameters())
                parameter.normal_(0, 0.05, generator); // some start at zero, where nothing would be tested
        using var inference = inference_mode();
        int side = 2 * config.Stride;
        var x = empty([33, 1, side, side]).normal_(generator: generator);
        var t = empty([33]).uniform_(0.01, 1, generator);
        var labels = tensor([.. Enumerable.Range(0, 33).Select(i => (long)(i % 10))], [33, 1]);

        byte[][] alone = [.. Enumerable.Range(0, 33).Select(i => Rows(i, 1).Single())];
        Assert.True(alone.Distinct(EqualityComparer<byte[]>.Create((a, b) => a!.SequenceEqual(b!), _ => 0)).Count() == 33);
        foreach (int count in new[] { 2, 3, 4, 5, 8, 12, 15, 16, 17, 31, 33 })
            foreach (int start in new[] { 0, 33 - count })
                Assert.Equal(alone[start..(start + count)], Rows(start, count));

        byte[][] Rows(int start, int count)
        {
            var f = SteadyBatch.Evaluate(
                network, x.narrow(0, start, count).clone(), t.narrow(0, start, count).clone(),
                Condition.OfClasses(labels.narrow(0, start, count).clone()));
            return [.. Enumerable.Range(0, count).Select(i => f[i].contiguous().bytes.ToArray())];
        }
    }
}
