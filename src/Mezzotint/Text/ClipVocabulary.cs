namespace Mezzotint.Text;

/// <summary>
/// Learns the vocabulary of a <see cref="ClipTokenizer"/> from captions: byte pairs. It begins with a piece for each byte, inside
/// a word and at its end. Again and again the two pieces that most often follow each other become one.
/// </summary>
/// <remarks>Sennrich et al. 2016, arXiv 1508.07909, algorithm 1, within words, on bytes as in Radford et al. 2019.</remarks>
public static class ClipVocabulary
{
    /// <summary>The smallest vocabulary: each byte twice, the start and the end.</summary>
    public const int LeastSize = 2 * 256 + 2;

    /// <summary>The largest vocabulary.</summary>
    public const int MostSize = 1 << 20;

    private const int LeastCount = 2; // a pair that is there once teaches nothing

    /// <summary>Learns a vocabulary.</summary>
    /// <param name="captions">The captions; their order does not matter. A caption that comes twice counts twice.</param>
    /// <param name="size">The most tokens: <see cref="LeastSize"/> to <see cref="MostSize"/>. There are fewer where no pair of
    /// pieces is there twice any more.</param>
    /// <param name="length">The most tokens of a prompt, those of its start and end included.</param>
    /// <returns>The same tokenizer for the same captions: of pairs that are as frequent, the first by the letters of its first
    /// piece, then of its second.</returns>
    public static ClipTokenizer Train(IEnumerable<string> captions, int size, int length = ClipTokenizer.PublishedLength)
    {
        ArgumentNullException.ThrowIfNull(captions);
        ArgumentOutOfRangeException.ThrowIfLessThan(size, LeastSize);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, MostSize);
        var pieces = new List<string>();
        string[] letters = [.. ByteLetters.All.Order().Select(letter => $"{letter}")];
        pieces.AddRange(letters);
        pieces.AddRange(letters.Select(letter => letter + ClipTokenizer.EndOfWord));
        var merges = new BytePairs(pieces, CountWords(captions)).Merge(size - 2);
        pieces.AddRange([ClipTokenizer.StartText, ClipTokenizer.EndText]);
        return new(pieces.Index().ToDictionary(piece => piece.Item, piece => piece.Index), merges, length);
    }

    private static Dictionary<string, long> CountWords(IEnumerable<string> captions)
    {
        var words = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (string caption in captions)
            foreach (string word in ClipTokenizer.WordsOf(caption))
                if (word is not (ClipTokenizer.StartText or ClipTokenizer.EndText))
                    words[word] = words.GetValueOrDefault(word) + 1;
        return words;
    }

    /// <summary>Words as lists of pieces, and how often each pair of pieces is in them.</summary>
    private sealed class BytePairs
    {
        private readonly List<string> _pieces;
        private readonly Dictionary<string, int> _numbers;
        private readonly List<(int[] Pieces, long Count)> _words = [];
        private readonly Dictionary<(int, int), long> _counts = [];
        private readonly Dictionary<(int, int), HashSet<int>> _places = []; // the words that have a pair, or once had it
        private readonly PriorityQueue<(int First, int Second), (long Count, string First, string Second)> _queue =
            new(Comparer<(long Count, string First, string Second)>.Create(Compare));

        public BytePairs(List<string> pieces, Dictionary<string, long> words)
        {
            (_pieces, _numbers) = (pieces, pieces.Index().ToDictionary(piece => piece.Item, piece => piece.Index));
            foreach (var (word, count) in words.OrderBy(word => word.Key, StringComparer.Ordinal))
            {
                int[] letters = [.. word.Select((letter, i) =>
                    _numbers[i == word.Length - 1 ? letter + ClipTokenizer.EndOfWord : $"{letter}"])];
                _words.Add((letters, count));
                Count(_words.Count - 1, 1);
            }
        }

        /// <summary>Makes pieces until there are so many, and gives the pairs that they are made of.</summary>
        public List<string> Merge(int most)
        {
            var merges = new List<string>();
            while (_pieces.Count < most && _queue.TryDequeue(out var pair, out var was))
            {
                long count = _counts[pair];
                if (count != was.Count)
                    Enqueue(pair); // some of its words have other pieces now
                else
                {
                    merges.Add($"{_pieces[pair.First]} {_pieces[pair.Second]}");
                    Replace(pair, Number(_pieces[pair.First] + _pieces[pair.Second]));
                }
            }
            return merges;
        }

        /// <summary>Two pairs may make the same piece.</summary>
        private int Number(string piece)
        {
            if (_numbers.TryAdd(piece, _pieces.Count))
                _pieces.Add(piece);
            return _numbers[piece];
        }

        private void Replace((int First, int Second) pair, int piece)
        {
            foreach (int word in _places[pair].Order().ToArray())
            {
                Count(word, -1);
                var (old, count) = _words[word];
                var joined = new List<int>(old.Length);
                for (int i = 0; i < old.Length; i++)
                    if (i + 1 < old.Length && old[i] == pair.First && old[i + 1] == pair.Second)
                    {
                        joined.Add(piece);
                        i++;
                    }
                    else
                        joined.Add(old[i]);
                _words[word] = ([.. joined], count);
                Count(word, 1);
            }
            _places.Remove(pair);
        }

        /// <summary>Counts the pairs of a word, or takes them back.</summary>
        private void Count(int word, int sign)
        {
            var (pieces, count) = _words[word];
            for (int i = 0; i + 1 < pieces.Length; i++)
            {
                var pair = (pieces[i], pieces[i + 1]);
                _counts[pair] = _counts.GetValueOrDefault(pair) + sign * count;
                if (sign < 0)
                    continue;
                if (!_places.TryGetValue(pair, out var words))
                    _places[pair] = words = [];
                words.Add(word);
                Enqueue(pair);
            }
        }

        private void Enqueue((int First, int Second) pair)
        {
            if (_counts[pair] >= LeastCount)
                _queue.Enqueue(pair, (_counts[pair], _pieces[pair.First], _pieces[pair.Second]));
        }

        /// <summary>The most frequent first, then by the letters.</summary>
        private static int Compare((long Count, string First, string Second) a, (long Count, string First, string Second) b) =>
            a.Count != b.Count ? b.Count.CompareTo(a.Count)
            : string.CompareOrdinal(a.First, b.First) is not 0 and var first ? first
            : string.CompareOrdinal(a.Second, b.Second);
    }
}
