namespace Mezzotint.Formats;

/// <summary>
/// In place of a value that is not built: the global <paramref name="Global"/> itself, which no state dict needs, or whatever it
/// would have made. Nothing of Python's is called.
/// </summary>
internal sealed record PickleOpaque(string Global);

/// <summary>
/// A dictionary of a pickle. Items whose keys are not strings, as the states of optimisers have them, are dropped.
/// </summary>
/// <param name="IsOrderedDict">Made by <c>collections.OrderedDict</c>, which may have a <c>_metadata</c> beside its
/// items.</param>
internal sealed record PickleDictionary(bool IsOrderedDict)
{
    // Made with the first item, since one byte of a pickle makes an empty dictionary.
    private Contents? _contents;

    /// <summary>The items in the order of the pickle.</summary>
    public IEnumerable<KeyValuePair<string, object?>> Items =>
        _contents?.Items ?? Enumerable.Empty<KeyValuePair<string, object?>>();

    /// <summary>The number of items.</summary>
    public int Count => _contents?.Items.Count ?? 0;

    /// <summary>Whether it has no item, nor had one that was dropped.</summary>
    public bool IsEmpty => _contents is null;

    /// <summary>What the key of a dropped item is, for messages; null where all keys are strings.</summary>
    public string? OtherKey => _contents?.OtherKey;

    /// <summary>The value of a key.</summary>
    public bool TryGet(string key, out object? value)
    {
        value = null;
        return _contents is not null && _contents.Items.TryGetValue(key, out value);
    }

    /// <summary>Adds an item; false where the key is there.</summary>
    public bool TryAdd(string key, object? value) => (_contents ??= new Contents()).Items.TryAdd(key, value);

    /// <summary>Drops an item with such a key.</summary>
    public void Drop(string key) => (_contents ??= new Contents()).OtherKey ??= key;

    private sealed class Contents
    {
        public OrderedDictionary<string, object?> Items { get; } = [];

        public string? OtherKey { get; set; }
    }
}

/// <summary>A storage that a pickle names: the file <c>data/KEY</c> of the archive.</summary>
internal sealed record PickledStorage(ElementType Type, string Key, long ElementCount);

/// <summary>A tensor of a pickle: a view of a storage. Offset, shape and strides count elements and are not negative.</summary>
internal sealed record PickledTensor(PickledStorage Storage, long Offset, long[] Shape, long[] Strides);

/// <summary>Says of any value of a pickle what it is.</summary>
internal static class PickleValue
{
    /// <summary>What a value is, for messages.</summary>
    public static string Describe(object? value) => value switch
    {
        null => "None",
        bool => "a boolean",
        long => "an integer",
        double => "a float",
        string => "a string",
        object?[] => "a tuple",
        List<object?> => "a list",
        PickleDictionary => "a dict",
        PickledTensor => "a tensor",
        PickledStorage => "a storage",
        PickleOpaque opaque => $"something of {Printable.Quote(opaque.Global)}",
        _ => "a type or function",
    };
}
