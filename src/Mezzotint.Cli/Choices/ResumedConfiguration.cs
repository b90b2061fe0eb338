using System.Globalization;
using Mezzotint.Cli.Output;
using Mezzotint.Runs;
using Mezzotint.Training;

namespace Mezzotint.Cli.Choices;

/// <summary>
/// The configuration of a run that goes on: the one in its folder. Settings that decided the past steps cannot change, as the
/// configuration would not describe the run any more. Settings that decide its length and its reports can. The learning rate may
/// become lower: a training that has diverged goes on from its last sound checkpoint, and the log has the rate of each line.
/// </summary>
internal static class ResumedConfiguration
{
    private static readonly string[] Changeable =
        [
            "training.epochs", "training.log_every", "training.checkpoint_every", "training.samples_per_label",
            "training.sample_steps", "training.early_stop", "training.compare_every",
        ];

    // What an autoencoder takes from its data, a model of latents from its autoencoder, and a text encoder from its vocabulary.
    private static readonly string[] FollowsData =
        [
            "network.in_channels", "network.out_channels", "network.sample_size", "pixels.channels", "pixels.factor",
            "pixels.margin", "pixels.image_channels", "pixels.sha256", "text_encoder.vocab_size",
            "text_encoder.max_position_embeddings", "text_encoder.pad_token_id", "text_encoder.bos_token_id",
            "text_encoder.eos_token_id", "image_encoder.channels", "image_encoder.height", "image_encoder.width",
        ];

    private const string LearningRate = "training.learning_rate", DataName = "data.name", Unset = SettingsList.Unset;

    /// <summary>Whether there is anything in a run folder that a new run would lose.</summary>
    public static bool HasBegun(string path) =>
        RunFolder.Exists(path) && Directory.Exists(Path.Combine(path, "checkpoints"))
            && Directory.EnumerateFiles(Path.Combine(path, "checkpoints")).Any();

    /// <summary>Refuses to begin where a run is.</summary>
    /// <exception cref="MezzotintException">There is one.</exception>
    public static void RefuseBegun(string path)
    {
        if (HasBegun(path))
            throw new MezzotintException(
                $"There is a run in '{path}' already: go on with it with --resume, or train into another folder with --out RUN.");
    }

    /// <summary>Reads the configuration of a run, with overrides.</summary>
    /// <exception cref="MezzotintException">There is no run, or an override would change its past.</exception>
    public static Experiment Read(Terminal terminal, string path, string? original, string[] overrides)
    {
        if (!RunFolder.Exists(path))
            throw new MezzotintException(
                $"There is no run in '{path}' to go on with: leave --resume out to begin one, or name its folder with --out "
                + $"RUN.");
        string file = Path.Combine(path, "config.toml");
        var before = SettingsList.Of(Configuration.ReadExperiment(file));
        var config = Configuration.ReadExperiment(file, overrides);
        if (config.DependsOnLength
            && before["training.epochs"] != SettingsList.Of(config)["training.epochs"])
            throw new MezzotintException(
                $"--set training.epochs={config.Training.Epochs}: the run in '{path}' follows the length of its training, "
                + $"training.epochs = {before["training.epochs"]}, which cannot change on the way. Leave it out, or begin "
                + $"another run with --out RUN.");
        double rate = Configuration.ReadExperiment(file).Training.LearningRate;
        foreach (var (key, value) in SettingsList.Of(config))
        {
            if (before.GetValueOrDefault(key) == value || Changeable.Contains(key)
                || (key == DataName && LastName(before[key]) == LastName(value))
                || (key == LearningRate && config.Training.LearningRate < rate))
                continue;
            throw new MezzotintException(
                $"--set {key}={value}: the run in '{path}' has {key} = {before.GetValueOrDefault(key, Unset)}, which "
                + $"{(key == LearningRate ? "can only become lower" : "cannot change on the way")}. Leave it out, or begin "
                + $"another run with --out RUN. What can change: {string.Join(", ", Changeable)}, {LearningRate} to a lower "
                + $"one, and the folder that {DataName} is in.") { Key = key };
        }
        if (config.Training.LearningRate < rate)
            terminal.Say(
                string.Create(
                CultureInfo.InvariantCulture,
                $"The learning rate is {config.Training.LearningRate} from here on; it was {rate}."));
        if (original is not null && File.Exists(original))
            NoteDifferences(
                terminal, path, original, SettingsList.Of(Configuration.ReadExperiment(original)), SettingsList.Of(config));
        return config;
    }

    /// <summary>Of a path as it stands in TOML, of whatever system: the data may have moved, or the run to another
    /// machine.</summary>
    private static string? LastName(string path) =>
        path.Split(['/', '\\', '"', '\''], StringSplitOptions.RemoveEmptyEntries).LastOrDefault();

    private static void NoteDifferences(
        Terminal terminal, string path, string original, Dictionary<string, string> now, Dictionary<string, string> run)
    {
        string? Now(string key) => now.GetValueOrDefault(key);
        string? Run(string key) => run.GetValueOrDefault(key);
        string[] others = [.. run.Keys.Union(now.Keys)
            .Where(key => Now(key) != Run(key) && !IsOpen(key, Now(key)))
            .Select(key => $"{key} = {Now(key) ?? Unset} (the run: {Run(key) ?? Unset})")];
        if (others.Length > 0)
            terminal.Say($"The run goes on with its own settings; {original} has others: {string.Join(", ", others)}.");
    }

    /// <summary>Whether a setting leaves its value to the machine or to the data, from which the run has it.</summary>
    private static bool IsOpen(string key, string? value) => FollowsData.Contains(key)
        || (key, value) is ("training.replicas", "0")
        or ("training.precision", "\"auto\"")
        or ("model.corpus_length" or "model.in_channels" or "model.out_channels", null);
}
