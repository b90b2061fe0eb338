using System.Buffers.Binary;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Tests.Formats;
using static Mezzotint.Tests.Models.SingleFileTests;

namespace Mezzotint.Tests.Models;

/// <summary>Single files that are damaged, lie, or are something else: each is refused in one line.</summary>
public class SingleFileRefusalTests
{
    public static TheoryData<string, string> Others => new()
    {
        { "conditioner.embedders.0.transformer.text_model.embeddings.position_ids", "is Stable Diffusion XL" },
        { "model.diffusion_model.joint_blocks.0.context_block.attn.qkv.weight", "is Stable Diffusion 3" },
        { "model.diffusion_model.double_blocks.0.img_attn.qkv.weight", "is Flux" },
        { "double_blocks.0.img_attn.qkv.weight", "is the transformer of Flux" },
        { "lora_unet_mid_block_attentions_0_proj_in.lora_down.weight", "and this file with --adapter" },
        { "unet.mid_block.attentions.0.proj_in.lora_A.weight", "and this file with --adapter" },
        { "lora_unet_x.hada_w1_a", "LoHa" }, { "emb_params", "with --embedding" },
        { "control_model.input_blocks.0.0.weight", "ControlNet" },
        { "down_blocks.0.resnets.0.conv1.weight", "the U-Net in a folder of diffusers" },
        { "encoder.conv_in.weight", "is an autoencoder" }, { "anything", "is no Stable Diffusion: none of its 1 weights" },
        { "model.diffusion_model.out.0.weight", "lacks the weights 'model.diffusion_model.middle_block.1.transformer_blocks" },
    };

    [Theory, MemberData(nameof(Others))]
    public void What_is_something_else_is_refused_by_what_it_is(string name, string says)
    {
        using var temporary = new TemporaryFolder();
        string file = temporary.File("other.safetensors");
        SafetensorsFile.Write(file, [new(name, new TensorData(ElementType.Float32, [1], new byte[4]))]);
        string message = Assert.Throws<MezzotintException>(() => ModelPath.Read(file).Dispose()).Message;
        Assert.Contains(says, message, StringComparison.Ordinal);
        Assert.StartsWith($"'{file}'", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Theory]
    [InlineData("model.diffusion_model.input_blocks.0.0.weight", "U-Net sees 8 channels", new long[] { 64, 8, 3, 3 })]
    [InlineData("model.diffusion_model.input_blocks.1.0.in_layers.2.bias",
        "the weights 'model.diffusion_model.input_blocks.1.0.in_layers.2.bias' are [65]", new long[] { 65 })]
    [InlineData("model.diffusion_model.out.2.weight", "which no Stable Diffusion has", new long[] { 4 })]
    [InlineData("first_stage_model.encoder.conv_in.weight", "in_channels", new long[] { 32, 2, 3, 3 })]
    [InlineData("model.diffusion_model.middle_block.1.transformer_blocks.0.attn2.to_k.weight",
        "says a context of 32 numbers, and the U-Net", new long[] { 64, 40 })]
    public void A_shape_that_lies_is_named_in_one_line(string name, string says, long[] shape)
    {
        using var temporary = new TemporaryFolder();
        string file = Changed(temporary, tensors =>
            tensors[name] = new(ElementType.Float32, shape, new byte[4 * shape.Aggregate(1L, (a, b) => a * b)]));
        string message = Assert.Throws<MezzotintException>(() => ModelPath.Read(file, Tokenizer).Dispose()).Message;
        Assert.Contains(says, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Theory]
    [InlineData("model.diffusion_model.out.0.weight")]
    [InlineData("first_stage_model.decoder.mid.attn_1.q.weight")]
    [InlineData("cond_stage_model.transformer.text_model.final_layer_norm.bias")]
    public void A_missing_weight_and_one_too_many_are_named_as_the_file_names_them(string name)
    {
        using var temporary = new TemporaryFolder();
        string file = Changed(temporary, tensors => tensors.Remove(name));
        Assert.Contains($"lacks the weights '{name}'",
            Assert.Throws<MezzotintException>(() => ModelPath.Read(file, Tokenizer).Dispose()).Message, StringComparison.Ordinal);
        file = Changed(temporary, tensors => tensors[name + "_ema"] = tensors[name]);
        Assert.Contains($"'{name}_ema'",
            Assert.Throws<MezzotintException>(() => ModelPath.Read(file, Tokenizer).Dispose()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Weights_that_are_no_numbers_are_refused()
    {
        using var temporary = new TemporaryFolder();
        string file = Changed(temporary, tensors =>
        {
            byte[] bytes = new byte[4 * 64];
            BinaryPrimitives.WriteSingleLittleEndian(bytes, float.NaN);
            tensors["model.diffusion_model.out.0.bias"] = new(ElementType.Float32, [64], bytes);
        });
        Assert.Contains("have a number that is infinite or none",
            Assert.Throws<MezzotintException>(() => ModelPath.Read(file, Tokenizer).Dispose()).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("model.safetensors")]
    [InlineData("model.ckpt")]
    public void A_truncated_or_damaged_file_is_refused_in_one_line_with_bounded_memory(string name)
    {
        byte[] good = File.ReadAllBytes(Published(name));
        using var temporary = new TemporaryFolder();
        string file = temporary.File(name);
        File.Copy(Published("inference.yaml"), temporary.File("inference.yaml"));
        void Read(byte[] bytes)
        {
            File.WriteAllBytes(file, bytes);
            ModelPath.ReadInfo(file);
        }
        foreach (int length in new[] { 0, 1, 8, 9, 100, 10_000, good.Length / 2, good.Length - 1 })
            Assert.False(Damage.MustSurvive(good[..length], Read, 20_000_000));
        var random = new Random(7);
        int tail = name.EndsWith("ckpt", StringComparison.Ordinal) ? 60_000 : good.Length; // the directory of the archive
        for (int i = 0; i < 40; i++)
        {
            byte[] bytes = [.. good];
            for (int k = 0; k < 3; k++)
                bytes[tail == good.Length ? random.Next(40_000) : good.Length - 1 - random.Next(tail)] = (byte)random.Next(256);
            Damage.MustSurvive(bytes, Read, 20_000_000);
        }
    }

    [Fact]
    public void A_pickle_that_would_run_something_runs_nothing()
    {
        using var temporary = new TemporaryFolder();
        string file = temporary.File("evil.ckpt"), sign = temporary.File("sign");
        byte[] pickle = new PickleWriter().Global("posix", "system").Op('(').Text($"touch {sign}").Op('t').Op('R').Op('.').Bytes;
        using (var zip = new System.IO.Compression.ZipArchive(File.Create(file), System.IO.Compression.ZipArchiveMode.Create))
        using (var entry = zip.CreateEntry("evil/data.pkl", System.IO.Compression.CompressionLevel.NoCompression).Open())
            entry.Write(pickle);
        string message = Assert.Throws<MezzotintException>(() => ModelPath.Read(file).Dispose()).Message;
        Assert.Contains("evil.ckpt", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
        Assert.False(File.Exists(sign));
    }

    [Fact]
    public void Without_a_tokenizer_the_message_says_what_to_give()
    {
        var problem = Assert.Throws<MezzotintException>(() => ModelPath.Read(Published("model.safetensors")).Dispose());
        Assert.Contains("name the folder tokenizer/ of any Stable Diffusion", problem.Message, StringComparison.Ordinal);
        Assert.Equal("tokenizer", problem.Key);
        Assert.Contains("which says itself what its network predicts", Assert.Throws<MezzotintException>(() =>
            ModelPath.ReadInfo(TinyStableDiffusion.PathOf("pipeline"), new() { Prediction = "v" })).Message,
            StringComparison.Ordinal);
    }
}
