namespace Mezzotint.Networks;

/// <summary>
/// A network as a value: its layers in the order in which they are computed, and the tree of modules that they belong to. Several
/// readers use it. libtorch builds and runs it (<see cref="DescribedModules"/>), the engine plans it, the ONNX file is written
/// from it, and its parameters are counted without any of them.
/// </summary>
public sealed class NetworkDescription
{
    internal NetworkDescription(IReadOnlyList<Node> nodes, ModulePlace root, IReadOnlyList<Node> outputs) =>
        (Nodes, Root, Outputs) = (nodes, root, outputs);

    /// <summary>How many numbers the network's parameters have, those that are not trained included.</summary>
    public long ParameterCount =>
        Nodes.Sum(node => node.Parameters.Sum(parameter => parameter.Shape.Aggregate(1L, (product, length) => product * length)));

    /// <summary>The layers, each after those that it reads.</summary>
    internal IReadOnlyList<Node> Nodes { get; }

    /// <summary>The tree of modules.</summary>
    internal ModulePlace Root { get; }

    /// <summary>What the network gives.</summary>
    internal IReadOnlyList<Node> Outputs { get; }

    /// <summary>What the network is given, in the order in which it is called.</summary>
    internal IEnumerable<InputNode> Inputs => Nodes.OfType<InputNode>();
}

/// <summary>A place in the tree of modules: a layer, or a module with children.</summary>
internal sealed class ModulePlace(string name, string type)
{
    public string Name => name;

    /// <summary>What it prints as.</summary>
    public string Type { get; set; } = type;

    /// <summary>The layer, where it is one.</summary>
    public Node? Layer { get; set; }

    /// <summary>The last value that was made in it, which is what a module gives.</summary>
    public Node? Output { get; set; }

    /// <summary>Its modules, in the order in which they draw their first weights.</summary>
    public List<ModulePlace> Children { get; } = [];

    /// <summary>Those that print before the others, where that is another order than that of the draws.</summary>
    public IReadOnlyList<string> PrintedFirst { get; set; } = [];

    /// <summary>The modules in the order in which they print.</summary>
    public IEnumerable<ModulePlace> Printed =>
        [.. PrintedFirst.Select(Child), .. Children.Where(child => !PrintedFirst.Contains(child.Name))];

    /// <summary>The child of that name, made where there is none.</summary>
    public ModulePlace Child(string child)
    {
        const string list = "ModuleList"; // what a place is that nothing else says of
        if (Children.Find(place => place.Name == child) is { } there)
            return there;
        Children.Add(new(child, list));
        return Children[^1];
    }

    /// <summary>The place at a path below this one, and all below it.</summary>
    public IEnumerable<(string Path, ModulePlace Place)> All(string path = "") =>
        Children.SelectMany(child => child.All(path.Length == 0 ? child.Name : $"{path}.{child.Name}")).Prepend((path, this));
}
