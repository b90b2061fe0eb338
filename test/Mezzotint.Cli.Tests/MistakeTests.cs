using Mezzotint.Cli.Output;
using Mezzotint.Formats;

namespace Mezzotint.Cli.Tests;

/// <summary>Every mistake that a user can make ends with exit code 1 and one line that names it and says what to do.</summary>
public class MistakeTests
{
    [Theory]
    // The command line itself.
    [InlineData("", "a command is missing: sample, demo, serve, samplers, plot, new, train")]
    [InlineData("trian", "no command 'trian' (did you mean 'train'?); see `mezzotint --help`")]
    [InlineData("sample MODEL --cuont 3", "no option '--cuont' (did you mean '--count'?); see `mezzotint sample --help`")]
    [InlineData("sample --cuont 3", "no option '--cuont' (did you mean '--count'?)")]
    [InlineData("sample MODEL --count=x", "--count takes a whole number from 1 to 100000, not 'x'")]
    [InlineData("sample MODEL --count 0", "--count takes a whole number from 1 to 100000, not '0'")]
    [InlineData("sample MODEL --count", "--count needs a value")]
    [InlineData("sample MODEL --steps 0", "--steps takes a whole number from 1")]
    [InlineData("sample MODEL --seed -1", "--seed takes a whole number from 0 to 4294967295, not '-1'")]
    [InlineData("sample MODEL --seed 99999999999999999999", "--seed takes a whole number")]
    [InlineData("sample MODEL --device gpu", "device 'gpu': not known; there are cpu, cuda (the first GPU) and cuda:N")]
    [InlineData("sample MODEL --sampler huen", "did you mean 'heun'?")]
    [InlineData("sample MODEL --sampler ddpm --eta 1", "Sampler 'ddpm' takes no eta")]
    [InlineData("sample MODEL --eta 1", "Sampler 'euler-maruyama' takes no eta")]
    [InlineData("sample MODEL --sampler heun --churn x", "--churn takes a number, not 'x'")]
    [InlineData("sample MODEL --strength 0.5", "name it with --image FILE")]
    [InlineData("sample MODEL --image no.png", "no.png")]
    [InlineData("sample MODEL --image no.png --interpolate 3", "choose one of them")]
    [InlineData(
        "sample MODEL --interpolate no.png", "--interpolate takes a seed, a whole number from 0 to 4294967295, not 'no.png'")]
    [InlineData("sample MODEL --interpolate 4294967296", "--interpolate takes a seed")]
    [InlineData("sample MODEL --image {scratch}/digit.png --interpolate no.png", "no.png")]
    [InlineData(
        "sample MODEL --image {scratch}/digit.png --interpolate {scratch}/digit.png",
        "add --label with one label for both, or with one for each")]
    [InlineData(
        "sample MODEL --image {scratch}/digit.png --interpolate {scratch}/digit.png --label 3 --count 1", "has 2 to 1000 images")]
    [InlineData(
        "sample MODEL --image {scratch}/digit.png --interpolate {scratch}/digit.png --label 3 --invert 3", "leave --invert out")]
    [InlineData(
        "sample MODEL --image {scratch}/digit.png --interpolate {scratch}/small.png --label 3",
        "--interpolate '{scratch}/small.png' is 4 x 4; this model needs 28 x 28")]
    [InlineData("sample MODEL --precision float16", "--precision takes auto, float32, bfloat16, not 'float16'")]
    [InlineData("sample MODEL --invert 3", "name it with --image FILE")]
    [InlineData("sample MODEL --image {scratch}/small.png --invert 3", "--image '{scratch}/small.png' is 4 x 4")]
    [InlineData("sample MODEL --image {scratch}/digit.png --invert eight", "The model has no label 'eight'")]
    [InlineData("sample MODEL --image {scratch}/digit.png --invert 3,4", "a picture is walked up as one label")]
    [InlineData(
        "sample MODEL --image {scratch}/digit.png --invert 3 --count 2",
        "each label or prompt one image from it. Leave --count out")]
    [InlineData("sample MODEL --image {scratch}/digit.png --invert 3 --strength 0.5", "not from its own: leave them out")]
    [InlineData("sample MODEL --image {scratch}/digit.png --invert 3 --guidance 2", "without guidance: leave its options out")]
    [InlineData("sample MODEL --image {scratch}/digit.png --invert 3 --sampler ddpm", "Sampler 'ddpm' draws noise on its way")]
    [InlineData("likelihood MODEL --sampler euler-ancestral", "Sampler 'euler-ancestral' draws noise on its way")]
    [InlineData("likelihood MODEL --trace guess", "--trace takes hutchinson, exact, not 'guess'")]
    [InlineData("likelihood MODEL --probes 0", "--probes takes a whole number from 1 to 1000")]
    [InlineData("likelihood MODEL --levels kara", "did you mean 'karras'?")]
    [InlineData("likelihood MODEL --levels leading --steps 3", "where the density is not known")]
    [InlineData("likelihood MODEL --data {scratch}/nowhere", "There is no file or folder '{scratch}/nowhere'")]
    [InlineData("likelihood", "MODEL is missing")]
    [InlineData("sample MODEL --image no.png --resample 2", "--resample needs a --mask")]
    [InlineData("sample MODEL --levels kara", "did you mean 'karras'?")]
    [InlineData("sample MODEL --guidance x", "--guidance takes a number, not 'x'")]
    [InlineData("sample MODEL --guidance inf", "--guidance takes a number, not 'inf'")]
    [InlineData("sample MODEL --guidance -1", "--guidance -1: must be 0 to 1000")]
    [InlineData(
        "sample MODEL --guidance 2",
        "train one with unconditional = true under [model] and label_dropout = 0.1 under [training]")]
    [InlineData("sample MODEL --guidance 2 --guidance-kind cgf", "'cgf' is not known; did you mean 'cfg'?")]
    [InlineData("sample MODEL --guidance 2 --guidance-kind cfg++", "0 to 1 for the kind cfg++")]
    [InlineData(
        "sample TAUGHT --guidance 0.5 --guidance-kind cfg++",
        "is defined for the samplers ddpm, ddim, euler, euler-ancestral, not for 'euler-maruyama'")]
    [InlineData("sample MODEL --guidance 2 --guidance-kind auto", "name that model with --guidance-model")]
    [InlineData("sample MODEL --guidance 2 --guidance-model {scratch}/nowhere", "There is no model '{scratch}/nowhere'")]
    [InlineData(
        "sample MODEL --guidance 2 --guidance-kind cfg --guidance-model TAUGHT", "--guidance-model is for --guidance-kind auto")]
    [InlineData("sample MODEL --guidance 2 --guidance-model {scratch}/larger", "guidance needs two that draw the same")]
    [InlineData("sample MODEL --guidance 2 --guidance-rescale 2", "--guidance-rescale 2: must be 0 to 1")]
    [InlineData(
        "sample MODEL --guidance 2 --guidance-interval 5,2",
        "--guidance-interval takes two numbers LOW,HIGH, the lower one first, not '5,2'")]
    [InlineData("sample MODEL --guidance 2 --guidance-interval 0,inf", "not '0,inf'")]
    [InlineData("sample MODEL --guidance-rescale 0.7", "add --guidance W")]
    [InlineData("sample --like no.png", "no.png")]
    [InlineData("sample --like no.png --label 3", "--like draws a picture again as it was: --label does not go with it")]
    [InlineData("sample --like no.png --steps 3", "--steps does not go with it")]
    [InlineData("serve MODEL --urls http://0.0.0.0:0", "say with --api-key KEY what clients must send")]
    [InlineData("serve MODEL --urls nowhere", "--urls 'nowhere' is no address")]
    [InlineData("serve MODEL --urls http://127.0.0.1:99999", "'http://127.0.0.1:99999' is no address")]
    [InlineData("serve MODEL --api-key short", "at least 8 characters")]
    [InlineData("serve MODEL --max-steps 0", "--max-steps takes a whole number from 1")]
    [InlineData("serve {scratch}/empty", "'{scratch}/empty' is not a model")]
    [InlineData("inspect MODEL more", "one argument too many: 'more'")]
    [InlineData("sample MODEL more", "The prompt 'more' is not understood. This model draws 0, 1")]
    [InlineData("inspect", "MODEL is missing")]
    [InlineData("import MODEL", "--out is missing")]
    [InlineData("samplers --steps 0", "--steps takes a whole number from 1 to 100000, not '0'")]
    [InlineData("plot", "a command is missing: schedules, levels, trajectories, error, figures")]
    [InlineData("plot levles", "no command 'levles' (did you mean 'levels'?)")]
    [InlineData("plot schedules", "--out is missing")]
    [InlineData("plot schedules --what beta --out {scratch}/x.png", "--what takes alpha, sigma, log-snr, not 'beta'")]
    [InlineData("plot levels --levels kara --out {scratch}/x.png", "did you mean 'karras'?")]
    [InlineData("plot levels --steps 1 --out {scratch}/x.png", "--steps takes a whole number from 2 to 1000, not '1'")]
    [InlineData(
        "plot levels --process vp-cosin --out {scratch}/x.png", "--process 'vp-cosin' is not known; did you mean 'vp-cosine'?")]
    [InlineData("plot trajectories --sampler huen --out {scratch}/x.png", "did you mean 'heun'?")]
    [InlineData(
        "plot trajectories --sampler predictor-corrector --out {scratch}/x.png",
        "--sampler predictor-corrector sizes its steps by the norms of whole images")]
    [InlineData(
        "plot trajectories --seed 4294967295 --count 2 --out {scratch}/x.png",
        "--seed 4294967295 leaves too few seeds for 2 paths")]
    [InlineData(
        "plot error --sampler heun --sampler ddpm --out {scratch}/x.png",
        "--sampler ddpm draws noise: its paths have no end that would be right. Choose among ddim, euler")]
    [InlineData("data", "a command is missing: fetch, list, show")]
    [InlineData("data fetch minst", "NAME takes mnist, not 'minst'")]
    // Models.
    [InlineData("sample {scratch}/nowhere", "There is no model '{scratch}/nowhere'")]
    [InlineData(
        "inspect {scratch}/empty", "'{scratch}/empty' is not a model: a model folder has config.json and model.safetensors")]
    [InlineData("inspect {scratch}/damaged", "{scratch}/damaged/model.safetensors")]
    [InlineData("sample {scratch}/lying", "{scratch}/lying/config.json")]
    [InlineData("import {scratch}/nowhere --out {scratch}/new", "There is no folder '{scratch}/nowhere'")]
    [InlineData("import {scratch}/empty --out {scratch}/new", "'{scratch}/empty' is not a PyTorch checkpoint")]
    [InlineData("import {scratch}/empty --out MODEL", "There is a model in 'MODEL' already: add --force")]
    // Requests that do not fit the model.
    [InlineData("sample MODEL --label 10", "The model has no label '10'. It knows 0, 1, 2, 3, 4, 5, 6, 7, 8, 9")]
    [InlineData("sample MODEL --label 1,,2", "The model has no label ''")]
    [InlineData("sample MODEL --label seven", "The model has no label 'seven'")]
    [InlineData("sample MODEL --seed 4294967295 --label 1 --count 2", "--seed 4294967295 leaves too few seeds for 2 images")]
    [InlineData("sample MODEL --label all --count 100000", "makes 1000000 images; at most 100000")]
    // Outputs.
    [InlineData("sample MODEL --out {scratch}/x.jpg", "files ending in '.jpg' are not written. Name a .png file")]
    [InlineData("sample MODEL --out {scratch}/file/x.png", "--out '{scratch}/file/x.png' cannot be written")]
    [InlineData("sample MODEL --out {scratch}/file/folder/", "--out '{scratch}/file/folder/' cannot be written")]
    [InlineData("import MODEL --out {scratch}/file", "--out '{scratch}/file' is a file")]
    [InlineData("plot levels --out {scratch}/x.gif", "a plot is written to a .png file")]
    [InlineData("plot levels --out {scratch}/file/x.png", "--out '{scratch}/file/x.png' cannot be written")]
    [InlineData("data show strokes --out {scratch}/x.gif", "a grid is written to a .png file")]
    [InlineData("data show strokes --out {scratch}/file/x.png", "{scratch}/file/x.png")]
    [InlineData("train {scratch}/tiny.toml --out {scratch}/file", "Cannot make the run folder '{scratch}/file'")]
    // Configurations and data.
    [InlineData("train", "train needs a configuration or a folder of pictures, for instance `mezzotint train configs/seed.toml`")]
    [InlineData("train --resume", "train --resume needs the CONFIG that the run was begun with, or its folder after --out")]
    [InlineData("train {scratch}/nowhere.toml --out {scratch}/run", "{scratch}/nowhere.toml")]
    [InlineData("train {scratch}/broken.toml --out {scratch}/run", "{scratch}/broken.toml, line 2")]
    [InlineData("train {scratch}/misspelt.toml --out {scratch}/run", "did you mean 'epochs'")]
    [InlineData(
        "train {scratch}/tiny.toml --out {scratch}/run --set training.epochs=0", "training.epochs = 0: must be 1 or more")]
    [InlineData("train {scratch}/tiny.toml --out {scratch}/run --set training.epoch=1", "did you mean 'epochs'")]
    [InlineData("train {scratch}/tiny.toml --out {scratch}/run --set epochs", "--set epochs")]
    [InlineData(
        "train {scratch}/tiny.toml --out {scratch}/run --set data.name={scratch}/nowhere",
        "There is no file or folder '{scratch}/nowhere'")]
    [InlineData("train {scratch}/tiny.toml --out {scratch}/run --set model.in_channels=3", "model.in_channels = 3, but strokes")]
    [InlineData("train {scratch}/tiny.toml --out {scratch}/run --set data.split=0.2", "has a training and a test set of its own")]
    [InlineData("train {scratch}/tiny.toml --out {scratch}/run --set data.split=2", "must be a share between 0 and 1")]
    [InlineData("train {scratch}/tiny.toml --out {scratch}/run --set data.label=kind", "has no metadata: leave data.label out")]
    [InlineData("train {scratch}/tiny.toml --out {scratch}/run --set data.caption={name", "a brace is not closed")]
    [InlineData("train {scratch}/tiny.toml --out {scratch}/run --set data.fit=fill", "must be crop, pad or stretch")]
    [InlineData("train {scratch}/tiny.toml --out {scratch}/run --set data.fit=pad", "data.fit = 'pad': must be left out where")]
    [InlineData("train {scratch}/tiny.toml --out {scratch}/run --set data.width=8", "data.width = 8: must be given together")]
    [InlineData("train {scratch}/tiny.toml --out {scratch}/run --set data.channels=2", "data.channels = 2: must be 1 (grey)")]
    [InlineData("train {scratch}/tiny.toml --out {scratch}/run --set data.size=0", "data.size = 0: must be between 1 and 4096")]
    [InlineData(
        "train {scratch}/tiny.toml --out {scratch}/run --data {scratch}",
        "--data says where MNIST is, but this training is on data.name = 'strokes'")]
    [InlineData(
        "train {scratch}/tiny.toml --out {scratch}/run --resume",
        "There is no run in '{scratch}/run' to go on with: leave --resume out")]
    [InlineData("evaluate", "MODEL is missing")]
    [InlineData("evaluate {scratch}/nowhere", "There is no model '{scratch}/nowhere'")]
    [InlineData("evaluate MODEL --count 0", "--count takes a whole number from 1 to 100000, not '0'")]
    [InlineData("evaluate MODEL --loss --steps 3", "--steps has no part in the loss: leave it out, or --loss.")]
    [InlineData("evaluate MODEL --loss --report {scratch}/report", "--report has no part in the loss")]
    [InlineData("evaluate MODEL --report {scratch}/file", "--report '{scratch}/file' is a file: name a folder.")]
    [InlineData(
        "evaluate {scratch}/empty --sampler heun",
        "--sampler is for a model that draws; '{scratch}/empty' holds images. Leave it out.")]
    [InlineData("evaluate {scratch}/empty --likelihood 3", "--likelihood is for a model that draws")]
    [InlineData("evaluate MODEL --likelihood -1", "--likelihood takes a whole number from 0")]
    [InlineData("train-classifier", "--out is missing")]
    [InlineData("train-classifier --out {scratch}/file", "--out '{scratch}/file' is a file")]
    [InlineData("train-classifier --out MODEL", "There is a model in 'MODEL' that is no classifier")]
    [InlineData(
        "train-classifier --out {scratch}/new --architecture residaul",
        "--architecture takes residual, plain, strided, not 'residaul'")]
    [InlineData("evaluate MODEL --loss --data {scratch}/nowhere", "There is no file or folder '{scratch}/nowhere'")]
    [InlineData("inspect {scratch}/broken.toml", "{scratch}/broken.toml, line 2")]
    public void A_mistake_is_one_line_with_its_remedy_and_exit_code_1(string commandLine, string expected)
    {
        using var scratch = new ScratchFolder();
        string model = TinyTraining.WriteModel(scratch["model"]);
        string taught = TinyTraining.WriteModel(scratch["taught"], unconditional: true);
        TinyTraining.WriteModel(scratch["larger"], side: 32);
        Directory.CreateDirectory(scratch["empty"]);
        scratch.Write("file", "");
        scratch.Write("tiny.toml", TinyTraining.Toml);
        PngFile.Write(scratch["digit.png"], new ImageBatch(1, 1, 28, 28, new byte[784]));
        PngFile.Write(scratch["small.png"], new ImageBatch(1, 1, 4, 4, new byte[16]));
        scratch.Write("broken.toml", "[training]\nepochs = = 3\n");
        scratch.Write("misspelt.toml", "[training]\nepoch = 3\n");
        Damage(TinyTraining.WriteModel(scratch["damaged"]), "model.safetensors", bytes => bytes[..(bytes.Length / 2)]);
        Damage(TinyTraining.WriteModel(scratch["lying"]), "config.json", bytes => [.. bytes, (byte)'}']);

        string Filled(string text) =>
            text.Replace("{scratch}", scratch.Path, StringComparison.Ordinal).Replace("MODEL", model, StringComparison.Ordinal)
                .Replace("TAUGHT", taught, StringComparison.Ordinal);
        // Names of arguments in messages are upper-case too.
        string Wanted() => expected.StartsWith("MODEL", StringComparison.Ordinal) ? expected : Filled(expected);
        var outcome = Command.Run([.. commandLine.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(Filled)]);

        Assert.Equal((1, ""), (outcome.ExitCode, outcome.Out));
        Assert.Contains(Wanted(), outcome.ErrorLine, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", outcome.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(scratch["run"]), "A refused training leaves no run folder.");
    }

    [Fact]
    public void An_unexpected_error_is_one_line_and_says_how_to_see_more()
    {
        using var error = new StringWriter();
        int exitCode = Failure.Report(
            new InvalidOperationException("first\nnative frame 1\nnative frame 2"),
            new Terminal(TextReader.Null, TextWriter.Null, error));
        Assert.Equal(1, exitCode);
        Assert.Equal(
            "mezzotint: InvalidOperationException: first This is unexpected, an error of the program; MEZZOTINT_TRACE=1 shows "
            + "where it arose.\n",
            error.ToString());
    }

    [Fact]
    public void Names_from_files_do_not_command_the_terminal()
    {
        using var error = new StringWriter();
        Failure.Report(
            new MezzotintException("bad \e[2J name\nand a second line"), new Terminal(TextReader.Null, TextWriter.Null, error));
        Assert.Equal("mezzotint: bad  [2J name and a second line\n", error.ToString());
    }

    private static void Damage(string folder, string file, Func<byte[], byte[]> change) =>
        File.WriteAllBytes(Path.Combine(folder, file), change(File.ReadAllBytes(Path.Combine(folder, file))));
}
