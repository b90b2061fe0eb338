using Microsoft.Extensions.Logging;
using static TorchSharp.torch;

namespace Mezzotint.Networks;

/// <summary>Cuts the middle out of a feature map, for skips that are wider than what they are joined to.</summary>
public static partial class CenterCrop
{
    /// <summary>Crops <paramref name="source"/> to the height and width of <paramref name="target"/>, starting at (source -
    /// target) / 2, rounded down.</summary>
    /// <param name="source">The skip: [B, C, H, W].</param>
    /// <param name="target">What gives the size: [B, C', h, w].</param>
    /// <param name="logger">Where the warning goes that there was nothing to crop.</param>
    /// <returns>A view of <paramref name="source"/>: [B, C, h, w].</returns>
    /// <exception cref="ArgumentException">The source is smaller than the target.</exception>
    public static Tensor To(Tensor source, Tensor target, ILogger? logger = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(target);
        var (height, width) = (source.shape[^2], source.shape[^1]);
        var (targetHeight, targetWidth) = (target.shape[^2], target.shape[^1]);
        if (height < targetHeight || width < targetWidth)
            throw new ArgumentException(
                $"Cannot crop a skip of {height} x {width} to {targetHeight} x {targetWidth}: it is smaller. The image's sides "
                + $"must be multiples of the network's stride.",
                nameof(source));
        if (height == targetHeight && width == targetWidth && logger is not null)
            LogNothingToCrop(logger, height, width);
        return source
            .narrow(-2, (height - targetHeight) / 2, targetHeight)
            .narrow(-1, (width - targetWidth) / 2, targetWidth);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Nothing to crop: the skip is {Height} x {Width} already.")]
    private static partial void LogNothingToCrop(ILogger logger, long height, long width);
}
