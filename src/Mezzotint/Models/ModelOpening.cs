namespace Mezzotint.Models;

/// <summary>What is said beside a model's path, where its files do not say it, or say another thing.</summary>
public sealed record ModelOpening
{
    /// <summary>What is predicted: noise, or the velocity (Salimans and Ho 2022, arXiv 2202.00512).</summary>
    public const string Epsilon = "epsilon", Velocity = "v";

    /// <summary>What the network of a single file predicts: <see cref="Epsilon"/> or <see cref="Velocity"/>; null for what the
    /// file or the configuration beside it says, and for Stable Diffusion 1 noise.</summary>
    public string? Prediction { get; init; }

    /// <summary>The folder of a single file's tokenizer, with <c>vocab.json</c> and <c>merges.txt</c>, or with such a folder
    /// <c>tokenizer/</c>; null for the one beside the file.</summary>
    public string? Tokenizer { get; init; }

    /// <summary>Another autoencoder than the model's own, as <see cref="LoadedModel.WithAutoencoder(string)"/> takes it; null
    /// for its own.</summary>
    public string? Autoencoder { get; init; }

    /// <summary>Which weights of a folder of diffusers are read where it has several: the word before their ending, such as
    /// <c>fp16</c> in <c>model.fp16.safetensors</c>. A part that has none of that word is read as without it. Null for those
    /// without a word, and where there are none, for the variant that there is.</summary>
    public string? Variant { get; init; }

    /// <summary>Whether the network of a large model keeps weights of 16 bits as they are stored, which halves its memory: for
    /// drawing on a CPU. It is neither trained nor differentiated then. <see cref="Serving.DiffusionPipeline.Load"/> says so
    /// itself.</summary>
    public bool Narrow { get; init; }

    /// <summary>Checks what is said.</summary>
    /// <exception cref="MezzotintException">A word is not known; Key names the property in snake case.</exception>
    public void Validate()
    {
        Check.Range("prediction", Printable.Quote(Prediction ?? ""), Prediction is null or Epsilon or Velocity,
            $"{Epsilon} or {Velocity}");
        Check.Range("variant", Printable.Quote(Variant ?? ""),
            Variant is null || Variant.Length > 0 && Variant.All(letter => char.IsAsciiLetterOrDigit(letter) || letter == '_'),
            "letters and digits, such as fp16");
    }

    /// <summary>How its weights are read.</summary>
    internal WeightsReading Reading => new(Narrow, Variant);

    /// <summary>Refuses a variant of what has no variants.</summary>
    /// <param name="path">A model that is no folder of diffusers.</param>
    internal void RefuseVariant(string path)
    {
        if (Variant is not null)
            throw new MezzotintException(
                $"'{path}' is no folder of diffusers, which alone has weights in variants: leave --variant out.")
                { Key = "variant" };
    }

    /// <summary>Refuses to say of a folder what it says itself.</summary>
    internal void RefuseForFolder(string path)
    {
        if (Prediction is not null)
            throw new MezzotintException(
                $"'{path}' is a folder, which says itself what its network predicts: leave --prediction out.")
                { Key = "prediction" };
        if (Tokenizer is not null)
            throw new MezzotintException($"'{path}' is a folder, which has its own tokenizer: leave --tokenizer out.")
                { Key = "tokenizer" };
    }
}
