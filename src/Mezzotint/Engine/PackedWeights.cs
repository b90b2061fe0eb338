using Mezzotint.Runtime;

namespace Mezzotint.Engine;

/// <summary>
/// Weights in the order in which a <see cref="MapProduct"/> reads them: [block][tap][term][outputs of a block], a term being two
/// inputs with bfloat16.
/// </summary>
internal sealed unsafe class PackedWeights : IDisposable
{
    private readonly NativeArray<byte> _data;
    private readonly int _outputs, _inputs, _outputStep, _inputStep, _vectors;
    private readonly int[] _taps;
    private readonly bool _bfloat16;

    /// <summary>Describes them.</summary>
    /// <param name="outputs">How many there are; filled up with zeros to a multiple of 16.</param>
    /// <param name="inputs">How many; filled up with a zero where bfloat16 needs an even number.</param>
    /// <param name="outputStep">From an output's weight to the next one's where they come from, in numbers.</param>
    /// <param name="inputStep">Likewise of the inputs.</param>
    /// <param name="taps">Where the taps are there, in the order in which they are used.</param>
    /// <param name="bfloat16">The type that they are packed in.</param>
    public PackedWeights(int outputs, int inputs, int outputStep, int inputStep, int[] taps, bool bfloat16)
    {
        (_outputs, _inputs, _outputStep, _inputStep, _taps, _bfloat16) = (outputs, inputs, outputStep, inputStep, taps, bfloat16);
        _vectors = MapProduct.VectorsOf(Padded(outputs));
        _data = new((long)Padded(outputs) * Math.Max(1, taps.Length) * TermsOf(inputs, bfloat16) * sizeof(float));
    }

    public byte* Data => _data.Data;

    /// <summary>Outputs, filled up to whole vectors.</summary>
    public static int Padded(int outputs) => (outputs + Lanes.Count - 1) / Lanes.Count * Lanes.Count;

    /// <summary>Terms of a tap.</summary>
    public static int TermsOf(int inputs, bool bfloat16) => bfloat16 ? (inputs + 1) / 2 : inputs;

    /// <summary>Takes the weights as they are now.</summary>
    public void Pack(float* from)
    {
        int terms = TermsOf(_inputs, _bfloat16), block = _vectors * Lanes.Count;
        uint* to = (uint*)_data.Data;
        for (int first = 0; first < _outputs; first += block)
            foreach (int tap in _taps)
                for (int term = 0; term < terms; term++, to += block)
                {
                    int count = Math.Min(block, _outputs - first);
                    float* weight = from + tap + (long)first * _outputStep + (_bfloat16 ? 2 : 1) * term * _inputStep;
                    if (!_bfloat16)
                        for (int i = 0; i < count; i++, weight += _outputStep)
                            to[i] = BitConverter.SingleToUInt32Bits(*weight);
                    else if (2 * term + 1 < _inputs)
                        for (int i = 0; i < count; i++, weight += _outputStep)
                            to[i] = Bfloat16.RoundFinite(weight[0]) | (Bfloat16.RoundFinite(weight[_inputStep]) << 16);
                    else
                        for (int i = 0; i < count; i++, weight += _outputStep)
                            to[i] = Bfloat16.Round(weight[0]);
                }
    }

    public void Dispose() => _data.Dispose();
}
