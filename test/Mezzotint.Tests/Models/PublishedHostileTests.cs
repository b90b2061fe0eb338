using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Tests.Formats;
using static Mezzotint.Tests.Models.SingleFileTests;

namespace Mezzotint.Tests.Models;

/// <summary>Files of published models and adapters that lie on purpose: each is refused in one line that says what is wrong, and
/// nothing is run, read outside of the folder or made room for.</summary>
public sealed class PublishedHostileTests : IDisposable
{
    private const string UNetWeights = "unet/diffusion_pytorch_model", VaeWeights = "vae/diffusion_pytorch_model.safetensors";
    private const string TextWeights = "text_encoder/model.safetensors";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("../vae/diffusion_pytorch_model.safetensors")]
    [InlineData("/etc/hostname")]
    [InlineData("..")]
    [InlineData("")]
    [InlineData(null)]
    public void An_index_that_names_a_file_outside_of_its_folder_is_refused(string? name)
    {
        string folder = Copy(), index = Path.Combine(folder, $"{UNetWeights}.safetensors.index.json");
        File.Delete(Path.Combine(folder, $"{UNetWeights}.safetensors"));
        string value = name is null ? "7" : $"\"{name}\"";
        File.WriteAllText(index, $$"""{"weight_map": {"conv_in.weight": {{value}} } }""");
        Refused(() => ModelPath.Read(folder), "is no index of weights: 'weight_map' must name the file of each");
    }

    [Fact]
    public void An_index_that_lists_files_without_end_is_refused_at_the_first_that_is_missing()
    {
        string folder = Copy(), index = Path.Combine(folder, $"{UNetWeights}.safetensors.index.json");
        File.Delete(Path.Combine(folder, $"{UNetWeights}.safetensors"));
        File.WriteAllText(index, "{\"weight_map\": {"
            + string.Join(",", Enumerable.Range(0, 100_000).Select(i => $"\"w{i}\": \"shard{i}.safetensors\"")) + "}}");
        Refused(() => ModelPath.Read(folder), "shard0.safetensors' is missing");
    }

    public static TheoryData<string, int> Headers => new()
    {
        { Entry("a", "[2]", "[0,8]") + "," + Entry("b", "[2]", "[4,12]"), 12 },  // one over the other
        { Entry("a", "[2]", "[0,8]") + "," + Entry("b", "[2]", "[12,20]"), 20 }, // a hole
        { Entry("a", "[1099511627776]", "[0,4398046511104]"), 8 },
        { Entry("a", "[4611686018427387904,4]", "[0,8]"), 8 },
        { Entry("a", "[-2,-1]", "[0,8]"), 8 },
        { Entry("a", "[2]", "[8,0]"), 8 },
        { Entry("a", "[8]", "[0,8]", "F8_E4M3"), 8 },
        { Entry("a", $"[{string.Join(",", Enumerable.Repeat(1, 65))}]", "[0,4]"), 4 },
    };

    private static string Entry(string name, string shape, string offsets, string type = "F32") =>
        $"\"{name}\":{{\"dtype\":\"{type}\",\"shape\":{shape},\"data_offsets\":{offsets}}}";

    [Theory, MemberData(nameof(Headers))]
    public void A_header_whose_offsets_or_shapes_lie_is_refused_wherever_it_stands(string entries, int length)
    {
        string header = $"{{{entries}}}";
        byte[] bytes = [.. BitConverter.GetBytes((long)header.Length), .. Encoding.ASCII.GetBytes(header), .. new byte[length]];
        string folder = Copy();
        foreach (string file in new[] { $"{UNetWeights}.safetensors", VaeWeights, TextWeights })
        {
            string path = Path.Combine(folder, file);
            byte[] good = File.ReadAllBytes(path);
            File.WriteAllBytes(path, bytes);
            Refused(() => ModelPath.Read(folder), Path.GetFileName(file));
            File.WriteAllBytes(path, good);
        }
        string single = _folder.File("model.safetensors");
        File.WriteAllBytes(single, bytes);
        Refused(() => ModelPath.Read(single, Tokenizer), "model.safetensors");
        using var model = ModelPath.Read(folder);
        Refused(() => model.Adapt(single), "model.safetensors");
        Refused(() => model.AddWords(single), "model.safetensors");
        Refused(() => model.WithAutoencoder(single), "model.safetensors");
        Assert.Empty(model.Adapters);
    }

    [Theory]
    [InlineData(ElementType.Float64)]
    [InlineData(ElementType.Int32)]
    [InlineData(ElementType.UInt8)]
    public void Weights_of_another_number_type_are_named(ElementType type)
    {
        string folder = Copy(), path = Path.Combine(folder, TextWeights);
        var tensors = SafetensorsFile.Read(path).Tensors;
        const string name = "text_model.final_layer_norm.bias";
        tensors[name] = new(type, tensors[name].Shape,
            new byte[tensors[name].ElementCount * TensorData.ElementSize(type)]);
        SafetensorsFile.Write(path, tensors);
        Refused(() => ModelPath.Read(folder), $"the weights '{name}' are of {type}; save them as float32, float16 or bfloat16");
    }

    [Theory]
    [InlineData($"{UNetWeights}.safetensors", VaeWeights)]
    [InlineData(VaeWeights, TextWeights)]
    [InlineData(TextWeights, $"{UNetWeights}.safetensors")]
    [InlineData("unet/config.json", "vae/config.json")]
    [InlineData("text_encoder/config.json", "unet/config.json")]
    [InlineData("scheduler/scheduler_config.json", "unet/config.json")]
    [InlineData("tokenizer/vocab.json", "tokenizer/merges.txt")]
    public void Two_files_that_stand_for_each_other_are_refused(string one, string other)
    {
        string folder = Copy();
        var (first, second) = (Path.Combine(folder, one), Path.Combine(folder, other));
        File.Move(first, _folder.File("kept"));
        File.Move(second, first);
        File.Move(_folder.File("kept"), second);
        Refused(() => ModelPath.Read(folder), "pipeline");
    }

    [Theory]
    [InlineData("unet/config.json", "block_out_channels", "[16384, 16384]")]
    [InlineData("unet/config.json", "cross_attention_dim", "65536")]
    [InlineData("unet/config.json", "sample_size", "2147483647")]
    [InlineData("unet/config.json", "sample_size", "-5")]
    [InlineData("unet/config.json", "transformer_layers_per_block", "64")]
    [InlineData("vae/config.json", "block_out_channels", "[4096, 4096]")]
    [InlineData("vae/config.json", "layers_per_block", "16")]
    [InlineData("vae/config.json", "latent_channels", "64")]
    [InlineData("text_encoder/config.json", "vocab_size", "1048576")]
    [InlineData("text_encoder/config.json", "num_hidden_layers", "128")]
    [InlineData("text_encoder/config.json", "intermediate_size", "65536")]
    [InlineData("text_encoder/config.json", "max_position_embeddings", "16384")]
    public void A_shape_that_claims_far_more_than_the_weights_is_refused_and_makes_no_room(string file, string key, string value)
    {
        string folder = Copy(), path = Path.Combine(folder, file);
        var settings = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(path))!;
        settings[key] = System.Text.Json.Nodes.JsonNode.Parse(value);
        File.WriteAllText(path, settings.ToJsonString());
        Refused(() => ModelPath.Read(folder), "pipeline");
    }

    [Theory]
    [InlineData("model_index.json")]
    [InlineData("unet/config.json")]
    [InlineData("tokenizer/vocab.json")]
    [InlineData("tokenizer/tokenizer_config.json")]
    [InlineData("scheduler/scheduler_config.json")]
    public void A_text_that_is_nested_without_end_is_refused(string file)
    {
        string folder = Copy();
        foreach (string nested in new[] { new string('[', 500_000), string.Concat(Enumerable.Repeat("{\"a\":", 100_000)) })
        {
            File.WriteAllText(Path.Combine(folder, file), nested);
            Refused(() => ModelPath.Read(folder), Path.GetFileName(file));
        }
    }

    [Theory]
    [InlineData("a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n")]
    [InlineData("a: !!python/object/apply:os.system [\"true\"]\n")]
    public void A_configuration_beside_a_file_runs_nothing_and_repeats_nothing(string yaml)
    {
        string file = _folder.File("model.safetensors");
        File.Copy(Published("model.safetensors"), file);
        File.WriteAllText(_folder.File("model.yaml"), yaml);
        Refused(() => ModelPath.Read(file, Tokenizer), "model.");
        File.WriteAllText(_folder.File("model.yaml"), string.Concat(Enumerable.Range(0, 20_000).Select(i =>
            $"{new string(' ', Math.Min(i, 40))}a{i}:\n")));
        Refused(() => ModelPath.Read(file, Tokenizer), "model.");
    }

    [Theory]
    [InlineData($"{UNetWeights}.bin")]
    [InlineData("vae/diffusion_pytorch_model.bin")]
    [InlineData("text_encoder/pytorch_model.bin")]
    [InlineData("words.pt")]
    [InlineData("words.bin")]
    [InlineData("model.ckpt")]
    public void A_pickle_that_calls_functions_is_refused_and_calls_none(string file)
    {
        string folder = Copy(), sign = _folder.File("sign"), path = Path.Combine(folder, file);
        File.Delete(Path.ChangeExtension(path.Replace("pytorch_model.bin", "model.bin"), ".safetensors"));
        File.Delete(Path.ChangeExtension(path, ".safetensors"));
        using var model = ModelPath.Read(TinyStableDiffusion.PathOf("pipeline"));
        foreach (var (module, name) in new[]
        {
            ("posix", "system"), ("builtins", "eval"), ("subprocess", "Popen"), ("torch.load", "x"), ("collections", "deque"),
            ("torch._utils", "_rebuild_tensor_v2.__globals__"), ("os", "system"),
        })
        {
            byte[] call = new PickleWriter().Global(module, name).Op('(').Text($"touch {sign}").Op('t').Op('R').Op('.').Bytes;
            byte[] inside = new PickleWriter().Op('}').Text("weight").Global(module, name).Op('(').Text($"touch {sign}").Op('t')
                .Op('R').Op('s').Op('.').Bytes;
            foreach (byte[] pickle in new[] { call, inside })
            {
                File.Delete(path);
                using (var zip = new ZipArchive(File.Create(path), ZipArchiveMode.Create))
                using (var entry = zip.CreateEntry("archive/data.pkl", CompressionLevel.NoCompression).Open())
                    entry.Write(pickle);
                Refused(() => file.StartsWith("words", StringComparison.Ordinal) ? Words(model, path)
                    : ModelPath.Read(file == "model.ckpt" ? path : folder, file == "model.ckpt" ? Tokenizer : null),
                    Path.GetFileName(file));
            }
        }
        Assert.False(File.Exists(sign));
    }

    [Fact]
    public void A_pickle_that_is_nested_without_end_or_holds_itself_is_refused()
    {
        string path = _folder.File("words.pt");
        using var model = ModelPath.Read(TinyStableDiffusion.PathOf("pipeline"));
        var deep = new PickleWriter();
        for (int i = 0; i < 200_000; i++)
            deep.Op(']');
        for (int i = 0; i < 199_999; i++)
            deep.Op('a');
        var turning = new PickleWriter().Op('}').Op('q').Op('\0').Text("string_to_param").Op('h').Op('\0').Op('s');
        foreach (byte[] pickle in new[] { deep.Op('.').Bytes, turning.Op('.').Bytes })
        {
            File.Delete(path);
            using (var zip = new ZipArchive(File.Create(path), ZipArchiveMode.Create))
            using (var entry = zip.CreateEntry("archive/data.pkl", CompressionLevel.NoCompression).Open())
                entry.Write(pickle);
            Refused(() => Words(model, path), "words.pt");
        }
    }

    [Theory]
    [InlineData(new long[] { 0, 32 }, new long[] { 32, 0 })]
    [InlineData(new long[0], new long[0])]
    [InlineData(new long[] { 2, 32 }, new long[0])]
    [InlineData(new long[0], new long[] { 32, 2 })]
    [InlineData(new long[] { 2, 0 }, new long[] { 32, 2 })]
    [InlineData(new long[] { 2, 32, 1 }, new long[] { 0 })]
    public void A_low_rank_change_of_no_rank_or_no_axes_is_refused(long[] down, long[] up)
    {
        using var model = ModelPath.Read(TinyStableDiffusion.PathOf("pipeline"));
        string path = _folder.File("lora.safetensors"),
            module = SafetensorsFile.Read(TinyStableDiffusion.PathOf("lora", "peft.safetensors")).Tensors.Keys.First()
                .Split(".lora_")[0];
        TensorData Of(long[] shape) => new(ElementType.Float32, shape, new byte[4 * shape.Aggregate(1L, (a, b) => a * b)]);
        SafetensorsFile.Write(path, [new($"{module}.lora_A.weight", Of(down)), new($"{module}.lora_B.weight", Of(up))]);
        Refused(() => model.Adapt(path), "lora.safetensors");
        Assert.Empty(model.Adapters);
    }

    [Fact]
    public void An_alpha_that_is_no_number_and_a_word_without_a_name_are_refused()
    {
        using var model = ModelPath.Read(TinyStableDiffusion.PathOf("pipeline"));
        string path = _folder.File("bad.safetensors");
        byte[] nan = new byte[4];
        BinaryPrimitives.WriteSingleLittleEndian(nan, float.NaN);
        SafetensorsFile.Write(path, [new("lora_unet_conv_in.alpha", new(ElementType.Float32, [], nan))]);
        Refused(() => model.Adapt(path), "'lora_unet_conv_in.alpha' is not finite");
        foreach (string word in new[] { "", " ", "\n", "a" }) // the last is in the vocabulary
        {
            SafetensorsFile.Write(path, [new(word, new(ElementType.Float32, [32], new byte[128]))]);
            Refused(() => Words(model, path), "bad.safetensors");
        }
        Assert.Empty(model.Adapters);
    }

    private static IDisposable? Words(LoadedModel model, string path)
    {
        model.AddWords(path);
        return null;
    }

    private string Copy() => TinyStableDiffusion.CopyTo(_folder.File("pipeline"));

    private static void Refused(Func<object?> read, string says)
    {
        string message = Assert.Throws<MezzotintException>(() => (read() as IDisposable)?.Dispose()).Message;
        Assert.Contains(says, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }
}
