using static TorchSharp.torch;

namespace Mezzotint.Networks;

/// <summary>
/// What a described network computes of some of its values, in libtorch: the definition that everything else is tested against. A
/// value is freed after its last use; what the gradients need, autograd keeps.
/// </summary>
internal sealed class DescribedProgram
{
    private readonly List<(Node Node, Func<Tensor[], Tensor> Run, int[] LastUses)> _steps = [];
    private readonly Node[] _given;
    private readonly Node _output;
    private readonly int _count;

    /// <summary>Finds the layers between.</summary>
    /// <param name="modules">The weights.</param>
    /// <param name="description">The network.</param>
    /// <param name="given">What <see cref="Run"/> is given.</param>
    /// <param name="output">What it gives.</param>
    public DescribedProgram(DescribedModules modules, NetworkDescription description, IEnumerable<Node> given, Node output)
    {
        (_given, _output, _count) = ([.. given], output, description.Nodes.Count);
        var needed = new bool[_count];
        needed[output.Index] = true;
        for (int i = output.Index; i >= 0; i--)
            if (needed[i] && !_given.Contains(description.Nodes[i]))
                foreach (var input in description.Nodes[i].Inputs)
                    needed[input.Index] = true;
        Node[] nodes = [.. description.Nodes.Where(node => needed[node.Index] && !_given.Contains(node))];
        var lastUse = new int[_count];
        for (int step = 0; step < nodes.Length; step++)
            foreach (var input in nodes[step].Inputs)
                lastUse[input.Index] = step;
        for (int step = 0; step < nodes.Length; step++)
            _steps.Add((nodes[step], DescribedOperators.Of(nodes[step], modules),
                [.. nodes.Where(node => lastUse[node.Index] == step && node != output).Select(node => node.Index)]));
    }

    /// <summary>Computes.</summary>
    /// <param name="given">As many as were named, in that order; a mask may be null.</param>
    /// <param name="watch">Sees each value when it is made.</param>
    /// <exception cref="ArgumentNullException">One is missing.</exception>
    public Tensor Run(ReadOnlySpan<Tensor?> given, Action<Node, Tensor>? watch = null)
    {
        using var scope = NewDisposeScope();
        var values = new Tensor[_count];
        for (int i = 0; i < _given.Length; i++)
            values[_given[i].Index] = given[i] ?? (_given[i].Form == ValueForm.Mask ? null!
                : throw new ArgumentNullException((_given[i] as InputNode)?.Of,
                    $"The network needs its input '{(_given[i] as InputNode)?.Of}'."));
        foreach (var (node, run, lastUses) in _steps)
        {
            values[node.Index] = Step(run, values);
            watch?.Invoke(node, values[node.Index]);
            foreach (int last in lastUses)
                values[last].Dispose();
        }
        return values[_output.Index].MoveToOuterDisposeScope();
    }

    private static Tensor Step(Func<Tensor[], Tensor> run, Tensor[] values)
    {
        using var scope = NewDisposeScope();
        return run(values).MoveToOuterDisposeScope();
    }
}
