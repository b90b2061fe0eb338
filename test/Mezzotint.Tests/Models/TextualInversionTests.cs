using System.Text;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Serving;
using Mezzotint.Tests.Formats;
using Mezzotint.Tests.Serving;
using Mezzotint.Text;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Models;

/// <summary>Learned words of a text encoder: every kind of file, and what prompts become with them.</summary>
public sealed class TextualInversionTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("learned_embeds.bin", "style-three.pt")]
    [InlineData("learned_embeds.safetensors", "style-three.safetensors")]
    public void Published_words_give_the_originals_tokens_and_states(string cat, string style)
    {
        using var scope = NewDisposeScope();
        using var model = ModelFolder.Read(TinyStableDiffusion.PathOf("pipeline"));
        Assert.Equal(["<my-cat>"], model.AddWords(TinyStableDiffusion.PathOf("textual-inversion", cat)));
        Assert.Equal(["style-three"], model.AddWords(TinyStableDiffusion.PathOf("textual-inversion", style)));
        var text = (TextPrompts)model.Info.Prompts!;
        var arrays = TinyStableDiffusion.Golden("textual_inversion");
        string[] prompts = ["a photo of <my-cat> on a roof", "a house in style-three, red"];
        long[] tokens = [.. prompts.SelectMany(prompt => text.Tokenize(prompt).Tokens, (_, token) => (long)token)];
        Assert.Equal(arrays["input_ids"].to(int64).flatten().data<long>().ToArray(), tokens);
        TensorAssert.Close(arrays["last_hidden_state"], text.Read(prompts, []).Context!, 1e-4);
    }

    [Fact]
    public void A_word_of_several_vectors_is_found_in_any_case_and_counts_as_so_many_tokens()
    {
        using var scope = NewDisposeScope();
        using var model = Small();
        var text = (TextPrompts)model.Info.Prompts!;
        int known = text.Opened.Tokenizer.Count;
        using var before = text.Read(["a red heart"], []).Context!.clone();
        Assert.Equal(["<Car>"], model.AddWords(Write("one.safetensors", ("<Car>", randn(2, 16)))));
        Assert.Equal(["<Car>s"], model.AddWords(Write("more.safetensors", ("<Car>s", randn(16)))));
        Assert.Equal([known, known + 1], text.Tokenize("a <car>").Tokens.Skip(2).Take(2));
        Assert.Equal(known + 2, text.Tokenize("<CAR>S").Tokens[1]); // the longer word first
        Assert.Equal(["a ", "<car> ", "<car>_1 "], text.Tokenize("a <car>").Pieces);
        Assert.True(text.Read(["a red heart"], []).Context!.equal(before).all().item<bool>());
        Assert.False(text.Read(["a <car>"], []).Context!.equal(text.Read(["a <car>s"], []).Context!).all().item<bool>());
        Assert.Throws<MezzotintException>(() => model.Adapt(_folder.File("any.safetensors")));

        model.RemoveAdapters();
        Assert.Equal(known, text.Opened.Tokenizer.Count);
        Assert.DoesNotContain(known, text.Tokenize("a <car>").Tokens);
        Assert.Empty(model.Adapters);
    }

    [Fact]
    public void Words_that_do_not_fit_are_refused_in_one_line_and_change_nothing()
    {
        using var scope = NewDisposeScope();
        using var model = Small();
        Assert.Contains("8 numbers, and the text encoder takes 16", Refusal(model, Write("a.safetensors", ("x1y", ones(8)))),
            StringComparison.Ordinal);
        Assert.Contains("is not finite", Refusal(model, Write("b.safetensors", ("x1y", ones(16) / 0))), StringComparison.Ordinal);
        Assert.Contains("is [1, 1, 16]", Refusal(model, Write("c.safetensors", ("x1y", ones(1, 1, 16)))),
            StringComparison.Ordinal);
        Assert.Contains("has no words", Refusal(model, Write("d.safetensors")), StringComparison.Ordinal);
        string twice = Write("e.safetensors", ("x1y", ones(16)));
        model.AddWords(twice);
        Assert.Contains("known already", Refusal(model, twice), StringComparison.Ordinal);
        File.WriteAllBytes(_folder.File("f.pt"), Encoding.ASCII.GetBytes("hello"));
        Refusal(model, _folder.File("f.pt"));
        Refusal(model, _folder.File("nowhere.pt"));
        Assert.Single(model.Adapters);
    }

    [Fact]
    public void A_receipt_names_the_words_and_another_model_does_not_draw_it_again()
    {
        using var scope = NewDisposeScope();
        using var model = Small();
        model.AddWords(Write("car.safetensors", ("<car>", randn(16))));
        ImageReceipt receipt;
        using (var pipeline = new DiffusionPipeline(model, threads: 1))
            receipt = pipeline.Prepare(["a <car>"], new GenerationOptions { Count = 1, Seed = 3, Steps = 2 }).Receipt;
        Assert.Equal("car.safetensors", receipt.ToText()["Adapters"]);
        string picture = _folder.File("one.png");
        PngFile.Write(picture, new ImageBatch(1, 3, 8, 8, new byte[192]), 1, receipt.ToText());
        receipt = ImageReceipt.Read(picture);
        Assert.Equal(["<car>"], Assert.Single(receipt.Adapters).Words!);
        using (var pipeline = new DiffusionPipeline(model, threads: 1))
            pipeline.Prepare(receipt);
        using var without = new DiffusionPipeline(model.RemoveAdapters(), threads: 1);
        Assert.Contains("name --embedding car.safetensors",
            Assert.Throws<MezzotintException>(() => without.Prepare(receipt)).Message, StringComparison.Ordinal);
    }

    private static string Refusal(LoadedModel model, string file)
    {
        string message = Assert.Throws<MezzotintException>(() => model.AddWords(file)).Message;
        Assert.DoesNotContain('\n', message);
        return message;
    }

    private string Write(string name, params (string Word, Tensor Vectors)[] words)
    {
        SafetensorsFile.Write(
            _folder.File(name), words.Select(word => KeyValuePair.Create(word.Word, word.Vectors.ToData())));
        return _folder.File(name);
    }

    private static LoadedModel Small()
    {
        var (prompts, encoder) = WordedPipeline.NewPrompts();
        return new(WordedPipeline.Config.Build(seed: 3), WordedPipeline.Info(prompts)) { Encoder = encoder };
    }
}
