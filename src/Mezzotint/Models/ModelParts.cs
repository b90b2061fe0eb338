using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Models.Diffusers;
using Mezzotint.Text;

namespace Mezzotint.Models;

/// <summary>The parts of a model beside its network, in folders of its own: the autoencoder of its codec, the text encoder and
/// tokenizer of its reader of prompts, the classifier that guides. Both layouts of models have them.</summary>
internal static class ModelParts
{
    /// <summary>Writes those that a model has opened.</summary>
    /// <param name="folder">An empty folder.</param>
    /// <param name="info">The description.</param>
    /// <param name="precision">Of their weights.</param>
    /// <returns>The description with the places of the parts, and the hashes of their weights.</returns>
    public static ModelInfo Write(string folder, ModelInfo info, ElementType precision)
    {
        string In(string part) => Directory.CreateDirectory(Path.Combine(folder, part)).FullName;
        if (info.Pixels is LatentCodec { Coder: { } coder } latent)
        {
            coder.Write(In(LatentFolder.Subfolder), precision);
            info = info with
            {
                Pixels = latent with { Autoencoder = LatentFolder.Subfolder, Sha256 = HashOf(folder, LatentFolder.Subfolder) },
            };
        }
        if (info.Prompts is TextPrompts { Coder: { } reader } text)
        {
            TextEncoderFolder.Write(In(TextFolder.EncoderFolder), reader.Network, precision);
            ClipTokenizerFolder.Write(In(TextFolder.TokenizerFolder), reader.Tokenizer);
            info = info with { Prompts = text with { Encoder = ".", Sha256 = HashOf(folder, TextFolder.EncoderFolder) } };
        }
        if (info.Classifier is { } classifier && info.Sampling.Classifier is { } recipe)
        {
            ClassifierFolder.WriteFiles(In(ClassifierSubfolder), classifier.Network, classifier.Info);
            string hash = ModelFolder.Hash(Path.Combine(folder, ClassifierSubfolder));
            info = info with
            {
                Sampling = info.Sampling with { Classifier = recipe with { Folder = ClassifierSubfolder, Sha256 = hash } },
            };
        }
        return info;
    }

    /// <summary>The folder of the classifier that guides, in a model folder.</summary>
    public const string ClassifierSubfolder = "classifier";

    /// <summary>Makes a model of its network and description, with the parts that they need.</summary>
    /// <param name="folder">The folder of the model.</param>
    /// <param name="info">The description.</param>
    /// <param name="build">Reads the network; what is read before it fails is freed.</param>
    /// <param name="reading">How the files of their weights are read.</param>
    public static LoadedModel Open(
        string folder, ModelInfo info, Func<Networks.DenoisingNetwork> build, WeightsReading reading = default)
    {
        var owned = new List<IDisposable?>();
        T Owned<T>(T part) where T : IDisposable?
        {
            owned.Add(part);
            return part;
        }
        try
        {
            var network = Owned(build());
            var (codec, autoencoder) = LatentFolder.Open(info.Pixels, folder, reading);
            Owned(autoencoder);
            var (prompts, encoder) = TextFolder.Open(info.Prompts, folder, reading);
            Owned(encoder);
            var (recipe, classifier) = ClassifierFolder.Open(info.Sampling, folder);
            info = info with { Pixels = codec, Prompts = prompts, Sampling = recipe, Classifier = classifier };
            return new LoadedModel(network, info) { Autoencoder = autoencoder, Encoder = encoder, Classifier = classifier };
        }
        catch
        {
            owned.ForEach(part => part?.Dispose());
            throw;
        }
    }

    /// <summary>The hash of a part's weights.</summary>
    public static string HashOf(string folder, string part, string? variant = null) => Weights(folder, part, variant).Hash();

    /// <summary>The files of a part's weights.</summary>
    public static DiffusersWeights Weights(string folder, string part, string? variant = null) => DiffusersWeights.Find(
        folder, part, part == TextFolder.EncoderFolder ? TextEncoderFolder.WeightsStem : AutoencoderFolder.WeightsStem, variant);
}
