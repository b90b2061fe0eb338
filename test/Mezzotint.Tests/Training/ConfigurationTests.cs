using CsCheck;
using Mezzotint.Data;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Settings;
using Mezzotint.Training;

namespace Mezzotint.Tests.Training;

public class ConfigurationTests
{
    internal const string Small = """
        [data]
        name = "strokes"

        [training]
        epochs = 3
        learning_rate = 1e-3
        """;

    private static readonly Gen<double> Fraction = Gen.Double[0, 0.999999];

    private static readonly Gen<ExperimentConfig> Configs = Gen.Select(
        Gen.String.Where(text => !string.IsNullOrWhiteSpace(text) && text.All(c => !char.IsSurrogate(c))),
        Gen.Select(
            Gen.Double[1.1, 1e150], Gen.Double[1e-12, 0.9], (sigma, minimum) =>
                (NoiseProcess)new VarianceExploding { Sigma = sigma, MinimumTime = minimum }),
        Gen.Select(
            Gen.Int[1, int.MaxValue], Gen.Long[0, uint.MaxValue], Gen.Double[1e-300, 1e300], Fraction, Fraction,
            (epochs, seed, rate, beta, average) =>
            new TrainingConfig { Epochs = epochs, Seed = seed, LearningRate = rate, Beta1 = beta,
                Average = new ExponentialAverage { Decay = average } }),
        Gen.Select(Gen.Int[1, 64].Array[1, 8], Gen.Int[0, 9].Array[0, 4], Gen.Int[1, 65_536], (multipliers, levels, context) =>
            new UNetConfig { ChannelMultipliers = multipliers, AttentionLevels = levels,
                Transformer = new TransformerConfig { ContextDim = context, NumHeads = 1 } }),
        (name, process, training, model) =>
            new ExperimentConfig { Data = new DataConfig { Name = name, TrainCount = training.Epochs / 2 }, Process = process,
            Training = training, Model = model });

    [Fact]
    public void What_is_written_is_read_back_exactly() =>
        Configs.Sample(config =>
        {
            string toml = Configuration.Write(config);
            Assert.Equal(config, Configuration.Parse(toml, "x.toml"));
            Assert.Equal(toml, Configuration.Write(Configuration.Parse(toml, "x.toml")));
        });

    [Fact]
    public void The_text_has_every_key_in_its_table_and_plain_numbers()
    {
        string toml = Configuration.Write(new ExperimentConfig());
        const string Beginning = """
            [data]
            name = "mnist"
            train_count = 0
            test_count = 0
            background = "black"
            flip = false
            classes = true
            skip_damaged = false

            [pixels]
            mean = 0.0
            scale = 1.0
            dequantise = false

            [process]
            kind = "ve"
            sigma = 25.0
            minimum_time = 0.001

            [parameterisation]
            kind = "score"

            [loss]
            kind = "seed"

            [times]
            kind = "uniform"
            stratified = false

            [distillation]
            kind = "none"

            [training]
            epochs = 30

            """;
        Assert.StartsWith(Beginning.ReplaceLineEndings("\n"), toml, StringComparison.Ordinal);
        Assert.Contains("\nlearning_rate = 0.0002\n", toml, StringComparison.Ordinal);
        Assert.Contains("\nchannel_multipliers = [1, 2]\n", toml, StringComparison.Ordinal);
        Assert.EndsWith(
            "\n[model.transformer]\ncontext_dim = 256\nnum_heads = 8\nnum_layers = 1\n", toml, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2e-4, "0.0002")]
    [InlineData(25, "25.0")]
    [InlineData(1e-5, "1.0e-5")]
    [InlineData(1.5e300, "1.5e300")]
    [InlineData(-0.0, "-0.0")]
    [InlineData(double.NaN, "nan")]
    [InlineData(double.NegativeInfinity, "-inf")]
    public void Numbers_are_never_mistaken_for_integers(double number, string text) =>
        Assert.Equal(text, TomlSettings.Format(number));

    [Fact]
    public void Missing_keys_keep_their_defaults()
    {
        Assert.Equal(new ExperimentConfig(), Configuration.Parse("", "x.toml"));
        Assert.Equal(
            new ExperimentConfig { Data = new DataConfig { Name = "strokes" },
                Training = new TrainingConfig { Epochs = 3, LearningRate = 1e-3 } },
            Configuration.Parse(Small, "x.toml"));
    }

    [Theory]
    [InlineData("model.transformer.num_heads = 4\nmodel.num_res_blocks = 1")]
    [InlineData("model = { num_res_blocks = 1, transformer = { num_heads = 4 } }")]
    [InlineData("[model.transformer]\r\nnum_heads = 0x4\r\n[model]\r\nnum_res_blocks = 1\r\n")]
    [InlineData("[model]\n\"num_res_blocks\" = +1\ntransformer.num_heads = 0b100")]
    public void All_notations_of_toml_mean_the_same(string toml) =>
        Assert.Equal(
            new UNetConfig { NumResBlocks = 1, Transformer = new TransformerConfig { NumHeads = 4 } },
            Configuration.Parse(toml, "x.toml").Model);

    /// <summary>One of each kind, with settings that are not its defaults.</summary>
    public static TheoryData<string, ExperimentConfig> Kinds { get; } = new()
    {
        { "kind = \"vp\"",
            new() { Process = new VariancePreserving { Schedule = new CosineSchedule { Offset = 0.01 }.ToTable(600) } } },
        { "zero_terminal_snr = true",
            new() { Process =
                new VariancePreserving { Schedule = new ScaledLinearSchedule().ToTable(1000).WithZeroTerminalSnr() },
                Parameterisation = new VelocityParameterisation() } },
        { "zero_terminal_snr = true",
            new() { Process =
                new SubVariancePreserving { Schedule = new LinearSchedule { BetaMax = 18 }.WithZeroTerminalSnr(),
                MinimumTime = 0.01 }, Parameterisation = new ImageParameterisation() } },
        { "table_length = 500",
            new() { Process = new VariancePreserving { Schedule = new SigmoidSchedule { Temperature = 0.9 }.ToTable(500) },
            Parameterisation = new EpsilonParameterisation() } },
        { "maximum_sigma = 50.0",
            new() { Process = new Edm { MaximumSigma = 50 }, Parameterisation = new EdmPreconditioning { DataStd = 0.6 },
            Loss = new EdmWeighting { DataStd = 0.6 }, Times = new LogNormalLevels { Mean = -1, Stratified = true } } },
        { "shift = 2.0",
            new() { Process = new FlowMatching { Shift = 2 }, Parameterisation = new FlowParameterisation(),
            Loss = new SimpleWeighting(), Times = new LogitNormalTimes { Std = 0.8 } } },
        { "gamma = 6.0", new() { Loss = new MinSnrWeighting { Gamma = 6 } } },
        { "kind = \"soft-min-snr\"", new() { Loss = new SoftMinSnrWeighting { Gamma = 6 } } },
        { "k = 2.0", new() { Loss = new P2Weighting { K = 2 } } },
        { "widths = [0.05, 0.2]",
            new() { Training =
                new() { Average = new PowerAverage { Widths = [0.05, 0.2], SnapshotEvery = 7 },
                Schedule = new CosineRate { WarmUp = 5, Final = 0.1 } } } },
        { "kind = \"inverse-sqrt\"",
            new() { Training =
                new() { Average = new ExponentialAverage { Decay = 0.9, WarmUp = 0 },
                Schedule = new InverseSquareRootRate { From = 70 }, GradientClip = 1 } } },
        { "kind = \"one-cycle\"", new() { Training = new() { Schedule = new OneCycleRate { Rise = 0.1, Final = 0.05 } } } },
        { "label_dropout = 0.1",
            new() { Training = new() { LabelDropout = 0.1, Schedule = new LinearRate { Final = 0.5 } },
            Model = new UNetConfig { Unconditional = true } } },
        { "kind = \"residual-unet\"",
            new() { Model =
                new ResidualUNetConfig { PatchSize = 2, ModelChannels = 48, ChannelMultipliers = [1, 2, 3],
                ResidualBlocks = [1, 2, 1], AttentionLevels = [2], HeadChannels = 24 } } },
        { "timesteps = true",
            new() { Process = new VariancePreserving { Schedule = new ScaledLinearSchedule().ToTable(1000), Timesteps = true },
            Parameterisation = new EpsilonParameterisation(), Model = new ConditionalUNetConfig { CrossAttentionDim = 768 },
            Sampling = new() { Sampler = "ddim", Levels = "leading-plus-one", Steps = 50, LeavesNoise = true } } },
        { "sampler = \"heun\"",
            new() { Sampling = new() { Sampler = "heun", Levels = "karras", Steps = 18 },
            Pixels = new PixelScaling { Mean = 0.5, Scale = 0.5 } } },
    };

    [Theory, MemberData(nameof(Kinds))]
    public void Every_kind_is_written_and_read_back_exactly(string line, ExperimentConfig config)
    {
        string toml = Configuration.Write(config);
        Assert.Contains($"\n{line}\n", toml, StringComparison.Ordinal);
        Assert.Equal(config, Configuration.Parse(toml, "x.toml"));
    }

    [Fact]
    public void Overrides_come_before_the_file()
    {
        var config = Configuration.Parse(Small, "x.toml",
            ["training.epochs=7", "data.name = a folder", "model.transformer.num_heads=4", "training.seed=1", "training.seed=2",
                "model.channel_multipliers=[1, 2, 4]", "process.sigma=5"]);
        Assert.Equal(
            new ExperimentConfig
            {
                Data = new DataConfig { Name = "a folder" },
                Process = new VarianceExploding { Sigma = 5 },
                Training = new TrainingConfig { Epochs = 7, LearningRate = 1e-3, Seed = 2 },
                Model = new UNetConfig { ChannelMultipliers = [1, 2, 4], Transformer = new TransformerConfig { NumHeads = 4 } },
            }, config);
    }

    [Theory]
    [InlineData("data.name=strokes", "strokes")]
    [InlineData("data.name=\"strokes\"", "strokes")]
    [InlineData("data.name='a=b'", "a=b")]
    [InlineData("data.name=C:\\images", "C:\\images")]
    [InlineData("data.name=/images/a \"b\"", "/images/a \"b\"")]
    [InlineData("data.name=1\ntraining.epochs=1", "1\ntraining.epochs=1")]
    public void An_override_that_is_no_toml_value_is_text(string option, string name) =>
        Assert.Equal(name, Configuration.Parse("", "x.toml", [option]).Data.Name);

    [Fact]
    public void Every_experiment_of_the_project_is_valid()
    {
        string[] files = Directory.GetFiles(Path.Combine(Repository.Root, "configs"), "*.toml");
        Assert.True(files.Length >= 2);
        foreach (string file in files)
            Configuration.ReadExperiment(file);
    }

    [Fact]
    public void The_defaults_are_the_seeds()
    {
        string path = Path.Combine(Repository.Root, "configs", "seed.toml");
        Assert.Equal(new ExperimentConfig(), Configuration.Read(path));
        // The model's tables are the report's, word for word, which has no row for no class.
        foreach (
            string line in Configuration.Write(new ExperimentConfig()).Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(
                line => !line.StartsWith("unconditional", StringComparison.Ordinal)))
            Assert.Contains(line.Split(" = ")[0], File.ReadAllText(path), StringComparison.Ordinal);
    }

    [Fact]
    public void The_seeds_model_tables_are_those_of_its_report()
    {
        // The report's "Implementation Details", the full model config.
        const string Report = """
            [model]
            corpus_length = 10  # MNIST

            in_channels = 1
            out_channels = 1
            num_res_blocks = 2

            model_channels = 32
            channel_multipliers = [1, 2]  # multipliers on `model_channels` on each level
            attention_levels = [2]  # where the attention block should be added

            [model.transformer]
            context_dim = 256
            num_heads = 8
            num_layers = 1

            """;
        string file = File.ReadAllText(Path.Combine(Repository.Root, "configs", "seed.toml"));
        Assert.EndsWith(Report.ReplaceLineEndings("\n"), file.ReplaceLineEndings("\n"), StringComparison.Ordinal);
    }
}
