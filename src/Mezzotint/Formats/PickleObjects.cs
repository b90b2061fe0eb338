namespace Mezzotint.Formats;

/// <summary>
/// Makes the objects of a state dict: of the globals of <see cref="PickleGlobal"/>, and of nothing else. What any other global
/// makes is one <see cref="PickleOpaque"/>, whatever is done with it: it is called, built and filled, and stays what it is.
/// </summary>
internal static class PickleObjects
{
    /// <summary>The global of a module.</summary>
    public static object Global(string module, string name)
    {
        string full = $"{module}.{name}";
        return PickleGlobal.Find(full) is { } known ? known : new PickleOpaque(full);
    }

    /// <summary>What a call makes (REDUCE).</summary>
    /// <exception cref="InvalidDataException">No state dict needs the call, or its arguments are wrong.</exception>
    public static object Call(object? callee, object? argumentTuple)
    {
        object?[] arguments = argumentTuple as object?[]
            ?? throw new InvalidDataException("the arguments of a call are no tuple");
        if (callee is PickleOpaque)
            return callee;
        return (callee as PickleGlobal)?.Kind switch
        {
            PickleGlobalKind.OrderedDict => arguments is [] ? new PickleDictionary(IsOrderedDict: true)
                : throw new InvalidDataException("collections.OrderedDict has arguments"),
            PickleGlobalKind.RebuildTensor => Tensor(arguments),
            PickleGlobalKind.RebuildParameter => Parameter(arguments),
            _ => throw new InvalidDataException(
                $"it calls {PickleValue.Describe(callee)}, which is no function that a state dict needs; nothing was executed"),
        };
    }

    /// <summary>What a class makes (NEWOBJ).</summary>
    /// <exception cref="InvalidDataException">It is no class of Python's that is passed over.</exception>
    public static object New(object? type) => type as PickleOpaque ?? throw new InvalidDataException(
        "it makes an object (NEWOBJ) of what is no class of Python's; nothing was executed");

    /// <summary>The storage of a persistent id: ("storage", type, key, device, number of elements).</summary>
    /// <exception cref="InvalidDataException">It is none of PyTorch's.</exception>
    public static object Storage(object? id) => (id as object?[]) switch
    {
        // The device that the tensor was on says nothing about its bytes.
        ["storage", PickleGlobal { Kind: PickleGlobalKind.Storage } type, string key, string, long and >= 0 and var count] =>
            new PickledStorage(type.StorageType, key, count),
        ["storage", PickleOpaque unknown, string, string, long and >= 0] => unknown,
        _ => throw new InvalidDataException("a persistent id is no storage of PyTorch's"),
    };

    /// <summary>Gives an object its state (BUILD). An OrderedDict of <c>module.state_dict()</c> has the attribute _metadata, the
    /// version numbers of the modules; no other state is taken.</summary>
    /// <exception cref="InvalidDataException">It is other state.</exception>
    public static void Build(object? target, object? state)
    {
        if (target is PickleOpaque)
            return;
        bool isMetadata = state is PickleDictionary { Count: 1, OtherKey: null } attributes
            && attributes.Items.First().Key == "_metadata";
        if (!isMetadata || target is not PickleDictionary { IsOrderedDict: true })
            throw new InvalidDataException(
                "the opcode 0x62 (BUILD) is refused except for the _metadata of an OrderedDict; nothing was executed");
    }

    /// <summary>Adds items to a list (APPEND, APPENDS).</summary>
    /// <exception cref="InvalidDataException">It is no list.</exception>
    public static void Append(object? target, params ReadOnlySpan<object?> items)
    {
        if (target is PickleOpaque)
            return;
        var list = target as List<object?> ?? throw new InvalidDataException("an opcode needs a list that is not there");
        list.AddRange(items);
    }

    /// <summary>Sets keys and values of a dict in turn (SETITEM, SETITEMS).</summary>
    /// <exception cref="InvalidDataException">It is no dict, a key has no value, or a key is there already.</exception>
    public static void SetItems(object? target, params ReadOnlySpan<object?> pairs)
    {
        if (pairs.Length % 2 != 0)
            throw new InvalidDataException("a key has no value");
        if (target is PickleOpaque)
            return;
        var dictionary = target as PickleDictionary ?? throw new InvalidDataException("an opcode needs a dict that is not there");
        for (int i = 0; i < pairs.Length; i += 2)
        {
            if (pairs[i] is not string name)
                dictionary.Drop(PickleValue.Describe(pairs[i]));
            else if (!dictionary.TryAdd(name, pairs[i + 1]))
                throw new InvalidDataException($"a dict has the key {Printable.Quote(name)} twice");
        }
    }

    // torch._utils._rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks, metadata). The metadata say that the
    // bytes are negated or conjugated, or hold attributes of the user.
    private static object Tensor(object?[] arguments)
    {
        if (arguments is [PickleOpaque unknown, ..])
            return unknown; // of a type that is not read
        if (arguments is not [PickledStorage storage, long offset, object?[] shape, object?[] strides, bool,
                PickleDictionary { IsEmpty: true }, ..]
            || arguments[6..] is not ([] or [null] or [PickleDictionary { IsEmpty: true }]))
            throw new InvalidDataException(
                "torch._utils._rebuild_tensor_v2 needs a storage, an offset, a shape, strides, a boolean and no hooks or "
                + "metadata");
        if (shape.Length != strides.Length)
            throw new InvalidDataException($"a tensor has {shape.Length} axes and {strides.Length} strides");
        if (offset < 0)
            throw new InvalidDataException($"a tensor starts at the negative element {offset}");
        return new PickledTensor(storage, offset, NonNegative(shape, "shape"), NonNegative(strides, "strides"));
    }

    private static object Parameter(object?[] arguments) => arguments switch
    {
        [PickleOpaque unknown, ..] => unknown,
        [PickledTensor parameter, bool, PickleDictionary { IsEmpty: true }] => parameter,
        _ => throw new InvalidDataException("torch._utils._rebuild_parameter needs a tensor, a boolean and no hooks"),
    };

    private static long[] NonNegative(object?[] numbers, string what) => Array.ConvertAll(
        numbers, number => number is long and >= 0 and var integer ? integer : throw new InvalidDataException(
            $"the {what} of a tensor has something that is no non-negative integer"));
}
