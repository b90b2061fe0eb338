namespace Mezzotint.Networks;

/// <summary>How many parameters a network has, told from its shape alone: a description that asks for too many is refused before anything is allocated.</summary>
internal static class UNetSize
{
    /// <summary>The parameters of <c>new UNet(config)</c>, the frozen frequencies counted.</summary>
    /// <param name="config">A shape that passes <see cref="UNetConfig.Validate"/>: the sum then stays below 2^63.</param>
    public static long ParameterCount(UNetConfig config)
    {
        long time = config.ModelChannels;
        long[] widths = [.. config.ChannelMultipliers.Select(multiplier => multiplier * time)];
        long Residual(long from, long to) => Convolution(from, to, 3) + to + Linear(time, to) + Norm(to);
        long Residuals(long from, long to) => Residual(from, to) + (config.NumResBlocks - 1) * Residual(to, to);
        long Transformer(long width) => config.Transformer.NumLayers * Attention(width, config.Transformer.ContextDim) + Convolution(width, width, 1) + width;

        long count = (long)config.EmbeddingRows * config.Transformer.ContextDim  // context_embed
            + time / 2 + Linear(time, time);                                    // time_embed
        for (int level = 0; level < widths.Length; level++)
        {
            long width = widths[level];
            count += Residuals(level == 0 ? config.InChannels : widths[level - 1], width) + Convolution(width, width, 3);
            if (config.AttentionLevels.Contains(level))
                count += Transformer(width);
        }
        long middle = 2 * widths[^1];
        count += Residual(widths[^1], middle) + Residual(middle, middle) + Transformer(middle);
        for (int level = 0; level < widths.Length; level++)
            count += Convolution(level == widths.Length - 1 ? middle : widths[level + 1], widths[level], 3) + Residuals(2 * widths[level], widths[level]);
        return count + Norm(widths[0]) + Convolution(widths[0], config.OutChannels, 3) + config.OutChannels;
    }

    private static long Convolution(long from, long to, long kernel) => from * to * kernel * kernel;

    private static long Linear(long from, long to) => from * to + to;

    private static long Norm(long width) => 2 * width;

    // Queries, keys and values of both attentions, the perceptron, and a norm before each of the three.
    private static long Attention(long width, long context) =>
        3 * width * width + (width + 2 * context) * width + 2 * Linear(width, width) + 3 * Norm(width);
}
