using System.Text.Json;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Text;

namespace Mezzotint.Cli.Tests;

/// <summary>A small Stable Diffusion that trains in seconds: configurations of its parts, captioned pictures, an untrained text
/// encoder.</summary>
internal static class TinyPrompts
{
    public const int Side = 16;

    public const string Autoencoder =
        """
        kind = "autoencoder"
        [data]
        name = "pictures"
        [network]
        block_out_channels = [8, 16]
        norm_num_groups = 4
        [training]
        epochs = 1
        batch_size = 8
        replicas = 2
        samples_per_label = 0
        """;

    public const string TextImage =
        """
        kind = "text-image"
        [data]
        name = "pictures"
        caption = "text|{colour}"
        [vocabulary]
        size = 560
        length = 8
        [text_encoder]
        hidden_size = 16
        intermediate_size = 32
        projection_dim = 16
        num_hidden_layers = 1
        num_attention_heads = 2
        [image_encoder]
        model_channels = 8
        hidden_size = 16
        [training]
        epochs = 2
        batch_size = 8
        replicas = 2
        samples_per_label = 0
        """;

    public const string Worded =
        """
        [data]
        name = "pictures"
        caption = "text|{colour}"
        [pixels]
        kind = "latent"
        autoencoder = "runs/vae/model"
        [prompts]
        kind = "text"
        encoder = "words"
        [process]
        kind = "vp"
        timesteps = true
        [process.schedule]
        kind = "scaled-linear"
        beta_min = 0.85
        beta_max = 12.0
        table_length = 1000
        [parameterisation]
        kind = "v"
        [loss]
        kind = "min-snr"
        [model]
        kind = "unet-2d-condition"
        block_out_channels = [8, 16]
        layers_per_block = [1]
        down_block_types = ["CrossAttnDownBlock2D", "DownBlock2D"]
        up_block_types = ["UpBlock2D", "CrossAttnUpBlock2D"]
        cross_attention_dim = 16
        attention_head_dim = [2]
        norm_num_groups = 4
        [training]
        epochs = 2
        batch_size = 8
        replicas = 2
        label_dropout = 0.2
        samples_per_label = 1
        sample_steps = 2
        [sampling]
        sampler = "ddim"
        levels = "trailing"
        steps = 2
        guidance = 2.0
        """;

    /// <summary>Writes <c>vae.toml</c>, <c>worded.toml</c>, the folder <c>pictures</c> and the text encoder
    /// <c>words</c>.</summary>
    public static void Write(ScratchFolder scratch)
    {
        scratch.Write("vae.toml", Autoencoder);
        scratch.Write("worded.toml", Worded);
        WritePictures(scratch["pictures"]);
        var tokenizer = Tokenizer();
        tokenizer.Write(scratch["words", "tokenizer"]);
        using var encoder = TextEncoder.Create(Text(tokenizer));
        TextEncoderFolder.Write(scratch["words", "text_encoder"], encoder);
    }

    /// <summary>Writes an untrained text-image model.</summary>
    public static void WriteJudge(string folder, int side = Side)
    {
        var tokenizer = Tokenizer();
        using var model = TextImageModel.Create(
            Text(tokenizer), new ImageEncoderConfig { Height = side, Width = side, ModelChannels = 8, HiddenSize = 16 }, seed: 5);
        TextImageFolder.Write(
            folder, model, tokenizer, new TextImageInfo { Name = "untrained judge", Dataset = "pictures" });
    }

    private static ClipTokenizer Tokenizer() => ClipVocabulary.Train(["a red square", "a blue square"], 560, 8);

    private static TextEncoderConfig Text(ClipTokenizer tokenizer) => new()
    {
        VocabSize = tokenizer.Count, HiddenSize = 16, IntermediateSize = 32, NumHiddenLayers = 1, NumAttentionHeads = 2,
        MaxPositionEmbeddings = 8, ProjectionDim = 16, EosTokenId = tokenizer.End, BosTokenId = tokenizer.Start,
    };

    /// <summary>24 pictures: 16 to learn from, 5 and 3 held out, of which every third has no place.</summary>
    public static void WritePictures(string folder)
    {
        Directory.CreateDirectory(folder);
        var lines = new List<string>();
        for (int i = 0; i < 24; i++)
        {
            bool red = i % 2 == 0;
            const int plane = Side * Side;
            byte[] pixels = [.. Enumerable.Range(0, 3 * plane).Select(at =>
                (byte)(at / plane == (red ? 0 : 2) && at % Side > 2 * (i % 5) ? 255 - i : 10 * i))];
            PngFile.Write(Path.Combine(folder, $"{i}.png"), new ImageBatch(1, 3, Side, Side, pixels), 1);
            string colour = red ? "red" : "blue";
            var row = new Dictionary<string, string>
            {
                ["file_name"] = $"{i}.png", ["text"] = $"a {colour} square", ["colour"] = colour,
                ["split"] = i < 16 ? "train" : i < 21 ? "held-out-colour" : "held-out-place",
            };
            row["place"] = i % 3 == 0 ? "" : i % 5 < 3 ? "left" : "right";
            lines.Add(JsonSerializer.Serialize(row));
        }
        File.WriteAllLines(Path.Combine(folder, "metadata.jsonl"), lines);
    }
}
