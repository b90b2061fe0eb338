using Mezzotint.Data;
using Mezzotint.Engine;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Runs;
using Mezzotint.Serving;
using Mezzotint.Tests.Formats;
using Mezzotint.Text;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Runs;

/// <summary>Adapters and words that are trained for a published model: what they lower, what they leave alone, and that their
/// files say what was trained.</summary>
public sealed class AdapterTrainingTests : IDisposable
{
    private const string Word = "<my-thing>";

    private static readonly AdapterTrainingOptions Judged = new() { Steps = 12, BatchSize = 2, Seed = 99 };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(AdapterNaming.Kohya)]
    [InlineData(AdapterNaming.Peft)]
    public void An_adapter_lowers_the_loss_and_leaves_the_weights_as_they_were(AdapterNaming naming)
    {
        using var scope = NewDisposeScope();
        using var model = Model();
        var pictures = Pictures();
        Tensor[] before = [.. Weights(model).Select(weight => weight.clone())];
        bool[] required = [.. Weights(model).Select(weight => weight.requires_grad)];
        double plain = AdapterTraining.Loss(model, pictures, Judged, asked: null);
        string file = _folder.File("style.safetensors");
        var seen = new List<AdapterTrainingStep>();
        AdapterTraining.TrainAdapter(model, pictures, file,
            new() { Steps = 40, BatchSize = 2, LearningRate = 3e-3, Rank = 4, Alpha = 2, Naming = naming, CaptionDropout = 0 },
            new Listed(seen));
        Same(before, Weights(model));
        Assert.Equal(required, Weights(model).Select(weight => weight.requires_grad));
        Assert.Equal(Enumerable.Range(1, 40), seen.Select(step => step.Step));

        var names = SafetensorsFile.Read(file).Tensors.Keys;
        Assert.All(names, name => Assert.Contains("attn", name, StringComparison.Ordinal));
        Assert.All(names, name => Assert.StartsWith(naming == AdapterNaming.Peft ? "unet." : "lora_unet_", name,
            StringComparison.Ordinal));
        model.Adapt(file);
        double adapted = AdapterTraining.Loss(model, pictures, Judged, asked: null);
        Assert.True(adapted < 0.97 * plain, $"{adapted} with the adapter, {plain} without");
        model.RemoveAdapters();
        Same(before, Weights(model));
    }

    [Fact]
    public void Both_namings_of_one_training_draw_the_same_picture_and_another_one_than_the_model()
    {
        string Trained(AdapterNaming naming)
        {
            using var model = Model();
            string file = _folder.File($"{naming}.safetensors");
            AdapterTraining.TrainAdapter(model, Pictures(), file,
                new() { Steps = 6, LearningRate = 1e-2, Rank = 2, Alpha = 4, Naming = naming, Parts = "*.attn2.*, *conv1*" });
            return file;
        }
        byte[] Drawn(string? file)
        {
            using var model = Model();
            if (file is not null)
                model.Adapt(file);
            using var pipeline = new DiffusionPipeline(model);
            return pipeline.Generate("a cat", new() { Seed = 1, Steps = 2 }).Images.Pixels;
        }
        byte[] kohya = Drawn(Trained(AdapterNaming.Kohya)), peft = Drawn(Trained(AdapterNaming.Peft));
        Assert.True(kohya.Zip(peft).All(pair => Math.Abs(pair.First - pair.Second) <= 1)); // alpha / r is applied elsewhere
        Assert.NotEqual(Drawn(null), kohya);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_word_lowers_the_loss_and_is_read_back_and_the_model_stays(int vectors)
    {
        using var scope = NewDisposeScope();
        using var model = Model();
        var pictures = Pictures();
        Tensor[] before = [.. Weights(model).Select(weight => weight.clone())];
        string file = _folder.File("word.safetensors");
        AdapterTraining.TrainWord(model, pictures, Word, file,
            new() { Steps = 40, BatchSize = 2, LearningRate = 0.1, Vectors = vectors, Like = "cat" });
        Same(before, Weights(model));

        var written = Assert.Single(SafetensorsFile.Read(file).Tensors); // as diffusers has it
        Assert.Equal(Word, written.Key);
        Assert.Equal(vectors == 1 ? [32L] : [vectors, 32L], written.Value.Shape);
        double plain = AdapterTraining.Loss(model, pictures, Judged, _ => "a photo of cat");
        Assert.Equal([Word], model.AddWords(file));
        double learned = AdapterTraining.Loss(model, pictures, Judged, _ => $"a photo of {Word}");
        Assert.True(learned < plain, $"{learned} with the word, {plain} with what it began as");
        model.RemoveAdapters();
        Same(before, Weights(model));
    }

    [Fact]
    public void The_same_seed_trains_the_same_file()
    {
        byte[] Trained(string name)
        {
            using var model = Model();
            string file = _folder.File(name);
            AdapterTraining.TrainAdapter(model, Pictures(), file, new() { Steps = 3, Rank = 2, Seed = 5 });
            return File.ReadAllBytes(file);
        }
        using var single = new Mezzotint.Runtime.WorkerThreads(1);
        Directory.CreateDirectory(_folder.File("again"));
        Assert.Equal(Trained("a.safetensors"), Trained(Path.Combine("again", "a.safetensors")));
    }

    [Fact]
    public void What_does_not_fit_is_refused_in_one_line_and_nothing_is_written()
    {
        using var model = Model();
        var (pictures, file) = (Pictures(), _folder.File("x.safetensors"));
        void Refused(string key, string says, Action train)
        {
            var problem = Assert.Throws<MezzotintException>(train);
            Assert.Contains(says, problem.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', problem.Message);
            Assert.Equal(key, problem.Key);
            Assert.False(File.Exists(file));
        }
        var silent = new ImageSet("silent", pictures.Pixels, pictures.Labels, 3, 16, 16, []);
        var grey = new ImageSet("grey", new byte[2 * 16 * 16], new byte[2], 1, 16, 16, [], [["a"], ["b"]]);
        Refused("data", "has no captions", () => AdapterTraining.TrainAdapter(model, silent, file));
        Refused("data", "has 1 channels", () => AdapterTraining.TrainAdapter(model, grey, file));
        Refused("out", "must end in .safetensors", () => AdapterTraining.TrainAdapter(model, pictures, file + ".bin"));
        Refused("rank", "between 1 and 1024", () => AdapterTraining.TrainAdapter(model, pictures, file, new() { Rank = 0 }));
        Refused("like", "no word to begin with", () => AdapterTraining.TrainWord(
            model, pictures, Word, file, new() { Like = "" }));
        Refused("parts", "means no layer", () => AdapterTraining.TrainAdapter(
            model, pictures, file, new() { Parts = "nothing" }));
        using var stop = new CancellationTokenSource();
        stop.Cancel();
        Assert.Throws<OperationCanceledException>(() =>
            AdapterTraining.TrainAdapter(model, pictures, file, cancellation: stop.Token));
        Assert.False(File.Exists(file));
        AdapterTraining.TrainWord(model, silent, Word, file, new() { Steps = 1 }); // phrases stand in for captions
        Assert.True(File.Exists(file));
    }

    private static LoadedModel Model() =>
        ModelPath.Read(TinyStableDiffusion.PathOf("pipeline")).With(ComputePrecision.Float32);

    private static IEnumerable<Tensor> Weights(LoadedModel model) =>
        model.Network.parameters().Concat(((TextPrompts)model.Info.Prompts!).Coder!.Network.parameters());

    private static void Same(IEnumerable<Tensor> wanted, IEnumerable<Tensor> got)
    {
        foreach (var (before, now) in wanted.Zip(got))
            Assert.True(before.equal(now).all().item<bool>());
    }

    /// <summary>Two kinds of pictures, 16 x 16, each with its caption.</summary>
    private static ImageSet Pictures()
    {
        byte[] pixels = new byte[4 * 3 * 16 * 16];
        for (int i = 0; i < pixels.Length; i++)
            pixels[i] = (byte)(i / (3 * 256) % 2 == 0 ? 8 * (i % 16) + i / 256 % 3 * 40 : i / 16 % 16 < 8 ? 230 : 20);
        string[] captions = ["a soft red slope", "a white half"];
        return new("tiny", pixels, new byte[4], 3, 16, 16, [],
            [.. Enumerable.Range(0, 4).Select(i => (IReadOnlyList<string>)[captions[i % 2]])]);
    }

    private sealed class Listed(List<AdapterTrainingStep> steps) : IProgress<AdapterTrainingStep>
    {
        public void Report(AdapterTrainingStep value) => steps.Add(value);
    }
}
