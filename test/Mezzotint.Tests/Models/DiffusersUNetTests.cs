using Mezzotint.Engine;
using Mezzotint.Models;
using Mezzotint.Models.Diffusers;
using Mezzotint.Networks;
using Mezzotint.Tests.Engine;
using Mezzotint.Tests.Formats;
using Mezzotint.Tests.Networks;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Models;

/// <summary>U-Nets in folders of diffusers, and what the original computes with them.</summary>
public class DiffusersUNetTests
{
    private const double Tolerance = 1e-4;

    /// <summary>The folder of a network, and the golden numbers of it.</summary>
    public static TheoryData<string, string> Networks =>
    [
        ("pipeline/unet", "unet"), ("pipeline/unet", "unet_wide"),
        ("variants/unet-linear-projection", "variant_unet-linear-projection"),
        ("variants/unet-two-layers-sharded", "variant_unet-two-layers-sharded"),
        ("variants/unet-inpaint-9", "variant_unet-inpaint-9"), ("variants/unet-xl-like", "variant_unet-xl-like"),
    ];

    [Theory, MemberData(nameof(Networks))]
    public void Its_outputs_are_the_originals(string folder, string golden)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var arrays = TinyStableDiffusion.Golden(golden);
        using var network = Read(TinyStableDiffusion.PathOf(folder.Split('/')), out var config);
        var (x, condition) = (arrays["input.sample"], ConditionOf(arrays, config));
        int compared = 0;
        foreach (var (name, expected) in arrays.Where(array => array.Key.EndsWith(".out", StringComparison.Ordinal)))
        {
            float[] times = name switch
            {
                "tmixed.out" => [21, 781],
                _ => [.. Enumerable.Repeat(float.Parse(name[1..^".out".Length]), (int)x.shape[0])],
            };
            TensorAssert.Close(expected, network.call(x, tensor(times), condition), Tolerance, $"{golden} {name}");
            compared++;
        }
        Assert.True(compared > 0);
    }

    [Theory, MemberData(nameof(Networks))]
    public void The_engine_computes_them_too(string folder, string golden)
    {
        using var any = Engines.UseAny();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var arrays = TinyStableDiffusion.Golden(golden);
        using var network = Read(TinyStableDiffusion.PathOf(folder.Split('/')), out var config);
        var (x, condition) = (arrays["input.sample"], ConditionOf(arrays, config));
        using var engine = NetworkEngine.For(
            network, (int)x.shape[2], (int)x.shape[3], bfloat16: false, training: false, (int)condition.Tokens)!;
        TensorAssert.Close(arrays["t500.out"],
            NetworkEvaluator.Evaluate(engine, x, full(x.shape[0], 500f), condition), Tolerance);
    }

    [Fact]
    public void A_shape_is_written_as_it_is_read()
    {
        using var temporary = new TemporaryFolder();
        foreach (var config in new[]
        {
            ConditionalUNetTests.Small, new ConditionalUNetConfig(),
            ConditionalUNetTests.Small with
            {
                InChannels = 9, OutChannels = 4, AttentionHeadDim = [2, 4], UseLinearProjection = true, FreqShift = 1,
                FlipSinToCos = false, AdditionEmbedType = "text_time", AdditionTimeEmbedDim = 8,
                ProjectionClassEmbeddingsInputDim = 64, ResnetTimeScaleShift = "scale_shift", OnlyCrossAttention = true,
            },
            ConditionalUNetTests.Small with { TimeCondProjDim = 16 },
        })
        {
            DiffusersUNet.Write(temporary.File("config.json"), config, 16, 24);
            Assert.Equal((config, 16, 24), DiffusersUNet.Read(temporary.File("config.json")));
        }
    }

    [Theory]
    [InlineData("\"class_embed_type\": \"timestep\"",
        "line 2: 'class_embed_type' is the text 'timestep'; Mezzotint computes null")]
    [InlineData("\"num_class_embeds\": 1000", "; Mezzotint computes null.")]
    [InlineData("\"act_fn\": \"gelu\"", "Mezzotint computes the text 'silu' or the text 'swish'")]
    [InlineData("\"only_cross_attention\": [true, false]", "'only_cross_attention' is a list; it must be true or false")]
    [InlineData("\"block_out_channels\": [30, 60]", "line 2: block_out_channels = [30, 60]: must be")]
    public void What_is_not_supported_is_named(string key, string fault)
    {
        using var temporary = new TemporaryFolder();
        string path = temporary.File("config.json");
        File.WriteAllText(path, $"{{\n{key}\n}}");
        Assert.Contains(fault, Assert.Throws<MezzotintException>(() => DiffusersUNet.Read(path)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_key_or_null_means_the_originals_default()
    {
        using var temporary = new TemporaryFolder();
        string path = temporary.File("config.json");
        File.WriteAllText(path, """{"_class_name": "UNet2DConditionModel", "class_embed_type": null, "nobody": {"reads": 1}}""");
        Assert.Equal((new ConditionalUNetConfig { InChannels = 4, OutChannels = 4 }, 0, 0), DiffusersUNet.Read(path));
    }

    internal static DenoisingNetwork Read(string folder, out ConditionalUNetConfig config)
    {
        (config, _, _) = DiffusersUNet.Read(Path.Combine(folder, "config.json"));
        var weights = DiffusersWeights.Find(folder, "", "diffusion_pytorch_model");
        return NetworkWeights.Build(config, weights.Read(config.ParameterCount).Tensors, folder);
    }

    /// <summary>The context; beside it the text's vector and the features of the picture's numbers, where they are
    /// given.</summary>
    private static Condition ConditionOf(Dictionary<string, Tensor> arrays, ConditionalUNetConfig config)
    {
        if (config.AdditionTimeEmbedDim is not { } width)
            return Condition.OfContext(arrays["input.encoder_hidden_states"]);
        var frequencies = exp(arange(width / 2, dtype: float32) * -Math.Log(10_000) / (width / 2));
        var angles = arrays["input.time_ids"].unsqueeze(-1) * frequencies;   // [B, 6, F]
        var features = cat([angles.cos(), angles.sin()], -1).flatten(1);      // [B, 6 2 F]
        return Condition.OfContext(arrays["input.encoder_hidden_states"],
            pooled: cat([arrays["input.text_embeds"], features], 1));
    }
}
