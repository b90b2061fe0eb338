using Mezzotint.Data;
using Mezzotint.Networks;
using Mezzotint.Text;

namespace Mezzotint.Training;

/// <summary>What a network takes from the data that it learns, and whether the two fit.</summary>
internal static class DataFit
{
    /// <summary>The class of all images of a set without classes: a network that knows one class alone is one without.</summary>
    public const string OnlyClass = "picture";

    /// <summary>The network with the classes and channels of its training images.</summary>
    /// <param name="model">The network of the configuration.</param>
    /// <param name="train">The training images.</param>
    /// <param name="codec">What numbers their pixels become.</param>
    /// <param name="begun">The network that has learned already, as in <see cref="ExperimentConfig.Fit"/>.</param>
    /// <param name="newClasses">Whether its classes are forgotten.</param>
    public static NetworkConfig Filled(
        NetworkConfig model, ImageSet train, ImageCodec codec, NetworkConfig? begun, bool newClasses = false)
    {
        if (begun is not null) // it keeps its classes, and learns more where the data have more
            begun = begun.WithClasses(newClasses, ClassesOf(train));
        if (model.HasClasses && !train.HasClasses && (begun ?? model.Filled(ClassesOf(train), null)).CorpusLength > 1)
            throw new MezzotintException(
                $"{train.Name} has no classes, and the model has {(begun ?? model).CorpusLength} (model.corpus_length): sort the "
                + "pictures into a folder for each class, or name a column of the metadata with data.label. A new model without "
                + "classes leaves model.corpus_length out.") { Key = "data.label" };
        int channels = codec.NumbersOf(train.Channels, train.Height, train.Width).Channels;
        var filled = model.Filled(begun?.CorpusLength, begun?.InChannels).Filled(ClassesOf(train), channels);
        if (begun is null)
        {
            if (model.HasClasses)
                Same("model.corpus_length", filled.CorpusLength, ClassesOf(train), train.Name, "class", "classes");
            Same("model.in_channels", filled.InChannels, channels, train.Name, "channel", "channels");
            Same("model.out_channels", filled.OutChannels, channels, train.Name, "channel", "channels");
        }
        Check(filled, train, codec);
        filled.Validate(); // such as attributes, now that the classes are known
        return filled;
    }

    /// <summary>Makes sure that a network can be given images.</summary>
    /// <exception cref="MezzotintException">There are none, or their classes, channels or sides do not fit.</exception>
    public static void Check(NetworkConfig model, ImageSet images, ImageCodec codec)
    {
        if (images.Count == 0)
            throw new MezzotintException($"{images.Name} has no images.");
        var (channels, height, width) = codec.NumbersOf(images.Channels, images.Height, images.Width);
        if (channels != model.InChannels)
            throw new MezzotintException(
                $"{images.Name} has {channels} channel(s), the network takes model.in_channels = {model.InChannels}: "
                + $"choose other data.") { Key = "model.in_channels" };
        if (model.HasClasses && images.ClassNames.Count > model.CorpusLength)
            throw new MezzotintException(
                $"{images.Name} has {images.ClassNames.Count} classes, the network knows model.corpus_length = "
                + $"{model.CorpusLength}: choose other data.") { Key = "model.corpus_length" };
        if (height % model.Stride != 0 || width % model.Stride != 0)
            throw new MezzotintException(
                $"{images.Name} is {images.Height} x {images.Width}: this model needs sides that are multiples of "
                + $"{model.Stride}. Pictures in a folder are brought to one with data.size, for instance "
                + $"{Multiple(images, model.Stride)}.")
                { Key = "data.size" };
    }

    /// <summary>Makes sure that a network that is asked in words has captions to learn, and a reader of its width.</summary>
    public static void CheckCaptions(NetworkConfig model, ImageSet images, TextPrompts? prompts)
    {
        if (prompts is null)
        {
            if (!model.HasClasses)
                throw new MezzotintException(
                    "The network is asked in words, and nothing says how they are read: add the table [prompts] with kind = "
                    + "\"text\" and encoder = the folder of a text encoder.") { Key = "prompts.kind" };
            return;
        }
        int width = model.Describe().Inputs.FirstOrDefault(input => input.Of == "context")?.Channels ?? 0;
        if (width == 0)
            throw new MezzotintException(
                "prompts.kind = \"text\", but the network is asked for classes: choose model.kind = \"unet-2d-condition\".")
                { Key = "model.kind" };
        if (prompts.Width != width)
            throw new MezzotintException(
                $"model.cross_attention_dim = {width}, but the text encoder '{prompts.Encoder}' gives {prompts.Width} numbers a "
                + "token: set it to that.") { Key = "model.cross_attention_dim" };
        if (!images.HasCaptions)
            throw new MezzotintException(
                $"{images.Name} has no captions, and the model learns words: name a column of the metadata, or a pattern, with "
                + "data.caption.") { Key = "data.caption" };
    }

    /// <summary>Makes sure that what is learned and what the loss is evaluated on have one size.</summary>
    public static void CheckSize(ImageSet train, ImageSet test)
    {
        if ((train.Height, train.Width) != (test.Height, test.Width))
            throw new MezzotintException(
                $"{train.Name} is {train.Height} x {train.Width}, but {test.Name} is {test.Height} x {test.Width}: pictures in a "
                + $"folder are brought to one size with data.size.") { Key = "data.size" };
    }

    /// <summary>The largest side that fits the network and makes no picture larger; the smallest at all for tiny ones.</summary>
    private static int Multiple(ImageSet images, int stride) =>
        Math.Max(stride, Math.Min(images.Height, images.Width) / stride * stride);

    /// <summary>How many classes are learned: one where the images have none.</summary>
    public static int ClassesOf(ImageSet images) => Math.Max(1, images.ClassNames.Count);

    /// <summary>Names of all classes of a network, each once: those of the data, then those of the model that was begun with. A
    /// row of the embedding that neither names goes by its number.</summary>
    public static IReadOnlyList<string> ClassNames(
        IReadOnlyList<string> classes, IReadOnlyList<string> begun, int count)
    {
        var names = classes.ToList();
        for (int label = names.Count; label < count; label++)
        {
            string name = begun.ElementAtOrDefault(label) ?? $"{label}";
            while (names.Contains(name))
                name = $"{name} (label {label})";
            names.Add(name);
        }
        return names;
    }

    private static void Same(string key, int setting, int count, string name, string one, string several)
    {
        if (setting == count)
            return;
        string grey = one == "channel" && count == 3 && setting == 1 ? " Set data.channels to 1 to make colour grey." : "";
        throw new MezzotintException(
            $"{key} = {setting}, but {name} has {count} {(count == 1 ? one : several)}: leave {key} out, and it follows the "
            + $"data, "
            + $"or set it to {count}.{grey}") { Key = key };
    }
}
