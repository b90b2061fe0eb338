using Mezzotint.Data;
using Mezzotint.Engine;
using Mezzotint.Networks;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>Everything that decides the training of an autoencoder: a configuration of the kind <c>autoencoder</c>.</summary>
public sealed record AutoencoderExperiment : Experiment
{
    /// <inheritdoc/>
    public override DataConfig Data { get; init; } = new();

    /// <summary>The table <c>[network]</c>. The channels of its images, its side and its scaling factor follow from the
    /// data.</summary>
    public AutoencoderConfig Network { get; init; } = new();

    /// <summary>The table <c>[loss]</c>.</summary>
    public AutoencoderLoss Loss { get; init; } = new();

    /// <inheritdoc/>
    public override TrainingConfig Training { get; init; } = new() { SamplesPerLabel = 0 };

    /// <inheritdoc/>
    public override bool DependsOnLength => base.DependsOnLength || Loss.Adversarial > 0;

    /// <inheritdoc/>
    public override string ComputedBy(Device device, ImageSet train)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(train);
        return ComputePrecision.EngineOrLibtorch(
            ComputePrecision.Float32, device, () => AutoencoderReplica.WhyNot(Network, train.Height, train.Width));
    }

    /// <summary>What the network is trained for.</summary>
    public AutoencoderTask Task => new(Network, Loss);

    /// <inheritdoc/>
    public override void Validate()
    {
        Data.Validate();
        Network.Validate();
        Loss.Validate();
        Training.Validate();
        Check.Range("training.label_dropout", Training.LabelDropout, Training.LabelDropout == 0,
            "0: an autoencoder learns no labels");
        Check.Range("training.samples_per_label", Training.SamplesPerLabel, Training.SamplesPerLabel == 0,
            "0: an autoencoder draws nothing by label");
    }

    /// <inheritdoc/>
    public override AutoencoderExperiment Fit(ImageSet train, NetworkConfig? begun = null)
    {
        ArgumentNullException.ThrowIfNull(train);
        var fitted = this with
        {
            Network = Network with
            {
                InChannels = train.Channels, OutChannels = train.Channels, SampleSize = Math.Max(train.Height, train.Width),
            },
        };
        fitted.Task.Check(train);
        return fitted;
    }

    /// <inheritdoc/>
    public override AutoencoderExperiment WithTraining(TrainingConfig training) => this with { Training = training };

    internal override (IReadOnlyList<NetworkMemory> Networks, string WidthKey) Work(int height, int width)
    {
        // some size has a plan where the images' is not known
        var (rows, columns) = (Math.Max(height + 2 * Network.Margin, Network.Factor),
            Math.Max(width + 2 * Network.Margin, Network.Factor));
        bool engine = AutoencoderReplica.WhyNot(Network, rows - 2 * Network.Margin, columns - 2 * Network.Margin) is null;
        double image = (double)Network.InChannels * rows * columns;
        return (
        [
            new(Network.DescribeEncoder(), image, rows, columns, engine: engine),
            new(Network.DescribeDecoder(), image, rows / Network.Factor, columns / Network.Factor, engine: engine),
        ], "network.block_out_channels");
    }
}

/// <summary>The loss of an autoencoder: the table <c>[loss]</c>.</summary>
public sealed record AutoencoderLoss
{
    /// <summary>The distance of an image and its reconstruction, summed over pixels: <c>l1</c>, |x - y|, or <c>l2</c>,
    /// (x - y)^2.</summary>
    public string Pixels { get; init; } = "l1";

    /// <summary>The weight of the divergence of the latents from N(0, I) beside that sum. Rombach et al. 2022, arXiv 2112.10752,
    /// section 3.1: very small.</summary>
    public double Divergence { get; init; } = 1e-6;

    /// <summary>The weight of the distance in the maps of a trained network beside that sum, a pixel: Zhang et al. 2018, arXiv
    /// 1801.03924; 0 for none.</summary>
    public double Perceptual { get; init; }

    /// <summary>The folder of that network: a classifier of images of this size, or a text-image model. Empty without
    /// one.</summary>
    public string Features { get; init; } = "";

    /// <summary>Its maps; null until they are opened.</summary>
    internal FeatureMaps? Maps { get; init; }

    /// <summary>The weight of a patch discriminator's gradient, relative to that of the distance; 0 for none. Esser et al. 2021,
    /// arXiv 2012.09841, equation 7.</summary>
    public double Adversarial { get; init; }

    /// <summary>The share of the training after which the discriminator begins: 0 to 1.</summary>
    public double AdversarialFrom { get; init; } = 0.5;

    /// <summary>Channels of the discriminator's first maps: a multiple of 4.</summary>
    public int DiscriminatorChannels { get; init; } = 32;

    internal void Validate()
    {
        Check.Range("loss.pixels", Printable.Quote(Pixels), Pixels is "l1" or "l2", "l1 or l2");
        Check.Range("loss.divergence", Divergence, Divergence is >= 0 and < 1e6, "0 or more, and below 1000000");
        Check.Range("loss.perceptual", Perceptual, Perceptual is >= 0 and < 1e6, "0 or more, and below 1000000");
        Check.Range("loss.features", Printable.Quote(Features), (Features.Length > 0) == (Perceptual > 0), Perceptual > 0
            ? "the folder of a classifier or of a text-image model, which loss.perceptual compares by"
            : "left out while loss.perceptual is 0");
        Check.Range("loss.adversarial", Adversarial, Adversarial is >= 0 and < 1e6, "0 or more, and below 1000000");
        Check.Range("loss.adversarial_from", AdversarialFrom, AdversarialFrom is >= 0 and <= 1, "between 0 and 1");
        Check.Range("loss.discriminator_channels", DiscriminatorChannels,
            DiscriminatorChannels is >= 4 and <= 1024 && DiscriminatorChannels % 4 == 0, "a multiple of 4 up to 1024");
    }
}
