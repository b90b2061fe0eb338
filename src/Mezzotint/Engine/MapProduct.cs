namespace Mezzotint.Engine;

/// <summary>Where the places of a map are: rows and columns of it, in bytes apart.</summary>
internal readonly record struct Grid(int Row, int Column);

/// <summary>
/// A <see cref="TileShape"/> over a whole map: its rows and columns cut into tiles, its outputs into blocks of weights.
/// </summary>
/// <remarks>
/// A tile is as large as the registers allow, since each weight that is read serves all of its places. It is part of a row, or
/// several rows of a small map.
/// </remarks>
internal sealed unsafe class MapProduct
{
    private readonly List<(TileKernel Kernel, int Input, int Output, int Tiles)> _calls = [];
    private readonly int _blocks, _blockOutputs, _blockWeights;

    /// <summary>Cuts.</summary>
    /// <param name="shape">The taps and terms, and the number of vectors of a block; places and steps are filled in here.</param>
    /// <param name="outputs">How many there are: a multiple of those of a block.</param>
    /// <param name="rows">Rows of the map.</param>
    /// <param name="columns">Columns of the map.</param>
    /// <param name="input">How its places lie in the input.</param>
    /// <param name="output">How they lie in the output.</param>
    /// <param name="blockWeights">
    /// From a block's weights to the next one's, in bytes; 0 for those of <see cref="WeightsBytes"/>.
    /// </param>
    /// <param name="inputColumns">Where each column is in the input, in bytes, where they are not evenly apart.</param>
    public MapProduct(TileShape shape, int outputs, int rows, int columns, Grid input, Grid output, int blockWeights = 0,
        int[]? inputColumns = null)
    {
        int most = TileShape.MostPlaces(shape.Vectors, TileKernel.IsWide, shape.Half);
        _blockOutputs = shape.Width;
        _blocks = outputs / _blockOutputs;
        _blockWeights = blockWeights > 0 ? blockWeights : WeightsBytes(shape);
        if (columns > most)
        {
            int parts = (columns + most - 1) / most;
            for (int part = 0; part < parts; part++)
            {
                int first = columns * part / parts;
                Add(1, columns * (part + 1) / parts - first, rows, 0, first);
            }
            return;
        }
        int together = Math.Min(rows, most / columns);
        Add(together, columns, rows / together, 0, 0);
        if (rows % together > 0)
            Add(rows % together, columns, 1, rows - rows % together, 0);

        void Add(int tileRows, int tileColumns, int tiles, int row, int column)
        {
            int[] Offsets(Grid grid, int[]? columnsAt = null) =>
            [
                .. from y in Enumerable.Range(0, tileRows)
                   from x in Enumerable.Range(0, tileColumns)
                   select y * grid.Row + (columnsAt?[column + x] ?? x * grid.Column),
            ];
            var tile = shape with
            {
                Inputs = Offsets(input, inputColumns),
                Outputs = Offsets(output),
                InputStep = tileRows * input.Row,
                OutputStep = tileRows * output.Row,
            };
            _calls.Add((TileKernel.Of(tile), row * input.Row + column * input.Column, row * output.Row + column * output.Column,
                tiles));
        }
    }

    /// <summary>How many vectors of outputs a block has: those that leave a tile enough places.</summary>
    public static int VectorsOf(int outputs) => !TileKernel.IsWide ? 1
        : outputs / Lanes.Count is var vectors && vectors % 2 == 0 ? 2
        : vectors % 3 == 0 ? 3
        : 1;

    /// <summary>The weights of a block, in bytes.</summary>
    public static int WeightsBytes(TileShape shape) => shape.Taps.Length * shape.Terms * shape.Width * sizeof(float);

    /// <summary>Computes.</summary>
    public void Run(byte* input, byte* weights, float* output, float* bias = null)
    {
        for (int block = 0; block < _blocks; block++)
            RunBlock(block, input, weights + (long)block * _blockWeights, output, bias);
    }

    /// <summary>Computes one block of the outputs.</summary>
    /// <param name="block">Which.</param>
    /// <param name="input">As <see cref="Run"/> has it.</param>
    /// <param name="weights">Of this block.</param>
    /// <param name="output">Of all blocks.</param>
    /// <param name="bias">Likewise.</param>
    public void RunBlock(int block, byte* input, byte* weights, float* output, float* bias)
    {
        foreach (var (kernel, first, at, tiles) in _calls)
            kernel.Run(new TileArguments
            {
                Input = input + first,
                Weights = weights,
                Output = (float*)((byte*)(output + block * _blockOutputs) + at),
                Bias = bias + block * _blockOutputs,
                Tiles = tiles,
            });
    }
}
