using Mezzotint.Data;
using Mezzotint.Engine;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using Mezzotint.Settings;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>Everything that decides a training: one TOML file. Its key <c>kind</c> says what is trained; without it, a model that
/// draws.</summary>
[SettingsKind("denoising", typeof(ExperimentConfig), IsDefault = true)]
[SettingsKind("classifier", typeof(ClassifierExperiment))]
[SettingsKind("autoencoder", typeof(AutoencoderExperiment))]
[SettingsKind("text-image", typeof(TextImageExperiment))]
[SettingsKind("adapter", typeof(AdapterExperiment))]
public abstract record Experiment
{
    private protected Experiment()
    {
    }

    /// <summary>The table <c>[data]</c>.</summary>
    public abstract DataConfig Data { get; init; }

    /// <summary>The table <c>[training]</c>.</summary>
    public abstract TrainingConfig Training { get; init; }

    /// <summary>Checks the ranges of all settings.</summary>
    /// <exception cref="MezzotintException">A setting is out of its range; the message names its key.</exception>
    public abstract void Validate();

    /// <summary>Whether a step depends on how long the training is, so that its length cannot change on the way.</summary>
    public virtual bool DependsOnLength => Training.Schedule.DependsOnLength;

    /// <summary>The same experiment with the numbers of its data where it leaves them open.</summary>
    /// <param name="train">The training images.</param>
    /// <param name="begun">
    /// The network that has learned already: of the model that the training begins with, or of the run that goes on. It fills in
    /// what is open before the data do, and may know more classes than they have. Null for a new network, which knows the
    /// classes of the data and no others. Only models that draw use it.
    /// </param>
    /// <exception cref="MezzotintException">A number of the network is not that of the data: the message has both, and
    /// <see cref="MezzotintException.Key"/> the setting. Or there are no images, or their sides do not fit the
    /// network.</exception>
    public abstract Experiment Fit(ImageSet train, NetworkConfig? begun = null);

    /// <summary>The same experiment with another table <c>[training]</c>.</summary>
    public abstract Experiment WithTraining(TrainingConfig training);

    /// <summary>With what numbers the network is computed on a device, where the settings leave it open.</summary>
    public virtual string PrecisionOn(Device device) => ComputePrecision.Float32;

    /// <summary>What computes the network, for people to read.</summary>
    /// <param name="device">Where.</param>
    /// <param name="train">The training images.</param>
    public virtual string ComputedBy(Device device, ImageSet train) => "libtorch: float32";

    /// <summary>The memory that it takes on the CPU.</summary>
    /// <param name="height">H of the images; 0 where it is not known yet.</param>
    /// <param name="width">W, likewise.</param>
    public MemoryNeed Memory(int height = 0, int width = 0) => TrainingMemory.Of(this, height, width);

    /// <summary>The networks that it trains, and the setting that makes them wide.</summary>
    /// <param name="height">H of the images; 0 where it is not known yet.</param>
    /// <param name="width">W, likewise.</param>
    internal abstract (IReadOnlyList<NetworkMemory> Networks, string WidthKey) Work(int height, int width);
}
