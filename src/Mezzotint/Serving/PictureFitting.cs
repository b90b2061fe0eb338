using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Sampling;

namespace Mezzotint.Serving;

/// <summary>Brings pictures that somebody gives to what a model draws: its size and its channels.</summary>
public static class PictureFitting
{
    /// <summary>The picture as the model would have drawn it: averaged down where it is a whole number of times as large, and
    /// grey where the model is.</summary>
    /// <param name="picture">One image.</param>
    /// <param name="model">The model.</param>
    /// <param name="name">What an error calls it.</param>
    /// <exception cref="MezzotintException">It has another shape; the message says which would do.</exception>
    public static ImageBatch Fit(ImageBatch picture, ModelInfo model, string name)
    {
        ArgumentNullException.ThrowIfNull(model);
        return Grey.InChannels(Shrunk(picture, model, name), model.Channels);
    }

    /// <summary>
    /// A mask: white where the model shall draw anew. Of a picture with transparency, that is where it is transparent (as
    /// OpenAI's clients send masks); of any other, where it is light.
    /// </summary>
    /// <param name="picture">One image.</param>
    /// <param name="opacity">Its opacity; null where all of it is opaque.</param>
    /// <param name="model">The model.</param>
    /// <param name="name">What an error calls it.</param>
    /// <exception cref="MezzotintException">It has another shape; the message says which would do.</exception>
    public static ImageBatch FitMask(ImageBatch picture, ImageBatch? opacity, ModelInfo model, string name)
    {
        if (opacity is null)
            return Grey.InChannels(Shrunk(picture, model, name), 1);
        var shrunk = Shrunk(opacity, model, name);
        return new ImageBatch(1, 1, shrunk.Height, shrunk.Width, [.. shrunk.Pixels.Select(value => (byte)(255 - value))]);
    }

    /// <summary>A source for drawing, from the bytes of PNG, JPEG or WebP files: <see cref="GivenPicture.Read"/> and
    /// <see cref="GivenPicture.Decode"/> in one.</summary>
    /// <param name="image">The picture's file.</param>
    /// <param name="mask">The mask's file; null where there is none, and then what is transparent in the picture is the
    /// mask.</param>
    /// <param name="strength">The share of the steps that is walked; null for 0.6, and with a mask for all of them.</param>
    /// <param name="model">The model.</param>
    /// <exception cref="InvalidRequestException">A file is no picture, or does not fit; the message says what would.</exception>
    public static SourceImage Source(byte[] image, byte[]? mask, double? strength, ModelInfo model) =>
        GivenPicture.Read(image, mask, strength, model).Decode();

    /// <summary>Whether a picture of this size can be brought to the model's.</summary>
    internal static void CheckSize(int height, int width, ModelInfo model, string name)
    {
        int factor = height / model.Height;
        if (factor < 1 || height != factor * model.Height || width != factor * model.Width)
            throw new MezzotintException(
                $"{name}: it is {width} x {height}; this model takes {model.Width} x {model.Height}, or a whole number of times "
                + $"that.");
    }

    /// <summary>Each pixel the mean of the square that it takes in the picture.</summary>
    private static ImageBatch Shrunk(ImageBatch picture, ModelInfo model, string name)
    {
        CheckSize(picture.Height, picture.Width, model, name);
        int factor = picture.Height / model.Height;
        if (factor == 1)
            return picture;
        var pixels = new byte[picture.Channels * model.Height * model.Width];
        for (int at = 0; at < pixels.Length; at++)
        {
            int x = at % model.Width, row = at / model.Width; // the rows of all channels, one below the other
            int sum = 0;
            for (int i = 0; i < factor; i++)
                for (int j = 0; j < factor; j++)
                    sum += picture.Pixels[(row * factor + i) * picture.Width + x * factor + j];
            pixels[at] = (byte)((sum + factor * factor / 2) / (factor * factor));
        }
        return new ImageBatch(1, picture.Channels, model.Height, model.Width, pixels);
    }
}
