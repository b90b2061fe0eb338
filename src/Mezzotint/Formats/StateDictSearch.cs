using System.Globalization;

namespace Mezzotint.Formats;

/// <summary>Finds the state dict in what a checkpoint holds: all of it, or what lies under a key.</summary>
/// <remarks>
/// Training scripts save one dict with the weights beside the optimiser, the epoch and the averaged weights, under names that
/// differ from script to script (state_dict, model, ema). What is a state dict shows in its values: tensors, all of them.
/// </remarks>
internal static class StateDictSearch
{
    private const int Deepest = 4;
    private const int NamesShown = 8;

    /// <summary>Finds it.</summary>
    /// <param name="root">What the pickle holds.</param>
    /// <param name="key">Under which key it lies, deeper ones after a dot; null where it must be the only one.</param>
    /// <param name="invalid">Makes the exception of a fault.</param>
    /// <returns>The state dict, and its key; null for all that the file holds.</returns>
    /// <exception cref="MezzotintException">There is none, or several and no key.</exception>
    public static (PickleDictionary Found, string? Key) Find(object? root, string? key, Func<string, MezzotintException> invalid)
    {
        if (root is not PickleDictionary top)
            throw invalid(root is PickleOpaque opaque ? Refused(opaque)
                : $"it holds {PickleValue.Describe(root)}, not a dict of tensors; save model.state_dict() alone");
        if (key is not null)
            return (Under(top, key) ?? throw Missing(top, key, invalid), key);
        if (HasWeights(top))
            return (top, null);
        var all = All(top);
        return all switch
        {
            [] => (top, null), // what is wrong with it is told by whoever reads it
            [var (found, only)] => (found, only),
            _ => throw WithKey(invalid(
                $"it holds several state dicts, {List(all)}: name one as key, as in "
                + $"`mezzotint import FOLDER --out MODEL --key {all[0].Key}`")),
        };
    }

    /// <summary>Whether a key holds a dict; null, which asks for the only one, always does.</summary>
    public static bool Has(object? root, string? key) =>
        key is null || root is PickleDictionary top && Under(top, key) is not null;

    /// <summary>Why a value that is not built cannot be had.</summary>
    public static string Refused(PickleOpaque opaque) =>
        $"the global {Printable.Quote(opaque.Global)} is refused; a state dict does not need it, and nothing was executed. "
        + "Save model.state_dict() alone";

    // The number of steps may be a tensor too, and lies beside the weights.
    private static bool HasWeights(PickleDictionary dictionary) =>
        dictionary.Items.Any(item => item.Value is PickledTensor { Shape.Length: > 0 });

    private static bool IsStateDict(PickleDictionary dictionary) =>
        dictionary is { Count: > 0, OtherKey: null } && dictionary.Items.All(item => item.Value is PickledTensor);

    // A name may have dots of its own.
    private static PickleDictionary? Under(PickleDictionary dictionary, string path)
    {
        if (dictionary.TryGet(path, out object? value))
            return value as PickleDictionary;
        for (int dot = path.IndexOf('.', StringComparison.Ordinal); dot >= 0; dot = path.IndexOf('.', dot + 1))
        {
            if (dictionary.TryGet(path[..dot], out object? inner) && inner is PickleDictionary deeper
                && Under(deeper, path[(dot + 1)..]) is { } found)
                return found;
        }
        return null;
    }

    // The shallowest first. One that has two names appears under the first of them, and a pickle that refers to itself ends.
    private static List<(PickleDictionary Found, string Key)> All(PickleDictionary root)
    {
        var found = new List<(PickleDictionary, string)>();
        var seen = new HashSet<object>(ReferenceEqualityComparer.Instance) { root };
        var level = new List<(PickleDictionary Dictionary, string Path)> { (root, "") };
        for (int depth = 0; depth < Deepest && level.Count > 0; depth++)
        {
            var next = new List<(PickleDictionary, string)>();
            foreach (var (dictionary, path) in level)
            {
                foreach (var (name, value) in dictionary.Items)
                {
                    if (value is not PickleDictionary inner || !seen.Add(inner))
                        continue;
                    (IsStateDict(inner) ? found : next).Add((inner, path + name));
                }
            }
            level = [.. next.Select(inner => (inner.Item1, inner.Item2 + "."))];
        }
        return found;
    }

    private static MezzotintException Missing(PickleDictionary root, string key, Func<string, MezzotintException> invalid)
    {
        var all = All(root);
        return WithKey(invalid($"its key {Printable.Quote(key)} holds no dict; it has "
            + (all.Count > 0 ? $"the state dicts {List(all)}" : $"the keys {Names(root.Items.Select(item => item.Key))}")));
    }

    private static MezzotintException WithKey(MezzotintException problem) => new(problem.Message, problem) { Key = "key" };

    private static string List(List<(PickleDictionary Found, string Key)> all) =>
        string.Join(", ", all.Take(NamesShown).Select(one => string.Create(
            CultureInfo.InvariantCulture, $"{Printable.Quote(one.Key)} ({one.Found.Count} tensors)"))) + More(all.Count);

    private static string Names(IEnumerable<string> names) =>
        string.Join(", ", names.Take(NamesShown).Select(Printable.Quote)) + More(names.Count());

    private static string More(int count) => count > NamesShown ? $" and {count - NamesShown} more" : "";
}
