using Mezzotint.Data;
using Mezzotint.Engine;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using Mezzotint.Sampling;
using Mezzotint.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Models;

/// <summary>A model that can draw: the network with its weights, and what is known about it.</summary>
/// <param name="Network">The network, in float32; as it is read, on the CPU.</param>
/// <param name="Info">The description.</param>
public sealed record LoadedModel(DenoisingNetwork Network, ModelInfo Info) : IDisposable
{
    private readonly List<ModelAdapter> _adapters = [];
    private readonly Dictionary<Tensor, Tensor> _originals = new(ReferenceEqualityComparer.Instance); // of changed weights
    private string _precision = ComputePrecision.Automatic;

    /// <summary>The autoencoder of the codec, where the model owns one.</summary>
    internal LoadedAutoencoder? Autoencoder { get; init; }

    /// <summary>The text encoder of the reader of prompts, where the model owns one.</summary>
    internal IDisposable? Encoder { get; init; }

    /// <summary>The classifier that guides, where the model owns one.</summary>
    internal LoadedClassifier? Classifier { get; init; }

    /// <summary>The adapters that its weights have in them, in the order in which they were added.</summary>
    public IReadOnlyList<ModelAdapter> Adapters => _adapters;

    /// <summary>Where the network is: everything that is made of the model computes there.</summary>
    public torch.Device Device => Network.parameters().First().device;

    /// <summary>How many threads share its work there: one a core, 1 on a GPU.</summary>
    public int Threads => ComputeDevice.Threads(Device);

    /// <summary>Moves the network to a device, for everything that is made of the model from then on.</summary>
    /// <returns>The model itself.</returns>
    public LoadedModel To(torch.Device device)
    {
        if (device.type != DeviceType.CPU)
        {
            Network.to(float32);
            Autoencoder?.Network.to(float32);
        }
        Network.to(device);
        Autoencoder?.Network.to(device);
        return this;
    }

    /// <summary>With what numbers images are drawn: <see cref="ComputePrecision.Float32"/> or
    /// <see cref="ComputePrecision.Bfloat16"/>. What takes gradients of the network or inverts it is float32 always.</summary>
    public string Precision => ComputePrecision.Resolve(_precision, Device, Info.Model);

    /// <summary>What computes the network, for people to read, as <see cref="ComputePrecision.InWords"/> has it.</summary>
    public string ComputedBy =>
        ComputePrecision.InWords(_precision, Device, Info.Model, Info.Numbers.Height, Info.Numbers.Width);

    /// <summary>Chooses the precision, for everything that is made of the model from then on.</summary>
    /// <param name="precision">As <see cref="ComputePrecision"/> has it; without a choice it is
    /// <see cref="ComputePrecision.Automatic"/>.</param>
    /// <returns>The model itself.</returns>
    /// <exception cref="MezzotintException">It is not known, or not to be had on the model's device.</exception>
    public LoadedModel With(string precision)
    {
        ComputePrecision.Resolve(precision, Device, Info.Model);
        _precision = precision;
        return this;
    }

    /// <summary>Adds an adapter (LoRA) to the weights, for everything that is made of the model from then on. Several add
    /// up.</summary>
    /// <param name="file">A file of safetensors, of kohya's scripts, PEFT or diffusers.</param>
    /// <param name="weight">How much of it: 1 for all, 0 for none, below 0 for its opposite.</param>
    /// <returns>The model itself.</returns>
    /// <exception cref="MezzotintException">Words have been added before (adapters come first), the file is no such adapter, or
    /// was made for another model; then nothing has changed.</exception>
    /// <remarks>Hu et al. 2021, arXiv 2106.09685.</remarks>
    public LoadedModel Adapt(string file, double weight = 1)
    {
        ArgumentException.ThrowIfNullOrEmpty(file);
        Check.Range("adapter", weight, double.IsFinite(weight), "a finite weight");
        if (_adapters.Any(added => added.Words is not null))
            throw new MezzotintException("Words have been added to this model: adapters come first.") { Key = "adapter" };
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        using Scalar one = 1; // held while libtorch reads it: see TensorArithmetic
        var adapter = LowRankAdapter.Read(file);
        var coder = (Info.Prompts as TextPrompts)?.Coder;
        foreach (var (parameter, change) in adapter.For(Network, coder?.Network, weight).ToList())
        {
            if (!_originals.ContainsKey(parameter))
                _originals[parameter] = parameter.detach().clone().DetachFromDisposeScope();
            parameter.add_(change, one);
        }
        _adapters.Add(new(Path.GetFileName(file), weight, adapter.Sha256));
        coder?.Refresh();
        return this;
    }

    /// <summary>Adds learned words to the text encoder (textual inversion), for everything that is made of the model from then
    /// on.</summary>
    /// <param name="file">A file of diffusers (the word is the tensor's name) or of the web interface (it is the file's name):
    /// safetensors, or what torch.save writes.</param>
    /// <returns>The words, as prompts have them.</returns>
    /// <exception cref="MezzotintException">The file has no words, or they were made for another text encoder; then nothing has
    /// changed.</exception>
    /// <remarks>Gal et al. 2022, arXiv 2208.01618.</remarks>
    public IReadOnlyList<string> AddWords(string file)
    {
        ArgumentException.ThrowIfNullOrEmpty(file);
        if (Info.Prompts is not TextPrompts { Coder: { } coder })
            throw new MezzotintException(
                $"'{file}' adds words to a text encoder, and '{Info.Name}' has none.") { Key = "embedding" };
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var read = TextualInversion.Read(file);
        try
        {
            coder.Add(read.Words);
        }
        catch (MezzotintException fault)
        {
            throw new MezzotintException($"'{file}': {fault.Message}") { Key = "embedding" };
        }
        string[] words = [.. read.Words.Select(word => word.Word)];
        _adapters.Add(new(Path.GetFileName(file), 1, read.Sha256) { Words = words });
        return words;
    }

    /// <summary>The same model with another autoencoder; nothing else is read again. This one is the caller's no more.</summary>
    /// <param name="path">A folder of diffusers, alone or as the folder <c>vae/</c> of a model; or a file in the layout of the
    /// original, <c>.safetensors</c> or <c>.ckpt</c>, alone or with a whole model.</param>
    /// <exception cref="MezzotintException">It is no autoencoder, or one of other latents; then nothing has changed.</exception>
    public LoadedModel WithAutoencoder(string path) => WithAutoencoder(path, default);

    /// <summary>The same, with <paramref name="reading"/>; a variant is that of the model alone.</summary>
    internal LoadedModel WithAutoencoder(string path, WeightsReading reading)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Info.Pixels is not LatentCodec { Coder: not null } latent)
            throw new MezzotintException($"'{Info.Name}' has no autoencoder that '{path}' could stand for.")
                { Key = "autoencoder" };
        var (autoencoder, hash) = AutoencoderSource.Read(
            path, Autoencoder?.Network.Config.ScalingFactor, reading with { Variant = null });
        var (own, other) = ((latent.Channels, latent.Factor, latent.ImageChannels), autoencoder.Network.Config);
        if (own != (other.LatentChannels, other.Factor, other.InChannels))
        {
            autoencoder.Dispose();
            throw new MezzotintException(
                $"'{path}' has latents of {other.LatentChannels} channels at 1/{other.Factor} of the side, and '{Info.Name}' "
                + $"draws {latent.Channels} at 1/{latent.Factor}: it is for another model.") { Key = "autoencoder" };
        }
        autoencoder.Network.to(Device);
        Autoencoder?.Dispose();
        _adapters.RemoveAll(adapter => adapter.IsAutoencoder);
        _adapters.Add(new(Path.GetFileName(Path.TrimEndingDirectorySeparator(path)), 1, hash) { IsAutoencoder = true });
        return this with
        {
            Info = Info with { Pixels = LatentFolder.With(latent with { Sha256 = null }, autoencoder, hash) },
            Autoencoder = autoencoder,
        };
    }

    /// <summary>Takes all adapters and added words out again: the weights are those of before, to the bit.</summary>
    /// <returns>The model itself.</returns>
    public LoadedModel RemoveAdapters()
    {
        using var noGrad = no_grad();
        foreach (var (parameter, original) in _originals)
        {
            parameter.copy_(original);
            original.Dispose();
        }
        _originals.Clear();
        _adapters.RemoveAll(adapter => !adapter.IsAutoencoder);
        (Info.Prompts as TextPrompts)?.Coder?.Forget();
        return this;
    }

    /// <summary>Frees the text encoder, where the model owns one: what has been prepared can still be drawn, and no other prompt
    /// is read any more.</summary>
    public void FreeTextEncoder()
    {
        Encoder?.Dispose();
        FreedMemory.GiveBack();
    }

    /// <summary>A sampler that draws with this model, on its device and in its precision; the model stays the caller's.</summary>
    public Sampler CreateSampler() => new(Network, Info.Process, Info.Numbers.Height, Info.Numbers.Width, Device)
    {
        Parameterisation = Info.Parameterisation,
        Precision = Precision,
    };

    /// <summary>The denoiser of this model, whose condition is still to be bound; the model stays the caller's.</summary>
    /// <param name="gradients">Whether its estimates can be differentiated: in float32, by libtorch. Without, the engine makes
    /// them where there is one, in the model's precision, for one thread at a time; disposing the denoiser frees the
    /// engine.</param>
    public NetworkDenoiser CreateDenoiser(bool gradients = true)
    {
        var (_, height, width) = Info.Numbers;
        if (gradients && NarrowWeights.AreIn(Network))
            throw new InvalidOperationException(
                $"The weights of '{Info.Name}' are in 16 bits, for drawing alone: open it without "
                + $"{nameof(ModelOpening.Narrow)}.");
        return new(Network, Info.Process, Info.Parameterisation)
        {
            Evaluator = gradients ? null : new NetworkEvaluator(Network, height, width, Device, Precision),
        };
    }

    /// <summary>Frees the weights.</summary>
    public void Dispose()
    {
        foreach (var original in _originals.Values)
            original.Dispose();
        Network.Dispose();
        Autoencoder?.Dispose();
        Encoder?.Dispose();
        Classifier?.Dispose();
    }
}
