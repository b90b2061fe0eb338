using System.Text;
using CsCheck;
using Mezzotint.Formats;
using Mezzotint.Noise;
using Mezzotint.Tests.Formats;
using Mezzotint.Training;

namespace Mezzotint.Tests.Training;

/// <summary>What is wrong with a configuration is refused in one line that names its place.</summary>
public class ConfigurationRefusalTests
{
    private const string Small = ConfigurationTests.Small;

    [Fact]
    public void A_table_of_a_programs_own_betas_is_refused_in_words()
    {
        var config =
            new ExperimentConfig { Process =
                new VariancePreserving { Schedule = new TableSchedule(new LinearSchedule().ToTable(50).Betas) } };
        Assert.Contains(
            "take a named schedule and its table_length", Refusal(() => Configuration.Write(config)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(
        "[process]\nkind = \"edn\"",
        "x.toml, line 2: 'process.kind' is the text 'edn'; did you mean 'edm'? There are ve, vp, sub-vp, edm, flow.")]
    [InlineData(
        "[process]\nkind = 3",
        "x.toml, line 2: 'process.kind' is the whole number 3; it must be one of ve, vp, sub-vp, edm, flow.")]
    [InlineData(
        "[process]\nkind = \"edm\"\nsigma = 25",
        "x.toml, line 3: unknown key 'process.sigma'; there are minimum_time, maximum_sigma, kind.")]
    [InlineData(
        "[process]\nkind = \"vp\"\n[process.schedule]\nkind = \"cosine\"\noffset = 2",
        "x.toml, line 5: process.schedule.offset = 2: must be between 0 and 1.")]
    [InlineData(
        "[process]\nkind = \"vp\"\n[process.schedule]\ntable_length = -1",
        "x.toml, line 4: process.schedule.table_length = -1: must be 0 (continuous time) or more.")]
    [InlineData(
        "[process]\nkind = \"vp\"\n[process.schedule]\ntable_lenght = 1",
        "x.toml, line 4: unknown key 'process.schedule.table_lenght': did you mean 'table_length'?")]
    [InlineData(
        "[parameterisation]\nkind = \"v\"",
        "x.toml, line 2: parameterisation.kind = v: v = alpha z - std x_0 is the velocity on a circle")]
    [InlineData(
        "[parameterisation]\nkind = \"flow\"",
        "x.toml, line 2: parameterisation.kind = flow: z - x_0 is the velocity of the straight path")]
    [InlineData(
        "[process]\nkind = \"flow\"\n[parameterisation]\nkind = \"epsilon\"",
        "x.toml, line 4: parameterisation.kind = epsilon: this process ends with no signal")]
    [InlineData("[process]\nkind = \"flow\"", "x.toml: parameterisation.kind = score: this process ends with no signal")]
    [InlineData(
        "[training]\nlabel_dropout = 0.1",
        "x.toml, line 2: training.label_dropout = 0.1: must be 0 unless model.unconditional is true")]
    [InlineData(
        "[training.average]\nkind = \"power\"\nwidths = [0.5]",
        "x.toml, line 3: training.average.widths = [0.5]: must be one to eight numbers more than 0 and at most 0.28.")]
    [InlineData(
        "[training.average]\nkind = \"power\"\nwidths = [true]",
        "x.toml, line 3: 'training.average.widths[0]' is true; it must be a number.")]
    [InlineData("[sampling]\nsampler = \"huen\"", "x.toml: Sampler 'huen' is not known; did you mean 'heun'?")]
    [InlineData("[times]\nkind = \"log-normal\"\nstd = 0", "x.toml, line 3: times.std = 0: must be more than 0, at most 20.")]
    public void What_does_not_fit_the_kind_is_named_by_line_and_key(string toml, string message) =>
        Assert.StartsWith(message, Refusal(() => Configuration.Parse(toml, "x.toml")), StringComparison.Ordinal);

    [Theory]
    [InlineData(
        "[training]\n\n# rate\nlearing_rate = 1e-3",
        "x.toml, line 4: unknown key 'training.learing_rate': did you mean 'learning_rate'?")]
    [InlineData("[training]\nEpochs = 3", "x.toml, line 2: unknown key 'training.Epochs': did you mean 'epochs'?")]
    [InlineData("\n[modle]\nin_channels = 1", "x.toml, line 2: unknown table 'modle': did you mean 'model'?")]
    [InlineData(
        "[model.transfromer]\nnum_heads = 8", "x.toml, line 1: unknown table 'model.transfromer': did you mean 'transformer'?")]
    [InlineData("[process]\nlr = 1", "x.toml, line 2: unknown key 'process.lr'; there are sigma, minimum_time, kind.")]
    [InlineData(
        "[model]\nstride = 4",
        "x.toml, line 2: unknown key 'model.stride'; there are corpus_length, attributes, unconditional, in_channels, "
        + "out_channels, num_res_blocks, model_channels, channel_multipliers, attention_levels, transformer, kind.")]
    [InlineData(
        "epochs = 3",
        "x.toml, line 1: unknown key 'epochs'; there are data, pixels, process, parameterisation, loss, times, distillation, "
        + "prompts, training, sampling, model, kind.")]
    [InlineData(
        "[training]\nepochs = \"many\"", "x.toml, line 2: 'training.epochs' is the text 'many'; it must be a whole number.")]
    [InlineData("[training]\nepochs = 3.0", "x.toml, line 2: 'training.epochs' is the number 3; it must be a whole number.")]
    [InlineData(
        "[training]\nepochs = 3000000000",
        "x.toml, line 2: 'training.epochs' is the whole number 3000000000; it must be no more than 32 bits.")]
    [InlineData(
        "[training]\nprecision = \"half\"", "x.toml, line 2: training.precision = 'half': must be auto or float32 or bfloat16")]
    [InlineData("[training]\nbeta1 = true", "x.toml, line 2: 'training.beta1' is true; it must be a number.")]
    [InlineData("[training]\nbeta1 = nan", "x.toml, line 2: 'training.beta1' is the number NaN; it must be a finite number.")]
    [InlineData("[process]\nsigma = inf", "x.toml, line 2: 'process.sigma' is the number Infinity; it must be a finite number.")]
    [InlineData(
        "[process]\nsigma = 1e999", "x.toml, line 2: 'process.sigma' is the number Infinity; it must be a finite number.")]
    [InlineData("[data]\nname = 1979-05-27", "x.toml, line 2: 'data.name' is a date or a time; it must be a text in quotes.")]
    [InlineData("[data]\nname = [\"mnist\"]", "x.toml, line 2: 'data.name' is a list; it must be a text in quotes.")]
    [InlineData(
        "[model]\nchannel_multipliers = [\n  1,\n  2.5,\n]",
        "x.toml, line 4: 'model.channel_multipliers[1]' is the number 2.5; it must be a whole number.")]
    [InlineData(
        "[model]\nchannel_multipliers = 2",
        "x.toml, line 2: 'model.channel_multipliers' is the whole number 2; it must be a list of whole numbers.")]
    [InlineData("data = \"mnist\"", "x.toml, line 1: 'data' is the text 'mnist'; it must be a table.")]
    [InlineData(
        "[training]\nepochs = 1\nseed = 2\nepochs = 3",
        "x.toml, line 4: the key 'training.epochs' is there twice; the first is at x.toml, line 2.")]
    [InlineData(
        "[training]\nepochs = 1\n[data]\n[training]\nseed = 3",
        "x.toml, line 4: the table [training] is there twice; the first is at x.toml, line 1.")]
    [InlineData(
        "training.epochs = 1\n[training]\nseed = 3",
        "x.toml, line 2: the table [training] is there twice; the first is at x.toml, line 1.")]
    [InlineData(
        "model.transformer = 1\n[model.transformer]",
        "x.toml, line 2: 'model.transformer' cannot be a table, as it is the whole number 1 at x.toml, line 1.")]
    [InlineData(
        "[[training]]\nepochs = 1", "x.toml, line 1: no setting is a list of tables; write [training] in single brackets.")]
    [InlineData("[training]\nepochs =\n", "x.toml, line 2: not valid TOML at column 9: ")]
    [InlineData("[data]\nname = \"a\\", "x.toml: not valid TOML: a text in quotes does not end after a backslash.")]
    [InlineData(
        "[training]\nseed = 0xffffffffffffffff", "x.toml, line 2: 'training.seed' is a whole number of more than 63 bits.")]
    [InlineData("[training]\nseed = 99999999999999999999", "x.toml, line 2: not valid TOML at column 8: ")]
    [InlineData("[training]\nepochs = 0", "x.toml, line 2: training.epochs = 0: must be 1 or more.")]
    [InlineData(
        "[model]\nattention_levels = [\n-1]", "x.toml, line 2: model.attention_levels = [-1]: must be levels counted from 0.")]
    [InlineData(
        "[model]\nmodel_channels = 96\n[model.transformer]\nnum_layers = 2\nnum_heads = 7",
        "x.toml, line 5: model.transformer.num_heads = 7: must be a divisor of the width of each transformer (here 384).")]
    [InlineData(
        "[model]\nin_channels = 3\nout_channels = 1", "x.toml, line 3: model.out_channels = 1: must be model.in_channels (3)")]
    public void What_is_wrong_is_named_by_line_and_key(string toml, string message) =>
        Assert.StartsWith(message, Refusal(() => Configuration.Parse(toml, "x.toml")), StringComparison.Ordinal);

    [Theory]
    [InlineData("training.epoch=3", "--set training.epoch=3: unknown key 'training.epoch': did you mean 'epochs'?")]
    [InlineData("trainig.epochs=3", "--set trainig.epochs=3: unknown table 'trainig': did you mean 'training'?")]
    [InlineData(
        "training.epochs=many", "--set training.epochs=many: 'training.epochs' is the text 'many'; it must be a whole number.")]
    [InlineData("training.epochs=-1", "--set training.epochs=-1: training.epochs = -1: must be 1 or more.")]
    [InlineData(
        "training.epochs", "--set training.epochs: an override is table.key=value, for instance --set training.epochs=5.")]
    [InlineData("epochs=3", "--set epochs=3: an override is table.key=value")]
    [InlineData(".epochs=3", "--set .epochs=3: an override is table.key=value")]
    [InlineData("=", "--set =: an override is table.key=value")]
    [InlineData("", "--set : an override is table.key=value")]
    [InlineData(
        "model.transformer={num_heads=3}", "--set model.transformer={num_heads=3}: an override sets a single key, not a table.")]
    [InlineData(
        "data.name.first=a",
        "--set data.name.first=a: 'data.name' cannot be a table, as it is the text 'strokes' at x.toml, line 2.")]
    public void What_is_wrong_with_an_override_is_named_by_the_option(string option, string message) =>
        Assert.StartsWith(message, Refusal(() => Configuration.Parse(Small, "x.toml", [option])), StringComparison.Ordinal);

    [Fact]
    public void Files_that_are_missing_too_long_or_not_text_are_refused()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("x.toml");
        Assert.StartsWith($"Cannot read '{path}': ", Refusal(() => Configuration.Read(path)), StringComparison.Ordinal);
        File.WriteAllText(path, new string('#', Configuration.MaxLength + 1));
        Assert.Equal(
            $"'{path}' has 65537 bytes, where at most 65536 are expected; is it the right file?",
            Refusal(() => Configuration.Read(path)));
        File.WriteAllBytes(path, [(byte)'#', 0xff]);
        Assert.Equal($"'{path}' is not text in UTF-8; save it in that encoding.", Refusal(() => Configuration.Read(path)));
        File.WriteAllText(path, Small, new UTF8Encoding(encoderShouldEmitUTF8Identifier: true));
        Assert.Equal(3, Configuration.Read(path, ["training.seed=1"]).Training.Epochs);
    }

    [Fact]
    public void Damaged_files_are_read_or_refused_in_one_line()
    {
        byte[] good = File.ReadAllBytes(Path.Combine(Repository.Root, "configs", "seed.toml"));
        Damage.Check(good, bytes => Parse(bytes).Validate(), allowance: 2_000_000);
    }

    [Fact]
    public void Any_text_as_an_override_is_taken_or_refused_in_one_line() =>
        Gen.Select(
            Gen.OneOf(Gen.Const("data.name="), Gen.Const("training.epochs="), Gen.Const("model."), Gen.Const("")),
            Gen.String).Sample(
            (start, rest) => { Damage.MustSurvive([], _ => Configuration.Parse(Small, "x.toml", [start + rest])); }, iter: 5000);

    [Theory]
    [InlineData("a=", "[")]
    [InlineData("a=", "{a=")]
    [InlineData("", "a.")]
    [InlineData("[", "a.")]
    [InlineData("", "[[a]]\n")]
    [InlineData("", "[a]\n")]
    [InlineData("", "=")]
    [InlineData("a=", "'")]
    [InlineData("training.epochs=[", "1,")]
    public void Files_of_one_thing_over_and_over_are_refused(string start, string again)
    {
        string toml = start + string.Concat(Enumerable.Repeat(again, (Configuration.MaxLength - start.Length) / again.Length));
        Assert.False(Damage.MustSurvive(Encoding.UTF8.GetBytes(toml), bytes => Parse(bytes), allowance: 40_000_000));
    }

    [Fact]
    public void Repeated_keys_under_a_long_name_take_no_more_memory_than_the_file_justifies()
    {
        string toml = $"[{new string('x', Configuration.MaxLength / 2)}]\n"
            + string.Concat(Enumerable.Repeat("k=1\n", Configuration.MaxLength / 8));
        Assert.False(Damage.MustSurvive(Encoding.UTF8.GetBytes(toml), bytes => Parse(bytes), allowance: 40_000_000));
    }

    private static ExperimentConfig Parse(byte[] bytes) => Configuration.Parse(SmallFile.Text(bytes, "x.toml"), "x.toml");

    private static string Refusal(Action act) => Assert.Throws<MezzotintException>(act).Message;
}
