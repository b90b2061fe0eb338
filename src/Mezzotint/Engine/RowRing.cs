namespace Mezzotint.Engine;

/// <summary>
/// Memory for some rows of a map that is never whole: a convolution asks for them from above to below, and a row takes the place
/// of one that is not read any more. Each row is made once.
/// </summary>
/// <param name="maker">The step that makes the rows, when it has done what it does for all of them.</param>
/// <param name="width">Columns of the map.</param>
/// <param name="layout">Its channels.</param>
/// <param name="rows">Rows that are read at the same time, at most.</param>
internal sealed unsafe class RowRing(EngineStep maker, int width, ChannelLayout layout, int rows)
{
    private int _made;

    /// <summary>Numbers of a row.</summary>
    public long RowCount => (long)width * layout.Width;

    /// <summary>Numbers of the whole.</summary>
    public long Count => rows * RowCount;

    /// <summary>The memory.</summary>
    public float* Data { get; set; }

    /// <summary>Where a row is, while it is there.</summary>
    public float* Row(int row) => Data + row % rows * RowCount;

    /// <summary>Begins at the first row.</summary>
    public void Begin() => _made = 0;

    /// <summary>Makes the rows that are not made yet.</summary>
    /// <param name="end">The row after the last.</param>
    /// <param name="crew">The threads.</param>
    public void MakeUpTo(int end, Crew crew)
    {
        int first = _made;
        if (end <= first)
            return;
        crew.Run(end - first, (Self: this, first), static (of, row, _) => of.Self.Make(of.first + row));
        _made = end;
    }

    private void Make(int row) => maker.MakeRows(new Map(Row(row), 1, width, layout), (long)row * width);
}
