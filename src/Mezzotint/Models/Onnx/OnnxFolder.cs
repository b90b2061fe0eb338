using Mezzotint.Formats;
using Mezzotint.Models.Diffusers;
using Mezzotint.Networks;
using Mezzotint.Text;
using static TorchSharp.torch;

namespace Mezzotint.Models.Onnx;

/// <summary>
/// Writes a Stable Diffusion as a folder of ONNX files, in the layout and with the names of optimum, which other programs draw
/// with: of any number of images, and of any size that the autoencoder's factor divides.
/// </summary>
/// <remarks>
/// <list type="table">
/// <item><term><c>text_encoder/</c></term><description><c>input_ids</c>, int64 [batch, tokens], to <c>last_hidden_state</c>
/// [batch, tokens, D] and <c>pooler_output</c> [batch, D]</description></item>
/// <item><term><c>unet/</c></term><description><c>sample</c> [batch, C, h, w], <c>timestep</c> [batch] or [1],
/// <c>encoder_hidden_states</c> [batch, tokens, D], and <c>timestep_cond</c> [batch, E] where guidance is told, to
/// <c>out_sample</c></description></item>
/// <item><term><c>vae_decoder/</c></term><description><c>latent_sample</c> [batch, c, h, w] to <c>sample</c>, -1 to
/// 1</description></item>
/// <item><term><c>vae_encoder/</c></term><description><c>sample</c> [batch, 3, H, W], -1 to 1, to <c>latent_parameters</c>
/// [batch, 2 c, h, w]: mean and ln variance of the latents</description></item>
/// </list>
/// All is float32. Each folder has <c>model.onnx</c>, its weights <c>model.onnx_data</c>, and <c>config.json</c>; the tokenizer,
/// the scheduler and <c>model_index.json</c> are beside them.
/// </remarks>
public static class OnnxFolder
{
    /// <summary>The file of each part.</summary>
    public const string PartFile = "model.onnx";

    private const string Pipeline = "OnnxStableDiffusionPipeline";
    private static readonly (string Library, string Class) Runtime = ("diffusers", "OnnxRuntimeModel");

    /// <summary>Writes the folder, in place of such a one that may be there; another model there is not replaced.</summary>
    /// <param name="folder">The folder; it is made where it is not there.</param>
    /// <param name="model">A Stable Diffusion; weights of 16 bits are widened, one at a time.</param>
    /// <exception cref="MezzotintException">The model is of other parts, the folder has a model that is no export, a weight is
    /// not finite, or a file cannot be written.</exception>
    public static void Write(string folder, LoadedModel model)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(model);
        var info = model.Info;
        if (!DiffusersFolder.Takes(info) || model.Autoencoder?.Network is not { } vae
            || info.Prompts is not TextPrompts { Coder: { Network: var text, Tokenizer: var tokenizer } })
            throw new MezzotintException(
                $"'{info.Name}' is no Stable Diffusion, which alone goes into a folder of ONNX: it needs a U-Net with a context, "
                + "an autoencoder and a text encoder. `mezzotint export MODEL --out FILE.onnx` takes any model.");
        RefuseAnother(folder);
        var scheduler = DiffusersScheduler.Of(info.Process, info.Parameterisation, info.Sampling);
        var (_, rows, columns) = info.Numbers;
        AtomicFolder.Write(folder, staged =>
        {
            string In(string part) => Directory.CreateDirectory(Path.Combine(staged, part)).FullName;
            void Part(string part, string what, nn.Module module, NetworkDescription description, string output,
                params (string Own, string Name)[] inputs)
            {
                new OnnxPart(info.Name, what)
                {
                    Beside = true,
                    Inputs = inputs.ToDictionary(input => input.Own, input => input.Name),
                    Output = output,
                    Pools = (module as TextEncoder)?.Config,
                }.Write(Path.Combine(In(part), PartFile), module, description);
            }
            Part("text_encoder", "Tokens to a context.", text, TextEncoder.Describe(text.Config), "last_hidden_state",
                ("tokens", "input_ids"));
            Part("unet", "Noisy latents to what is predicted of them.", model.Network, model.Network.Description, "out_sample",
                ("x", "sample"), ("t", "timestep"), ("context", "encoder_hidden_states"), ("pooled", "timestep_cond"));
            Part("vae_decoder", "Latents, divided by the scaling factor, to images.", vae, vae.DecoderDescription, "sample",
                ("z", "latent_sample"));
            Part("vae_encoder", "Images to the moments of their latents.", vae, vae.EncoderDescription, "latent_parameters",
                ("x", "sample"));
            TextEncoderFolder.WriteConfig(In("text_encoder"), text.Config, ElementType.Float32);
            DiffusersUNet.Write(
                Path.Combine(In("unet"), DiffusersFolder.ConfigFile), (ConditionalUNetConfig)info.Model, rows, columns);
            AutoencoderFolder.WriteConfig(In("vae_decoder"), vae.Config);
            AutoencoderFolder.WriteConfig(In("vae_encoder"), vae.Config);
            ClipTokenizerFolder.Write(In(TextFolder.TokenizerFolder), tokenizer);
            scheduler.Write(Path.Combine(In(DiffusersFolder.SchedulerFolder), DiffusersFolder.SchedulerFile));
            DiffusersFolder.WriteIndex(Path.Combine(staged, ModelFolder.IndexFile), Pipeline,
            [
                ("feature_extractor", null, null), ("safety_checker", null, null),
                ("scheduler", "diffusers", scheduler.ClassName), ("text_encoder", Runtime.Library, Runtime.Class),
                ("tokenizer", "transformers", "CLIPTokenizer"), ("unet", Runtime.Library, Runtime.Class),
                ("vae_decoder", Runtime.Library, Runtime.Class), ("vae_encoder", Runtime.Library, Runtime.Class),
            ]);
        });
    }

    /// <summary>An export has files where a model of diffusers has its own: the exported model itself must not be lost.</summary>
    private static void RefuseAnother(string folder)
    {
        if (!ModelFolder.Exists(folder))
            return;
        string index = AtomicFolder.PathOf(folder, ModelFolder.IndexFile);
        if (!File.Exists(index)
            || DiffusersConfig.Parse(index).Entries.GetValueOrDefault(DiffusersConfig.Class)?.Value is not Pipeline)
            throw new MezzotintException(
                $"'{folder}' has a model that is no export to ONNX, and would lose it: name another folder.") { Key = "onnx" };
    }
}
