using Mezzotint.Data;
using Mezzotint.Runtime;
using Mezzotint.Training;
using static TorchSharp.torch;

namespace Mezzotint.Runs;

/// <summary>What a <see cref="TrainingRun"/> makes beside log and checkpoints, and all that it needs to know of it.</summary>
internal abstract class RunProduct : IDisposable
{
    /// <summary>The product of an experiment.</summary>
    /// <param name="config">The settings.</param>
    /// <param name="folder">Where the run is kept; null in a process that only helps, and writes nothing.</param>
    /// <param name="train">What is learned.</param>
    /// <param name="test">What loss and figures are evaluated on.</param>
    /// <param name="device">Where; null for the CPU.</param>
    /// <param name="goesOn">Whether there is a checkpoint.</param>
    /// <param name="exchange">The processes that train together.</param>
    public static RunProduct Of(Experiment config, RunFolder? folder, ImageSet train, ImageSet test, Device? device, bool goesOn,
        Exchange exchange) => config switch
        {
            ExperimentConfig drawing => new DenoiserProduct(drawing, folder, train, test, device, goesOn, exchange),
            AutoencoderExperiment autoencoder => new AutoencoderProduct(autoencoder, folder, train, test, device, exchange),
            TextImageExperiment words => new TextImageProduct(words, folder, train, test, device, exchange),
            ClassifierExperiment classifier => new ClassifierProduct(classifier, folder, train, test, exchange),
            AdapterExperiment adapter => throw new InvalidOperationException(
                $"The adapter of '{adapter.Model}' is trained by {nameof(AdapterTraining)}."),
            _ => throw new ArgumentException($"There is no run of a {config.GetType().Name}.", nameof(config)),
        };

    /// <summary>How long the training is, how often it logs, and the like.</summary>
    public abstract TrainingConfig Training { get; }

    /// <summary>The table <c>[data]</c>.</summary>
    protected abstract DataConfig Data { get; }

    /// <summary>The name of the data set, or its path.</summary>
    public string Dataset => Data.Name;

    /// <summary>Who made the model, from what.</summary>
    protected string Provenance => "Trained by Mezzotint on "
        + Path.GetFileName(Path.TrimEndingDirectorySeparator(Dataset)) // of a path its end: a model goes to other machines
        + (Dataset == DataSource.MnistName ? ", which is by Y. LeCun, C. Cortes and C. Burges (CC BY-SA 3.0)." : ".");

    /// <summary>Writes nothing, but refuses what could not be written at the end of an epoch.</summary>
    /// <exception cref="MezzotintException">There is something; the message names the setting.</exception>
    public abstract void Check();

    /// <summary>How to train with a lower rate after the training has diverged: the end of a sentence.</summary>
    /// <param name="rate">The lower rate.</param>
    public abstract string WithRate(double rate);

    /// <summary>Makes the training at its beginning.</summary>
    public abstract Trainer NewTrainer();

    /// <summary>Draws pictures with the network as it stands at the end of an epoch.</summary>
    /// <param name="trainer">The training.</param>
    /// <param name="epoch">The line of the log.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>The file of the grid; null where there is none.</returns>
    public virtual string? DrawSamples(Trainer trainer, RunLogEntry epoch, CancellationToken cancellation) => null;

    /// <summary>Writes the model into the run folder.</summary>
    /// <param name="trainer">The training at the end of an epoch.</param>
    /// <param name="epoch">The line of the log.</param>
    public abstract void Write(Trainer trainer, RunLogEntry epoch);

    public abstract void Dispose();
}
