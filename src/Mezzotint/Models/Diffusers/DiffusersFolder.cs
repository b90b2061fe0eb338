using System.Security.Cryptography;
using System.Text;
using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Networks;
using Mezzotint.Settings;
using Mezzotint.Text;

namespace Mezzotint.Models.Diffusers;

/// <summary>
/// A model in the layout of diffusers' <c>StableDiffusionPipeline</c>: <c>model_index.json</c> and a folder for each part. What
/// we know beside stands in <c>mezzotint.json</c>, the description that our own layout has as <c>config.json</c>; a folder
/// without it, as others publish them, says what its parts say.
/// </summary>
internal static class DiffusersFolder
{
    /// <summary>The file of what we know.</summary>
    public const string DescriptionFile = "mezzotint.json";

    private const string InpaintPipeline = "StableDiffusionInpaintPipeline";
    private const string SafetyChecker = "safety_checker";
    /// <summary>Of the scheduler, and of each part's shape.</summary>
    public const string SchedulerFolder = "scheduler", SchedulerFile = "scheduler_config.json", ConfigFile = "config.json";

    private const string UNetFolder = "unet", Stem = AutoencoderFolder.WeightsStem;
    private const int MaxDescriptionLength = 1 << 20;

    /// <summary>The pipelines of diffusers that have these parts and no other.</summary>
    private static readonly string[] Pipelines =
    [
        "StableDiffusionPipeline", InpaintPipeline, "StableDiffusionImg2ImgPipeline", "StableDiffusionInpaintPipelineLegacy",
        "LatentConsistencyModelPipeline",
    ];

    /// <summary>The parts, each with the library and the class that it is of.</summary>
    private static readonly (string Part, string? Library, string? Class)[] Parts =
    [
        ("feature_extractor", null, null), (SafetyChecker, null, null), (SchedulerFolder, "diffusers", null),
        (TextFolder.EncoderFolder, "transformers", "CLIPTextModel"),
        (TextFolder.TokenizerFolder, "transformers", "CLIPTokenizer"), (UNetFolder, "diffusers", "UNet2DConditionModel"),
        (LatentFolder.Subfolder, "diffusers", AutoencoderFolder.ClassName),
    ];

    /// <summary>The parts that have weights.</summary>
    public static readonly string[] WeightParts = [UNetFolder, LatentFolder.Subfolder, TextFolder.EncoderFolder];

    /// <summary>Whether a folder claims to be such a model.</summary>
    public static bool Exists(string folder) => File.Exists(AtomicFolder.PathOf(folder, ModelFolder.IndexFile));

    /// <summary>Whether a model has these parts, and diffusers has words for its process and what its network predicts.</summary>
    public static bool Takes(ModelInfo info) =>
        info is
        {
            Model: ConditionalUNetConfig, Pixels: LatentCodec { Coder: not null, Margin: 0 },
            Prompts: TextPrompts { Coder: not null },
        } && DiffusersScheduler.CanSay(info.Process, info.Parameterisation);

    /// <summary>Writes a model that <see cref="Takes"/> holds for, in place of the one that may be there.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="network">The U-Net.</param>
    /// <param name="info">The description, with the other parts in its codec and its reader of prompts.</param>
    /// <param name="precision">Of the weights of all parts.</param>
    public static void Write(string folder, DenoisingNetwork network, ModelInfo info, ElementType precision)
    {
        var scheduler = DiffusersScheduler.Of(info.Process, info.Parameterisation, info.Sampling);
        var tensors = NetworkWeights.Save(network, precision);
        var (_, rows, columns) = info.Numbers;
        AtomicFolder.Write(folder, staged =>
        {
            string In(string part) => Directory.CreateDirectory(Path.Combine(staged, part)).FullName;
            var written = ModelParts.Write(staged, info, precision);
            scheduler.Write(Path.Combine(In(SchedulerFolder), SchedulerFile));
            DiffusersUNet.Write(Path.Combine(In(UNetFolder), ConfigFile), (ConditionalUNetConfig)info.Model, rows, columns);
            byte[] description = ModelDescription.Write(written);
            SafetensorsFile.Write(Path.Combine(staged, UNetFolder, $"{Stem}.safetensors"), tensors,
                new Dictionary<string, string>(DescriptionHash.Metadata(description)) { ["format"] = "pt" });
            AtomicFile.Write(Path.Combine(staged, DescriptionFile), stream => stream.Write(description));
            WriteIndex(Path.Combine(staged, ModelFolder.IndexFile),
                info.Model.InChannels == info.Model.OutChannels ? Pipelines[0] : InpaintPipeline,
                Parts.Select(part => part with { Class = part.Library is null ? null : part.Class ?? scheduler.ClassName }));
            AtomicFile.WriteText(
                Path.Combine(staged, ModelFolder.CardFile), ModelCard.Write(written, precision, Hash(staged)));
        });
    }

    /// <summary>Reads a model.</summary>
    public static LoadedModel Read(string folder, WeightsReading reading)
    {
        AtomicFolder.TryFinish(folder);
        var (info, hash) = ReadDescription(folder);
        var weights = ModelParts.Weights(folder, UNetFolder, reading.Variant);
        using var opened = weights.Read(info.Model.ParameterCount);
        if (hash is not null)
            DescriptionHash.Check(opened.Metadata, hash, folder, DescriptionFile, weights.Name, "write the model again");
        return ModelParts.Open(folder, info, () =>
            NetworkWeights.Build(info.Model, opened.Tensors, weights.Name, narrow: reading.Narrow), reading);
    }

    /// <summary>Reads the description alone.</summary>
    public static ModelInfo ReadInfo(string folder) => ReadDescription(folder).Info;

    /// <summary>The fingerprint: a SHA-256 of those of the weights of all parts.</summary>
    public static string Hash(string folder, string? variant = null) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
            string.Concat(WeightParts.Select(part => $"{ModelParts.HashOf(folder, part, variant)} {part}\n")))));

    /// <summary>Refuses a variant that no part has.</summary>
    public static void CheckVariant(string folder, string? variant)
    {
        if (variant is null || WeightParts.Any(part => ModelParts.Weights(folder, part, variant).Variant == variant))
            return;
        throw new MezzotintException(
            $"'{folder}' has no weights in the variant {variant}, such as {UNetFolder}/{Stem}.{variant}.safetensors: leave "
            + "--variant out, or name one that it has.") { Key = "variant" };
    }

    /// <summary>What a folder has that is not used, or lacks.</summary>
    public static IReadOnlyList<string> NotesOf(string folder, string? variant)
    {
        var notes = new List<string>();
        var index = DiffusersConfig.Parse(AtomicFolder.PathOf(folder, ModelFolder.IndexFile));
        if (index.Entries.GetValueOrDefault(SafetyChecker)?.Value is List<Setting> and [{ Value: string }, ..])
            notes.Add($"{ModelFolder.IndexFile} names a {SafetyChecker}, "
                + (Directory.Exists(AtomicFolder.SubfolderOf(folder, SafetyChecker)) ? "" : "whose folder is not there, ")
                + "which is not run here: no image is looked at.");
        foreach (string part in WeightParts)
        {
            string? read = ModelParts.Weights(folder, part, variant).Variant;
            if (read != variant)
                notes.Add(variant is null ? $"{part} is read in the variant {read}: there is no other."
                    : $"{part} has no variant {variant}, and is read "
                        + (read is null ? "without one." : $"in the variant {read}."));
        }
        return notes;
    }

    /// <summary>The description, and its hash; null where the folder has none of its own.</summary>
    private static (ModelInfo Info, string? Hash) ReadDescription(string folder)
    {
        CheckIndex(folder);
        string path = AtomicFolder.PathOf(folder, DescriptionFile);
        var (network, rows, columns) = DiffusersUNet.Read(InPart(folder, UNetFolder, ConfigFile));
        var scheduler = DiffusersScheduler.Read(InPart(folder, SchedulerFolder, SchedulerFile));
        if (!File.Exists(path))
            return (Published(folder, network, scheduler, rows, columns), null);
        byte[] json = SmallFile.Read(path, MaxDescriptionLength);
        var info = ModelDescription.Parse(json, path);
        var said = DiffusersScheduler.Of(info.Process, info.Parameterisation, info.Sampling);
        string? other = !info.Model.Equals(network) ? $"{UNetFolder}/{ConfigFile}"
            : said.Process != scheduler.Process || said.Parameterisation != scheduler.Parameterisation
                ? $"{SchedulerFolder}/{SchedulerFile}" : null;
        return other is null ? (info, DescriptionHash.Of(json)) : throw new MezzotintException(
            $"'{folder}': {other} and {DescriptionFile} say different things; write the model again, or remove {DescriptionFile} "
            + "to take the folder as diffusers does.");
    }

    /// <summary>What the parts of a folder say that others have published.</summary>
    private static ModelInfo Published(
        string folder, ConditionalUNetConfig network, DiffusersScheduler scheduler, int rows, int columns)
    {
        var vae = AutoencoderFolder.ReadConfig(AtomicFolder.SubfolderOf(folder, LatentFolder.Subfolder));
        var text = TextEncoderFolder.ReadConfig(AtomicFolder.SubfolderOf(folder, TextFolder.EncoderFolder));
        return PublishedModel.Of(folder, network, scheduler, vae, text, rows, columns,
            "Read from a folder of the library diffusers, which says nothing about its training.");
    }

    private static string InPart(string folder, string part, string file) =>
        AtomicFolder.PathOf(folder, Path.Combine(part, file)) is var path && File.Exists(path) ? path
            : throw new MezzotintException(
                $"'{folder}' is not whole: it lacks {part}/{file}, which {ModelFolder.IndexFile} asks for; copy the whole folder "
                + "again.");

    private static void CheckIndex(string folder)
    {
        string path = AtomicFolder.PathOf(folder, ModelFolder.IndexFile);
        var index = DiffusersConfig.Parse(path);
        if (index.Entries.GetValueOrDefault(DiffusersConfig.Class) is { } named
            && !Pipelines.Any(known => known.Equals(named.Value)))
            throw new MezzotintException(
                $"{named.Place}: '{DiffusersConfig.Class}' is {named.Description}; Mezzotint reads "
                + $"{string.Join(", ", Pipelines)}.");
        foreach (var (part, library, name) in Parts.Where(part => part.Library is not null))
            if (index.Entries.GetValueOrDefault(part)?.Value
                is not (List<Setting> and [{ Value: string }, { Value: string found }])
                || name is not null && found != name)
                throw new MezzotintException(
                    $"{path}: '{part}' must be [\"{library}\", \"{name ?? "a scheduler"}\"]; other parts are not known here.");
    }

    /// <summary>Writes <c>model_index.json</c>.</summary>
    /// <param name="path">The file.</param>
    /// <param name="pipeline">The class of the whole.</param>
    /// <param name="parts">Each part, with the library and the class that it is of; null for none.</param>
    public static void WriteIndex(string path, string pipeline, IEnumerable<(string Part, string? Library, string? Class)> parts)
    {
        var index = new SettingsTable("");
        foreach (var (part, library, name) in parts)
        {
            List<Setting> of = [Text(library), Text(name)];
            DiffusersConfig.Add(index, part, of);
        }
        DiffusersConfig.Add(index, "requires_safety_checker", false);
        DiffusersConfig.Write(path, index, pipeline);
        static Setting Text(string? text) => new((object?)text ?? new UnusedKind("null"), default);
    }
}
