using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using Mezzotint.Text;
using Mezzotint.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Runs;

/// <summary>
/// Trains what is added to a model that is asked in words: a low-rank adapter of its network, or a word of its text encoder. The
/// model stays as it is, to the bit. Pictures are encoded once, and for an adapter captions too; gradients and moments are those
/// of what is trained.
/// </summary>
/// <remarks>Hu et al. 2021, "LoRA", arXiv 2106.09685; Gal et al. 2022, "An Image is Worth One Word", arXiv 2208.01618. What was
/// made of the model before (a pipeline, a sampler) must not be used any more: its weights may have moved in memory.</remarks>
public static class AdapterTraining
{
    private const string Ending = ".safetensors";

    /// <summary>What pictures without captions are called while a word is learned.</summary>
    private static readonly string[] Phrases =
    [
        "a photo of {0}", "a picture of {0}", "{0}", "an image of {0}", "a close-up of {0}", "a photo of one {0}",
    ];

    /// <summary>Trains a low-rank adapter of the network, and writes it.</summary>
    /// <param name="model">The model, in float32; it stays the caller's.</param>
    /// <param name="pictures">What is learned, with captions, in the size of the model's images.</param>
    /// <param name="file">The file to make or to replace: it ends in <c>.safetensors</c>.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="progress">Is told each step.</param>
    /// <param name="cancellation">Stops after the step that is under way; nothing is written then.</param>
    /// <exception cref="MezzotintException">The model or the pictures do not fit, or an option is out of its range.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static void TrainAdapter(LoadedModel model, ImageSet pictures, string file, AdapterTrainingOptions? options = null,
        IProgress<AdapterTrainingStep>? progress = null, CancellationToken cancellation = default)
    {
        options ??= new();
        var (coder, data) = Prepared(model, pictures, file, options);
        using var images = data;
        if (!pictures.HasCaptions)
            throw new MezzotintException(
                $"{pictures.Name} has no captions, which an adapter is learned with: put a text beside each picture.")
                { Key = "data" };
        using var states = new CaptionStates(coder);
        var config = new LowRankConfig { Rank = options.Rank, Alpha = options.Alpha, Parts = options.Parts };
        using var frozen = new FrozenWeights(model.Network, LowRankWeights.Means(config));
        if (!model.Network.parameters().Any(parameter => parameter.requires_grad))
            throw new MezzotintException(
                $"parts = {Printable.Quote(options.Parts)} means no layer of the network: * means all.") { Key = "parts" };
        using var flat = FlatParameters.Of(model.Network);
        using var changes = new LowRankWeights(model.Network, flat.Weights, config, replicas: 1, options.Seed);
        using var adam = new Adam(changes.Weights);
        try
        {
            for (int step = 0; step < options.Steps; step++)
            {
                cancellation.ThrowIfCancellationRequested();
                using var scope = NewDisposeScope();
                using var batch = Batch.Draw(model, images, options, step);
                string[] captions = batch.Captions(pictures, options.CaptionDropout);
                var loss = batch.Loss(model, Condition.OfContext(states.Of(captions).to(model.Device)));
                loss.backward();
                changes.Take(0, flat.Gradients);
                adam.Step(changes.Weights, changes.Gradients[0], options.LearningRate, step + 1);
                changes.Apply();
                Report(progress, step, options, loss);
            }
            LowRankAdapter.Write(
                file, changes.Changes, config, Path.GetFileNameWithoutExtension(file), options.Naming == AdapterNaming.Peft);
        }
        finally
        {
            using var noGrad = no_grad();
            flat.Weights.copy_(changes.Base);
        }
    }

    /// <summary>Trains the vectors of a new word of the text encoder, and writes them as diffusers does.</summary>
    /// <param name="model">The model, in float32; it stays the caller's.</param>
    /// <param name="pictures">What the word is to mean, in the size of the model's images. Captions with the word in them are
    /// learned as they are; in place of others stand phrases with it.</param>
    /// <param name="word">The word, such as <c>&lt;my-cat&gt;</c>.</param>
    /// <param name="file">The file to make or to replace: it ends in <c>.safetensors</c>.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="progress">Is told each step.</param>
    /// <param name="cancellation">Stops after the step that is under way; nothing is written then.</param>
    /// <exception cref="MezzotintException">The model or the pictures do not fit, the word is known already, or an option is out
    /// of its range.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static void TrainWord(LoadedModel model, ImageSet pictures, string word, string file,
        AdapterTrainingOptions? options = null, IProgress<AdapterTrainingStep>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(word);
        options ??= new();
        var (coder, data) = Prepared(model, pictures, file, options);
        using var images = data;
        var tokenizer = coder.Tokenizer.With(word, options.Vectors);
        using var scope = NewDisposeScope();
        using var frozen = new FrozenWeights(model.Network, _ => false);
        using var encoder = coder.Network.WithWords(Beginning(coder, options));
        using var others = new FrozenWeights(encoder, name => name.EndsWith(Embedding, StringComparison.Ordinal));
        var table = TableOf(encoder);
        var vectors = table.detach().narrow(0, coder.Tokenizer.Count, options.Vectors); // [n, D], where they lie
        using var adam = new Adam(vectors);
        for (int step = 0; step < options.Steps; step++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var inner = NewDisposeScope();
            using var batch = Batch.Draw(model, images, options, step);
            string[] captions = batch.CaptionsWith(word, pictures);
            var tokens = TokenizedPrompt.Batch([.. captions.Select(tokenizer.Tokenize)]);
            var loss = batch.Loss(model, Condition.OfContext(encoder.call(tokens).to(model.Device)));
            loss.backward();
            adam.Step(vectors, table.grad!.narrow(0, coder.Tokenizer.Count, options.Vectors), options.LearningRate, step + 1);
            encoder.zero_grad();
            Report(progress, step, options, loss);
        }
        SafetensorsFile.Write(file, [new(word, (options.Vectors == 1 ? vectors[0] : vectors).ToData())]);
    }

    private const string Embedding = ".token_embedding.weight";

    /// <summary>The mean loss of a number of a latent over some batches, the same draws each time: for tests.</summary>
    internal static double Loss(LoadedModel model, ImageSet pictures, AdapterTrainingOptions options, Func<string, string>? asked)
    {
        var (coder, data) = Prepared(model, pictures, "x" + Ending, options);
        using var images = data;
        using var noGrad = no_grad();
        double sum = 0;
        for (int step = 0; step < options.Steps; step++)
        {
            using var scope = NewDisposeScope();
            using var batch = Batch.Draw(model, images, options, step);
            string[] captions = batch.Captions(pictures, 0);
            var context = coder.Read(asked is null ? captions : [.. captions.Select(asked)]);
            sum += batch.Loss(model, Condition.OfContext(context)).item<float>();
        }
        return sum / options.Steps;
    }

    private static void Report(IProgress<AdapterTrainingStep>? progress, int step, AdapterTrainingOptions options, Tensor loss)
    {
        float value = loss.item<float>();
        if (!float.IsFinite(value))
            throw new MezzotintException(
                $"The training has diverged in step {step + 1}: its loss is no number. Lower the learning rate of "
                + $"{options.LearningRate}.") { Key = "rate" };
        progress?.Report(new(step + 1, options.Steps, value));
    }

    /// <summary>The embeddings that a word begins with: of the tokens of what it is like, in turn.</summary>
    private static Tensor Beginning(TextCoder coder, AdapterTrainingOptions options)
    {
        using var noGrad = no_grad();
        long[] all = coder.Tokens([options.Like])[0].data<long>().ToArray();
        long[] tokens = [.. all[1..].TakeWhile(token => token != coder.Tokenizer.End)]; // behind the start
        if (tokens.Length == 0)
            throw new MezzotintException("'' is no word to begin with: say what the new one is like, such as cat.")
                { Key = "like" };
        var table = TableOf(coder.Network);
        using var which = tensor([.. Enumerable.Range(0, options.Vectors).Select(i => tokens[i % tokens.Length])]);
        return table.detach().index_select(0, which.to(table.device)).cpu();
    }

    /// <summary>The vectors of all tokens: [V, D].</summary>
    private static TorchSharp.Modules.Parameter TableOf(TextEncoder encoder) => encoder.named_parameters().Single(named =>
        named.name.EndsWith(Embedding, StringComparison.Ordinal)).parameter;

    private static (TextCoder Coder, ResidentImages Images) Prepared(
        LoadedModel model, ImageSet pictures, string file, AdapterTrainingOptions options)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(pictures);
        ArgumentException.ThrowIfNullOrEmpty(file);
        options.Validate();
        var info = model.Info;
        if (!file.EndsWith(Ending, StringComparison.OrdinalIgnoreCase))
            throw new MezzotintException($"'{file}' must end in {Ending}.") { Key = "out" };
        if (info.Prompts is not TextPrompts { Coder: { } coder })
            throw new MezzotintException(
                $"The model '{info.Name}' is not asked in words: adapters and words are trained for models with a text encoder.");
        if (info.Model.InChannels != info.Model.OutChannels)
            throw new MezzotintException(
                $"The model '{info.Name}' sees {info.Model.InChannels} channels and draws {info.Model.OutChannels}: for a model "
                + "of inpainting nothing is trained here. Take the plain model; what is trained for it fits both.");
        if (NarrowWeights.AreIn(model.Network))
            throw new MezzotintException(
                $"The weights of '{info.Name}' are in 16 bits, for drawing alone: open it without that.");
        if (pictures.Channels != info.Channels)
            throw new MezzotintException(
                $"{pictures.Name} has {pictures.Channels} channels, and '{info.Name}' draws {info.Channels}.") { Key = "data" };
        return (coder, new ResidentImages(pictures, model.Device, info.Pixels));
    }

    /// <summary>The images of a step, with what was drawn for them.</summary>
    private sealed record Batch(long[] Which, Tensor Images, NoiseDraw Noise, Generator Generator) : IDisposable
    {
        public static Batch Draw(LoadedModel model, ResidentImages data, AdapterTrainingOptions options, int step)
        {
            var generator = RandomSeeds.Generator(options.Seed, RandomPurpose.TrainingNoise, step);
            var which = randint(0, data.Count, [(long)options.BatchSize], ScalarType.Int64, generator: generator);
            var info = model.Info;
            var objective = new TrainingObjective
            {
                Process = info.Process, Parameterisation = info.Parameterisation, Loss = info.Loss,
                FilledStep = info.Pixels.FilledStep, DrawsNumbers = info.Pixels.IsDrawn,
            };
            var noise = NoiseDraw.From(generator, objective, options.BatchSize, data.Shape);
            var images = data.Batch(which.to(data.Device)).Images;
            return new(which.data<long>().ToArray(), images, noise.MoveTo(data.Device), generator);
        }

        /// <summary>The mean over all numbers of the latents.</summary>
        public Tensor Loss(LoadedModel model, Condition asked)
        {
            var terms = DenoisingLoss.Terms(Images, asked, Noise);
            return terms.Losses(model.Network.call(terms.X, terms.Times, asked)).mean().Times(
                (double)terms.X.shape[0] / terms.X.numel());
        }

        /// <summary>A caption of each image, or the empty one.</summary>
        public string[] Captions(ImageSet pictures, double dropout) => [.. Which.Select(index =>
            Uniform() < dropout ? "" : Any(pictures.Captions((int)index)) ?? "")];

        /// <summary>A caption with a word in it of each image, or a phrase.</summary>
        public string[] CaptionsWith(string word, ImageSet pictures) => [.. Which.Select(index =>
            Any([.. pictures.Captions((int)index).Where(caption => caption.Contains(word, StringComparison.OrdinalIgnoreCase))])
            ?? string.Format(System.Globalization.CultureInfo.InvariantCulture, Any(Phrases)!, word))];

        private string? Any(IReadOnlyList<string> of) =>
            of.Count == 0 ? null : of[Math.Min(of.Count - 1, (int)(Uniform() * of.Count))];

        private float Uniform()
        {
            using var scope = NewDisposeScope();
            return rand(1, generator: Generator).item<float>();
        }

        public void Dispose() => Generator.Dispose();
    }

    /// <summary>The states of captions, which a frozen encoder computes once.</summary>
    private sealed class CaptionStates(TextCoder coder) : IDisposable
    {
        private const int MostKept = 1 << 14;
        private readonly Dictionary<string, Tensor> _states = new(StringComparer.Ordinal);

        public Tensor Of(string[] captions)
        {
            var rows = captions.Select(caption =>
            {
                if (_states.TryGetValue(caption, out var known))
                    return known;
                var states = coder.Read([caption]);
                if (_states.Count < MostKept)
                    _states[caption] = states.DetachFromDisposeScope();
                return states;
            });
            return cat([.. rows], 0).clone(); // what was made without gradients takes part in none otherwise
        }

        public void Dispose()
        {
            foreach (var states in _states.Values)
                states.Dispose();
        }
    }

    /// <summary>Parameters that take no gradients for a while.</summary>
    private sealed class FrozenWeights : IDisposable
    {
        private readonly List<(Tensor Parameter, bool Required)> _before = [];

        public FrozenWeights(nn.Module network, Func<string, bool> trained)
        {
            foreach (var (name, parameter) in network.named_parameters())
            {
                _before.Add((parameter, parameter.requires_grad));
                parameter.requires_grad_(parameter.requires_grad && trained(name) && parameter.dim() >= 2);
            }
        }

        public void Dispose()
        {
            foreach (var (parameter, required) in _before)
            {
                parameter.grad = null;
                parameter.requires_grad_(required);
            }
        }
    }
}
