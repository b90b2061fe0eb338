using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Sampling;
using Mezzotint.Serving;
using Mezzotint.Tests.Training;
using Mezzotint.Training;

namespace Mezzotint.Tests.Sampling;

/// <summary>Guidance with networks, from training with label dropout to bytes.</summary>
public class GuidedSamplerTests
{
    private const int Steps = 6;
    private static readonly VarianceExploding Process = new();
    private static readonly UNetConfig Plain = SmallExperiment.Model, Unconditional = Plain with { Unconditional = true };
    private static readonly Guidance Cfg = new ClassifierFreeGuidance { Weight = 3 };

    [Fact]
    public void A_network_trained_with_label_dropout_can_be_guided()
    {
        using var trainer = new Trainer(SmallExperiment.Config with
        {
            Model = Unconditional,
            Training = SmallExperiment.Config.Training with { LabelDropout = 0.5, LearningRate = 3e-3 },
        }, SmallExperiment.Train, SmallExperiment.Test);
        for (int i = 0; i < 10; i++)
            trainer.TrainStep();
        var network = (DenoisingNetwork)trainer.Network;
        var plain = Draw(network, null);
        foreach (string kind in new[] { "cfg", "cfg++", "apg" })
        {
            var guided = Draw(network, Guidance.Named(kind, kind == "cfg++" ? 0.8 : 3));
            Assert.NotEqual(plain, guided);
            Assert.Equal(guided, Draw(network, Guidance.Named(kind, kind == "cfg++" ? 0.8 : 3)));
        }
        Assert.Equal(plain, Draw(network, new ClassifierFreeGuidance()));
    }

    [Fact]
    public void An_image_depends_on_its_seed_alone()
    {
        using var network = new UNet(Unconditional, seed: 3);
        foreach (string kind in new[] { "cfg", "apg" })
        {
            var guidance = Guidance.Named(kind, 2, rescale: 0.5);
            byte[] all = Draw(network, guidance, count: 5, seed: 20), one = Draw(network, guidance, seed: 23);
            for (int i = 0; i < one.Length; i++)
                // kernels for other batch sizes add in another order
                Assert.InRange(Math.Abs(all[3 * one.Length + i] - one[i]), 0, 1);
        }
    }

    [Theory]
    [InlineData("none", 2 * Steps, 2 * Steps)]
    [InlineData("cfg", 4 * Steps, 4 * Steps)]
    [InlineData("cfg in the interval of 2 of the steps", 2 * (Steps + 2), 2 * (Steps + 2))]
    [InlineData("auto", 4 * Steps, 4 * Steps)]
    public void Progress_counts_the_evaluations_of_networks_by_image(string which, long done, long total)
    {
        using var network = new UNet(Unconditional, seed: 3);
        using var weaker = Model(Plain);
        double[] levels = Levels();
        var guidance = which switch
        {
            "none" => null,
            "auto" => new Autoguidance { Weight = 2 },
            "cfg" => Cfg,
            _ => Cfg with { Low = levels[2], High = levels[1] },
        };
        SamplingProgress? last = null;
        Draw(network, guidance, count: 2, weaker: weaker, progress: new Latest(value => last = value));
        Assert.Equal((done, total), (last!.Evaluations, last.TotalEvaluations));
    }

    [Fact]
    public void A_weaker_model_may_be_of_another_shape_process_and_parameterisation()
    {
        using var network = new UNet(Plain, seed: 3);
        using var weaker = Model(Plain with { NumResBlocks = 2 }, new VariancePreserving(), new EpsilonParameterisation());
        Assert.NotEqual(Draw(network, null), Draw(network, new Autoguidance { Weight = 2 }, weaker: weaker));
    }

    [Fact]
    public void What_cannot_be_guided_so_is_refused_with_its_remedy()
    {
        using var network = new UNet(Plain, seed: 3);
        using var taught = new UNet(Unconditional, seed: 3);
        using var wide = Model(Plain with { InChannels = 3, OutChannels = 3 });
        void Refused(string message, Action act) =>
            Assert.Contains(message, Assert.ThrowsAny<MezzotintException>(act).Message, StringComparison.Ordinal);
        Refused("train one with unconditional = true under [model] and label_dropout = 0.1 under [training]", () =>
            Draw(network, Cfg));
        Refused("name that model too", () => Draw(network, new Autoguidance { Weight = 2 }));
        Refused("draws 10 classes of 3 x 8 x 8 numbers", () => Draw(network, new Autoguidance { Weight = 2 }, weaker: wide));
        Refused("not for 'heun'", () => Draw(taught, new RenoisedGuidance { Weight = 0.5 }, "heun"));
        Refused("not for 'euler-maruyama'", () => Draw(taught, new RenoisedGuidance { Weight = 0.5 }, EulerMaruyama.Name));
        Refused("'dopri5' chooses its steps", () => Draw(taught, new ProjectedGuidance { Weight = 2 }, "dopri5"));
        Refused("guidance = -1", () => Draw(taught, Cfg with { Weight = -1 }));
    }

    [Fact]
    public void A_recipe_states_the_guidance_that_a_model_is_best_drawn_with()
    {
        const string Toml =
            "[sampling]\nsampler = \"ddim\"\nlevels = \"karras\"\nsteps = 20\nguidance = 1.5\nguidance_kind = "
            + "\"apg\"\nguidance_high = 5.0\n\n[model]\nunconditional = true\n";
        var config = Configuration.Parse(Toml, "x.toml");
        Assert.Equal(
            new ProjectedGuidance { Weight = 1.5, High = 5 },
            config.Sampling.Of(new() { Condition = Condition.OfLabels([1]) }, config.Process).Guidance);
        Assert.Equal(config, Configuration.Parse(Configuration.Write(config), "x.toml"));
        // as older programs wrote and read it
        Assert.DoesNotContain("guidance", Configuration.Write(new ExperimentConfig()), StringComparison.Ordinal);

        void Refused(string message, string line, bool unconditional = true) => Assert.Contains(message,
            Assert.Throws<MezzotintException>(
                () => Configuration.Parse(
                    $"[sampling]\n{line}\n[model]\nunconditional = {(unconditional ? "true" : "false")}\n", "x.toml")).Message,
                    StringComparison.Ordinal);
        Refused("did you mean 'cfg'?", "guidance = 2\nguidance_kind = \"cgf\"");
        Refused("sampling.guidance_kind = auto: must be a kind that needs no other model",
            "guidance = 2\nguidance_kind = \"auto\"");
        Refused("sampling.guidance = missing", "guidance_kind = \"cfg\"");
        Refused("label_dropout = 0.1", "guidance = 2", unconditional: false);
        Refused("not for 'heun'", "sampler = \"heun\"\nguidance = 0.5\nguidance_kind = \"cfg++\"");
    }

    private static double[] Levels() => NoiseLevels.Karras(Process, Steps);

    private static byte[] Draw(
        DenoisingNetwork network, Guidance? guidance, string sampler = "ddim", int count = 1, long seed = 7,
        LoadedModel? weaker = null, IProgress<SamplingProgress>? progress = null)
    {
        using var pipeline = Drawn.Pipeline(network, process: Process);
        return pipeline.Prepare([4], new()
        {
            Count = count,
            Seed = seed,
            Steps = Steps,
            Levels = "karras",
            Sampler = sampler,
            GuidanceScale = guidance?.Weight,
            GuidanceKind = guidance?.Name,
            GuidanceRescale = guidance?.Rescale,
            GuidanceInterval = guidance is null ? null : (guidance.Low, guidance.High),
            WeakerModel = guidance is { NeedsWeaker: true } ? weaker : null,
        }).RunAsync(progress: progress).GetAwaiter().GetResult().Images.Pixels;
    }

    private static LoadedModel Model(
        NetworkConfig config, NoiseProcess? process = null, Parameterisation? parameterisation = null) =>
        Drawn.Model(config.Build(seed: 4), process: process ?? Process, parameterisation: parameterisation);

    private sealed class Latest(Action<SamplingProgress> tell) : IProgress<SamplingProgress>
    {
        public void Report(SamplingProgress value) => tell(value);
    }
}
