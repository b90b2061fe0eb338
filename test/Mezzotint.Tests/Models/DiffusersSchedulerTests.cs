using Mezzotint.Models;
using Mezzotint.Models.Diffusers;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Sampling;
using Mezzotint.Tests.Formats;
using Mezzotint.Text;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Models;

/// <summary>Schedulers of diffusers, and whole walks of its pipeline.</summary>
public class DiffusersSchedulerTests
{
    private const double Tolerance = 5e-4;
    private const double Guidance = 7.5;

    /// <summary>A walk's golden numbers, its scheduler's file, eta.</summary>
    public static TheoryData<string, string, double> Walks =>
    [
        ("text2image_ddim", "ddim", 0), ("text2image_ddim_trailing_eta", "ddim_trailing_eta", 0.7),
        ("text2image_pndm", "pndm", 0), ("text2image_euler", "euler", 0), ("text2image_euler_linspace", "euler_linspace", 0),
        ("text2image_euler_ancestral", "euler_ancestral", 1), ("text2image_dpmpp_2m_karras", "dpmpp_2m_karras", 0),
        ("text2image_no_guidance", "ddim", 0),
    ];

    /// <summary>Our solver from the same noise, with the same draws, ends where the original's does.</summary>
    [Theory, MemberData(nameof(Walks))]
    public void A_walk_ends_where_the_originals_does(string golden, string name, double eta)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var arrays = TinyStableDiffusion.Golden(golden);
        var scheduler = Read(name);
        bool guided = golden != "text2image_no_guidance";
        double[] levels = scheduler.Levels(guided ? 5 : 3);
        using var network = DiffusersUNetTests.Read(TinyStableDiffusion.PathOf("pipeline", "unet"), out _);
        using var model = new NetworkDenoiser(network, scheduler.Process,
            scheduler.UseKarrasSigmas ? new WholeTimesteps(scheduler.Parameterisation) : scheduler.Parameterisation);
        var (positive, negative) = Contexts(golden);
        using var denoiser = new ClassifierFreeGuidance { Weight = guided ? Guidance : 1 }.Wrap(
            model.For(positive), model.For(negative));
        int draws = 0;
        var solver = eta == 0 ? Solvers.Named(scheduler.Sampler) : Solvers.Named(scheduler.Sampler, new() { Eta = eta });
        bool ofVarianceOne = name != "euler_linspace"; // else the noise alone is scaled to the level
        double start = ofVarianceOne ? Math.Sqrt(1 + levels[0] * levels[0]) : levels[0];
        var end = solver.Solve(new()
        {
            Denoiser = denoiser,
            Levels = levels,
            X = arrays["initial_latents"] * start,
            Noise = (_, _) => arrays[$"noise.{draws++}"].clone(),
        });
        TensorAssert.Close(arrays["final_latents"], end / Math.Sqrt(1 + levels[^1] * levels[^1]), Tolerance, golden);
        Assert.Equal(eta == 0 ? 0 : 4, draws); // nothing is drawn where the walk ends without noise
    }

    [Theory, MemberData(nameof(Walks))]
    public void Its_levels_are_the_originals_timesteps(string golden, string scheduler, double eta)
    {
        _ = eta;
        using var scope = NewDisposeScope();
        var read = Read(scheduler);
        if (!TinyStableDiffusion.Golden(golden).TryGetValue("timesteps", out var given))
            return; // said by another walk of the same scheduler
        double[] timesteps = [.. given.data<float>().Select(t => (double)t).Distinct()];
        double[] levels = read.Levels(timesteps.Length);
        var process = read.Process;
        double rounding = read.UseKarrasSigmas ? 0.51 : 2e-3; // the original rounds the times of Karras levels
        for (int i = 0; i < timesteps.Length; i++)
            Assert.InRange(process.TimeInput(process.Time(levels[i])) - timesteps[i], -rounding, rounding);
    }

    /// <summary>linspace(0, 999, n + 1) and i (1000 // (n + 1)) + 1, from the top and without the last, rounded: the original's
    /// rule.</summary>
    [Theory]
    [InlineData("DPMSolverMultistepScheduler", "linspace", new double[] { 999, 799, 599, 400, 200 })]
    [InlineData("UniPCMultistepScheduler", "leading", new double[] { 831, 665, 499, 333, 167 })]
    [InlineData("DEISMultistepScheduler", "trailing", new double[] { 999, 799, 599, 399, 199 })]
    public void Multistep_methods_leave_out_the_last_of_one_timestep_more(string name, string spacing, double[] timesteps)
    {
        using var temporary = new TemporaryFolder();
        File.WriteAllText(temporary.File("s.json"), $$"""{"_class_name": "{{name}}", "timestep_spacing": "{{spacing}}"}""");
        var scheduler = DiffusersScheduler.Read(temporary.File("s.json"));
        double[] levels = scheduler.Levels(5);
        Assert.Equal(timesteps, levels[..^1].Select(level =>
            Math.Round(scheduler.Process.TimeInput(scheduler.Process.Time(level)), 6)));
        Assert.Equal(0, levels[^1]);
    }

    /// <summary>The timesteps of the original's LCMScheduler: of 50 entries, 20 apart, those at floor(i 50 / n) from the
    /// top.</summary>
    [Theory]
    [InlineData(1, new double[] { 999 })]
    [InlineData(4, new double[] { 999, 759, 499, 259 })]
    [InlineData(8, new double[] { 999, 879, 759, 639, 499, 379, 259, 139 })]
    public void Latent_consistency_models_have_the_originals_timesteps(int steps, double[] timesteps)
    {
        using var temporary = new TemporaryFolder();
        File.WriteAllText(temporary.File("s.json"),
            """{"_class_name": "LCMScheduler", "timestep_spacing": "leading", "beta_schedule": "scaled_linear"}""");
        var scheduler = DiffusersScheduler.Read(temporary.File("s.json"));
        Assert.Equal(("lcm", "lcm", 4, 8.5),
            (scheduler.Recipe.Sampler, scheduler.Recipe.Levels, scheduler.Recipe.Steps, scheduler.Recipe.Guidance));
        double[] levels = scheduler.Levels(steps);
        Assert.Equal(timesteps, levels[..^1].Select(level =>
            Math.Round(scheduler.Process.TimeInput(scheduler.Process.Time(level)), 6)));
        Assert.Equal(0, levels[^1]);
    }

    [Fact]
    public void Names_of_levels_give_those_of_published_schedulers()
    {
        using var scope = NewDisposeScope();
        foreach (string name in new[] { "ddim", "pndm", "euler", "dpmpp_2m_karras" })
        {
            var scheduler = Read(name);
            var recipe = scheduler.Recipe;
            var process = scheduler.Process;
            double[] named = NoiseLevels.Named(recipe.Levels, process, 5,
                recipe.LeavesNoise == true ? FinalLevel.Minimum : FinalLevel.Zero);
            Assert.Equal(scheduler.Levels(5), named);
        }
    }

    [Fact]
    public void A_scheduler_is_written_as_it_is_read()
    {
        using var temporary = new TemporaryFolder();
        foreach (string name in new[] { "ddim", "pndm", "euler", "euler_ancestral", "dpmpp_2m_karras", "euler_linspace" })
        {
            var read = Read(name);
            var written = DiffusersScheduler.Of(read.Process, read.Parameterisation, read.Recipe);
            written.Write(temporary.File("scheduler_config.json"));
            var again = DiffusersScheduler.Read(temporary.File("scheduler_config.json"));
            Assert.Equal(read.Process, again.Process);
            Assert.Equal(read.Recipe, again.Recipe);
            Assert.Equal(read.Levels(7), again.Levels(7));
        }
    }

    [Theory]
    [InlineData("\"_class_name\": \"ScoreSdeVeScheduler\"",
        "line 2: '_class_name' is the text 'ScoreSdeVeScheduler', which is not known")]
    [InlineData("\"trained_betas\": [0.1]", "line 2: 'trained_betas' is a list; Mezzotint computes null")]
    [InlineData("\"prediction_type\": \"noise\"", "line 2: prediction_type = 'noise': must be epsilon, v_prediction or sample")]
    public void What_is_not_supported_is_named(string key, string fault)
    {
        using var temporary = new TemporaryFolder();
        File.WriteAllText(temporary.File("s.json"), $"{{\n{key}\n}}");
        Assert.Contains(fault,
            Assert.Throws<MezzotintException>(() => { DiffusersScheduler.Read(temporary.File("s.json")); }).Message,
            StringComparison.Ordinal);
    }

    /// <summary>The encoded prompt and negative prompt of a walk.</summary>
    private static (Condition Positive, Condition Negative) Contexts(string golden)
    {
        using var encoder = TextEncoderFolder.Read(TinyStableDiffusion.PathOf("pipeline", "text_encoder"));
        var tokenizer = ClipTokenizer.Read(TinyStableDiffusion.PathOf("pipeline", "tokenizer"));
        Condition Of(string prompt) => Condition.OfContext(encoder.call(
            tensor([.. tokenizer.Tokenize(prompt).Tokens.Select(token => (long)token)]).unsqueeze(0)));
        return (Of("a photo of a red cat sitting on a wooden table"),
            Of(golden is "text2image_euler" or "text2image_ddim_trailing_eta" ? "blurry, low quality" : ""));
    }

    /// <summary>As the original takes the times of levels that are not the table's: rounded.</summary>
    private sealed record WholeTimesteps(Parameterisation Inner) : Parameterisation
    {
        protected internal override Scalings At(NoiseProcess process, double t, double level) =>
            Inner.At(process, t) is var scalings ? scalings with { Time = Math.Round(scalings.Time) } : default;
    }

    private static DiffusersScheduler Read(string name) =>
        DiffusersScheduler.Read(TinyStableDiffusion.PathOf("golden", "schedulers", $"{name}.json"));
}
