using Mezzotint.Data;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using Mezzotint.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Training;

/// <summary>Contrastive training of texts and images: its draws, its loss, and batches that several replicas share.</summary>
public class TextImageTests
{
    private static readonly TextImageTask Task = Shapes.Fitted.Task(Shapes.Tokenizer);

    [Fact]
    public void The_loss_is_the_mean_of_both_cross_entropies_of_the_similarities()
    {
        using var scope = NewDisposeScope();
        using var model = TextImageModel.Create(Shapes.Fitted.TextEncoder, Shapes.Fitted.ImageEncoder, 1);
        random.manual_seed(3);
        var (images, texts) = (Unit(randn(5, 16)), Unit(randn(5, 16)));
        var draw = new TextImageDraw(zeros(5, 12, dtype: int64), eye(5, dtype: ScalarType.Bool), null);
        double[,] scores = new double[5, 5];
        for (int i = 0; i < 5; i++)
            for (int t = 0; t < 5; t++)
                scores[i, t] = (images[i] * texts[t]).sum().item<float>() / 0.07;
        var wanted = Enumerable.Range(0, 5).Select(own =>
        {
            double all = Enumerable.Range(0, 5).Sum(text => Math.Exp(scores[own, text]));
            double others = Enumerable.Range(0, 5).Sum(image => Math.Exp(scores[image, own]));
            return (float)((Math.Log(all) + Math.Log(others)) / 2 - scores[own, own]);
        });
        TensorAssert.Close(tensor(wanted.ToArray()), Task.Losses(model, cat([images, texts], 1), draw), 1e-5);
    }

    [Fact]
    public void A_caption_that_fits_another_image_is_not_held_against_it()
    {
        using var scope = NewDisposeScope();
        using var model = TextImageModel.Create(Shapes.Fitted.TextEncoder, Shapes.Fitted.ImageEncoder, 1);
        random.manual_seed(3);
        var (images, texts) = (Unit(randn(3, 16)), Unit(randn(3, 16)));
        var fits = eye(3, dtype: ScalarType.Bool);
        fits[0, 2] = tensor(true); // the third caption is right for the first image as well
        var losses = Task.Losses(model, cat([images, texts], 1), new TextImageDraw(zeros(3, 12, dtype: int64), fits, null));
        // the first image chooses among two captions, the third caption among two images
        double Score(int image, int text) => (images[image] * texts[text]).sum().item<float>() / 0.07;
        double first = Math.Log(1 + Math.Exp(Score(0, 1) - Score(0, 0)));
        double others = Math.Log(1 + Math.Exp(Score(1, 0) - Score(0, 0)) + Math.Exp(Score(2, 0) - Score(0, 0)));
        Assert.Equal((first + others) / 2, losses[0].item<float>(), 1e-4 * (first + others));
    }

    [Fact]
    public void A_draw_follows_from_its_seed_and_takes_the_full_caption_half_of_the_time()
    {
        using var scope = NewDisposeScope();
        TextImageDraw Draw(long seed)
        {
            using var generator = new Generator((ulong)seed, CPU);
            return TextImageDraw.From(generator, Shapes.Tokenizer, Shapes.All, arange(24, dtype: int64));
        }
        var (one, same, other) = (Draw(1), Draw(1), Draw(2));
        TensorAssert.Same(one.Tokens, same.Tokens);
        TensorAssert.Same(one.Bent!.Affine, same.Bent!.Affine);
        Assert.False(one.Tokens.Equals(other.Tokens));
        var full = TextImageDraw.Full(Shapes.Tokenizer, Shapes.All, arange(24, dtype: int64));
        Assert.Null(full.Bent);
        int taken = Enumerable.Range(1, 40).Sum(seed => (int)Draw(seed).Tokens.eq(full.Tokens).all(1).sum().item<long>());
        Assert.InRange(taken, 40 * 24 * 0.44, 40 * 24 * 0.56);
    }

    [Fact]
    public void Captions_fit_all_images_that_have_them_and_equal_pictures_share_theirs()
    {
        using var scope = NewDisposeScope();
        byte[] pixels = [.. Shapes.All.Image(0), .. Shapes.All.Image(1), .. Shapes.All.Image(0)];
        var images = new ImageSet("three", pixels, new byte[3], 3, Shapes.Side, Shapes.Side, [],
            [["one", "all"], ["two", "one"], ["three"]]);
        var fits = TextImageDraw.Full(Shapes.Tokenizer, images, arange(3, dtype: int64)).Fits;
        bool[] wanted = // images down, captions "one", "two", "three" across
        [
            true, false, true,
            true, true, false,
            true, false, true,
        ];
        Assert.Equal(wanted, fits.data<bool>().ToArray());
        var part = new TextImageDraw(zeros(3, 2, dtype: int64), fits, null).Slice(1, 2);
        Assert.Equal([true, false, false, true], part.Fits.contiguous().data<bool>().ToArray());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(16)] // more than images
    public void Gradients_are_those_of_the_whole_batch_however_many_replicas_share_it(int replicas)
    {
        using var scope = NewDisposeScope();
        using var data = new ResidentImages(Shapes.All, CPU);
        var indices = randperm(24).narrow(0, 0, 11);
        using var whole = (TextImageModel)Task.Build(5);
        using (var generator = new Generator(9, CPU))
        {
            var draw = Task.Draw(generator, data, indices, 0);
            var (images, labels) = data.Batch(indices);
            Task.Losses(whole, images, labels, draw).mean().backward();
        }

        using var threads = new WorkerThreads(replicas);
        using var network = (TextImageModel)Task.Build(5);
        using var step = new TrainingStep(Task, network, Shapes.Fitted.Training, threads, CPU);
        var before = step.Weights.clone();
        using var loss = zeros(1);
        using (var generator = new Generator(9, CPU))
            step.Run(data, indices, generator, learningRate: 1e-3, step: 1, progress: 0, loss);
        // after one step, Adam's first moment is a tenth of the gradient
        var wanted = cat([.. whole.parameters().Select(parameter => parameter.grad!.flatten())]);
        TensorAssert.Close(wanted, step.Optimiser.FirstMoment * 10, 1e-4, "gradients");
        Assert.True(TensorAssert.Largest(step.Weights - before) > 1e-4);
        Assert.InRange(loss.item<float>(), 0.5, 10);
    }

    [Fact]
    public void Training_goes_on_to_the_bit()
    {
        using var straight = New(Shapes.Fitted.Training);
        Step(straight, 9);
        using var first = New(Shapes.Fitted.Training);
        Step(first, 4);
        using var second = New(Shapes.Fitted.Training);
        second.Restore(new Checkpoint
        {
            Step = first.Step, EpochsReported = 0, EpochLoss = 0, SinceLog = (0, 0), Elapsed = TimeSpan.Zero,
            Tensors = first.Tensors(),
        });
        Step(second, 5);
        foreach (var (name, tensor) in straight.Tensors())
            Assert.True(tensor.Bytes.Span.SequenceEqual(second.Tensors()[name].Bytes.Span), name);
    }

    [Fact]
    public void A_small_model_learns_to_find_pictures_by_captions_and_captions_by_pictures()
    {
        using var trainer = New(Shapes.Fitted.Training with { BatchSize = 24, Epochs = 250, Replicas = 1 });
        double before = trainer.Evaluate();
        Step(trainer, 250);
        var figures = trainer.Figures();
        string after = $"{before} -> {trainer.Evaluate()}, {string.Join(", ", figures)}";
        Assert.True(trainer.Evaluate() < before / 2, after);
        const double chance = 1 / 24.0;
        Assert.True(figures["picture_first"] > 5 * chance && figures["caption_first"] > 5 * chance, after);
    }

    [Fact]
    public void Images_without_captions_and_of_another_size_are_refused_by_name()
    {
        var plain = new ImageSet("plain", Shapes.All.Pixels, Shapes.All.Labels, 3, Shapes.Side, Shapes.Side, []);
        var refused = Assert.Throws<MezzotintException>(() => Shapes.Experiment.Fit(plain));
        Assert.Equal("data.caption", refused.Key);
        Assert.StartsWith("plain: 24 of 24 images have no caption", refused.Message, StringComparison.Ordinal);
        var task = new TextImageTask(Shapes.Fitted.TextEncoder, new() { Height = 32, Width = 32 }, Shapes.Tokenizer);
        Assert.Contains("3 x 16 x 16, the image tower takes 3 x 32 x 32",
            Assert.Throws<MezzotintException>(() => task.Check(Shapes.All)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Texts_that_are_read_in_groups_of_like_length_lie_where_they_lie_alone()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var model = TextImageModel.Create(Shapes.Fitted.TextEncoder, Shapes.Fitted.ImageEncoder, 1);
        string[] texts = [.. Enumerable.Range(0, 70).Select(i => string.Join(' ', Enumerable.Repeat("red left", i * 7 % 11)))];
        var tokens = TextImageDraw.TokensOf(Shapes.Tokenizer, texts);
        var together = model.EmbedTexts(tokens);
        for (int i = 0; i < texts.Length; i += 23)
            TensorAssert.Close(model.EmbedTexts(tokens.narrow(0, i, 1)), together.narrow(0, i, 1), 1e-5, texts[i]);
    }

    private static Tensor Unit(Tensor x) => nn.functional.normalize(x, dim: 1);

    private static Trainer New(TrainingConfig training) => new(Task, training, Shapes.All, Shapes.All);

    private static void Step(Trainer trainer, int count)
    {
        for (int i = 0; i < count; i++)
        {
            trainer.TrainStep();
            if (trainer.LossesAreDue)
                trainer.ReadLosses();
        }
    }
}
