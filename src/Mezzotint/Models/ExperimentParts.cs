using Mezzotint.Data;
using Mezzotint.Networks;
using Mezzotint.Sampling;
using Mezzotint.Training;
using static TorchSharp.torch;

namespace Mezzotint.Models;

/// <summary>Opens the trained networks that the settings of a training name: they must live as long as it runs.</summary>
public sealed class ExperimentParts : IDisposable
{
    private readonly List<IDisposable> _owned = [];

    private ExperimentParts(Experiment config) => Experiment = config;

    /// <summary>The settings, with what they name.</summary>
    public Experiment Experiment { get; private set; }

    /// <summary>The classifier that guides the model, where the settings name one.</summary>
    internal LoadedClassifier? Classifier { get; private set; }

    /// <summary>Opens what a training names, and what has not been opened yet.</summary>
    /// <param name="config">The settings.</param>
    /// <exception cref="MezzotintException">Something is not there, or is no such network; the message names the key.</exception>
    public static ExperimentParts Open(Experiment config)
    {
        var parts = new ExperimentParts(config);
        try
        {
            parts.Experiment = config switch
            {
                ExperimentConfig drawing => parts.Open(drawing),
                AutoencoderExperiment autoencoder => parts.Open(autoencoder),
                _ => config,
            };
            return parts;
        }
        catch
        {
            parts.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var part in _owned)
            part.Dispose();
    }

    private ExperimentConfig Open(ExperimentConfig config)
    {
        var (codec, autoencoder) = LatentFolder.Open(config.Pixels);
        Own(autoencoder);
        var (prompts, encoder) = TextFolder.Open(config.Prompts);
        Own(encoder);
        var distillation = config.Distillation is ConsistencyTuning { Drift: { Weight: > 0, Maps: null } drift } tuning
            ? tuning with { Drift = drift with
                { Maps = [.. drift.Features.Select(folder => MapsOf(folder, "distillation.drift.features"))] } }
            : config.Distillation;
        if (distillation is ConsistencyDistillation { Teacher: { ClassifierGuidance: > 0, ByClassifier: null } teacher } taught)
            distillation = taught with { Teacher = teacher with { ByClassifier = GuidanceOf(teacher, codec) } };
        (var recipe, Classifier) = ClassifierFolder.Open(config.Sampling);
        Own(Classifier);
        return config with { Pixels = codec, Prompts = prompts, Distillation = distillation, Sampling = recipe };
    }

    private AutoencoderExperiment Open(AutoencoderExperiment config) =>
        config.Loss is { Perceptual: > 0, Maps: null } loss
            ? config with { Loss = loss with { Maps = MapsOf(loss.Features, "loss.features") } } : config;

    /// <summary>The maps of a classifier or of an image tower, whose weights stay as they are.</summary>
    private FeatureMaps MapsOf(string folder, string key)
    {
        try
        {
            if (TextImageFolder.Exists(folder))
            {
                var words = TextImageFolder.Read(folder);
                Own(words);
                return Frozen(words.Network.Image, words.Network.Image.Features);
            }
            var classifier = ClassifierFolder.Read(folder).Network;
            Own(classifier);
            return Frozen(classifier, classifier.Features);
        }
        catch (MezzotintException e) when (e.Key is null)
        {
            throw new MezzotintException(e.Message) { Key = key };
        }
    }

    private ClassifierGuidance GuidanceOf(TeacherGuidance teacher, ImageCodec pixels)
    {
        try
        {
            var classifier = ClassifierFolder.ReadForEstimates(teacher.Classifier);
            Own(classifier);
            return classifier.Guide(pixels, [], teacher.ClassifierGuidance) with
            {
                Low = teacher.ClassifierLow, High = teacher.ClassifierHigh,
            };
        }
        catch (MezzotintException e) when (e.Key is null or "guidance_classifier")
        {
            throw new MezzotintException(e.Message) { Key = "distillation.teacher.classifier" };
        }
    }

    private static FeatureMaps Frozen(nn.Module network, FeatureMaps maps)
    {
        network.eval();
        foreach (var parameter in network.parameters())
            parameter.requires_grad_(false);
        return maps;
    }

    private void Own(IDisposable? part)
    {
        if (part is not null)
            _owned.Add(part);
    }
}
