using Mezzotint.Data;
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
        using var model = ModelFolder.Read(TinyStableDiffusion.PathOf("pipeline"));
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
        using var model = ModelFolder.Read(TinyStableDiffusion.PathOf("pipeline"));
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
        using var model = ModelFolder.Read(TinyStableDiffusion.PathOf("pipeline"));
        var arrays = TinyStableDiffusion.Golden("text2image_batch_2_images_2");
        var walk = new Walk(model, "ddim", steps: 3) { Guidance = 5 };
        var numbers = walk.Draw(walk.Start(arrays["initial_latents"]), [Prompt, Prompt, "", ""], [""]);
        TensorAssert.Close(arrays["final_latents"], walk.InProcess(numbers), Tolerance);
    }

    [Fact]
    public void A_prompt_that_is_read_without_the_last_layer_becomes_the_originals_picture()
    {
        using var scope = NewDisposeScope();
        using var model = ModelFolder.Read(TinyStableDiffusion.PathOf("pipeline"));
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
        using var model = ModelFolder.Read(temporary.File("half"));
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
        using var model = ModelFolder.Read(TinyStableDiffusion.PathOf("pipeline"));
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
        using var model = ModelFolder.Read(TinyStableDiffusion.PathOf("pipeline"));
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
            SamplingSource? source = null) => model.CreateSampler().Sample(new()
        {
            Condition = ((TextPrompts)model.Info.Prompts!).Read(prompts, ClipSkip),
            Negative = model.Info.Prompts.Read(negatives, []),
            Solver = Solvers.Named(_scheduler.Sampler),
            Levels = Levels,
            Steps = steps,
            Guidance = new ClassifierFreeGuidance { Weight = Guidance },
            Start = start,
            Source = source,
        });
    }
}
