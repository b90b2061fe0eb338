using System.Text.Json;
using Mezzotint.Data;
using Mezzotint.Evaluation;
using Mezzotint.Evaluation.Prompts;
using Mezzotint.Formats;
using Mezzotint.Runtime;
using Mezzotint.Tests.Formats;

namespace Mezzotint.Tests.Evaluation.Prompts;

/// <summary>Figures of made-up embeddings, of a small folder of captioned pictures.</summary>
public sealed class PromptFiguresTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly WorkerThreads _threads = new(2);

    public PromptFiguresTests()
    {
        for (int i = 0; i < 18; i++)
            PngFile.Write(_folder.File($"{i:00}.png"), new ImageBatch(1, 1, 4, 4, [.. Enumerable.Repeat((byte)(10 * i), 16)]));
        Describe(i => i < 12 ? "train" : i < 16 ? "held-out-style" : "held-out-tone");
    }

    public void Dispose()
    {
        _threads.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Each_value_of_the_split_that_was_held_out_is_a_part_of_its_own()
    {
        var set = Set();
        Assert.Equal(Enumerable.Range(0, 12), set.Train.Places);
        Assert.Equal(["held-out-style", "held-out-tone"], set.HeldOut.Select(part => part.Name));
        Assert.Equal([12, 13, 14, 15], set.HeldOut[0].Places);
        Assert.Equal([16, 17], set.HeldOut[1].Places);
        Assert.Equal(["tone 1", ""], set.Values("[tone {tone}]").Take(2).Select(values => string.Concat(values)));
        Assert.Equal(5, Set(trainCount: 5).Train.Places.Count);

        Describe(i => i < 12 ? "train" : "validation");
        Assert.Equal(["validation"], Set().HeldOut.Select(part => part.Name));
        Describe(_ => "train"); // a tenth, by their names
        var byName = Set();
        Assert.Equal("test", Assert.Single(byName.HeldOut).Name);
        Assert.Equal(18, byName.HeldOut[0].Places.Count + byName.Train.Places.Count);
    }

    [Fact]
    public void What_lacks_captions_columns_or_pictures_is_named_in_one_line()
    {
        var set = Set();
        Assert.Equal(("data.caption", true), Refused(() => set.Values("{nobody}"), "no column 'nobody'"));
        Assert.Equal(("--count", true), Refused(() => AskedCaptions.Choose(set, 9, 0, 1), "Ask for more with --count"));
        Assert.Equal(("--count", true), Refused(() => AskedCaptions.Choose(Set(trainCount: 3), 10, 0, 1), "Add captioned"));
        var strokes = Strokes.Make(4, 1);
        Assert.Equal(("data.name", true), Refused(() => _ = new CaptionedPictures(strokes, "strokes", new()), "has no captions"));
        Assert.Equal(("data.skip_damaged", true),
            Refused(() => _ = new CaptionedPictures(set.Images.Take(17), _folder.Name, new()),
                "1 of its 18 pictures"));
    }

    [Fact]
    public void Training_captions_are_drawn_by_lot_and_all_held_out_ones_are_asked_for()
    {
        var asked = AskedCaptions.Choose(Set(), 10, each: 3, seed: 1);
        Assert.Equal([10, 4, 2], asked.Parts.Select(part => part.Places.Count));
        Assert.Equal(asked.Pictures.Select(place => $"picture {place}"), asked.Captions);
        Assert.Equal(asked.Parts[0].Places, AskedCaptions.Choose(Set(), 10, 3, 1).Parts[0].Places);
        Assert.NotEqual(asked.Parts[0].Places, AskedCaptions.Choose(Set(), 10, 3, 2).Parts[0].Places);
        Assert.Equal(5 + 4 + 2, asked.Repeats.Count);
        Assert.Equal(16 + 2 * 11, asked.Prompts.Count);
        Assert.Equal(Enumerable.Range(16, 22), asked.Repeats.SelectMany(places => places.Skip(1)).Order());
        Assert.All(asked.Repeats, places => Assert.Single(places.Select(place => asked.Prompts[place]).Distinct()));
    }

    [Fact]
    public void A_model_that_draws_the_real_pictures_gets_what_they_get_and_has_memorised_nothing()
    {
        var asked = AskedCaptions.Choose(Set(), 10, each: 0, seed: 1);
        var figures = Figures(asked, asked.Pictures);
        foreach (string part in (string[])["train", "held_out_style", "held_out_tone"])
        {
            Assert.Equal((1, 1, 0), (Value($"picture_judge_{part}"), figures[$"picture_judge_{part}"].Real,
                figures[$"picture_judge_{part}"].Shuffled));
            Assert.Equal(figures[$"score_{part}"].Real, Value($"score_{part}"));
            Assert.Equal(1, Value($"score_{part}")!.Value, 1e-12);
        }
        Assert.Equal((1, 1), (Value("style_judge_train"), figures["style_judge_train"].Real));
        Assert.Equal((0, 0), (Value("memorised_judge_held_out_style"), Value("memorised_judge_held_out_tone")));
        Assert.Equal(figures["frechet_train"].Real, Value("frechet_train"));
        Assert.Equal(0, Value("frechet_held_out")!.Value, 1e-6);
        Assert.Equal(figures["kernel_train"].Real, Value("kernel_train"));

        double? Value(string key) => figures[key].Value;
    }

    [Fact]
    public void A_model_that_draws_training_pictures_for_what_it_never_saw_has_memorised_them()
    {
        var asked = AskedCaptions.Choose(Set(), 10, each: 0, seed: 1);
        // the last held-out picture alone is drawn as it is
        int[] drawn = [.. asked.Parts[0].Places, 0, 1, 2, 15, 2, 3];
        var figures = Figures(asked, drawn);
        Assert.Equal((0.75, 1.0),
            (figures["memorised_judge_held_out_style"].Value, figures["memorised_judge_held_out_tone"].Value));
        Assert.Equal(0.25, figures["picture_judge_held_out_style"].Value);
        Assert.Equal(Math.Sqrt(0.25 * 0.75 / 4), figures["picture_judge_held_out_style"].StandardError!.Value, 1e-12);
        // style is the parity of the number: 12 as 0, 13 as 1, 14 as 2, 15 as itself; chance is 1 of 3 others
        Assert.Equal((1.0, 1.0 / 3), (figures["style_judge_held_out_style"].Value!.Value,
            Math.Round(figures["style_judge_held_out_style"].Shuffled!.Value, 12)), Close);
        Assert.True(figures["score_held_out_style"].Value < figures["score_held_out_style"].Real);
    }

    [Fact]
    public void The_score_of_shuffled_captions_is_the_mean_over_all_wrong_pairs()
    {
        Points texts = Circle(18, [0, 3, 5, 9]), pictures = Circle(18, [1, 4, 4, 17]);
        var score = TextImageScore.Of(texts, pictures);
        double Cosine(int a, int b) => PairwiseDistances.Dot(texts[a], pictures[b]);
        double[] wrong = [.. from a in Enumerable.Range(0, 4) from b in Enumerable.Range(0, 4) where a != b select Cosine(a, b)];
        Assert.Equal(wrong.Average(), score.Shuffled!.Value, 1e-12);
        Assert.Equal(Enumerable.Range(0, 4).Select(i => Cosine(i, i)), score.Each);
        Assert.Null(TextImageScore.Of(texts.Take([0]), pictures.Take([0])).Shuffled);
    }

    [Fact]
    public void The_diversity_of_a_prompt_is_the_mean_distance_of_its_images()
    {
        var points = Circle(4, [0, 1, 2, 3]); // a square: sides of the root of 2, diagonals of 2
        Assert.Equal((Math.Sqrt(2) + 2) / 2, PromptDiversity.Of(points, [[0, 1], [0, 2]]), 1e-9);
        Assert.Equal((2 * Math.Sqrt(2) + 2) / 3, PromptDiversity.Of(points, [[0, 1, 2]]), 1e-9);
        int[] equal = [0, 1, 2, 3];
        PictureAspect name = new(new("name", [["a"], ["a"], ["b"], ["b"]]), equal),
            style = new(new("style", [["x"], ["y"], ["x"], ["x"]]), equal);
        // 0 differs from 1 in style alone; 2 and 3 differ from none in it alone
        Assert.Equal(Math.Sqrt(2), PromptDiversity.BetweenReal(points, [0, 2, 3], [name, style], style)!.Value, 1e-9);
        Assert.Equal((2 + Math.Sqrt(2)) / 2, PromptDiversity.BetweenReal(points, [0], [name, style], name)!.Value, 1e-9);
        Assert.Null(PromptDiversity.BetweenReal(points, [2], [name, style], style));
    }

    /// <summary>The figures of a judge to whom picture i of the set and its caption lie at the same place of a circle.</summary>
    private Dictionary<string, Figure> Figures(AskedCaptions asked, IReadOnlyList<int> drawn)
    {
        int count = asked.Set.Images.Count;
        Points all = Circle(count, [.. Enumerable.Range(0, count)]), real = all.Take(asked.Pictures), mine = all.Take(drawn);
        NearestPictures Near(Points points) => NearestPictures.ByEmbedding(points, all, asked.Set.Train.Places, _threads);
        var seen = new JudgedImages
        {
            All = all, Captions = real, Drawn = mine, Real = real,
            Measures = [new NearnessMeasure("judge", "by the judge", Near(mine), Near(real))],
        };
        int[] equal = EqualPictures.Of(asked.Set.Images);
        Assert.Equal(Enumerable.Range(0, count), equal);
        var whole = new AspectValues(AspectValues.WholePicture,
            [.. Enumerable.Range(0, count).Select(asked.Set.Images.Captions)]);
        PictureAspect[] aspects =
        [
            new(whole, equal), new(new("style", asked.Set.Values("style")), equal),
            new(new("tone", asked.Set.Values("tone")), equal),
        ];
        return new PromptFigures(asked, aspects, seen).All(_threads).ToDictionary(figure => figure.Key);
    }

    private static Points Circle(int count, int[] places) => new(
        [.. places.SelectMany(i => new[] { Math.Cos(i * 2 * Math.PI / count), Math.Sin(i * 2 * Math.PI / count) })],
        places.Length, 2);

    private static bool Close((double A, double B) x, (double A, double B) y) =>
        Math.Abs(x.A - y.A) < 1e-9 && Math.Abs(x.B - y.B) < 1e-9;

    private static (string? Key, bool OneLine) Refused(Action act, string message)
    {
        var wrong = Assert.Throws<MezzotintException>(act);
        Assert.Contains(message, wrong.Message, StringComparison.Ordinal);
        return (wrong.Key, !wrong.Message.Contains('\n'));
    }

    private CaptionedPictures Set(int trainCount = 0)
    {
        var options = new ReadingOptions();
        return new(ImageFolder.Load(_folder.Name, options), _folder.Name, options, trainCount);
    }

    private void Describe(Func<int, string> split) => File.WriteAllLines(_folder.File("metadata.jsonl"),
        Enumerable.Range(0, 18).Select(i => JsonSerializer.Serialize(new Dictionary<string, string>
        {
            ["file_name"] = $"{i:00}.png", ["text"] = $"picture {i}", ["style"] = i % 2 == 0 ? "even" : "odd",
            ["tone"] = i % 3 == 0 ? $"{i % 4 + 1}" : "", ["split"] = split(i),
        })));
}
