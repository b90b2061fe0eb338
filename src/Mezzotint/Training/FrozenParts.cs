using System.IO.Enumeration;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>Parameters that a training leaves as they are, by patterns of their names.</summary>
internal static class FrozenParts
{
    /// <summary>The network of a task, its frozen parts out of reach of the optimiser.</summary>
    /// <exception cref="MezzotintException">A pattern fits no parameter, or all are frozen.</exception>
    public static nn.Module BuildFor(this TrainingTask task, TrainingConfig training, long seed = 0)
    {
        var network = task.Build(seed);
        foreach (string pattern in Patterns(training.Freeze))
            Freeze(network, pattern);
        if (network.parameters().Any(parameter => parameter.requires_grad))
            return network;
        network.Dispose();
        throw new MezzotintException(
            $"training.freeze = {Printable.Quote(training.Freeze)} freezes the whole network: leave something to be trained.")
            { Key = "training.freeze" };
    }

    /// <summary>The patterns of a list with commas.</summary>
    public static string[] Patterns(string list) =>
        list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    /// <summary>Whether a pattern, in which * stands for anything, fits a parameter's name, or that of a module that it is
    /// in.</summary>
    public static bool Fits(string pattern, string name) =>
        FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false)
        || FileSystemName.MatchesSimpleExpression(pattern + ".*", name, ignoreCase: false);

    private static void Freeze(nn.Module network, string pattern)
    {
        var fitting = network.named_parameters().Where(named => Fits(pattern, named.name)).ToList();
        if (fitting.Count == 0)
        {
            string names = string.Join(", ", network.named_children().Select(child => child.name));
            network.Dispose();
            throw new MezzotintException(
                $"training.freeze: {Printable.Quote(pattern)} fits no part of the network. Its parts are {names}; * stands for "
                + "anything.") { Key = "training.freeze" };
        }
        foreach (var (_, parameter) in fitting)
            parameter.requires_grad = false;
    }
}
