namespace Mezzotint.Text;

/// <summary>
/// A prompt of any length in chunks that a text encoder takes, each with a start and an end of its own, and the weight of each
/// token; as the widely used web interface makes them.
/// </summary>
/// <param name="Tokens">The tokens of each chunk, as many as the encoder takes.</param>
/// <param name="Weights">Their weights; 1 for the start, the end and what fills a chunk up.</param>
internal sealed record PromptChunks(IReadOnlyList<int[]> Tokens, IReadOnlyList<float[]> Weights)
{
    /// <summary>A chunk that is full ends behind its last comma, where that is among its last tokens.</summary>
    private const int CommaReach = 20;

    /// <summary>Cuts a prompt.</summary>
    public static PromptChunks Of(string prompt, ClipTokenizer tokenizer)
    {
        int room = tokenizer.Length - 2;
        int? comma = tokenizer.Encode(",") is [var only] ? only : null;
        var cutter = new Cutter(room, comma);
        foreach (var (text, weight) in WeightedPrompt.Parse(prompt))
            if (text is null)
                cutter.End();
            else
                foreach (int token in tokenizer.Encode(text))
                    cutter.Add(token, (float)weight);
        var chunks = cutter.Finish();
        var (start, end, pad) = (tokenizer.Start, tokenizer.End, tokenizer.Pad);
        return new(
            [.. chunks.Select(chunk => Framed([.. chunk.Select(each => each.Token)], start, end, pad, room))],
            [.. chunks.Select(chunk => Framed([.. chunk.Select(each => each.Weight)], 1f, 1f, 1f, room))]);
    }

    /// <summary>The same with so many chunks: those that are added are of no words.</summary>
    public PromptChunks Grown(int count, ClipTokenizer tokenizer)
    {
        if (Tokens.Count >= count)
            return this;
        var empty = Of("", tokenizer);
        var more = Enumerable.Range(0, count - Tokens.Count);
        return new([.. Tokens, .. more.Select(_ => empty.Tokens[0])], [.. Weights, .. more.Select(_ => empty.Weights[0])]);
    }

    private static T[] Framed<T>(T[] within, T start, T end, T pad, int room) =>
        [start, .. within, end, .. Enumerable.Repeat(pad, room - within.Length)];

    /// <summary>Fills chunks token by token.</summary>
    private sealed class Cutter(int room, int? comma)
    {
        private readonly List<List<(int Token, float Weight)>> _chunks = [];
        private List<(int Token, float Weight)> _open = [];
        private int _afterComma = -1; // where the token behind the last comma stands; -1 for none

        public void Add(int token, float weight)
        {
            if (_open.Count == room)
            {
                int from = token != comma && _afterComma >= 0 && room - _afterComma <= CommaReach ? _afterComma : room;
                var moved = _open[from..];
                _open.RemoveRange(from, room - from);
                End();
                _open.AddRange(moved);
            }
            _open.Add((token, weight));
            if (token == comma)
                _afterComma = _open.Count;
        }

        public void End()
        {
            _chunks.Add(_open);
            (_open, _afterComma) = ([], -1);
        }

        public List<List<(int Token, float Weight)>> Finish()
        {
            if (_open.Count > 0 || _chunks.Count == 0)
                End();
            return _chunks;
        }
    }
}
