namespace Mezzotint.Formats;

/// <summary>What a global name of a pickle stands for here: a mere mark, with nothing of Python behind it.</summary>
/// <param name="Kind">What may be done with it.</param>
/// <param name="StorageType">The element type, for <see cref="PickleGlobalKind.Storage"/>.</param>
internal sealed record PickleGlobal(PickleGlobalKind Kind, ElementType StorageType = default)
{
    private static readonly Dictionary<string, PickleGlobal> Allowed = new()
    {
        ["collections.OrderedDict"] = new(PickleGlobalKind.OrderedDict),
        ["torch._utils._rebuild_tensor_v2"] = new(PickleGlobalKind.RebuildTensor),
        ["torch._utils._rebuild_parameter"] = new(PickleGlobalKind.RebuildParameter),
        ["torch.DoubleStorage"] = new(PickleGlobalKind.Storage, ElementType.Float64),
        ["torch.FloatStorage"] = new(PickleGlobalKind.Storage, ElementType.Float32),
        ["torch.HalfStorage"] = new(PickleGlobalKind.Storage, ElementType.Float16),
        ["torch.BFloat16Storage"] = new(PickleGlobalKind.Storage, ElementType.BFloat16),
        ["torch.LongStorage"] = new(PickleGlobalKind.Storage, ElementType.Int64),
        ["torch.IntStorage"] = new(PickleGlobalKind.Storage, ElementType.Int32),
        ["torch.ShortStorage"] = new(PickleGlobalKind.Storage, ElementType.Int16),
        ["torch.CharStorage"] = new(PickleGlobalKind.Storage, ElementType.Int8),
        ["torch.ByteStorage"] = new(PickleGlobalKind.Storage, ElementType.UInt8),
        ["torch.BoolStorage"] = new(PickleGlobalKind.Storage, ElementType.Bool),
    };

    /// <summary>The global of this name (<c>module.name</c>); null where it is not one of the few that are allowed.</summary>
    public static PickleGlobal? Find(string name) => Allowed.GetValueOrDefault(name);
}

/// <summary>What may be done with a <see cref="PickleGlobal"/>.</summary>
internal enum PickleGlobalKind
{
    /// <summary>Called without arguments, makes a dictionary.</summary>
    OrderedDict,
    /// <summary>Called with a storage, offset, shape and strides, makes a tensor.</summary>
    RebuildTensor,
    /// <summary>Called with a tensor, is that tensor.</summary>
    RebuildParameter,
    /// <summary>Names the element type of a storage.</summary>
    Storage,
}

/// <summary>
/// In place of a value that is not built: the global <paramref name="Global"/> itself, which no state dict needs, or whatever it
/// would have made. Nothing of Python's is called.
/// </summary>
internal sealed record PickleOpaque(string Global);

/// <summary>
/// A dictionary of a pickle. Items whose keys are not strings, as the states of optimisers have them, are dropped.
/// </summary>
/// <param name="IsOrderedDict">Made by <c>collections.OrderedDict</c>, which may have a <c>_metadata</c> beside its items.</param>
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
