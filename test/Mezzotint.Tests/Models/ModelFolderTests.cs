using System.Security.Cryptography;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Tests.Formats;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Models;

public class ModelFolderTests
{
    private const string Frozen = "time_embed.W";

    [Fact]
    public void A_model_is_read_back_to_the_bit()
    {
        using var folder = new TemporaryFolder();
        using var network = SmallNetwork.Build();
        string path = folder.File("a/model");
        ModelFolder.Write(path, network, SmallNetwork.Info);
        using var loaded = ModelFolder.Read(path);
        Assert.Equal(SmallNetwork.Weights(network), SmallNetwork.Weights(loaded.Network));
        Assert.Equal(SmallNetwork.Info, loaded.Info with { ClassNames = SmallNetwork.Info.ClassNames });
        Assert.Equal(SmallNetwork.Info, ModelFolder.ReadInfo(path) with { ClassNames = SmallNetwork.Info.ClassNames });
        Assert.Equal(
            ["README.md", "config.json", "model.safetensors"],
            Directory.GetFiles(path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Equal_models_are_equal_files()
    {
        using var folder = new TemporaryFolder();
        using var network = SmallNetwork.Build();
        ModelFolder.Write(folder.File("a"), network, SmallNetwork.Info);
        ModelFolder.Write(folder.File("b"), network, SmallNetwork.Info);
        foreach (string file in new[] { "README.md", "config.json", "model.safetensors" })
            Assert.Equal(File.ReadAllBytes(folder.File($"a/{file}")), File.ReadAllBytes(folder.File($"b/{file}")));
        Assert.Equal(ModelFolder.Hash(folder.File("a")), ModelFolder.Hash(folder.File("b")));
    }

    [Theory]
    [InlineData(ElementType.BFloat16, 1.0 / 256)]
    [InlineData(ElementType.Float16, 1.0 / 2048)]
    public void Half_the_bytes_keep_the_weights_within_a_rounding_and_the_frequencies_exactly(
        ElementType precision, double rounding)
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        using var network = SmallNetwork.Build();
        ModelFolder.Write(folder.File("model"), network, SmallNetwork.Info, precision);
        using var loaded = ModelFolder.Read(folder.File("model"));
        foreach (var (name, wanted) in network.named_parameters())
        {
            var read = loaded.Network.get_parameter(name)!;
            Assert.Equal(ScalarType.Float32, read.dtype);
            Assert.Equal(wanted.requires_grad, read.requires_grad);
            double bound = name == Frozen ? 0 : rounding;
            Assert.True(((read - wanted).abs() <= wanted.abs() * bound + 1e-7 * (bound > 0 ? 1 : 0)).all().item<bool>(), name);
        }
        Assert.True(new FileInfo(folder.File("model/model.safetensors")).Length < 2.2 * SmallNetwork.Config.ParameterCount);
    }

    [Fact]
    public void The_seeds_network_takes_less_than_2_megabytes_in_bfloat16()
    {
        using var folder = new TemporaryFolder();
        using var network = new UNet(new UNetConfig());
        var info = new ModelInfo
        {
            Name = "seed", Model = network.Config, Height = 28, Width = 28,
            ClassNames = [.. "0123456789".Select(digit => $"{digit}")],
        };
        ModelFolder.Write(folder.Name, network, info, ElementType.BFloat16);
        Assert.InRange(new FileInfo(folder.File("model.safetensors")).Length, 1_500_000, 1_999_999);
        using var loaded = ModelFolder.Read(folder.Name);
        Assert.Equal(770_865, loaded.Network.named_parameters().Sum(named => named.parameter.numel()));
    }

    // Zeros that are nowhere on the disk: reading them would take all memory.
    [Fact]
    public void Weights_far_longer_than_the_networks_are_refused_before_memory_is_taken()
    {
        using var folder = new TemporaryFolder();
        using var network = SmallNetwork.Build();
        ModelFolder.Write(folder.Name, network, SmallNetwork.Info);
        using (var weights = File.OpenWrite(folder.File("model.safetensors")))
            weights.SetLength(3L << 30);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains(
            "has 3221225472 bytes, but the network of its config.json takes", Refusal(folder.Name), StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void A_folder_that_was_written_by_half_is_refused()
    {
        using var folder = new TemporaryFolder();
        using var network = SmallNetwork.Build();
        ModelFolder.Write(folder.Name, network, SmallNetwork.Info);
        byte[] old = File.ReadAllBytes(folder.File("config.json"));
        ModelFolder.Write(folder.Name, network, SmallNetwork.Info with { Steps = 30_000 });
        File.WriteAllBytes(folder.File("config.json"), old);
        Assert.StartsWith(
            $"'{folder.Name}' is half written: its config.json is not the one that model.safetensors was written with;",
            Refusal(folder.Name), StringComparison.Ordinal);
    }

    [Fact]
    public void Line_breaks_that_git_changed_do_not_matter()
    {
        using var folder = new TemporaryFolder();
        using var network = SmallNetwork.Build();
        ModelFolder.Write(folder.Name, network, SmallNetwork.Info);
        string description = folder.File("config.json");
        File.WriteAllText(description, File.ReadAllText(description).ReplaceLineEndings("\r\n"));
        ModelFolder.Read(folder.Name).Dispose();
    }

    [Fact]
    public void Weights_of_other_names_shapes_or_types_are_named()
    {
        using var network = SmallNetwork.Build();
        var good = NetworkWeights.Save(network);
        string Change(Action<OrderedDictionary<string, TensorData>> change)
        {
            var tensors = new OrderedDictionary<string, TensorData>(good);
            change(tensors);
            return Assert.Throws<MezzotintException>(() => NetworkWeights.Load(network, tensors, "w")).Message;
        }
        var bias = good["proj.2.bias"];
        Assert.Equal("'w' lacks the weights 'proj.2.bias': it is of another network.", Change(t => t.Remove("proj.2.bias")));
        Assert.StartsWith("'w' lacks the weights 'context_embed.weight', ", Change(t => t.Clear()), StringComparison.Ordinal);
        Assert.EndsWith(
            $" and {good.Count - 5} more: it is of another network.", Change(t => t.Clear()), StringComparison.Ordinal);
        Assert.Equal(
            "'w' has, but the network does not, the weights 'proj.3.bias': it is of another network.",
            Change(t => t.Add("proj.3.bias", bias)));
        Assert.Equal(
            "'w': the weights 'proj.2.bias' are [1, 1], but the network's are [1].",
            Change(t => t["proj.2.bias"] = bias with { Shape = [1, 1] }));
        Assert.Equal(
            "'w': the weights 'proj.2.bias' are [], but the network's are [1].",
            Change(t => t["proj.2.bias"] = bias with { Shape = [] }));
        Assert.Equal(
            "'w': the weights 'proj.2.bias' are of Float64; save them as float32, float16 or bfloat16.",
            Change(t => t["proj.2.bias"] = new TensorData(ElementType.Float64, [1], new byte[8])));
        Assert.Equal(
            "'w': the weights 'proj.2.bias' are of Int32; save them as float32, float16 or bfloat16.",
            Change(t => t["proj.2.bias"] = bias with { Type = ElementType.Int32 }));
    }

    [Theory]
    [InlineData(ElementType.Float32, new byte[] { 0, 0, 0x80, 0x7f })]
    [InlineData(ElementType.Float32, new byte[] { 0, 0, 0x80, 0xff })]
    [InlineData(ElementType.Float32, new byte[] { 1, 0, 0x80, 0x7f })]
    [InlineData(ElementType.BFloat16, new byte[] { 0x80, 0xff })]
    [InlineData(ElementType.Float16, new byte[] { 0, 0x7c })]
    [InlineData(ElementType.Float16, new byte[] { 0xff, 0xff })]
    public void Weights_that_are_not_finite_are_named_and_change_nothing(ElementType type, byte[] number)
    {
        using var network = SmallNetwork.Build(seed: 1);
        using var other = SmallNetwork.Build(seed: 2);
        var tensors = NetworkWeights.Save(other);
        tensors["proj.2.bias"] = new TensorData(type, [1], number);
        var before = SmallNetwork.Weights(network);
        Assert.StartsWith(
            "'w': the weights 'proj.2.bias' have a number that is infinite or none",
            Assert.Throws<MezzotintException>(() => NetworkWeights.Load(network, tensors, "w")).Message,
            StringComparison.Ordinal);
        Assert.Equal(before, SmallNetwork.Weights(network));
    }

    [Fact]
    public void Weights_that_do_not_fit_the_precision_are_not_written()
    {
        using var folder = new TemporaryFolder();
        using var network = SmallNetwork.Build();
        using (var noGrad = no_grad())
            network.get_parameter("proj.2.bias")!.fill_(100_000);
        Assert.StartsWith(
            "The weights 'proj.2.bias' cannot be saved as Float16",
            Assert.Throws<MezzotintException>(() =>
                ModelFolder.Write(folder.Name, network, SmallNetwork.Info, ElementType.Float16)).Message,
            StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(folder.Name));
        ModelFolder.Write(folder.Name, network, SmallNetwork.Info);
        Assert.Throws<ArgumentOutOfRangeException>(() =>
            ModelFolder.Write(folder.Name, network, SmallNetwork.Info, ElementType.Float64));
        Assert.Throws<ArgumentException>(() =>
            ModelFolder.Write(folder.Name, network, SmallNetwork.Info with { Model = new UNetConfig() }));
        Assert.Throws<MezzotintException>(() =>
            ModelFolder.Write(folder.Name, network, SmallNetwork.Info with { TrainLoss = double.NaN }));
    }

    [Fact]
    public void A_description_that_asks_for_more_than_the_weights_have_is_refused_before_anything_is_allocated()
    {
        using var folder = new TemporaryFolder();
        using var network = SmallNetwork.Build();
        ModelFolder.Write(folder.Name, network, SmallNetwork.Info);
        // A network of 10^14 weights: to build it would be the end of the process.
        var huge = SmallNetwork.Config with { ModelChannels = 4096, ChannelMultipliers = [64, 64], NumResBlocks = 16 };
        SafetensorsFile.Write(folder.File("model.safetensors"), NetworkWeights.Save(network));
        File.WriteAllBytes(
            folder.File("config.json"), ModelDescription.Write(SmallNetwork.Info with { Model = huge, Height = 4, Width = 4 }));
        string message = Refusal(folder.Name);
        Assert.StartsWith(
            $"'{folder.File("model.safetensors")}' has {SmallNetwork.Config.ParameterCount} weights, but the network of its "
            + $"config.json has ",
            message, StringComparison.Ordinal);
    }

    [Fact]
    public void One_tensor_too_many_or_too_few_is_named_before_totals_are_compared()
    {
        using var folder = new TemporaryFolder();
        using var network = SmallNetwork.Build();
        ModelFolder.Write(folder.Name, network, SmallNetwork.Info);
        var tensors = NetworkWeights.Save(network);
        tensors.Add("num_batches_tracked", new TensorData(ElementType.Int64, [], new byte[8]));
        SafetensorsFile.Write(folder.File("model.safetensors"), tensors);
        Assert.Contains("'num_batches_tracked'", Refusal(folder.Name), StringComparison.Ordinal);
        tensors.Remove("num_batches_tracked");
        tensors.Remove("proj.2.bias");
        SafetensorsFile.Write(folder.File("model.safetensors"), tensors);
        Assert.Contains("lacks the weights 'proj.2.bias'", Refusal(folder.Name), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("module.")]
    [InlineData("_orig_mod.")]
    [InlineData("module._orig_mod.")]
    public void Prefixes_of_PyTorchs_wrappers_are_named_and_taken_off_where_asked(string prefix)
    {
        using var folder = new TemporaryFolder();
        using var network = SmallNetwork.Build();
        ModelFolder.Write(folder.Name, network, SmallNetwork.Info);
        SafetensorsFile.Write(folder.File("model.safetensors"),
            NetworkWeights.Save(network).Select(pair => KeyValuePair.Create(prefix + pair.Key, pair.Value)));
        Assert.Contains($"begin with '{prefix}'", Refusal(folder.Name), StringComparison.Ordinal);
        using var read = ModelFolder.Read(folder.Name, unwrap: true);
        Assert.Equal(SmallNetwork.Weights(network), SmallNetwork.Weights(read.Network));
    }

    [Fact]
    public void What_is_no_model_folder_is_said_so()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(
            $"'{folder.Name}' is not a model folder: it must have config.json and model.safetensors, or model_index.json.",
            Refusal(folder.Name));
        Assert.False(ModelFolder.Exists(folder.File("nowhere")));
        File.WriteAllText(folder.File("config.json"), "{}");
        File.WriteAllText(folder.File("weights.pt"), "");
        Assert.StartsWith(
            $"'{folder.Name}' is a PyTorch checkpoint, not a model folder: turn it into one with `mezzotint import ",
            Refusal(folder.Name), StringComparison.Ordinal);
        File.WriteAllText(folder.File("config.json"), new string(' ', (1 << 20) + 1));
        File.WriteAllText(folder.File("model.safetensors"), "");
        Assert.Contains("where at most 1048576 are expected", Refusal(folder.Name), StringComparison.Ordinal);
        Assert.StartsWith("Cannot make the folder ", Assert.Throws<MezzotintException>(() =>
        {
            using var network = SmallNetwork.Build();
            ModelFolder.Write(folder.File("config.json"), network, SmallNetwork.Info);
        }).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Hash_is_that_of_the_weights_file()
    {
        using var folder = new TemporaryFolder();
        using var network = SmallNetwork.Build();
        ModelFolder.Write(folder.Name, network, SmallNetwork.Info);
        Assert.Equal(
            Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(folder.File("model.safetensors")))),
            ModelFolder.Hash(folder.Name));
        Assert.Throws<MezzotintException>(() => ModelFolder.Hash(folder.File("nowhere")));
    }

    [Fact]
    public void The_card_says_what_is_known_and_what_is_not()
    {
        string card = ModelCard.Write(SmallNetwork.Info, ElementType.BFloat16, "abc123");
        Assert.StartsWith(
            "# small \\& \\<quick\\>\n\nA diffusion model for grey images of 10 x 8 pixels in 2 classes: zero, null \"0\" é 漢.\n",
            card, StringComparison.Ordinal);
        foreach (
            string fact in new[]
            {
                "`mezzotint sample FOLDER --label 1`"[1..^1], "28,140", "| 2.5 |", "2.8 minutes", "4294967295", "12.8269",
                "`mezzotint evaluate FOLDER --loss`", "bfloat16", "abc123", "Made for the tests; MIT.",
            })
            Assert.Contains(fact, card, StringComparison.Ordinal);
        Assert.DoesNotContain("not recorded", card, StringComparison.Ordinal);
        string unknown = ModelCard.Write(SmallNetwork.Nameless, ElementType.Float32, "abc123");
        Assert.Equal(8, unknown.Split("not recorded").Length - 1);
    }

    [Fact]
    public void Damaged_weights_are_read_or_refused_in_one_line()
    {
        using var folder = new TemporaryFolder();
        using var network = SmallNetwork.Build();
        ModelFolder.Write(folder.Name, network, SmallNetwork.Info);
        byte[] good = File.ReadAllBytes(folder.File("model.safetensors"));
        int header = 8 + BitConverter.ToInt32(good);
        // The header is where a file can lie; the data are checked number by number. To build a network takes its time.
        Damage.Check(good[..header], bytes => Load([.. bytes, .. good[header..]]), cases: 3000, allowance: 40_000_000);
        Damage.Check(good, Load, cases: 100, allowance: 40_000_000);
        static void Load(byte[] bytes) =>
            NetworkWeights.Build(SmallNetwork.Config, SafetensorsFile.Read(bytes, "damaged").Tensors, "damaged").Dispose();
    }

    private static string Refusal(string folder) => Assert.Throws<MezzotintException>(() => ModelFolder.Read(folder)).Message;
}
