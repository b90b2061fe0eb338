using Mezzotint.Data;
using Mezzotint.Evaluation;
using Microsoft.ML.OnnxRuntime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Cli;

/// <summary>The features of an ONNX file of the user's, by ONNX Runtime.</summary>
/// <remarks>
/// Pixels become the numbers of the input in this order: grey is repeated where three channels are wanted; linear interpolation
/// between the centres of pixels, without smoothing, brings them to a fixed size; black and white become the ends of the range,
/// or bytes are rounded. That is what PyTorch's <c>interpolate</c> does by default.
/// </remarks>
internal sealed class OnnxFeatures : IDisposable
{
    private const string Key = "--features";
    private const double WorkOfAnImage = 20; // in that of a classifier: such networks are large
    private const int ImagesAtOnce = 32, MostFeatures = 8192, LongestReason = 160;

    private readonly InferenceSession _session;
    private readonly RunOptions _options = new();
    private readonly string _file, _input, _output;
    private readonly (double Low, double High) _range;
    private readonly bool _bytes, _channelsLast;
    private readonly int _batch, _channels, _height, _width; // 0 where the file leaves them free

    /// <summary>Reads a network.</summary>
    /// <param name="file">The .onnx file.</param>
    /// <param name="range">What black and white are for an input of float.</param>
    /// <exception cref="MezzotintException">It cannot be read, or is not one from images to features.</exception>
    public OnnxFeatures(string file, (double Low, double High) range)
    {
        (_file, _range) = (file, range);
        if (!File.Exists(file))
            throw Wrong("is not there: name an .onnx file");
        try
        {
            using var options = new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL };
            _session = new InferenceSession(file, options);
        }
        catch (OnnxRuntimeException cause)
        {
            throw Wrong($"is no network that ONNX Runtime reads ({InShort(cause)}): export it again");
        }
        try
        {
            if (_session.InputMetadata.Count != 1)
                throw Wrong($"has {_session.InputMetadata.Count} inputs ({string.Join(", ", _session.InputNames)}): features are "
                    + "those of one batch of images, so export it with that alone");
            (_input, _output) = (_session.InputNames[0], _session.OutputNames[0]);
            var input = _session.InputMetadata[_input];
            int[] shape = input.Dimensions ?? [];
            string said = $"its input '{_input}' is {input.ElementType?.Name} [{string.Join(", ", shape)}]";
            if (input.ElementType != typeof(float) && input.ElementType != typeof(byte))
                throw Wrong($"takes no images: {said}, and images are Single (float) or Byte");
            if (shape.Length != 4)
                throw Wrong($"takes no images: {said}, and images are [batch, channels, height, width]");
            _channelsLast = shape[1] is not (1 or 3) && shape[3] is 1 or 3;
            _channels = shape[_channelsLast ? 3 : 1];
            if (_channels is not (1 or 3))
                throw Wrong($"takes no images: {said}, and images have 1 or 3 channels, first or last");
            _bytes = input.ElementType == typeof(byte);
            (_batch, _height, _width) = (Math.Max(0, shape[0]), Math.Max(0, shape[_channelsLast ? 1 : 2]),
                Math.Max(0, shape[_channelsLast ? 2 : 3]));
            if ((_height == 0) != (_width == 0))
                throw Wrong($"fixes one side of its images and leaves the other free: {said}");
            if (_session.OutputMetadata[_output].ElementType != typeof(float))
                throw Wrong($"gives no features: its output '{_output}' is {_session.OutputMetadata[_output].ElementType?.Name}, "
                    + "and features are Single (float)");
        }
        catch
        {
            _session.Dispose();
            throw;
        }
        string size = _height == 0 ? "images at their own size"
            : $"images brought to {_width} x {_height} by linear interpolation";
        Space = new FeatureSpace("features", $"output '{_output}' of {Path.GetFileName(file)}, {size}", Embed, WorkOfAnImage);
    }

    /// <summary>The space of the features.</summary>
    public FeatureSpace Space { get; }

    public void Dispose()
    {
        _session.Dispose();
        _options.Dispose();
    }

    private Points Embed(ImageSet images, IProgress<int>? progress, CancellationToken cancellation)
    {
        if (images.Channels > _channels)
            throw Wrong($"takes grey images, and those of {images.Name} are in colour");
        double[]? all = null;
        int length = 0, atOnce = _batch > 0 ? _batch : ImagesAtOnce;
        for (int start = 0; start < images.Count; start += atOnce)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = Math.Min(atOnce, images.Count - start);
            float[] features = Features(images, start, count, _batch > 0 ? _batch : count);
            if (all is null)
            {
                length = features.Length / (_batch > 0 ? _batch : count);
                if (length is 0 or > MostFeatures)
                    throw Wrong($"gives {length} features an image in its output '{_output}': distances take 1 to "
                        + $"{MostFeatures}");
                all = new double[(long)images.Count * length];
            }
            for (int i = 0; i < count * length; i++)
                all[(long)start * length + i] = float.IsFinite(features[i]) ? features[i]
                    : throw Wrong($"gives {features[i]} as a feature of image {start + i / length} of {images.Name}");
            progress?.Report(start + count);
        }
        return new Points(all!, images.Count, length);
    }

    /// <summary>The output for some images, followed by copies of the last one up to a batch.</summary>
    private float[] Features(ImageSet images, int start, int count, int batch)
    {
        using var input = Input(images, start, count, batch);
        try
        {
            using var outputs = _session.Run(_options, [_input], [input], [_output]);
            long[] shape = outputs[0].GetTensorTypeAndShape().Shape;
            return shape.Length >= 2 && shape[0] == batch ? outputs[0].GetTensorDataAsSpan<float>().ToArray()
                : throw Wrong($"gives no features: its output '{_output}' is [{string.Join(", ", shape)}] for {batch} images, "
                    + $"and features are [{batch}, length]");
        }
        catch (OnnxRuntimeException cause)
        {
            throw Wrong($"cannot take images of {images.Width} x {images.Height} ({InShort(cause)})");
        }
    }

    private OrtValue Input(ImageSet images, int start, int count, int batch)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        byte[] bytes = new byte[batch * images.ImageLength];
        for (int i = 0; i < batch; i++)
            images.Read(start + Math.Min(i, count - 1), bytes.AsSpan(i * images.ImageLength, images.ImageLength));
        var x = tensor(bytes, [batch, images.Channels, images.Height, images.Width]).to(float32);
        if (images.Channels < _channels)
            x = x.expand(batch, _channels, images.Height, images.Width);
        if (_height > 0 && (_height, _width) != (images.Height, images.Width))
            x = nn.functional.interpolate(x, [_height, _width], mode: InterpolationMode.Bilinear, align_corners: false);
        if (_channelsLast)
            x = x.permute(0, 2, 3, 1);
        x = x.contiguous();
        if (_bytes)
            return OrtValue.CreateTensorValueFromMemory(x.round().to(uint8).data<byte>().ToArray(), x.shape);
        float[] values = x.data<float>().ToArray();
        float low = (float)_range.Low, step = (float)((_range.High - _range.Low) / 255);
        for (int i = 0; i < values.Length; i++)
            values[i] = low + values[i] * step;
        return OrtValue.CreateTensorValueFromMemory(values, x.shape);
    }

    /// <summary>The beginning of what ONNX Runtime says, which has paths and several lines.</summary>
    private static string InShort(Exception cause)
    {
        string said = cause.Message.ReplaceLineEndings(" ");
        return said.Length <= LongestReason ? said : said[..LongestReason] + "...";
    }

    private MezzotintException Wrong(string what) => new($"{Key} '{_file}' {what}.") { Key = Key };
}
