using System.Text;

namespace Mezzotint.Training;

/// <summary>A configuration with a comment at each setting, for people who have read nothing else.</summary>
internal static class DraftText
{
    private const int Width = 126;

    private static readonly Dictionary<string, string> Tables = new(StringComparer.Ordinal)
    {
        ["data"] = "What is learned from. `mezzotint data check` shows it; docs/1-data.md has all keys.",
        ["pixels"] = "How pixels become the network's numbers: (pixel - mean) / scale, pixels from 0 to 1.",
        ["process"] = "How an image becomes noise: Karras et al. 2022 (EDM). docs/2-noise.md has others.",
        ["parameterisation"] = "What the network predicts.",
        ["loss"] = "How much each level of noise counts.",
        ["times"] = "Which levels of noise are drawn in training.",
        ["distillation"] = "For `mezzotint distill`; none here.",
        ["training"] = "How it is learned. docs/4-training.md has all keys.",
        ["training.schedule"] = "The learning rate over the training: this one suits an end at any epoch.",
        ["training.average"] = "The average of the weights, which is what is tested, drawn with and saved.",
        ["training.low_rank"] = "With a rank, small changes of a model's weights are trained, for --from MODEL.",
        ["sampling"] = "How the model draws, in training and by default afterwards.",
        ["model"] = "The network: a U-Net of residual blocks. Classes and channels follow from the data.",
    };

    private static readonly Dictionary<string, string> Keys = new(StringComparer.Ordinal)
    {
        ["data.name"] = "a folder, zip archive or file; or mnist",
        ["data.train_count"] = "0: all of them",
        ["data.test_count"] = "0: all of them",
        ["data.background"] = "behind what is transparent, and beside what is padded",
        ["data.size"] = "pixels a side; twice the side is four times the work",
        ["data.fit"] = "crop, pad or stretch pictures of other proportions",
        ["data.channels"] = "3 in colour, 1 grey",
        ["data.flip"] = "true where a mirrored picture is as good: faces and flowers, no letters",
        ["data.classes"] = "false to learn without classes",
        ["data.split"] = "the share of test images",
        ["data.skip_damaged"] = "true leaves damaged pictures out; false stops at the first",
        ["pixels.mean"] = "of the training images",
        ["pixels.scale"] = "twice their standard deviation",
        ["pixels.dequantise"] = "true for a likelihood; pictures are the same",
        ["process.minimum_time"] = "the least level of noise",
        ["process.maximum_sigma"] = "the greatest",
        ["times.stratified"] = "one draw from each part of the levels in every batch",
        ["training.epochs"] = "as many as fit into the time that was asked for",
        ["training.repeats"] = "passes over the training images in an epoch: small sets take several",
        ["training.batch_size"] = "images a step",
        ["training.accumulate"] = "more takes a batch in pieces: less memory on a GPU",
        ["training.seed"] = "another number is another training",
        ["training.learning_rate"] = "`mezzotint train CONFIG --find-rate` looks for one",
        ["training.weight_decay"] = "AdamW's; 0 is Adam",
        ["training.gradient_clip"] = "a longer gradient is cut to this norm",
        ["training.label_dropout"] = "the share learned without a class: for guidance",
        ["training.augment"] = "of small sets: the share of images turned, moved and so on, with model.knows_changes = true",
        ["training.replicas"] = "threads that share a batch; 0 for one a core",
        ["training.exchange"] = "what several processes send each other; or bfloat16",
        ["training.compare_every"] = "steps after which several processes compare their weights",
        ["training.freeze"] = "parts that are not trained: patterns with commas between them",
        ["training.new_classes"] = "true forgets the classes of a model after --from",
        ["training.low_rank.rank"] = "0: the weights themselves are trained",
        ["training.low_rank.alpha"] = "how much the changes count; 0 for as much as the rank",
        ["training.low_rank.parts"] = "which layers: patterns with commas between them",
        ["training.precision"] = "auto is bfloat16 where that is faster",
        ["training.log_every"] = "steps between two lines of the log",
        ["training.checkpoint_every"] = "steps between two checkpoints",
        ["training.keep"] = "the model of the epoch with the lowest test loss; last for the last",
        ["training.early_stop"] = "epochs without a lower test loss before the training ends; 0 for never",
        ["training.samples_per_label"] = "pictures of each class that are drawn after an epoch",
        ["training.sample_steps"] = "steps for these",
        ["sampling.steps"] = "more is slower; below about 12 it shows",
        ["model.unconditional"] = "a row for no class, which guidance needs",
        ["model.knows_changes"] = "true with training.augment",
        ["model.patch_size"] = "pixels that are taken together: 2 is a quarter of the work of 1",
        ["model.model_channels"] = "width: twice of it is up to four times the work",
        ["model.channel_multipliers"] = "one number a level; each level has half the side",
        ["model.residual_blocks"] = "blocks on each level",
    };

    /// <summary>Writes it.</summary>
    /// <param name="config">The experiment.</param>
    /// <param name="notes">Lines at its head.</param>
    public static string Of(Experiment config, IEnumerable<string> notes)
    {
        var text = new StringBuilder();
        foreach (string note in notes)
            text.Append(note.Length == 0 ? "#" : $"# {note}").Append('\n');
        text.Append('\n');
        string table = "";
        foreach (string line in Configuration.Write(config).TrimEnd('\n').Split('\n'))
        {
            if (line.StartsWith('['))
            {
                table = line.Trim('[', ']');
                if (Tables.TryGetValue(table, out string? about))
                    text.Append("# ").Append(about).Append('\n');
                text.Append(line).Append('\n');
                continue;
            }
            string? comment = line.Split(" = ", 2) is [var key, _] ? Keys.GetValueOrDefault($"{table}.{key}") : null;
            if (comment is null)
                text.Append(line).Append('\n');
            else if (line.Length + comment.Length + 4 <= Width)
                text.Append(line).Append("  # ").Append(comment).Append('\n');
            else
                text.Append("# ").Append(comment).Append('\n').Append(line).Append('\n');
        }
        return text.ToString();
    }
}
