using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Sampling;

namespace Mezzotint.Serving;

/// <summary>
/// A picture and a mask that somebody sent. Only their headers were read: a mistake in them is refused at once, and the pixels
/// are decoded when there is room to draw.
/// </summary>
public sealed class GivenPicture
{
    /// <summary>The most pixels that are decoded of each file.</summary>
    public const int MostPixels = 1 << 22;

    private readonly byte[] _image;
    private readonly byte[]? _mask;
    private readonly double? _strength;
    private readonly ModelInfo _model;
    private readonly bool _mayHaveMask;

    private GivenPicture(byte[] image, byte[]? mask, double? strength, ModelInfo model, bool mayHaveMask)
    {
        (_image, _mask, _strength, _model, _mayHaveMask) = (image, mask, strength, model, mayHaveMask);
        MostStrength = strength ?? (mayHaveMask ? 1 : 0.6);
    }

    /// <summary>
    /// The most that <see cref="SourceImage.Strength"/> will be, above 0 and up to 1: what work to expect. Without a strength it
    /// depends on whether the picture is transparent anywhere, which its pixels alone tell.
    /// </summary>
    public double MostStrength { get; }

    /// <summary>Reads the headers and decodes no pixel. The files are PNG, JPEG or WebP.</summary>
    /// <param name="image">The picture's file.</param>
    /// <param name="mask">The mask's file; null where there is none, and then what is transparent in the picture is the
    /// mask.</param>
    /// <param name="strength">The share of the steps that is walked, above 0 and up to 1; null for 0.6, and with a mask for all
    /// of them.</param>
    /// <param name="model">The model.</param>
    /// <exception cref="InvalidRequestException">A file is no picture or does not fit, or the strength is out of its range; Key
    /// names which.</exception>
    public static GivenPicture Read(byte[] image, byte[]? mask, double? strength, ModelInfo model)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(model);
        bool opaque = Named("image", () => Judge(image, "image", model));
        if (mask is not null)
            Named("mask", () => Judge(mask, "mask", model));
        if (strength is { } share)
            Named("strength", () => { Check.Range("strength", share, share is > 0 and <= 1, "above 0, to 1"); return true; });
        return new GivenPicture(image, mask, strength, model, mask is not null || !opaque);
    }

    /// <summary>A source of the same shape, all of it black, that is drawn over as much as the picture may be. It serves to check
    /// and count a request before there is room to decode.</summary>
    public SourceImage Outline()
    {
        ImageBatch Black(int channels) =>
            new(1, channels, _model.Height, _model.Width, new byte[channels * _model.Height * _model.Width]);
        return new SourceImage { Image = Black(_model.Channels), Mask = _mayHaveMask ? Black(1) : null,
            Strength = MostStrength };
    }

    /// <summary>Decodes the pixels and brings them to what the model draws.</summary>
    /// <exception cref="InvalidRequestException">A file is truncated or damaged; Key names which.</exception>
    public SourceImage Decode()
    {
        var (picture, opacity) = Named("image", () => Pixels(_image, "image"));
        ImageBatch? where = null;
        if (_mask is not null)
        {
            var (itsPicture, itsOpacity) = Named("mask", () => Pixels(_mask, "mask"));
            where = PictureFitting.FitMask(itsPicture, itsOpacity, _model, "mask");
        }
        else if (opacity is not null)
            where = PictureFitting.FitMask(picture, opacity, _model, "image");
        return new SourceImage { Image = PictureFitting.Fit(picture, _model, "image"), Mask = where,
            Strength = _strength ?? (where is null ? 0.6 : 1) };
    }

    /// <summary>Whether the header says that the picture is opaque.</summary>
    private static bool Judge(byte[] file, string name, ModelInfo model)
    {
        using var picture = PictureFile.Open(file, name, MostPixels, webOnly: true);
        PictureFitting.CheckSize(picture.Height, picture.Width, model, name);
        return picture.Opaque;
    }

    private static (ImageBatch Image, ImageBatch? Opacity) Pixels(byte[] file, string name)
    {
        using var picture = PictureFile.Open(file, name, MostPixels, webOnly: true);
        var decoded = picture.Decode();
        return (decoded.On(null), decoded.Opacity());
    }

    private static T Named<T>(string key, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (MezzotintException cause) when (cause is not InvalidRequestException { Key: not null })
        {
            throw new InvalidRequestException(cause.Message, cause) { Key = key };
        }
    }
}
