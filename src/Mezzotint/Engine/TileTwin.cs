namespace Mezzotint.Engine;

/// <summary>
/// What a <see cref="TileKernel"/> computes, in plain C#: what it is tested against, and what the engine is tested with where
/// a processor has no such code.
/// </summary>
internal static unsafe class TileTwin
{
    /// <summary>Computes as <see cref="TileKernel.Run"/> does, rounding aside.</summary>
    public static void Run(TileShape shape, TileArguments arguments)
    {
        int outputs = shape.Width;
        double* sums = stackalloc double[outputs];
        for (long tile = 0; tile < arguments.Tiles; tile++)
            for (int place = 0; place < shape.Inputs.Length; place++)
            {
                float* at = (float*)((byte*)arguments.Output + tile * shape.OutputStep + shape.Outputs[place]);
                for (int output = 0; output < outputs; output++)
                    sums[output] = shape.Start switch
                    {
                        TileStart.Zero => 0,
                        TileStart.Bias => arguments.Bias[output],
                        _ => at[output],
                    };
                byte* input = arguments.Input + tile * shape.InputStep + shape.Inputs[place], weights = arguments.Weights;
                foreach (int tap in shape.Taps)
                    for (int term = 0; term < shape.Terms; term++, weights += shape.WeightStep)
                    {
                        byte* from = input + tap + term * shape.TermStep;
                        if (shape.Bfloat16)
                            AddPairs(sums, *(uint*)from, (uint*)weights, outputs);
                        else
                            Add(sums, *(float*)from, (float*)weights, outputs);
                    }
                for (int output = 0; output < outputs; output++)
                    at[output] = (float)sums[output];
            }
    }

    private static void Add(double* sums, double input, float* weights, int outputs)
    {
        for (int output = 0; output < outputs; output++)
            sums[output] += input * weights[output];
    }

    /// <summary>A term of bfloat16 is two numbers side by side: the first in the lower half.</summary>
    private static void AddPairs(double* sums, uint input, uint* weights, int outputs)
    {
        double first = Lower(input), second = Upper(input);
        for (int output = 0; output < outputs; output++)
            sums[output] += first * Lower(weights[output]) + second * Upper(weights[output]);
    }

    private static float Lower(uint pair) => BitConverter.UInt32BitsToSingle(pair << 16);

    private static float Upper(uint pair) => BitConverter.UInt32BitsToSingle(pair & 0xFFFF0000);
}
