using Mezzotint.Data;
using Mezzotint.Engine;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Models.Diffusers;
using Mezzotint.Networks;
using Mezzotint.Sampling;
using Mezzotint.Serving;
using Mezzotint.Tests.Formats;
using Mezzotint.Text;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Models;

/// <summary>
/// A published folder from prompt to picture, by its own parts and in our way of drawing, beside what the original drew. Noise is
/// given, as the original's generator is not ours.
/// </summary>
public class DiffusersRunTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private const double Tolerance = 5e-4;
    private const string Prompt = "a photo of a red cat sitting on a wooden table", Negative = "blurry, low quality";

    /// <summary>A run without fresh noise, its scheduler, its negative prompt, and whether it ends at level 0.</summary>
    public static TheoryData<string, string, string, bool> Runs =>
    [
        ("text2image_ddim", "ddim", "", false), ("text2image_pndm", "pndm", "", false),
        ("text2image_euler", "euler", Negative, true), ("text2image_euler_linspace", "euler_linspace", "", true),
    ];

    [Theory, MemberData(nameof(Runs))]
    public void A_prompt_becomes_the_originals_picture(string golden, string scheduler, string negative, bool endsAtZero)
    {
        using var scope = NewDisposeScope();
        using var model = ModelFolder.Read(TinyStableDiffusion.PathOf("pipeline")).With(ComputePrecision.Float32);
        var arrays = TinyStableDiffusion.Golden(golden);
        var walk = new Walk(model, scheduler, steps: 5);
        var numbers = walk.Draw(walk.Start(arrays["initial_latents"], ofVarianceOne: scheduler != "euler_linspace"),
            [Prompt], [negative]);
        TensorAssert.Close(arrays["final_latents"], walk.InProcess(numbers), Tolerance, golden);
        var image = model.Info.Pixels.Decode(numbers).clamp(0, 1);
        double off = TensorAssert.Largest(image - arrays["image"]);
        Assert.True(off <= (endsAtZero ? 2e-4 : 1.5 / 255), $"{golden}: {off}"); // where noise is left, x / alpha is decoded
        var picture = PngFile.Read(TinyStableDiffusion.PathOf("golden", $"{golden}.png"));
        byte[] ours = [.. image.mul(255).round().to(uint8).data<byte>()];
        Assert.All(picture.Pixels.Zip(ours), pair => Assert.InRange(pair.First - pair.Second, -1, 1));
    }

    [Fact]
    public void The_models_own_recipe_is_the_originals()
    {
        using var scope = NewDisposeScope();
        using var model = ModelFolder.Read(TinyStableDiffusion.PathOf("pipeline")).With(ComputePrecision.Float32);
        var arrays = TinyStableDiffusion.Golden("text2image_pndm");
        var recipe = model.Info.Sampling with { Steps = 5 };
        var request = recipe.Of(new()
        {
            Condition = model.Info.Prompts!.Read([Prompt], []), Negative = model.Info.Prompts.Read([""], []),
        }, model.Info.Process);
        double level = request.Levels![0], end = request.Levels[^1];
        var numbers = model.CreateSampler().Sample(
            request with { Start = arrays["initial_latents"] * Math.Sqrt(1 + level * level) });
        TensorAssert.Close(arrays["final_latents"], numbers / Math.Sqrt(1 + end * end), Tolerance);
    }

    [Fact]
    public void An_image_of_the_pipeline_depends_on_its_seed_and_prompt_alone()
    {
        using var pipeline = DiffusionPipeline.Load(TinyStableDiffusion.PathOf("pipeline"), threads: 1);
        var options = new GenerationOptions { Steps = 2, Seed = 5, Count = 2, NegativePrompt = Negative };
        var together = pipeline.Generate([Prompt, "a horse"], options);
        var alone = pipeline.Generate(["a horse"], options with { Seed = 8, Count = 1 });
        Assert.Equal(together.Images.Image(3).ToArray(), alone.Images.Image(0).ToArray());
        Assert.NotEqual(together.Images.Image(0).ToArray(), together.Images.Image(1).ToArray());
    }

    [Fact]
    public void Two_prompts_of_two_images_each_are_the_originals()
    {
        using var scope = NewDisposeScope();
        using var model = ModelFolder.Read(TinyStableDiffusion.PathOf("pipeline")).With(ComputePrecision.Float32);
        var arrays = TinyStableDiffusion.Golden("text2image_batch_2_images_2");
        var walk = new Walk(model, "ddim", steps: 3) { Guidance = 5 };
        var numbers = walk.Draw(walk.Start(arrays["initial_latents"]), [Prompt, Prompt, "", ""], [""]);
        TensorAssert.Close(arrays["final_latents"], walk.InProcess(numbers), Tolerance);
    }

    [Fact]
    public void A_prompt_that_is_read_without_the_last_layer_becomes_the_originals_picture()
    {
        using var scope = NewDisposeScope();
        using var model = ModelFolder.Read(TinyStableDiffusion.PathOf("pipeline")).With(ComputePrecision.Float32);
        var arrays = TinyStableDiffusion.Golden("text2image_clip_skip_1");
        var walk = new Walk(model, "ddim", steps: 3) { ClipSkip = 1 };
        var numbers = walk.Draw(walk.Start(arrays["initial_latents"]), [Prompt], [""]);
        TensorAssert.Close(arrays["final_latents"], walk.InProcess(numbers), Tolerance);
    }

    [Fact]
    public void Weights_of_half_precision_draw_the_originals_picture()
    {
        using var temporary = new TemporaryFolder();
        using var scope = NewDisposeScope();
        using (var whole = ModelFolder.Read(TinyStableDiffusion.PathOf("pipeline")))
            ModelFolder.Write(temporary.File("half"), whole.Network, whole.Info, ElementType.Float16);
        using var model = ModelFolder.Read(temporary.File("half")).With(ComputePrecision.Float32);
        var arrays = TinyStableDiffusion.Golden("text2image_ddim_half_weights");
        var walk = new Walk(model, "ddim", steps: 5);
        TensorAssert.Close(arrays["final_latents"],
            walk.InProcess(walk.Draw(walk.Start(arrays["initial_latents"]), [Prompt], [""])), Tolerance);
    }

    /// <summary>PNDM is not among them: the original begins its multistep method anew in the middle of its list of
    /// timesteps, with one more evaluation than steps.</summary>
    [Theory]
    [InlineData("image2image_ddim", "ddim")]
    [InlineData("image2image_euler", "euler")]
    public void A_picture_becomes_the_originals_picture(string golden, string scheduler)
    {
        using var scope = NewDisposeScope();
        using var model = ModelFolder.Read(TinyStableDiffusion.PathOf("pipeline")).With(ComputePrecision.Float32);
        var arrays = TinyStableDiffusion.Golden(golden);
        var walk = new Walk(model, scheduler, steps: 5);
        var source = new SamplingSource { Numbers = Encoded(model, arrays, "noise.vae"), Strength = 0.6 };
        double level = SamplingSource.Rest(walk.Levels, source.Strength)[0];
        var numbers = walk.Draw(arrays["noise.add"] * level, [Prompt], [Negative], source);
        TensorAssert.Close(arrays["final_latents"], walk.InProcess(numbers), Tolerance, golden);
    }

    [Fact]
    public void What_is_painted_anew_is_the_originals_and_the_rest_stays()
    {
        using var scope = NewDisposeScope();
        using var model = ModelFolder.Read(TinyStableDiffusion.PathOf("pipeline")).With(ComputePrecision.Float32);
        var arrays = TinyStableDiffusion.Golden("inpaint4_ddim");
        var walk = new Walk(model, "ddim", steps: 5);
        int factor = ((LatentCodec)model.Info.Pixels).Factor;
        var mask = nn.functional.interpolate(
            arrays["mask"], scale_factor: [1.0 / factor, 1.0 / factor], mode: InterpolationMode.Nearest).gt(0.5);
        var source = new SamplingSource { Numbers = Encoded(model, arrays, "noise.0"), Strength = 0.8, Mask = mask };
        double level = SamplingSource.Rest(walk.Levels, source.Strength)[0];
        var numbers = walk.InProcess(walk.Draw(arrays["noise.1"] * level, [Prompt], [Negative], source));
        var (anew, kept) = (mask.expand_as(numbers), mask.logical_not().expand_as(numbers));
        var final = arrays["final_latents"];
        TensorAssert.Close(final * anew, numbers * anew, Tolerance);
        TensorAssert.Close(final * kept, source.Numbers * kept, Tolerance); // which the original puts back at the end
    }

    /// <summary>The mask and the masked picture stand beside the noise, and nothing is put back.</summary>
    [Fact]
    public void A_network_of_nine_channels_paints_what_the_original_paints()
    {
        using var scope = NewDisposeScope();
        using var temporary = new TemporaryFolder();
        using var model = ModelFolder.Read(Inpainting(temporary)).With(ComputePrecision.Float32);
        var arrays = TinyStableDiffusion.Golden("inpaint9_ddim");
        var walk = new Walk(model, "ddim", steps: 5);
        var pixels = arrays["pixels"] / 2 + 0.5;
        var mask = arrays["mask"].gt(0.5);
        var (mean, std) = model.Info.Pixels.Distribution(where(mask, full_like(pixels, 0.5), pixels));
        var places = nn.functional.interpolate(
            mask.to(float32), size: [mean.shape[2], mean.shape[3]], mode: InterpolationMode.Nearest);
        using var noGrad = no_grad();
        var beside = cat([places, mean + std * arrays["noise.1"]], 1);
        var numbers = walk.Draw(walk.Start(arrays["noise.0"]), [Prompt], [Negative], beside: beside);
        TensorAssert.Close(arrays["final_latents"], walk.InProcess(numbers), Tolerance);
    }

    [Fact]
    public void A_model_for_inpainting_keeps_what_the_mask_keeps_and_draws_without_a_picture_too()
    {
        using var temporary = new TemporaryFolder();
        string folder = Inpainting(temporary);
        using var pipeline = DiffusionPipeline.Load(folder, threads: 1);
        var picture = PngFile.Read(TinyStableDiffusion.PathOf("golden", "input.png"));
        var mask = PngFile.ReadMask(TinyStableDiffusion.PathOf("golden", "mask.png"), null);
        var options = new GenerationOptions { Steps = 2, Seed = 3 };
        var drawn = pipeline.Generate(Prompt, options with
        {
            Source = new() { Image = picture, Mask = mask, Strength = 1 },
        });
        int plane = mask.Pixels.Length;
        Assert.All(Enumerable.Range(0, picture.Pixels.Length).Where(i => mask.Pixels[i % plane] < 128),
            i => Assert.Equal(picture.Pixels[i], drawn.Images.Pixels[i]));
        Assert.NotEqual(picture.Pixels, drawn.Images.Pixels);
        Assert.NotEqual(drawn.Images.Pixels, pipeline.Generate(Prompt, options).Images.Pixels);
        using (var model = ModelFolder.Read(folder))
            ModelFolder.Write(temporary.File("again"), model.Network, model.Info);
        Assert.Contains("StableDiffusionInpaintPipeline", File.ReadAllText(temporary.File("again/model_index.json")),
            StringComparison.Ordinal);
        using var written = ModelFolder.Read(temporary.File("again"));
        Assert.Equal(9, written.Info.Model.InChannels);
        using var denoiser = written.CreateDenoiser();
        Assert.Contains("made for inpainting", Assert.Throws<MezzotintException>(() => denoiser.For(
            written.Info.Prompts!.Read([""], [])).Denoise(zeros(1, 4, 16, 16), 1)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(64, 64)]
    [InlineData(128, 64)]
    [InlineData(72, 40)] // latents of 18 x 10
    [InlineData(36, 52)] // latents of 9 x 13, which do not halve
    public async Task Any_size_that_has_latents_is_drawn_and_drawn_again_by_its_receipt(int width, int height)
    {
        using var temporary = new TemporaryFolder();
        using var pipeline = DiffusionPipeline.Load(TinyStableDiffusion.PathOf("pipeline"), threads: 2);
        var options = new GenerationOptions { Steps = 2, Seed = 3, Size = (width, height), Count = 2 };
        var drawn = pipeline.Generate(Prompt, options);
        Assert.Equal((height, width), (drawn.Images.Height, drawn.Images.Width));
        string file = temporary.File("a.png");
        drawn.SavePng(file);
        var receipt = ImageReceipt.Read(file);
        Assert.Equal((width, height) == (64, 64) ? ((int, int)?)null : (width, height), receipt.Size);
        var again = await pipeline.Prepare(receipt).RunAsync(cancellation: Stop);
        Assert.Equal(drawn.Images.Pixels, again.Images.Pixels);
        pipeline.Generate(Prompt, options with { Size = (64, 32), Count = 1 });
        pipeline.Generate(Prompt, options with { Size = (32, 64), Count = 1 });
        Assert.Equal(drawn.Images.Pixels, pipeline.Generate(Prompt, options).Images.Pixels); // whatever was drawn between
    }

    [Fact]
    public async Task What_is_prepared_is_drawn_without_the_text_encoder_and_nothing_else_is_read()
    {
        using var model = ModelPath.Read(TinyStableDiffusion.PathOf("pipeline")).With(ComputePrecision.Float32);
        using var pipeline = new DiffusionPipeline(model, threads: 1);
        var options = new GenerationOptions { Steps = 1, Seed = 3 };
        var wanted = pipeline.Generate(Prompt, options).Images.Pixels;
        var prepared = pipeline.Prepare([Prompt], options);
        model.FreeTextEncoder();
        Assert.Equal(wanted, (await prepared.RunAsync(cancellation: Stop)).Images.Pixels);
        Assert.Contains("was freed to save memory",
            Assert.Throws<InvalidRequestException>(() => pipeline.Prepare([Prompt], options)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Images_are_decoded_after_the_network_was_freed_and_then_nothing_is_drawn()
    {
        using var model = ModelPath.Read(TinyStableDiffusion.PathOf("pipeline")).With(ComputePrecision.Float32);
        using var pipeline = new DiffusionPipeline(model, threads: 2);
        var options = new GenerationOptions { Steps = 2, Seed = 3, Count = 3, GuidanceScale = 4 };
        var wanted = pipeline.Generate(Prompt, options).Images.Pixels;
        var (prepared, again) = (pipeline.Prepare([Prompt], options), pipeline.Prepare([Prompt], options));
        pipeline.FreesNetwork = true;
        var last = new List<GenerationStep>();
        var drawn = await prepared.RunAsync(
            step =>
            {
                lock (last)
                    if (step.IsLast)
                        last.Add(step);
            }, cancellation: Stop);
        Assert.Equal(wanted, drawn.Images.Pixels);
        Assert.Equal([0, 1, 2], last.Select(step => step.Image).Order());
        Assert.Contains("was freed to save memory",
            (await Assert.ThrowsAsync<MezzotintException>(() => again.RunAsync(cancellation: Stop))).Message,
            StringComparison.Ordinal);
        Assert.Throws<InvalidRequestException>(() => pipeline.Prepare([Prompt], options));
    }

    [Theory]
    [InlineData(66, 64)]
    [InlineData(0, 64)]
    [InlineData(8192, 64)]
    public void A_size_without_latents_is_refused(int width, int height)
    {
        using var pipeline = DiffusionPipeline.Load(TinyStableDiffusion.PathOf("pipeline"), threads: 1);
        var problem = Assert.Throws<InvalidRequestException>(() =>
            pipeline.Prepare([Prompt], new() { Size = (width, height) }));
        Assert.Equal("size", problem.Key);
        Assert.Contains("two multiples of 4 up to 4096, such as 64x64", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Prompts_with_weights_draw_another_picture_and_their_receipts_the_same_again()
    {
        using var temporary = new TemporaryFolder();
        using var pipeline = DiffusionPipeline.Load(TinyStableDiffusion.PathOf("pipeline"), threads: 1);
        var options = new GenerationOptions { Steps = 2, Seed = 3, PromptWeights = true, NegativePrompt = "blurry (low:0.5)" };
        string longer = string.Join(", ", Enumerable.Repeat("a red cat on a roof", 30)); // several chunks
        var drawn = pipeline.Generate(["a (red:1.5) cat", longer], options);
        Assert.NotEqual(drawn.Images.Image(0).ToArray(),
            pipeline.Generate("a (red:1.5) cat", options with { PromptWeights = false }).Images.Image(0).ToArray());
        Assert.NotEqual(drawn.Images.Image(1).ToArray(),
            pipeline.Generate(longer, options with { PromptWeights = false, Seed = 4 }).Images.Image(0).ToArray());
        drawn.SavePng(temporary.File("a.png"));
        var again = await pipeline.Prepare(ImageReceipt.Read(temporary.File("a.png"))).RunAsync(cancellation: Stop);
        Assert.Equal(drawn.Images.Pixels, again.Images.Pixels);
        Assert.Equal( // a prompt without weights is the same either way, to a rounding
            pipeline.Generate("a red cat", options with { NegativePrompt = null }).Images.Pixels.Select(value => value / 8),
            pipeline.Generate("a red cat", options with { PromptWeights = false, NegativePrompt = null }).Images.Pixels
                .Select(value => value / 8), (a, b) => Math.Abs(a - b) <= 1);
    }

    /// <summary>The pipeline with the network of nine channels in place of its own.</summary>
    private static string Inpainting(TemporaryFolder temporary)
    {
        string from = TinyStableDiffusion.PathOf("pipeline"), to = temporary.File("inpainting");
        foreach (string path in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
            if (Path.GetRelativePath(from, path) is var name && !name.StartsWith("unet", StringComparison.Ordinal))
                Copy(path, Path.Combine(to, name));
        foreach (string path in Directory.GetFiles(TinyStableDiffusion.PathOf("variants", "unet-inpaint-9")))
            Copy(path, Path.Combine(to, "unet", Path.GetFileName(path)));
        return to;

        static void Copy(string from, string to)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            File.WriteAllBytes(to, File.ReadAllBytes(from));
        }
    }

    /// <summary>A draw of the latents of the picture, as a network sees them.</summary>
    private static Tensor Encoded(LoadedModel model, Dictionary<string, Tensor> arrays, string noise)
    {
        using var noGrad = no_grad();
        var (mean, std) = model.Info.Pixels.Distribution(arrays["pixels"] / 2 + 0.5);
        return mean + std * arrays[noise];
    }

    /// <summary>A walk of a model by a scheduler of diffusers.</summary>
    private sealed class Walk(LoadedModel model, string scheduler, int steps)
    {
        private readonly DiffusersScheduler _scheduler =
            DiffusersScheduler.Read(TinyStableDiffusion.PathOf("golden", "schedulers", $"{scheduler}.json"));

        public double Guidance { get; init; } = 7.5;

        public int ClipSkip { get; init; }

        public double[] Levels => _scheduler.Levels(steps);

        /// <summary>The start of unit noise, in our coordinates.</summary>
        public Tensor Start(Tensor noise, bool ofVarianceOne = true) =>
            noise * (ofVarianceOne ? Math.Sqrt(1 + Levels[0] * Levels[0]) : Levels[0]);

        /// <summary>Numbers at the last level in the coordinates of the process: alpha x.</summary>
        public Tensor InProcess(Tensor numbers) => numbers / Math.Sqrt(1 + Levels[^1] * Levels[^1]);

        public Tensor Draw(Tensor start, IReadOnlyList<string> prompts, IReadOnlyList<string> negatives,
            SamplingSource? source = null, Tensor? beside = null) => model.CreateSampler().Sample(new()
        {
            Condition = ((TextPrompts)model.Info.Prompts!).Read(prompts, ClipSkip),
            Negative = model.Info.Prompts.Read(negatives, []),
            Solver = Solvers.Named(_scheduler.Sampler),
            Levels = Levels,
            Steps = steps,
            Guidance = new ClassifierFreeGuidance { Weight = Guidance },
            Start = start,
            Source = source,
            Beside = beside,
        });
    }
}
