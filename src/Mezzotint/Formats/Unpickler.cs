using System.Buffers.Binary;

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
    private static readonly object?[] EmptyTuple = [];
    private static readonly PickleOpaque Bytes = new("builtins.bytes");

    private readonly PickleStack _stack = new();
    private PickleReader _reader;

    private Unpickler(ReadOnlySpan<byte> pickle) => _reader = new PickleReader(pickle);

    /// <summary>Reads a whole pickle.</summary>
    /// <param name="pickle">The pickle, from its first byte to its STOP.</param>
    /// <param name="file">The file's name, for messages.</param>
    /// <returns>The one value that the pickle holds.</returns>
    /// <exception cref="MezzotintException">An opcode that no checkpoint needs, or a malformed pickle.</exception>
    public static object? Read(ReadOnlySpan<byte> pickle, string file)
    {
        var unpickler = new Unpickler(pickle);
        int opcodePosition = 0;
        try
        {
            do
                opcodePosition = unpickler._reader.Position;
            while (unpickler.Step());
            return unpickler._stack.Only;
        }
        catch (InvalidDataException fault)
        {
            throw new MezzotintException(
                $"'{file}' cannot be read as PyTorch weights: byte {opcodePosition} of data.pkl: {fault.Message}.", fault);
        }
    }

    /// <summary>Executes one opcode; false after STOP.</summary>
    private bool Step()
    {
        byte opcode = _reader.TakeByte();
        switch ((PickleOpcode)opcode)
        {
            case PickleOpcode.Protocol:
                byte version = _reader.TakeByte();
                if (version is < 2 or > 5)
                    throw new InvalidDataException($"pickle protocol {version} is not one of 2 to 5");
                break;
            case PickleOpcode.Frame:
                if (BinaryPrimitives.ReadUInt64LittleEndian(_reader.Take(8)) > (ulong)_reader.Left)
                    throw new InvalidDataException("a frame is longer than the pickle");
                break;
            case PickleOpcode.Mark:
                _stack.Mark();
                break;
            case PickleOpcode.None:
                _stack.Push(null);
                break;
            case PickleOpcode.NewTrue:
                _stack.Push(true);
                break;
            case PickleOpcode.NewFalse:
                _stack.Push(false);
                break;
            case PickleOpcode.BinInt:
                _stack.Push((long)BinaryPrimitives.ReadInt32LittleEndian(_reader.Take(4)));
                break;
            case PickleOpcode.BinInt1:
                _stack.Push((long)_reader.TakeByte());
                break;
            case PickleOpcode.BinInt2:
                _stack.Push((long)BinaryPrimitives.ReadUInt16LittleEndian(_reader.Take(2)));
                break;
            case PickleOpcode.Long1:
                _stack.Push(_reader.TakeInteger(_reader.TakeByte()));
                break;
            case PickleOpcode.BinFloat:
                _stack.Push(BinaryPrimitives.ReadDoubleBigEndian(_reader.Take(8)));
                break;
            case PickleOpcode.ShortBinUnicode:
                _stack.Push(_reader.TakeText(_reader.TakeByte()));
                break;
            case PickleOpcode.BinUnicode:
                _stack.Push(_reader.TakeText(BinaryPrimitives.ReadUInt32LittleEndian(_reader.Take(4))));
                break;
            case PickleOpcode.BinUnicode8:
                _stack.Push(_reader.TakeText(BinaryPrimitives.ReadUInt64LittleEndian(_reader.Take(8))));
                break;
            case PickleOpcode.ShortBinBytes:
                _reader.Take(_reader.TakeByte());
                _stack.Push(Bytes);
                break;
            case PickleOpcode.BinBytes:
                _reader.Take(BinaryPrimitives.ReadUInt32LittleEndian(_reader.Take(4)));
                _stack.Push(Bytes);
                break;
            case PickleOpcode.EmptyTuple:
                _stack.Push(EmptyTuple);
                break;
            case PickleOpcode.Tuple1:
                _stack.PushTuple(1);
                break;
            case PickleOpcode.Tuple2:
                _stack.PushTuple(2);
                break;
            case PickleOpcode.Tuple3:
                _stack.PushTuple(3);
                break;
            case PickleOpcode.Tuple:
                _stack.PushContainer(_stack.PopToMark());
                break;
            case PickleOpcode.EmptyList:
                _stack.PushContainer(new List<object?>());
                break;
            case PickleOpcode.Append:
                object? item = _stack.Pop();
                PickleObjects.Append(_stack.Top, [item]);
                break;
            case PickleOpcode.Appends:
                object?[] items = _stack.PopToMark();
                PickleObjects.Append(_stack.Top, items);
                break;
            case PickleOpcode.EmptyDict:
                _stack.PushContainer(new PickleDictionary(IsOrderedDict: false));
                break;
            case PickleOpcode.SetItem:
                object? value = _stack.Pop(), key = _stack.Pop();
                PickleObjects.SetItems(_stack.Top, [key, value]);
                break;
            case PickleOpcode.SetItems:
                object?[] pairs = _stack.PopToMark();
                PickleObjects.SetItems(_stack.Top, pairs);
                break;
            case PickleOpcode.BinPut:
                _stack.Remember(_reader.TakeByte());
                break;
            case PickleOpcode.LongBinPut:
                _stack.Remember(BinaryPrimitives.ReadUInt32LittleEndian(_reader.Take(4)));
                break;
            case PickleOpcode.Memoize:
                _stack.Remember();
                break;
            case PickleOpcode.BinGet:
                _stack.Recall(_reader.TakeByte());
                break;
            case PickleOpcode.LongBinGet:
                _stack.Recall(BinaryPrimitives.ReadUInt32LittleEndian(_reader.Take(4)));
                break;
            case PickleOpcode.Global:
                string module = _reader.TakeLine();
                _stack.PushContainer(PickleObjects.Global(module, _reader.TakeLine()));
                break;
            case PickleOpcode.StackGlobal:
                string name = PopName("name"), package = PopName("module");
                _stack.PushContainer(PickleObjects.Global(package, name));
                break;
            case PickleOpcode.BinPersistentId:
                _stack.PushContainer(PickleObjects.Storage(_stack.Pop()));
                break;
            case PickleOpcode.Reduce:
                object? arguments = _stack.Pop();
                _stack.PushContainer(PickleObjects.Call(_stack.Pop(), arguments));
                break;
            case PickleOpcode.NewObject:
                _stack.Pop();
                _stack.Push(PickleObjects.New(_stack.Pop()));
                break;
            case PickleOpcode.Build:
                object? state = _stack.Pop();
                PickleObjects.Build(_stack.Top, state);
                break;
            case PickleOpcode.Stop:
                if (_reader.Left > 0)
                    throw new InvalidDataException("there are bytes after the end of the pickle");
                return false;
            default:
                throw new InvalidDataException(
                    $"the opcode {PickleOpcodeNames.Describe(opcode)} is refused; no checkpoint needs it; nothing was executed");
        }
        return true;
    }

    private readonly string PopName(string what) =>
        _stack.Pop() as string ?? throw new InvalidDataException($"the {what} of a global is no string");
}
