using System.Buffers.Binary;
using System.Text;

namespace Mezzotint.Formats;

/// <summary>Reads the pickle of a PyTorch state dict and executes nothing.</summary>
/// <remarks>
/// A pickle is a program for a machine with a stack and a memo; Python's runs whatever functions it names. This machine has the
/// opcodes of <see cref="PickleOpcode"/>, and the globals of <see cref="PickleGlobal"/> are data to it. Every other global, and
/// all that is made with it, is one opaque value: checkpoints have such things beside their weights. The values are null, bool,
/// long, double, string, object?[] (a tuple), List (a list), <see cref="PickleDictionary"/>, <see cref="PickleGlobal"/>,
/// <see cref="PickledStorage"/>, <see cref="PickledTensor"/> and <see cref="PickleOpaque"/>. Source: the module
/// <c>pickletools</c> of Python's library.
/// </remarks>
internal ref struct Unpickler
{
    // One byte can make a container, a mark or an entry of the memo. A tensor takes five containers and ten entries or so, so this
    // is enough for a hundred thousand tensors, and holds memory to some tens of megabytes whatever the pickle says.
    private const int MaxObjects = 1_000_000;

    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);
    private static readonly object?[] EmptyTuple = [];
    private static readonly PickleOpaque Bytes = new("builtins.bytes");

    private readonly ReadOnlySpan<byte> _pickle;
    private readonly string _file;
    private readonly List<object?> _stack = [];
    private readonly List<int> _marks = [];
    private readonly List<object?> _memo = [];
    private int _position;
    private int _opcodePosition;
    private int _containers;

    private Unpickler(ReadOnlySpan<byte> pickle, string file)
    {
        _pickle = pickle;
        _file = file;
    }

    /// <summary>Reads a whole pickle.</summary>
    /// <param name="pickle">The pickle, from its first byte to its STOP.</param>
    /// <param name="file">The file's name, for messages.</param>
    /// <returns>The one value that the pickle holds.</returns>
    /// <exception cref="MezzotintException">An opcode that no checkpoint needs, or a malformed pickle.</exception>
    public static object? Read(ReadOnlySpan<byte> pickle, string file)
    {
        var unpickler = new Unpickler(pickle, file);
        while (unpickler.Step())
        {
        }
        return unpickler._stack[0];
    }

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

    // Executes one opcode; false after STOP.
    private bool Step()
    {
        _opcodePosition = _position;
        byte opcode = Take(1)[0];
        switch ((PickleOpcode)opcode)
        {
            case PickleOpcode.Protocol:
                byte version = Take(1)[0];
                if (version is < 2 or > 5)
                    throw Invalid($"pickle protocol {version} is not one of 2 to 5");
                break;
            case PickleOpcode.Frame:
                if (BinaryPrimitives.ReadUInt64LittleEndian(Take(8)) > (ulong)(_pickle.Length - _position))
                    throw Invalid("a frame is longer than the pickle");
                break;
            case PickleOpcode.Mark:
                Bound(_marks.Count);
                _marks.Add(_stack.Count);
                break;
            case PickleOpcode.None:
                Push(null);
                break;
            case PickleOpcode.NewTrue:
                Push(true);
                break;
            case PickleOpcode.NewFalse:
                Push(false);
                break;
            case PickleOpcode.BinInt:
                Push((long)BinaryPrimitives.ReadInt32LittleEndian(Take(4)));
                break;
            case PickleOpcode.BinInt1:
                Push((long)Take(1)[0]);
                break;
            case PickleOpcode.BinInt2:
                Push((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2)));
                break;
            case PickleOpcode.Long1:
                Push(Integer(Take(Take(1)[0])));
                break;
            case PickleOpcode.BinFloat:
                Push(BinaryPrimitives.ReadDoubleBigEndian(Take(8)));
                break;
            case PickleOpcode.ShortBinUnicode:
                Push(Text(Take(Take(1)[0])));
                break;
            case PickleOpcode.BinUnicode:
                Push(Text(Take(BinaryPrimitives.ReadUInt32LittleEndian(Take(4)))));
                break;
            case PickleOpcode.BinUnicode8:
                Push(Text(Take(BinaryPrimitives.ReadUInt64LittleEndian(Take(8)))));
                break;
            case PickleOpcode.ShortBinBytes:
                Take(Take(1)[0]);
                Push(Bytes);
                break;
            case PickleOpcode.BinBytes:
                Take(BinaryPrimitives.ReadUInt32LittleEndian(Take(4)));
                Push(Bytes);
                break;
            case PickleOpcode.EmptyTuple:
                Push(EmptyTuple);
                break;
            case PickleOpcode.Tuple1:
                PushTuple(1);
                break;
            case PickleOpcode.Tuple2:
                PushTuple(2);
                break;
            case PickleOpcode.Tuple3:
                PushTuple(3);
                break;
            case PickleOpcode.Tuple:
                PushContainer(PopToMark());
                break;
            case PickleOpcode.EmptyList:
                PushContainer(new List<object?>());
                break;
            case PickleOpcode.Append:
                object? item = Pop();
                if (!IsOpaque())
                    Peek<List<object?>>("a list").Add(item);
                break;
            case PickleOpcode.Appends:
                object?[] items = PopToMark();
                if (!IsOpaque())
                    Peek<List<object?>>("a list").AddRange(items);
                break;
            case PickleOpcode.EmptyDict:
                PushContainer(new PickleDictionary(IsOrderedDict: false));
                break;
            case PickleOpcode.SetItem:
                object? value = Pop();
                SetItem(Pop(), value);
                break;
            case PickleOpcode.SetItems:
                object?[] pairs = PopToMark();
                if (pairs.Length % 2 != 0)
                    throw Invalid("a key has no value");
                for (int i = 0; i < pairs.Length; i += 2)
                    SetItem(pairs[i], pairs[i + 1]);
                break;
            case PickleOpcode.BinPut:
                Remember(Take(1)[0]);
                break;
            case PickleOpcode.LongBinPut:
                Remember(BinaryPrimitives.ReadUInt32LittleEndian(Take(4)));
                break;
            case PickleOpcode.Memoize:
                Remember((uint)_memo.Count);
                break;
            case PickleOpcode.BinGet:
                Recall(Take(1)[0]);
                break;
            case PickleOpcode.LongBinGet:
                Recall(BinaryPrimitives.ReadUInt32LittleEndian(Take(4)));
                break;
            case PickleOpcode.Global:
                string module = TakeLine();
                PushGlobal(module, TakeLine());
                break;
            case PickleOpcode.StackGlobal:
                string name = Pop() as string ?? throw Invalid("the name of a global is no string");
                PushGlobal(Pop() as string ?? throw Invalid("the module of a global is no string"), name);
                break;
            case PickleOpcode.BinPersistentId:
                PushContainer(Storage(Pop()));
                break;
            case PickleOpcode.Reduce:
                object?[] arguments = Pop() as object?[] ?? throw Invalid("the arguments of a call are no tuple");
                PushContainer(Call(Pop(), arguments));
                break;
            case PickleOpcode.NewObject:
                Pop();
                Push(Pop() as PickleOpaque ?? throw Invalid(
                    "it makes an object (NEWOBJ) of what is no class of Python's; nothing was executed"));
                break;
            case PickleOpcode.Build:
                Build(Pop());
                break;
            case PickleOpcode.Stop:
                if (_stack.Count != 1 || _marks.Count != 0)
                    throw Invalid("the pickle ends with other than one value");
                if (_position != _pickle.Length)
                    throw Invalid("there are bytes after the end of the pickle");
                return false;
            default:
                throw Invalid(
                    $"the opcode {PickleOpcodeNames.Describe(opcode)} is refused; no checkpoint needs it; nothing was executed");
        }
        return true;
    }

    private object Call(object? callee, object?[] arguments)
    {
        if (callee is PickleOpaque)
            return callee;
        switch ((callee as PickleGlobal)?.Kind)
        {
            case PickleGlobalKind.OrderedDict:
                return arguments is [] ? new PickleDictionary(IsOrderedDict: true) : throw Invalid("collections.OrderedDict has arguments");
            case PickleGlobalKind.RebuildTensor:
                return Tensor(arguments);
            case PickleGlobalKind.RebuildParameter:
                if (arguments is [PickleOpaque unknown, ..])
                    return unknown;
                if (arguments is not [PickledTensor parameter, bool, PickleDictionary { IsEmpty: true }])
                    throw Invalid("torch._utils._rebuild_parameter needs a tensor, a boolean and no hooks");
                return parameter;
            default:
                throw Invalid($"it calls {Describe(callee)}, which is no function that a state dict needs; nothing was executed");
        }
    }

    // torch._utils._rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks, metadata). The metadata say that the
    // bytes are negated or conjugated, or hold attributes of the user.
    private readonly object Tensor(object?[] arguments)
    {
        if (arguments is [PickleOpaque unknown, ..])
            return unknown; // of a type that is not read
        if (arguments is not [PickledStorage storage, long offset, object?[] shape, object?[] strides, bool,
                PickleDictionary { IsEmpty: true }, ..]
            || arguments[6..] is not ([] or [null] or [PickleDictionary { IsEmpty: true }]))
            throw Invalid("torch._utils._rebuild_tensor_v2 needs a storage, an offset, a shape, strides, a boolean and no hooks or metadata");
        if (shape.Length != strides.Length)
            throw Invalid($"a tensor has {shape.Length} axes and {strides.Length} strides");
        if (offset < 0)
            throw Invalid($"a tensor starts at the negative element {offset}");
        return new PickledTensor(storage, offset, NonNegative(shape, "shape"), NonNegative(strides, "strides"));
    }

    private readonly long[] NonNegative(object?[] numbers, string what)
    {
        long[] integers = new long[numbers.Length];
        for (int i = 0; i < numbers.Length; i++)
            integers[i] = numbers[i] is long number and >= 0 ? number : throw Invalid($"the {what} of a tensor has something that is no non-negative integer");
        return integers;
    }

    // ("storage", type, key, device, number of elements). The device that the tensor was on says nothing about its bytes.
    private readonly object Storage(object? id) => (id as object?[]) switch
    {
        ["storage", PickleGlobal { Kind: PickleGlobalKind.Storage } type, string key, string, long and >= 0 and var count] =>
            new PickledStorage(type.StorageType, key, count),
        ["storage", PickleOpaque unknown, string, string, long and >= 0] => unknown,
        _ => throw Invalid("a persistent id is no storage of PyTorch's"),
    };

    // An OrderedDict of module.state_dict() has the attribute _metadata, the version numbers of the modules. Nothing else is built.
    private readonly void Build(object? state)
    {
        if (IsOpaque())
            return;
        bool isMetadata = state is PickleDictionary { Count: 1, OtherKey: null } attributes
            && attributes.Items.First().Key == "_metadata";
        if (!isMetadata || Peek<PickleDictionary>("an OrderedDict") is not { IsOrderedDict: true })
            throw Invalid("the opcode 0x62 (BUILD) is refused except for the _metadata of an OrderedDict; nothing was executed");
    }

    private readonly void SetItem(object? key, object? value)
    {
        if (IsOpaque())
            return;
        var dictionary = Peek<PickleDictionary>("a dict");
        if (key is not string name)
            dictionary.Drop(Describe(key));
        else if (!dictionary.TryAdd(name, value))
            throw Invalid($"a dict has the key {Printable.Quote(name)} twice");
    }

    private void PushGlobal(string module, string name)
    {
        string full = $"{module}.{name}";
        PushContainer(PickleGlobal.Find(full) is { } known ? known : new PickleOpaque(full));
    }

    // Python's pickler numbers the memo from 0 on without gaps, so an entry costs at least the opcode that makes it.
    private readonly void Remember(uint index)
    {
        if (_stack.Count == Floor)
            throw Invalid("an opcode needs a value that is not there");
        object? value = _stack[^1];
        if (index > _memo.Count)
            throw Invalid($"memo entry {index} is stored before entry {_memo.Count}");
        if (index < _memo.Count)
        {
            _memo[(int)index] = value;
            return;
        }
        Bound(_memo.Count);
        _memo.Add(value);
    }

    private readonly void Recall(uint index) =>
        Push(index < _memo.Count ? _memo[(int)index] : throw Invalid($"memo entry {index} was never stored"));

    private readonly void Push(object? value)
    {
        Bound(_stack.Count);
        _stack.Add(value);
    }

    private void PushContainer(object value)
    {
        Bound(_containers++);
        Push(value);
    }

    private void PushTuple(int length)
    {
        object?[] tuple = new object?[length];
        for (int i = length - 1; i >= 0; i--)
            tuple[i] = Pop();
        PushContainer(tuple);
    }

    private readonly object? Pop()
    {
        if (_stack.Count == Floor)
            throw Invalid("an opcode needs a value that is not there");
        object? value = _stack[^1];
        _stack.RemoveAt(_stack.Count - 1);
        return value;
    }

    private readonly object?[] PopToMark()
    {
        if (_marks.Count == 0)
            throw Invalid("an opcode needs a mark that is not there");
        object?[] values = new object?[_stack.Count - Floor];
        _stack.CopyTo(Floor, values, 0, values.Length);
        _stack.RemoveRange(Floor, values.Length);
        _marks.RemoveAt(_marks.Count - 1);
        return values;
    }

    private readonly bool IsOpaque() => _stack.Count > Floor && _stack[^1] is PickleOpaque;

    private readonly T Peek<T>(string kind) where T : class =>
        _stack.Count > Floor && _stack[^1] is T value ? value : throw Invalid($"an opcode needs {kind} that is not there");

    // The stack below the last mark is out of reach.
    private readonly int Floor => _marks.Count == 0 ? 0 : _marks[^1];

    private ReadOnlySpan<byte> Take(ulong count)
    {
        if (count > (ulong)(_pickle.Length - _position))
            throw Invalid("the pickle is cut off");
        _position += (int)count;
        return _pickle.Slice(_position - (int)count, (int)count);
    }

    private string TakeLine()
    {
        int length = _pickle[_position..].IndexOf((byte)'\n');
        if (length < 0)
            throw Invalid("the pickle is cut off");
        return Text(Take((ulong)length + 1)[..length]);
    }

    private readonly string Text(ReadOnlySpan<byte> utf8)
    {
        try
        {
            return StrictUtf8.GetString(utf8);
        }
        catch (DecoderFallbackException)
        {
            throw Invalid("a string is not UTF-8");
        }
    }

    // Little-endian two's complement of any length.
    private readonly long Integer(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > 8)
            throw Invalid("an integer has more than 64 bits");
        long value = 0;
        for (int i = 0; i < bytes.Length; i++)
            value |= (long)bytes[i] << (8 * i);
        int unused = 64 - 8 * bytes.Length;
        return bytes.IsEmpty ? 0 : value << unused >> unused;
    }

    private readonly void Bound(int count)
    {
        if (count >= MaxObjects)
            throw Invalid($"the pickle makes more than {MaxObjects} objects");
    }

    private readonly MezzotintException Invalid(string fault) =>
        new($"'{_file}' cannot be read as PyTorch weights: byte {_opcodePosition} of data.pkl: {fault}.");
}
