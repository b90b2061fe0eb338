namespace Mezzotint.Engine;

/// <summary>What a <see cref="TileKernel"/> computes, in plain C#: what it is tested against.</summary>
internal static unsafe class TileTwin
{
    private const int Lanes = 16;

    /// <summary>Computes as <see cref="TileKernel.Run"/> does, rounding aside.</summary>
    public static void Run(TileShape shape, TileArguments arguments)
    {
        for (long tile = 0; tile < arguments.Tiles; tile++)
            for (int place = 0; place < shape.Inputs.Length; place++)
                for (int output = 0; output < shape.Vectors * Lanes; output++)
                {
                    float* at = (float*)((byte*)arguments.Output + tile * shape.OutputStep + shape.Outputs[place]) + output;
                    double sum = shape.Start switch { TileStart.Zero => 0, TileStart.Bias => arguments.Bias[output], _ => *at };
                    byte* weights = arguments.Weights + output * sizeof(float);
                    foreach (int tap in shape.Taps)
                        for (int term = 0; term < shape.Terms; term++, weights += shape.WeightStep)
                            sum += Product(shape.Bfloat16, arguments.Input + tile * shape.InputStep + shape.Inputs[place] + tap + term * shape.TermStep, weights);
                    *at = (float)sum;
                }
    }

    private static double Product(bool bfloat16, byte* a, byte* b) => bfloat16
        ? Bfloat16.ToSingle(((ushort*)a)[0]) * (double)Bfloat16.ToSingle(((ushort*)b)[0]) + Bfloat16.ToSingle(((ushort*)a)[1]) * (double)Bfloat16.ToSingle(((ushort*)b)[1])
        : *(float*)a * (double)*(float*)b;
}
