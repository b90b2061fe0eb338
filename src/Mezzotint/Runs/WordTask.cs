using System.Collections.Concurrent;
using System.Globalization;
using Mezzotint.Data;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using Mezzotint.Text;
using Mezzotint.Training;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mezzotint.Runs;

/// <summary>The vectors of a new word as a network: all that is trained.</summary>
internal sealed class WordVectors : nn.Module
{
    /// <summary>Begins with some vectors: [n, D].</summary>
    public WordVectors(Tensor beginning) : base(nameof(WordVectors))
    {
        Vectors = nn.Parameter(beginning.clone());
        register_parameter("vectors", Vectors);
    }

    /// <summary>[n, D].</summary>
    public Parameter Vectors { get; }
}

/// <summary>
/// A word is learned: its vectors stand behind the last of a text encoder's table, and what is lowered is the loss of pictures
/// whose captions have the word. Networks and encoder stay as they are.
/// </summary>
/// <remarks>Gal et al. 2022, "An Image is Worth One Word", arXiv 2208.01618.</remarks>
internal sealed class WordTask : TrainingTask, IDisposable
{
    private const string Embedding = ".token_embedding.weight";

    /// <summary>What pictures without captions are called.</summary>
    private static readonly string[] Phrases =
    [
        "a photo of {0}", "a picture of {0}", "{0}", "an image of {0}", "a close-up of {0}", "a photo of one {0}",
    ];

    private readonly LoadedModel _model;
    private readonly TextCoder _coder;
    private readonly string _word;
    private readonly ClipTokenizer _tokenizer; // with the word
    private readonly TrainingObjective _objective;
    private readonly Tensor _beginning; // [n, D]
    private readonly ConcurrentBag<TextEncoder> _encoders = []; // with the word, one for each thread that works

    /// <summary>A word that begins as another is.</summary>
    /// <param name="model">The model.</param>
    /// <param name="word">The word.</param>
    /// <param name="like">What it begins as.</param>
    /// <param name="vectors">How many vectors it has.</param>
    /// <exception cref="MezzotintException">The word is known already, or what it begins as is none.</exception>
    public WordTask(LoadedModel model, string word, string like, int vectors)
    {
        (_model, _coder, _word) = (model, ((TextPrompts)model.Info.Prompts!).Opened, word);
        _objective = AdapterTask.Objective(model.Info);
        _tokenizer = _coder.Tokenizer.With(word, vectors);
        _beginning = Beginning(like, vectors).DetachFromDisposeScope();
    }

    internal override string LossSettings => "the model";

    public override nn.Module Build(long seed = 0) => new WordVectors(_beginning);

    public override BatchDraw Draw(Generator generator, ResidentImages data, Tensor indices, double progress) =>
        DrawForTest(generator, data, indices);

    public override BatchDraw DrawForTest(Generator generator, ResidentImages data, Tensor indices)
    {
        var noise = NoiseDraw.From(generator, _objective, indices.shape[0], data.Shape);
        string[] captions = [.. indices.data<long>().ToArray().Select(index => Caption(data.Images, (int)index, generator))];
        return new AdapterDraw(noise, TokenizedPrompt.Batch([.. captions.Select(_tokenizer.Tokenize)]));
    }

    public override Tensor Losses(nn.Module network, Tensor images, Tensor labels, BatchDraw draw)
    {
        using var replica = new WordReplica(this, (WordVectors)network);
        return replica.Losses(images, labels, draw);
    }

    internal override Replica NewReplica(
        nn.Module network, int height, int width, Device device, string precision, bool training) =>
        new WordReplica(this, (WordVectors)network);

    public void Dispose()
    {
        foreach (var encoder in _encoders)
            encoder.Dispose();
        _beginning.Dispose();
    }

    /// <summary>A caption that has the word, or else a phrase with it.</summary>
    private string Caption(ImageSet pictures, int index, Generator generator)
    {
        string[] having = [.. pictures.Captions(index).Where(caption =>
            caption.Contains(_word, StringComparison.OrdinalIgnoreCase))];
        string[] any = having.Length > 0 ? having : Phrases;
        using var scope = NewDisposeScope();
        string one = any[Math.Min(any.Length - 1, (int)(rand(1, generator: generator).item<float>() * any.Length))];
        return having.Length > 0 ? one : string.Format(CultureInfo.InvariantCulture, one, _word);
    }

    /// <summary>The embeddings that a word begins with: of the tokens of what it is like, in turn.</summary>
    private Tensor Beginning(string like, int vectors)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        long[] all = _coder.Tokens([like])[0].data<long>().ToArray();
        long[] tokens = [.. all[1..].TakeWhile(token => token != _coder.Tokenizer.End)]; // behind the start
        if (tokens.Length == 0)
            throw new MezzotintException("'' is no word to begin with: say what the new one is like, such as cat.")
                { Key = "like" };
        var table = TableOf(_coder.Network);
        var which = tensor([.. Enumerable.Range(0, vectors).Select(i => tokens[i % tokens.Length])]);
        return table.detach().index_select(0, which.to(table.device)).cpu().MoveToOuterDisposeScope();
    }

    /// <summary>The vectors of all tokens: [V, D].</summary>
    private static Parameter TableOf(TextEncoder encoder) => encoder.named_parameters().Single(named =>
        named.name.EndsWith(Embedding, StringComparison.Ordinal)).parameter;

    /// <summary>One thread's, with an encoder of its own: the gradient of the table is that of the vectors.</summary>
    private sealed class WordReplica : Replica
    {
        private readonly WordTask _task;
        private readonly WordVectors _network;
        private readonly TextEncoder _encoder;
        private readonly Parameter _table;

        public WordReplica(WordTask task, WordVectors network)
        {
            (_task, _network) = (task, network);
            _encoder = task._encoders.TryTake(out var idle) ? idle : Grown(task);
            _table = TableOf(_encoder);
        }

        private static TextEncoder Grown(WordTask task)
        {
            var encoder = task._coder.Network.WithWords(task._beginning);
            foreach (var (name, parameter) in encoder.named_parameters())
                parameter.requires_grad_(name.EndsWith(Embedding, StringComparison.Ordinal));
            return encoder;
        }

        public override Tensor Losses(Tensor images, Tensor labels, BatchDraw draw)
        {
            var vectors = _network.Vectors;
            using (no_grad())
                _table.narrow(0, _task._coder.Tokenizer.Count, vectors.shape[0]).copy_(vectors);
            var (noise, tokens) = (AdapterDraw)draw;
            var states = _encoder.call(tokens.cpu()).to(images.device);
            return AdapterTask.Losses(_task._model.Network, images, Condition.OfContext(states), noise);
        }

        public override void Backward(Tensor images, Tensor labels, BatchDraw draw, long batch, Tensor loss)
        {
            var mean = Losses(images, labels, draw).sum().Over(batch);
            mean.backward();
            using var noGrad = no_grad();
            var vectors = _network.Vectors;
            var gradient = _table.grad!.narrow(0, _task._coder.Tokenizer.Count, vectors.shape[0]);
            vectors.grad!.AddInPlace(gradient.to(vectors.device));
            _encoder.zero_grad();
            loss.copy_(mean);
        }

        public override void Dispose() => _task._encoders.Add(_encoder);
    }
}
