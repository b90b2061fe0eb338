using Mezzotint.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Sampling;

public class BrownianTreeTests
{
    private const double Low = 0.02, High = 80;

    [Fact]
    public void Increments_of_neighbouring_stretches_add_up_in_any_order()
    {
        using var scope = NewDisposeScope();
        using var tree = Tree([1, 2]);
        using var other = Tree([1, 2]);
        double[] levels = [80, 33.3, 7, 0.9, 0.11, 0.02];
        double[] tau = [.. levels.Select(level => 1 / (level * level))];
        Tensor Increment(BrownianTree of, int a, int b) => of.Noise(levels[a], levels[b]) * Math.Sqrt(tau[b] - tau[a]);

        var whole = Increment(other, 0, 5);
        var parts = new[] { 3, 0, 4, 1, 2 }.Select(i => Increment(tree, i, i + 1)).Aggregate((a, b) => a + b);
        // levels are rounded to 2^-24 of the range
        Assert.True((whole - parts).abs().max().item<double>() < 1e-6 * Math.Sqrt(tau[5]));
        Assert.True((tree.Noise(7, 0.9) - other.Noise(7, 0.9)).abs().max().item<double>() < 1e-9);
    }

    [Fact]
    public void Draws_are_normal_and_those_of_disjoint_stretches_independent()
    {
        using var scope = NewDisposeScope();
        using var tree = new BrownianTree([5], 1, 100, 200, Low, High, type: ScalarType.Float64);
        double[] levels = [80, 79.9, 40, 39.99, 5, 1, 0.3, 0.299, 0.02];
        Tensor[] z = [.. levels.Zip(levels.Skip(1), (from, to) => tree.Noise(from, to).flatten())];
        double error = 4.5 / Math.Sqrt(20_000); // of a mean of 20,000
        for (int i = 0; i < z.Length; i++)
        {
            Assert.Equal(0, z[i].mean().item<double>(), error);
            Assert.Equal(1, z[i].pow(2).mean().item<double>(), error * Math.Sqrt(2));
            Assert.Equal(3, z[i].pow(4).mean().item<double>(), error * Math.Sqrt(96));
            for (int j = 0; j < i; j++)
                Assert.Equal(0, (z[i] * z[j]).mean().item<double>(), error);
        }
    }

    [Fact]
    public void An_image_follows_its_own_seed_alone()
    {
        using var scope = NewDisposeScope();
        using var among = Tree([7, 8, 9]);
        using var alone = Tree([9]);
        among.Noise(80, 3);
        Assert.True(among.Noise(3, 0.4)[2].Equals(alone.Noise(3, 0.4)[0]));
        Assert.False(among.Noise(3, 0.4)[1].Equals(among.Noise(3, 0.4)[2]));
    }

    [Fact]
    public void A_stretch_within_one_cell_still_gets_a_normal_draw()
    {
        using var scope = NewDisposeScope();
        using var tree = new BrownianTree([5], 1, 50, 50, Low, High);
        double next = Math.BitDecrement(3.0);
        Assert.Equal(1, tree.Noise(3, next).std().item<float>(), 0.1);
        Assert.True(tree.Noise(3, next).Equals(tree.Noise(3, next)));
    }

    [Fact]
    public void Levels_outside_the_tree_and_equal_ones_are_refused()
    {
        using var tree = Tree([1]);
        Assert.Throws<ArgumentException>(() => tree.Noise(81, 3));
        Assert.Throws<ArgumentException>(() => tree.Noise(3, 0));
        Assert.Throws<ArgumentException>(() => tree.Noise(3, 3));
        Assert.Throws<ArgumentException>(() => new BrownianTree([], 1, 1, 1, Low, High));
        Assert.Throws<ArgumentException>(() => new BrownianTree([1], 1, 1, 1, 2, 2));
    }

    [Fact]
    public void No_tensor_is_left_behind()
    {
        GC.Collect(); // what earlier tests left is not counted
        GC.WaitForPendingFinalizers();
        long before = Tensor.TotalCount;
        using (var tree = Tree([1, 2]))
            for (double level = 79; level > 0.03; level /= 1.3)
                tree.Noise(level, level / 1.3).Dispose();
        Assert.Equal(before, Tensor.TotalCount);
    }

    public static TheoryData<string> Solvers_on_a_path { get; } =
    [
        .. SolverCases.All.Where(entry => entry.Value.FollowsPath).Select(entry => entry.Key),
    ];

    [Theory, MemberData(nameof(Solvers_on_a_path))]
    public void Twice_the_steps_follow_the_same_path_more_closely(string name)
    {
        // Modes that overlap: between distant ones a path decides late, and a few images would be the whole error.
        using var scope = NewDisposeScope();
        var mixture = new GaussianMixtureDenoiser([0.4, 0.6], [-0.3, 0.4], [0.5, 0.4]);
        using var tree = new BrownianTree([1, 2, 3, 4], 1, 1, 4, Low, High, type: ScalarType.Float64);
        Tensor Solve(int steps) => SolverCases.All[name].Solve(new()
        {
            Denoiser = mixture,
            Levels = SolverInputs.Levels(steps, High, Low),
            X = SolverInputs.Start(High, 4, 4),
            Noise = tree.Noise,
        });
        var reference = Solve(640);
        double[] errors = [.. new[] { 10, 40, 160 }.Select(n => (Solve(n) - reference).pow(2).mean().sqrt().item<double>())];
        // strong order above 1/2
        Assert.True(
            errors[1] < errors[0] / 2.5 && errors[2] < errors[1] / 2.5, string.Join(" ", errors.Select(e => e.ToString("e1"))));
    }

    private static BrownianTree Tree(long[] seeds) => new(seeds, 1, 2, 3, Low, High, type: ScalarType.Float64);
}
