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

    private readonly DescribedProgram _program, _whole;
    private readonly Node _embedding;
    private readonly Node? _scores;
    private readonly HashSet<Node> _read;

    /// <summary>Finds the maps.</summary>
    /// <param name="modules">The weights.</param>
    /// <param name="description">The network: from a map of values in [0, 1] to its outputs: an
    /// embedding, and the scores of classes where it has any.</param>
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
        _embedding = description.Outputs[0];
        _scores = description.Outputs.Count > 1 ? description.Outputs[1] : null;
        _whole = new(modules, description, description.Inputs, _scores ?? _embedding);
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
        var sum = Maps(x).Zip(Maps(y), (a, b) => (Unit(a) - Unit(b)).Squared().sum([1L]).mean([1, 2]))
            .Aggregate((all, one) => all.Plus(one));
        return sum.MoveToOuterDisposeScope();

        static Tensor Unit(Tensor map) => map / map.Squared().sum([1L], keepdim: true).Plus(Least).sqrt();
    }

    /// <summary>The classes of a classifier; 0 where the network is none.</summary>
    public int Classes => _scores?.Channels ?? 0;

    /// <summary>The maps, the embedding, and a classifier's scores. Where the images have no gradient, none is
    /// followed.</summary>
    /// <param name="images">Values in [0, 1]: [B, C, H, W].</param>
    /// <returns>Each [B, C, H, W]; [B, D]; and [B, classes], null where the network is no classifier.</returns>
    public (List<Tensor> Maps, Tensor Embedding, Tensor? Scores) See(Tensor images)
    {
        using var scope = NewDisposeScope();
        using var gradients = set_grad_enabled(images.requires_grad);
        var maps = new List<Tensor>();
        Tensor? embedding = null;
        var last = _whole.Run([images], (node, value) =>
        {
            if (_read.Contains(node))
                maps.Add(value.alias().MoveToOtherDisposeScope(scope));
            else if (node == _embedding && _scores is not null)
                embedding = value.alias().MoveToOtherDisposeScope(scope);
        });
        foreach (var map in maps)
            map.MoveToOuterDisposeScope();
        var ends = (embedding ?? last, _scores is null ? null : last);
        ends.Item1.MoveToOuterDisposeScope();
        ends.Item2?.MoveToOuterDisposeScope();
        return (maps, ends.Item1, ends.Item2);
    }

    /// <summary>The maps of images. Where the images have no gradient, none is followed.</summary>
    private List<Tensor> Maps(Tensor images)
    {
        using var scope = NewDisposeScope();
        using var gradients = set_grad_enabled(images.requires_grad);
        var maps = new List<Tensor>();
        _program.Run([images], (node, map) =>
        {
            if (_read.Contains(node))
                maps.Add(map.alias().MoveToOtherDisposeScope(scope));
        });
        foreach (var map in maps)
            map.MoveToOuterDisposeScope();
        return maps;
    }
}
