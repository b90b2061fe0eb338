using System.Globalization;
using System.Security.Cryptography;
using Mezzotint.Formats;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using Mezzotint.Training;
using static TorchSharp.torch;

namespace Mezzotint.Models;

/// <summary>
/// Low-rank changes to the weights of a model (LoRA): W' = W + weight alpha / r up down. Files of kohya's
/// scripts, of PEFT and of diffusers, old and new, are read; they differ in names alone.
/// </summary>
/// <remarks>Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", arXiv 2106.09685, section 4.1. Convolutions
/// have a down of the kernel's side and an up of side 1.</remarks>
internal sealed class LowRankAdapter
{
    private const string Weight = ".weight";

    /// <summary>What the layers of the network, and those of the text encoder, are called after.</summary>
    private static readonly (string Dotted, string Underscored)[] Parts =
        [("unet.", "lora_unet_"), ("text_encoder.", "lora_te_")];

    /// <summary>What stands behind a module's name: of down, of up.</summary>
    private static readonly (string Down, string Up)[] Endings =
    [
        (".lora_down.weight", ".lora_up.weight"), (".lora_A.weight", ".lora_B.weight"),
        (".lora_A.default.weight", ".lora_B.default.weight"), (".lora.down.weight", ".lora.up.weight"),
        ("_lora.down.weight", "_lora.up.weight"), (".lora_linear_layer.down.weight", ".lora_linear_layer.up.weight"),
    ];

    /// <summary>Parts of names that belong to other formulas.</summary>
    private static readonly (string Part, string Formula)[] Others =
    [
        ("hada_w", "LoHa"), ("lokr_w", "LoKr"), ("dora_scale", "DoRA"), ("lora_magnitude_vector", "DoRA"),
        ("lora_mid", "a Tucker decomposition"), ("oft_", "OFT"), (".diff", "whole differences"),
    ];

    private readonly string _path;
    private readonly Dictionary<string, Layer> _layers = new(StringComparer.Ordinal);

    private LowRankAdapter(string path) => _path = path;

    /// <summary>The SHA-256 of the file, in lower-case hexadecimal digits.</summary>
    public string Sha256 { get; private init; } = "";

    /// <summary>Reads a file of safetensors. Its numbers live in the caller's dispose scope.</summary>
    /// <exception cref="MezzotintException">It is none, is damaged, or has changes of another kind; the message says
    /// which.</exception>
    public static LowRankAdapter Read(string path)
    {
        string hash = InputFile.Read(path, stream => Convert.ToHexStringLower(SHA256.HashData(stream)));
        var adapter = new LowRankAdapter(path) { Sha256 = hash };
        foreach (var (name, tensor) in SafetensorsFile.Read(path).Tensors)
            adapter.Take(name, tensor);
        if (adapter._layers.Count == 0)
            throw new MezzotintException($"'{path}' has no low-rank changes: its names end in neither lora_down nor lora_A.");
        foreach (var (module, layer) in adapter._layers)
            if (layer.Down is null || layer.Up is null)
                throw new MezzotintException(
                    $"'{path}': {Printable.Quote(module)} has {(layer.Down is null ? "no down" : "no up")}: the file is not "
                    + "whole.");
        return adapter;
    }

    /// <summary>Writes changes: as kohya's scripts do, <c>lora_unet_</c> (of the text encoder <c>lora_te_</c>) and the layer's
    /// name, with lora_down, lora_up and alpha; or as PEFT does, with lora_A and lora_B, whose product is the change.</summary>
    /// <param name="path">The file to make or to replace.</param>
    /// <param name="changes">The changes: of the network, or of both, then their layers begin with <c>unet.</c> or
    /// <c>text_encoder.</c></param>
    /// <param name="config">Their rank and alpha.</param>
    /// <param name="name">What it is called.</param>
    /// <param name="peft">Whether as PEFT does.</param>
    public static void Write(
        string path, IReadOnlyList<LowRankChange> changes, LowRankConfig config, string name, bool peft = false)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var tensors = new List<KeyValuePair<string, TensorData>>();
        foreach (var (module, shape, down, up) in changes)
        {
            long rank = down.shape[0];
            long[] one = [.. shape.Skip(2).Select(_ => 1L)]; // of a convolution the kernel's sides
            var (first, second) = (down.reshape([rank, .. shape.Skip(1)]), up.reshape([shape[0], rank, .. one]));
            string layer = Named(module, peft);
            if (!peft)
                tensors.Add(new($"{layer}.alpha", tensor((float)(config.Scale * rank)).ToData()));
            tensors.Add(new($"{layer}{(peft ? ".lora_A" : ".lora_down")}.weight", first.ToData()));
            tensors.Add(new(
                $"{layer}{(peft ? ".lora_B" : ".lora_up")}.weight", (peft ? second.Times(config.Scale) : second).ToData()));
        }
        SafetensorsFile.Write(path, tensors, peft ? new Dictionary<string, string> { ["format"] = "pt" } : new()
        {
            ["ss_network_module"] = "networks.lora",
            ["ss_network_dim"] = config.Rank.ToString(CultureInfo.InvariantCulture),
            ["ss_network_alpha"] = (config.Scale * config.Rank).ToString(CultureInfo.InvariantCulture),
            ["ss_output_name"] = name,
        });
    }

    private static string Named(string module, bool peft)
    {
        foreach (var (dotted, underscored) in Parts)
            if (module.StartsWith(dotted, StringComparison.Ordinal))
                return peft ? module : Underscored(underscored, module[dotted.Length..]);
        return Named(Parts[0].Dotted + module, peft);
    }

    private static string Underscored(string before, string module) => before + module.Replace('.', '_');

    /// <summary>The parameters of a model that it changes, each with what is added to it.</summary>
    /// <param name="unet">The network.</param>
    /// <param name="text">The text encoder; null where the model has none of its own.</param>
    /// <param name="weight">How much of it.</param>
    /// <exception cref="MezzotintException">It has a module that the model has not, or one of another shape.</exception>
    public IEnumerable<(Tensor Parameter, Tensor Change)> For(nn.Module unet, nn.Module? text, double weight)
    {
        var modules = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        Name(modules, unet, Parts[0]);
        if (text is not null)
            Name(modules, text, Parts[1]);
        foreach (var (module, layer) in _layers)
        {
            string name = Known(module); // the oldest files name those of the U-Net alone
            if (!modules.TryGetValue(name, out var parameter) && !modules.TryGetValue($"unet.{name}", out parameter))
                throw new MezzotintException(
                    $"'{_path}' changes {Printable.Quote(module)}, which this model does not have: it was made for another one.");
            yield return (parameter, layer.Change(parameter, weight, _path, module));
        }
    }

    private void Take(string name, TensorData tensor)
    {
        if (Array.Find(Others, other => name.Contains(other.Part, StringComparison.Ordinal)) is { Formula: { } formula })
            throw new MezzotintException(
                $"'{_path}' holds {formula} ({Printable.Quote(name)}), another formula than low-rank changes: it is not read.");
        foreach (var (down, up) in Endings)
        {
            if (name.EndsWith(down, StringComparison.Ordinal))
                Of(name[..^down.Length]).Down = Numbers(name, tensor);
            else if (name.EndsWith(up, StringComparison.Ordinal))
                Of(name[..^up.Length]).Up = Numbers(name, tensor);
            else
                continue;
            return;
        }
        if (!name.EndsWith(".alpha", StringComparison.Ordinal))
            throw new MezzotintException($"'{_path}': {Printable.Quote(name)} is no part of low-rank changes.");
        var alpha = Numbers(name, tensor);
        Of(name[..^".alpha".Length]).Alpha = alpha.numel() == 1 ? alpha.item<float>() : throw new MezzotintException(
            $"'{_path}': {Printable.Quote(name)} has {alpha.numel()} numbers; an alpha is one.");
    }

    private Layer Of(string module) => _layers.TryGetValue(module, out var layer) ? layer : _layers[module] = new();

    private Tensor Numbers(string name, TensorData data)
    {
        var tensor = empty(data.Shape, dtype: float32);
        data.CopyTo(tensor);
        if (tensor.isfinite().all().item<bool>())
            return tensor;
        throw new MezzotintException($"'{_path}': {Printable.Quote(name)} is not finite.");
    }

    /// <summary>The weights of a network by the names that files have for its modules.</summary>
    private static void Name(
        Dictionary<string, Tensor> modules, nn.Module network, (string Dotted, string Underscored) part)
    {
        foreach (var (name, parameter) in network.named_parameters().Where(named =>
            named.name.EndsWith(Weight, StringComparison.Ordinal)))
        {
            string module = name[..^Weight.Length];
            modules[part.Dotted + module] = parameter;
            modules[Underscored(part.Underscored, module)] = parameter;
        }
    }

    /// <summary>A module's name as the networks have it: older files name the attention's processor, and in the text encoder the
    /// layers as the U-Net has them.</summary>
    private static string Known(string module)
    {
        string name = module.Replace(".processor.", ".", StringComparison.Ordinal);
        if (!name.Contains("self_attn.to_", StringComparison.Ordinal))
            return name.EndsWith(".to_out", StringComparison.Ordinal) ? name + ".0" : name;
        return name.Replace(".to_q", ".q_proj", StringComparison.Ordinal).Replace(".to_k", ".k_proj", StringComparison.Ordinal)
            .Replace(".to_v", ".v_proj", StringComparison.Ordinal).Replace(".to_out", ".out_proj", StringComparison.Ordinal);
    }

    /// <summary>The change of one module.</summary>
    private sealed class Layer
    {
        /// <summary>[r, in] or [r, in, k, k].</summary>
        public Tensor? Down { get; set; }

        /// <summary>[out, r] or [out, r, 1, 1].</summary>
        public Tensor? Up { get; set; }

        /// <summary>r where the file says nothing.</summary>
        public double? Alpha { get; set; }

        public Tensor Change(Tensor parameter, double weight, string path, string module)
        {
            using var scope = NewDisposeScope();
            long rank = Down!.shape.FirstOrDefault(), outputs = Up!.shape.FirstOrDefault();
            if (rank == 0 || outputs == 0 || Up.numel() != outputs * rank || parameter.shape[0] != outputs
                || Down.numel() / rank != parameter.numel() / outputs)
                throw new MezzotintException(string.Create(CultureInfo.InvariantCulture,
                    $"'{path}': {Printable.Quote(module)} changes [{string.Join(", ", parameter.shape)}] by up "
                    + $"[{string.Join(", ", Up.shape)}] and down [{string.Join(", ", Down.shape)}]: it was made for another "
                    + $"model."));
            var product = Up.reshape(outputs, rank).matmul(Down.reshape(rank, -1)); // [out, in k k]
            return product.Times(weight * (Alpha ?? rank) / rank).reshape(parameter.shape).to(parameter.device)
                .MoveToOuterDisposeScope();
        }
    }
}
