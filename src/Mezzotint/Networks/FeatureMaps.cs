using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Networks;

/// <summary>
/// What a trained network sees of images on its way to its answer: the last map of each size, so that two images can be compared
/// by more than their pixels.
/// </summary>
internal sealed class FeatureMaps
{
    private const double Least = 1e-10; // of a square: a place where nothing is seen

    private readonly DescribedProgram _program;
    private readonly HashSet<Node> _read;

    /// <summary>Finds the maps.</summary>
    /// <param name="modules">The weights.</param>
    /// <param name="description">The network: from a map of values in [0, 1] to its first output.</param>
    /// <param name="channels">Of its images.</param>
    /// <param name="height">H of its images.</param>
    /// <param name="width">W.</param>
    public FeatureMaps(DescribedModules modules, NetworkDescription description, int channels, int height, int width)
    {
        Shape = (channels, height, width);
        var sizes = ValueSizes.Of(description, height, width, tokens: 0);
        Node[] maps = [.. description.Nodes.Where(node => node is ActivationNode { Form: ValueForm.Map })
            .GroupBy(node => sizes[node.Index]).Select(size => size.Last())];
        _read = [.. maps];
        _program = new(modules, description, description.Inputs, maps[^1]);
    }

    /// <summary>The images that it sees.</summary>
    public (int Channels, int Height, int Width) Shape { get; }

    /// <summary>
    /// How far apart pairs of images are: at each place of each map the squared distance of the two lists of channels, each
    /// brought to length 1; the mean over places, summed over maps.
    /// </summary>
    /// <param name="x">Values in [0, 1]: [B, C, H, W].</param>
    /// <param name="y">Of the same shape.</param>
    /// <returns>0 for equal images, up to 4 a map: [B]. It has the gradients of both.</returns>
    /// <remarks>Zhang et al. 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", arXiv 1801.03924,
    /// equation 1 with all weights 1.</remarks>
    public Tensor Distance(Tensor x, Tensor y)
    {
        using var scope = NewDisposeScope();
        Tensor? sum = null;
        long count = x.shape[0];
        _program.Run([cat([x, y], 0)], (node, map) =>
        {
            if (!_read.Contains(node))
                return;
            using var inner = NewDisposeScope();
            var unit = map / map.Squared().sum([1L], keepdim: true).Plus(Least).sqrt();
            var distance = (unit.narrow(0, 0, count) - unit.narrow(0, count, count)).Squared().sum([1L]).mean([1, 2]);
            sum = (sum is null ? distance : sum.Plus(distance)).MoveToOtherDisposeScope(scope);
        });
        return sum!.MoveToOuterDisposeScope();
    }
}
