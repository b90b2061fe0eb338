using Mezzotint.Networks;

namespace Mezzotint.Engine;

/// <summary>
/// Images, [C, H, W], as maps, [H, W, C], and back; with their pixels in patches for a <see cref="ResidualUNet"/>.
/// </summary>
internal static unsafe class Images
{
    /// <summary>to = x, channels last.</summary>
    public static void Interleave(float* x, Map to)
    {
        for (int c = 0; c < to.Layout.Count; c++)
            for (int row = 0; row < to.Height; row++)
            {
                byte* at = to.Origin + row * to.RowBytes + c * sizeof(float);
                for (int column = 0; column < to.Width; column++, x++, at += to.PlaceBytes)
                    *(float*)at = *x;
            }
    }

    /// <summary>The other way round, without a border: [C, places] of [places, stride].</summary>
    public static void Separate(float* map, int stride, int places, int channels, float* to)
    {
        for (int place = 0; place < places; place++, map += stride)
            for (int c = 0; c < channels; c++)
                to[(long)c * places + place] = map[c];
    }

    /// <summary>
    /// x and its <see cref="AnchorInputs"/> in patches: channel (c patch + row) patch + column of a place has that pixel of
    /// channel c.
    /// </summary>
    public static void Unshuffle(float* x, float t, ImageShape shape, Map to)
    {
        float level = Rounded.Exp(4 * t), size = MathF.Sqrt(level * level + (float)(shape.DataStd * shape.DataStd));
        int patch = shape.Patch, square = patch * patch, anchored = shape.Channels * square;
        for (int c = 0; c < shape.Channels; c++)
            for (int row = 0; row < to.Height * patch; row++)
                for (int column = 0; column < to.Width * patch; column++, x++)
                {
                    float* at = (float*)(to.Origin + row / patch * to.RowBytes + column / patch * to.PlaceBytes)
                        + c * square + row % patch * patch + column % patch;
                    *at = *x;
                    for (int i = 0; i < shape.Anchors.Count; i++)
                    {
                        float distance = (*x * size - (float)shape.Anchors[i]) / level;
                        at[(i + 1) * anchored] = (float)AnchorInputs.Scale
                            * Math.Clamp(distance, -(float)AnchorInputs.Limit, (float)AnchorInputs.Limit);
                    }
                }
    }

    /// <summary>
    /// The image of which <paramref name="planes"/>, [C patch^2, rows, columns], has the pixels by their place in the patches.
    /// </summary>
    public static void Shuffle(float* planes, int rows, int columns, int patch, int channels, float* image)
    {
        for (int plane = 0; plane < channels; plane++)
        {
            float* to = Corner(image, plane, rows, columns, patch);
            for (int row = 0; row < rows; row++, to += (patch - 1) * columns * patch)
                for (int column = 0; column < columns; column++, planes++, to += patch)
                    *to = *planes;
        }
    }

    /// <summary>The other way about.</summary>
    public static void UnshuffleGradient(float* image, int rows, int columns, int patch, int channels, float* planes)
    {
        for (int plane = 0; plane < channels; plane++)
        {
            float* from = Corner(image, plane, rows, columns, patch);
            for (int row = 0; row < rows; row++, from += (patch - 1) * columns * patch)
                for (int column = 0; column < columns; column++, planes++, from += patch)
                    *planes = *from;
        }
    }

    /// <summary>Where the first pixel of a plane is in the image.</summary>
    private static float* Corner(float* image, int plane, int rows, int columns, int patch)
    {
        int square = patch * patch, width = columns * patch;
        return image + plane / square * rows * patch * width + plane % square / patch * width + plane % patch;
    }
}

/// <summary>How an image is taken in.</summary>
/// <param name="Channels">C.</param>
/// <param name="Patch">The side of the squares of pixels that are taken together.</param>
/// <param name="Anchors">See <see cref="AnchorInputs"/>.</param>
/// <param name="DataStd">The data_std of the preconditioning that the anchors undo.</param>
internal sealed record ImageShape(int Channels, int Patch, IReadOnlyList<double> Anchors, double DataStd);
