namespace Mezzotint.Models.SingleFiles;

/// <summary>What files of weights are that are no Stable Diffusion 1 or 2, by the names in them: so that each is refused by
/// what it is.</summary>
internal static class SingleFileKind
{
    private const string XL = "Stable Diffusion XL, which has two text encoders";
    private const string Adapter = "an adapter (LoRA), which changes a model: name the model, and this file with --adapter";
    private const string Words = "words for a text encoder (textual inversion): name the model, and this file with --embedding";
    private const string Control = "a ControlNet, which is not computed here";
    private const string Part = "in a folder of diffusers: name the folder that has model_index.json";

    /// <summary>What begins a name, and of what.</summary>
    private static readonly (string Start, string Kind)[] Starts =
    [
        ("conditioner.embedders.", XL), (SingleFileNames.UNet + "joint_blocks.", "Stable Diffusion 3"),
        ("joint_blocks.", "the transformer of Stable Diffusion 3"), (SingleFileNames.UNet + "double_blocks.", "Flux"),
        ("double_blocks.", "the transformer of Flux"), (SingleFileNames.UNet + "label_emb.", "Stable Diffusion XL or unCLIP"),
        ("text_encoders.", "Stable Diffusion 3 or Flux, which have other text encoders"),
        ("lora_", Adapter), ("emb_params", Words), ("string_to_param", Words), ("control_model.", Control),
        ("input_hint_block.", Control), ("controlnet_cond_embedding.", Control), ("down_blocks.", $"the U-Net {Part}"),
        ("text_model.", $"the text encoder {Part}"),
        ("encoder.", "an autoencoder: name a model, and this file with --autoencoder"),
    ];

    private static readonly (string Within, string Kind)[] Parts =
    [
        (".lora_down.", Adapter), (".lora_A.", Adapter), (".hada_w1_a", "an adapter of the kind LoHa, which is not read"),
        (".lokr_w1", "an adapter of the kind LoKr, which is not read"),
    ];

    /// <summary>Refuses a file that is something else.</summary>
    /// <param name="names">The names of all its tensors.</param>
    /// <param name="path">The file, for messages.</param>
    public static void Check(IReadOnlyList<string> names, string path)
    {
        foreach (var (within, kind) in Parts)
            if (names.Any(name => name.Contains(within, StringComparison.Ordinal)))
                throw new MezzotintException($"'{path}' is {kind}.");
        foreach (var (start, kind) in Starts)
            if (names.Any(name => name.StartsWith(start, StringComparison.Ordinal)))
                throw new MezzotintException($"'{path}' is {kind}.");
        if (!names.Any(name => name.StartsWith(SingleFileNames.UNet, StringComparison.Ordinal)))
            throw new MezzotintException(
                $"'{path}' is no Stable Diffusion: none of its {names.Count} weights has a name that begins with "
                + $"{SingleFileNames.UNet}");
    }

    /// <summary>Refuses networks of the same layers that are made for something else.</summary>
    /// <param name="channels">What the U-Net sees.</param>
    /// <param name="path">The file, for messages.</param>
    public static void CheckChannels(int channels, string path)
    {
        string? made = channels switch
        {
            4 or 9 => null,
            5 => "by the depths of a picture",
            7 => "for the upscaling of pictures",
            8 => "for changing pictures by instructions (InstructPix2Pix)",
            _ => "for something else",
        };
        if (made is not null)
            throw new MezzotintException(
                $"'{path}' is a Stable Diffusion made {made}: its U-Net sees {channels} channels, where 4 are drawn with, and 9 "
                + "for inpainting.");
    }
}
