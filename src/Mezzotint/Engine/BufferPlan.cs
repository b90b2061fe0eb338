namespace Mezzotint.Engine;

/// <summary>
/// Buffers in one piece of memory: those that are needed at the same time lie apart, others over each other. The largest are
/// placed first, each in the first gap that it fits.
/// </summary>
/// <remarks>Pisarchyk, Lee 2020, "Efficient Memory Management for Deep Neural Net Inference", arXiv 2001.03288, section 5:
/// greedy by size.</remarks>
internal sealed class BufferPlan
{
    private const int Alignment = 16; // numbers: a vector

    private readonly List<Buffer> _buffers = [];

    /// <summary>Asks for a buffer.</summary>
    /// <param name="count">Numbers.</param>
    /// <param name="from">The step that makes it.</param>
    /// <param name="to">The last step that reads it.</param>
    /// <param name="take">Is given its address.</param>
    public void Add(long count, int from, int to, Action<nint> take) =>
        _buffers.Add(new((count + Alignment - 1) / Alignment * Alignment, from, to, take));

    /// <summary>Places all.</summary>
    /// <returns>Numbers of the whole.</returns>
    public long Place()
    {
        var placed = new List<Buffer>(); // by their first numbers
        foreach (var buffer in _buffers.OrderByDescending(buffer => buffer.Count))
        {
            long first = 0;
            foreach (var other in placed.Where(other => other.From <= buffer.To && buffer.From <= other.To))
            {
                if (first + buffer.Count <= other.First)
                    break;
                first = Math.Max(first, other.First + other.Count);
            }
            buffer.First = first;
            int at = placed.FindIndex(other => other.First > first);
            placed.Insert(at < 0 ? placed.Count : at, buffer);
        }
        return placed.Select(buffer => buffer.First + buffer.Count).DefaultIfEmpty().Max();
    }

    /// <summary>Gives each its address.</summary>
    /// <param name="memory">As large as <see cref="Place"/> says.</param>
    public unsafe void Give(float* memory)
    {
        foreach (var buffer in _buffers)
            buffer.Take((nint)(memory + buffer.First));
    }

    private sealed record Buffer(long Count, int From, int To, Action<nint> Take)
    {
        public long First { get; set; }
    }
}

/// <summary>Memory for what a step makes on its way, of an engine whose steps take turns with it; it is there once all have
/// said how much they need.</summary>
internal sealed unsafe class Scratch
{
    /// <summary>Numbers: the most that a step needs.</summary>
    public long Count { get; set; }

    public float* Data { get; set; }
}
