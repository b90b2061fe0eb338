using System.Collections.Concurrent;
using Mezzotint.Engine;
using Mezzotint.Networks;
using static TorchSharp.torch;

namespace Mezzotint.Text;

/// <summary>A tokenizer and its text encoder at work. Any thread may use it.</summary>
/// <param name="tokenizer">The tokenizer.</param>
/// <param name="network">The encoder; it stays the caller's.</param>
internal sealed class TextCoder(ClipTokenizer tokenizer, TextEncoder network) : IDisposable
{
    private const int MostKept = 1 << 17; // captions of a training; each is cut into tokens once

    private readonly ConcurrentDictionary<string, TokenizedPrompt> _tokens = new(StringComparer.Ordinal);
    private readonly Lock _reading = new();
    private TextEvaluator? _evaluator;
    private bool _freed;
    private (ClipTokenizer Tokenizer, TextEncoder Network)? _more; // with the words that were added

    public ClipTokenizer Tokenizer => _more?.Tokenizer ?? tokenizer;

    public TextEncoder Network => _freed ? throw new MezzotintException(
        "The text encoder was freed to save memory: no more prompts can be read. Open the model again.") { Key = "memory" }
        : _more?.Network ?? network;

    /// <summary>Adds words: no other thread may read meanwhile.</summary>
    /// <param name="words">Each with its vectors: [n, D].</param>
    /// <exception cref="MezzotintException">A word is known already, or its vectors are of another width.</exception>
    public void Add(IReadOnlyList<(string Word, Tensor Vectors)> words)
    {
        var known = Tokenizer;
        foreach (var (word, vectors) in words)
        {
            if (vectors.shape[1] != network.Config.HiddenSize)
                throw new MezzotintException(
                    $"The vectors of {Printable.Quote(word)} have {vectors.shape[1]} numbers, and the text encoder takes "
                    + $"{network.Config.HiddenSize}: they were made for another one.");
            known = known.With(word, (int)vectors.shape[0]);
        }
        var grown = Network.WithWords(cat([.. words.Select(word => word.Vectors)], 0));
        Forget();
        _more = (known, grown);
    }

    /// <summary>Takes the words out that were added.</summary>
    public void Forget()
    {
        Refresh();
        _tokens.Clear();
        _more?.Network.Dispose();
        _more = null;
    }

    /// <summary>The tokens of a prompt.</summary>
    public TokenizedPrompt Tokenize(string prompt)
    {
        if (_tokens.TryGetValue(prompt, out var known))
            return known;
        var tokens = Tokenizer.Tokenize(prompt);
        if (_tokens.Count < MostKept)
            _tokens[prompt] = tokens;
        return tokens;
    }

    /// <summary>The tokens of prompts: int64 [B, T].</summary>
    public Tensor Tokens(IReadOnlyList<string> prompts) => TokenizedPrompt.Batch([.. prompts.Select(Tokenize)]);

    /// <summary>The hidden states of tokens, many at once: [B, T, D], without gradients.</summary>
    public Tensor Encode(Tensor tokens)
    {
        using var noGrad = no_grad();
        return Network.call(tokens);
    }

    /// <summary>The hidden states of prompts, one by one, so that what it says of a prompt depends on nothing else, to the bit:
    /// [B, T, D].</summary>
    public Tensor Read(IReadOnlyList<string> prompts, int skip = 0)
    {
        using var scope = NewDisposeScope();
        var device = Network.parameters().First().device;
        lock (_reading)
        {
            _evaluator ??= new TextEvaluator(Network, device);
            return _evaluator.Evaluate(Tokens(prompts).to(device), skip).MoveToOuterDisposeScope();
        }
    }

    /// <summary>The hidden states of prompts with weights and of any length: [B, T n, D], n chunks of T tokens one after the
    /// other. The states of a token are multiplied by its weight, and all of a chunk by what keeps their mean.</summary>
    public Tensor ReadWeighted(IReadOnlyList<string> prompts, int skip)
    {
        using var scope = NewDisposeScope();
        PromptChunks[] cut = [.. prompts.Select(prompt => PromptChunks.Of(prompt, Tokenizer))];
        int count = cut.Max(chunks => chunks.Tokens.Count);
        var rows = cut.Select(chunks => Weighted(chunks.Grown(count, Tokenizer), skip));
        return cat([.. rows], 0).MoveToOuterDisposeScope();
    }

    /// <summary>[1, T n, D].</summary>
    private Tensor Weighted(PromptChunks chunks, int skip)
    {
        var device = Network.parameters().First().device;
        int length = Tokenizer.Length, count = chunks.Tokens.Count;
        var tokens = tensor([.. chunks.Tokens.SelectMany(row => row, (_, token) => (long)token)], [count, length]);
        var weights = tensor([.. chunks.Weights.SelectMany(row => row)], [count, length, 1]).to(device);
        Tensor states;
        lock (_reading)
        {
            _evaluator ??= new TextEvaluator(Network, device);
            states = _evaluator.Evaluate(tokens.to(device), skip); // [n, T, D]
        }
        var weighted = states * weights;
        var mean = states.mean([1L, 2L], keepdim: true) / weighted.mean([1L, 2L], keepdim: true); // [n, 1, 1]
        return (weighted * mean).reshape(1, (long)count * length, -1);
    }

    /// <summary>Takes the encoder's weights as they are now.</summary>
    public void Refresh()
    {
        lock (_reading)
        {
            _evaluator?.Dispose();
            _evaluator = null;
        }
    }

    public void Dispose()
    {
        Forget();
        _freed = true;
    }
}
