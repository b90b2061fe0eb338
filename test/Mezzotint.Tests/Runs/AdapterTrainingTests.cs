using Mezzotint.Data;
using Mezzotint.Engine;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Runs;
using Mezzotint.Runtime;
using Mezzotint.Serving;
using Mezzotint.Tests.Formats;
using Mezzotint.Text;
using Mezzotint.Training;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Runs;

/// <summary>Adapters and words that are trained for a published model: what they lower, what they leave alone, and that their
/// files say what was trained.</summary>
public sealed class AdapterTrainingTests : IDisposable
{
    private const string Word = "<my-thing>";

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
        double plain = Loss(model, pictures);
        string file = _folder.File("style.safetensors");
        var seen = new List<TrainingProgress>();
        var result = Adapter(model, pictures, file,
            new() { Steps = 40, BatchSize = 2, LearningRate = 3e-3, Rank = 4, Alpha = 2, Naming = naming, CaptionDropout = 0 },
            new Listed(seen));
        Same(before, Weights(model));
        Assert.Equal(required, Weights(model).Select(weight => weight.requires_grad));
        Assert.Equal((true, 40, 10), (result.Finished, result.Step, result.Epochs.Count));
        Assert.Equal(40, seen[^1].Step);
        Assert.All(seen, told => Assert.Equal(40, told.TotalSteps));

        var names = SafetensorsFile.Read(file).Tensors.Keys;
        Assert.All(names, name => Assert.Contains("attn", name, StringComparison.Ordinal));
        Assert.All(names, name => Assert.StartsWith(naming == AdapterNaming.Peft ? "unet." : "lora_unet_", name,
            StringComparison.Ordinal));
        model.Adapt(file);
        double adapted = Loss(model, pictures);
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
            Adapter(model, Pictures(), file,
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
        LearnWord(model, pictures, file,
            new() { Steps = 80, BatchSize = 4, LearningRate = 0.1, Vectors = vectors, Like = "cat" });
        Same(before, Weights(model));

        var written = Assert.Single(SafetensorsFile.Read(file).Tensors); // as diffusers has it
        Assert.Equal(Word, written.Key);
        Assert.Equal(vectors == 1 ? [32L] : [vectors, 32L], written.Value.Shape);
        double plain = Loss(model, pictures, _ => "a photo of cat");
        Assert.Equal([Word], model.AddWords(file));
        double learned = Loss(model, pictures, _ => $"a photo of {Word}");
        Assert.True(learned < plain, $"{learned} with the word, {plain} with what it began as");
        model.RemoveAdapters();
        Same(before, Weights(model));
    }

    // Two replicas, each with half of a batch, an order of pictures that ends amid a batch, and no epoch that ends with a
    // checkpoint of its own but the last.
    [Theory]
    [InlineData("", false)]
    [InlineData("*self_attn*, *mlp*", false)]
    [InlineData("", true)]
    public void A_training_that_was_stopped_and_resumed_writes_the_file_of_one_that_was_not(string textParts, bool word)
    {
        var options = new AdapterTrainingOptions
        {
            Steps = 22, BatchSize = 3, Rank = 2, Seed = 5, LearningRate = 1e-2, TextParts = textParts, Vectors = 2,
            CheckpointEvery = 7,
        };
        TrainingResult Train(string name, CancellationTokenSource? stop = null, int at = int.MaxValue)
        {
            using var model = Model();
            var (file, pictures) = (_folder.File(Path.Combine(name, "a.safetensors")), Pictures());
            Directory.CreateDirectory(_folder.File(name));
            var reports = new Reporting(told =>
            {
                if (told.Step >= at)
                    stop!.Cancel();
            });
            var token = stop?.Token ?? CancellationToken.None;
            return word ? LearnWord(model, pictures, file, options, reports, token)
                : Adapter(model, pictures, file, options, reports, token);
        }
        byte[] Written(string name) => File.ReadAllBytes(_folder.File(Path.Combine(name, "a.safetensors")));
        Assert.True(Train("whole").Finished);
        foreach (int at in new[] { 1, 11 })
        {
            using var stop = new CancellationTokenSource();
            var stopped = Train("parts", stop, at);
            Assert.False(stopped.Finished);
            Assert.InRange(stopped.Step, at, 21);
        }
        var resumed = Train("parts");
        Assert.Equal((true, 22), (resumed.Finished, resumed.Step));
        Assert.Equal(Written("whole"), Written("parts"));
        var logs = new[] { "whole", "parts" }.Select(name => RunLog.Read(_folder.File(Path.Combine(name, "a", "log.jsonl")))
            .Select(line => (line.Step, line.TrainLoss, line.EvalLoss)));
        Assert.Equal(logs.First(), logs.Last());
    }

    [Fact]
    public void The_run_of_other_settings_is_not_gone_on_with_and_a_lower_rate_is()
    {
        using var model = Model();
        string file = _folder.File("a.safetensors");
        using var stop = new CancellationTokenSource();
        Adapter(model, Pictures(), file, new() { Steps = 20, Rank = 2 }, new Reporting(_ => stop.Cancel()), stop.Token);
        var refused = Assert.Throws<MezzotintException>(() =>
            Adapter(model, Pictures(), file, new() { Steps = 20, Rank = 4 }));
        Assert.Equal("run", refused.Key);
        Assert.Contains("rank = 2", refused.Message, StringComparison.Ordinal);
        Assert.Throws<MezzotintException>(() =>
            Adapter(model, Pictures(), file, new() { Steps = 20, Rank = 2, LearningRate = 1e-3 }));
        Assert.True(Adapter(model, Pictures(), file, new() { Steps = 20, Rank = 2, LearningRate = 1e-5 }).Finished);
    }

    /// <summary>Which part of the model is another one: its name is the same.</summary>
    [Theory]
    [InlineData("network")]
    [InlineData("autoencoder")]
    [InlineData("text encoder")]
    public void The_run_of_another_base_model_is_not_gone_on_with(string part)
    {
        using var model = Model();
        string file = _folder.File("a.safetensors");
        using var stop = new CancellationTokenSource();
        var options = new AdapterTrainingOptions { Steps = 20, Rank = 2 };
        Adapter(model, Pictures(), file, options, new Reporting(_ => stop.Cancel()), stop.Token);
        var weight = (part switch
        {
            "network" => model.Network.parameters(),
            "autoencoder" => model.Autoencoder!.Network.parameters(),
            _ => ((TextPrompts)model.Info.Prompts!).Coder!.Network.parameters(),
        }).Last();
        using var kept = weight.detach().clone();
        using (no_grad())
            weight.add_(ones_like(weight));
        var refused = Assert.Throws<MezzotintException>(() => Adapter(model, Pictures(), file, options));
        Assert.Equal("model", refused.Key);
        Assert.Contains("begun with another base model", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);
        using (no_grad())
            weight.copy_(kept);
        Assert.True(Adapter(model, Pictures(), file, options).Finished);
    }

    [Fact]
    public void A_run_of_before_its_base_had_a_hash_is_gone_on_with()
    {
        using var model = Model();
        string file = _folder.File("a.safetensors"), settings = _folder.File(Path.Combine("a", "config.toml"));
        using var stop = new CancellationTokenSource();
        var options = new AdapterTrainingOptions { Steps = 20, Rank = 2 };
        Adapter(model, Pictures(), file, options, new Reporting(_ => stop.Cancel()), stop.Token);
        var lines = File.ReadAllLines(settings);
        Assert.Single(lines, line => line.StartsWith("model_sha256", StringComparison.Ordinal));
        File.WriteAllLines(settings, lines.Where(line => !line.StartsWith("model_sha256", StringComparison.Ordinal)));
        Assert.True(Adapter(model, Pictures(), file, options).Finished);
    }

    [Theory]
    [InlineData(AdapterNaming.Kohya, "lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight")]
    [InlineData(AdapterNaming.Peft, "text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_A.weight")]
    public void Layers_of_the_text_encoder_are_in_the_file_where_they_are_asked_for_and_change_what_a_prompt_says(
        AdapterNaming naming, string layer)
    {
        using var scope = NewDisposeScope();
        using var model = Model();
        Tensor[] before = [.. Weights(model).Select(weight => weight.clone())];
        var coder = ((TextPrompts)model.Info.Prompts!).Coder!;
        var plain = coder.Read(["a soft red slope"]).clone();
        string file = _folder.File("text.safetensors");
        Adapter(model, Pictures(), file,
            new() { Steps = 8, BatchSize = 2, LearningRate = 1e-2, Rank = 2, TextParts = "*", Naming = naming });
        Same(before, Weights(model));
        Assert.True(plain.equal(coder.Read(["a soft red slope"])).all().item<bool>());
        var names = SafetensorsFile.Read(file).Tensors.Keys;
        Assert.Contains(layer, names);
        Assert.DoesNotContain(names, name => name.Contains("embedding", StringComparison.Ordinal)
            && name.Contains("te", StringComparison.Ordinal) && name.Contains("text_model", StringComparison.Ordinal));
        model.Adapt(file);
        Assert.False(plain.equal(coder.Read(["a soft red slope"])).all().item<bool>());
        model.RemoveAdapters();
        Same(before, Weights(model));
    }

    [Fact]
    public void A_run_folder_has_log_configuration_plot_board_and_samples()
    {
        using var model = Model();
        Adapter(model, Pictures(), _folder.File("a.safetensors"), new() { Steps = 4, Rank = 2, Samples = 2, SampleSteps = 1 });
        string run = _folder.File("a");
        Assert.Equal(4, RunLog.Read(Path.Combine(run, "log.jsonl")).Count(line => line.EvalLoss is not null));
        Assert.True(File.Exists(Path.Combine(run, "loss.png")));
        Assert.StartsWith(RunHeartbeat.Finished, File.ReadAllText(Path.Combine(run, "heartbeat")), StringComparison.Ordinal);
        Assert.Single(Directory.GetFiles(run, "events.out.tfevents.*"));
        Assert.Contains("kind = \"adapter\"", File.ReadAllText(Path.Combine(run, "config.toml")), StringComparison.Ordinal);
        Assert.Equal(4, Directory.GetFiles(Path.Combine(run, "samples"), "epoch-*.png").Length);
        LearnWord(model, Pictures(), _folder.File("b.safetensors"), new() { Steps = 1, Samples = 1, SampleSteps = 1 });
        Assert.Single(Directory.GetFiles(_folder.File(Path.Combine("b", "samples")), "epoch-*.png"));
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
        Refused("data", "has no captions", () => Adapter(model, silent, file, new()));
        Refused("data", "has 1 channels", () => Adapter(model, grey, file, new()));
        using (var folder = RunFolder.Open(_folder.File("x")))
            Refused(
                "out", "must end in .safetensors", () => AdapterTraining.TrainAdapter(model, pictures, folder, file + ".bin"));
        Refused("rank", "between 1 and 1024", () => Adapter(model, pictures, file, new() { Rank = 0 }));
        Refused("like", "no word to begin with", () => LearnWord(model, pictures, file, new() { Like = "" }));
        Refused("parts", "means no layer", () => Adapter(model, pictures, file, new() { Parts = "nothing" }));
        Refused("text_parts", "means no layer", () => Adapter(model, pictures, file, new() { TextParts = "nothing" }));
        Assert.False(File.Exists(Path.Combine(_folder.File("x"), "config.toml")));
        Assert.All(Weights(model), weight => Assert.True(weight.requires_grad));
        Assert.False(Adapter(model, pictures, file, new() { Steps = 5 }, stop: new CancellationToken(true)).Finished);
        Assert.False(File.Exists(file));
        string other = _folder.File("y.safetensors");
        LearnWord(model, silent, other, new() { Steps = 1 }); // phrases stand in for captions
        Assert.True(File.Exists(other));
    }

    /// <summary>Into a run folder beside the file.</summary>
    private static TrainingResult Adapter(LoadedModel model, ImageSet pictures, string file, AdapterTrainingOptions options,
        IProgress<TrainingProgress>? progress = null, CancellationToken stop = default)
    {
        using var folder = RunFolder.Open(Path.ChangeExtension(file, null));
        return AdapterTraining.TrainAdapter(model, pictures, folder, file, options, progress, stop);
    }

    private static TrainingResult LearnWord(LoadedModel model, ImageSet pictures, string file, AdapterTrainingOptions options,
        IProgress<TrainingProgress>? progress = null, CancellationToken stop = default)
    {
        using var folder = RunFolder.Open(Path.ChangeExtension(file, null));
        return AdapterTraining.TrainWord(model, pictures, Word, folder, file, options, progress, stop);
    }

    /// <summary>The mean loss over some batches, the same draws each time.</summary>
    /// <param name="model">The model.</param>
    /// <param name="pictures">What is asked about.</param>
    /// <param name="asked">What stands in place of a caption; null for the caption.</param>
    private static double Loss(LoadedModel model, ImageSet pictures, Func<string, string>? asked = null)
    {
        const int batches = 12, size = 2;
        using var noGrad = no_grad();
        using var data = new ResidentImages(pictures, model.Device, model.Info.Pixels);
        double sum = 0;
        for (int i = 0; i < batches; i++)
        {
            using var scope = NewDisposeScope();
            using var generator = RandomSeeds.Generator(99, RandomPurpose.EvaluationNoise, i);
            var which = randint(0, data.Count, [size], ScalarType.Int64, generator: generator);
            var noise = NoiseDraw.From(generator, AdapterTask.Objective(model.Info), size, data.Shape);
            string[] captions = [.. which.data<long>().ToArray().Select(index => pictures.Captions((int)index)[0])];
            var context = ((TextPrompts)model.Info.Prompts!).Coder!.Read(asked is null ? captions : [.. captions.Select(asked)]);
            sum += AdapterTask.Losses(model.Network, data.Batch(which).Images, Condition.OfContext(context), noise)
                .mean().item<float>();
        }
        return sum / batches;
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

    private sealed class Listed(List<TrainingProgress> told) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => told.Add(value);
    }

    private sealed class Reporting(Action<TrainingProgress> told) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => told(value);
    }
}
