namespace Mezzotint.Formats;

/// <summary>The stack of a pickle's machine, with its marks and its memo. It bounds what a pickle can make.</summary>
internal sealed class PickleStack
{
    // One byte can make a container, a mark or an entry of the memo. A tensor takes about five containers and ten entries, so
    // this is enough for a hundred thousand tensors, and bounds memory to some tens of megabytes whatever the pickle says.
    private const int MaxObjects = 1_000_000;

    private readonly List<object?> _values = [];
    private readonly List<int> _marks = [];
    private readonly List<object?> _memo = [];
    private int _containers;

    /// <summary>The newest value; null where there is none above the last mark.</summary>
    public object? Top => _values.Count > Floor ? _values[^1] : null;

    /// <summary>The only value.</summary>
    /// <exception cref="InvalidDataException">There are more, or none, or a mark.</exception>
    public object? Only => _values.Count == 1 && _marks.Count == 0 ? _values[0]
        : throw new InvalidDataException("the pickle ends with other than one value");

    // What lies below the last mark is out of reach.
    private int Floor => _marks.Count == 0 ? 0 : _marks[^1];

    /// <summary>Adds a value.</summary>
    /// <exception cref="InvalidDataException">There are too many.</exception>
    public void Push(object? value)
    {
        Bound(_values.Count);
        _values.Add(value);
    }

    /// <summary>Adds a value that takes memory of its own.</summary>
    /// <exception cref="InvalidDataException">There are too many, or there have been.</exception>
    public void PushContainer(object value)
    {
        Bound(_containers++);
        Push(value);
    }

    /// <summary>Makes the newest values one tuple.</summary>
    /// <exception cref="InvalidDataException">There are not as many.</exception>
    public void PushTuple(int length)
    {
        object?[] tuple = new object?[length];
        for (int i = length - 1; i >= 0; i--)
            tuple[i] = Pop();
        PushContainer(tuple);
    }

    /// <summary>Takes the newest value away.</summary>
    /// <exception cref="InvalidDataException">There is none above the last mark.</exception>
    public object? Pop()
    {
        object? value = Newest();
        _values.RemoveAt(_values.Count - 1);
        return value;
    }

    /// <summary>Marks the place where a row of values begins.</summary>
    /// <exception cref="InvalidDataException">There are too many marks.</exception>
    public void Mark()
    {
        Bound(_marks.Count);
        _marks.Add(_values.Count);
    }

    /// <summary>Takes away the values above the last mark, and the mark.</summary>
    /// <exception cref="InvalidDataException">There is no mark.</exception>
    public object?[] PopToMark()
    {
        if (_marks.Count == 0)
            throw new InvalidDataException("an opcode needs a mark that is not there");
        object?[] values = new object?[_values.Count - Floor];
        _values.CopyTo(Floor, values, 0, values.Length);
        _values.RemoveRange(Floor, values.Length);
        _marks.RemoveAt(_marks.Count - 1);
        return values;
    }

    /// <summary>Stores the newest value in the memo, at the next index where none is given.</summary>
    /// <exception cref="InvalidDataException">There is no value, an earlier index was left out, or there are too many entries.
    /// </exception>
    public void Remember(uint? at = null)
    {
        object? value = Newest();
        uint index = at ?? (uint)_memo.Count;
        // Python's pickler numbers the memo from 0 on without gaps, so an entry costs at least the opcode that makes it.
        if (index > _memo.Count)
            throw new InvalidDataException($"memo entry {index} is stored before entry {_memo.Count}");
        if (index < _memo.Count)
        {
            _memo[(int)index] = value;
            return;
        }
        Bound(_memo.Count);
        _memo.Add(value);
    }

    /// <summary>Adds the value at an index of the memo.</summary>
    /// <exception cref="InvalidDataException">It was never stored.</exception>
    public void Recall(uint index) => Push(
        index < _memo.Count ? _memo[(int)index] : throw new InvalidDataException($"memo entry {index} was never stored"));

    private object? Newest() =>
        _values.Count > Floor ? _values[^1] : throw new InvalidDataException("an opcode needs a value that is not there");

    private static void Bound(int count)
    {
        if (count >= MaxObjects)
            throw new InvalidDataException($"the pickle makes more than {MaxObjects} objects");
    }
}
