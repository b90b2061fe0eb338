using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Serving;
using Mezzotint.Tests.Formats;
using Mezzotint.Tests.Serving;
using Mezzotint.Text;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Models;

/// <summary>Low-rank adapters: every kind of name, and what they add to the weights.</summary>
public sealed class LowRankAdapterTests : IDisposable
{
    private const string Query = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q";
    private const string Out = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_out.0";
    private const string Conv = "down_blocks.0.resnets.0.conv1";

    private static readonly string Underscored = Query.Replace('.', '_');
    private static readonly string Processor = Query.Replace(".to_q", ".processor.to_q", StringComparison.Ordinal);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("kohya", 1.0)]
    [InlineData("kohya", 0.4)]
    [InlineData("peft", 1.0)]
    [InlineData("peft", 0.4)]
    public void A_published_adapter_gives_the_originals_outputs(string file, double weight)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var model = ModelFolder.Read(TinyStableDiffusion.PathOf("pipeline"));
        var arrays = TinyStableDiffusion.Golden("lora");
        var text = (TextPrompts)model.Info.Prompts!;
        const string prompt = "a photo of a red cat sitting on a wooden table";
        model.Adapt(TinyStableDiffusion.PathOf("lora", $"{file}.safetensors"), weight);
        string scale = weight == 1 ? "scale1.0" : "scale0.4";
        var context = arrays[$"{scale}.last_hidden_state"];
        var found = model.Network.call(arrays["input.sample"], tensor([500f]), Condition.OfContext(context));
        TensorAssert.Close(arrays[$"{scale}.unet_out"], found, 1e-4, scale);
        TensorAssert.Close(context, text.Read([prompt], []).Context!, 1e-4, "the encoder has changed too");
    }

    public static TheoryData<string, string, bool> Names => new()
    {
        { $"lora_unet_{Underscored}.lora_down.weight", $"lora_unet_{Underscored}.lora_up.weight", true },
        { $"unet.{Query}.lora_A.weight", $"unet.{Query}.lora_B.weight", false },
        { $"unet.{Query}.lora.down.weight", $"unet.{Query}.lora.up.weight", false },
        { $"unet.{Processor}_lora.down.weight", $"unet.{Processor}_lora.up.weight", false },
        { $"{Processor}_lora.down.weight", $"{Processor}_lora.up.weight", false },
        { $"unet.{Query}.lora_linear_layer.down.weight", $"unet.{Query}.lora_linear_layer.up.weight", false },
    };

    [Theory, MemberData(nameof(Names))]
    public void Every_kind_of_name_adds_the_product_to_the_weights(string down, string up, bool hasAlpha)
    {
        using var scope = NewDisposeScope();
        using var model = Small();
        var (a, b) = (randn(2, 16), randn(16, 2));
        var tensors = new Dictionary<string, Tensor> { [down] = a, [up] = b };
        if (hasAlpha)
            tensors[down.Replace("lora_down.weight", "alpha")] = tensor(1.0f);
        var before = Weights(model, Query).clone();
        model.Adapt(Write("one.safetensors", tensors), 0.5);
        TensorAssert.Close(before + 0.5 * (hasAlpha ? 0.5 : 1) * b.matmul(a), Weights(model, Query), 1e-6);
    }

    [Fact]
    public void Convolutions_and_the_last_layer_of_attention_are_changed_and_several_adapters_add_up()
    {
        using var scope = NewDisposeScope();
        using var model = Small();
        var (down, up) = (randn(3, 16, 3, 3), randn(16, 3, 1, 1));
        var (a, b) = (randn(2, 16), randn(16, 2));
        string conv = Write("conv.safetensors", new()
        {
            [$"lora_unet_{Conv.Replace('.', '_')}.lora_down.weight"] = down,
            [$"lora_unet_{Conv.Replace('.', '_')}.lora_up.weight"] = up,
        });
        string attention = Write("attention.safetensors", new()
        {
            [$"unet.{Out[..^2].Replace(".to_out", ".processor.to_out")}_lora.down.weight"] = a,
            [$"unet.{Out[..^2].Replace(".to_out", ".processor.to_out")}_lora.up.weight"] = b,
        });
        var (convBefore, outBefore) = (Weights(model, Conv).clone(), Weights(model, Out).clone());
        model.Adapt(conv).Adapt(attention, -2).Adapt(conv, 0.25);
        TensorAssert.Close(convBefore + 1.25 * einsum("or,rikl->oikl", up[.., .., 0, 0], down), Weights(model, Conv), 1e-5);
        TensorAssert.Close(outBefore - 2 * b.matmul(a), Weights(model, Out), 1e-5);
        Assert.Equal(["conv.safetensors:1", "attention.safetensors:-2", "conv.safetensors:0.25"],
            model.Adapters.Select(adapter => adapter.ToString()));

        model.RemoveAdapters();
        Assert.True(Weights(model, Conv).equal(convBefore).all().item<bool>());
        Assert.True(Weights(model, Out).equal(outBefore).all().item<bool>());
        Assert.Empty(model.Adapters);
    }

    [Theory]
    [InlineData("lora_unet_nothing.lora_down.weight", "which this model does not have")]
    [InlineData("lora_unet_x.hada_w1_a", "holds LoHa")]
    [InlineData("lora_unet_x.lokr_w1", "holds LoKr")]
    [InlineData("unet.x.dora_scale", "holds DoRA")]
    [InlineData("conv.weight", "is no part of low-rank changes")]
    public void Another_kind_of_file_is_refused_in_one_line_and_changes_nothing(string name, string fault)
    {
        using var scope = NewDisposeScope();
        using var model = Small();
        var before = Weights(model, Query).clone();
        var tensors = new Dictionary<string, Tensor> { [$"unet.{Query}.lora_A.weight"] = ones(2, 16),
            [$"unet.{Query}.lora_B.weight"] = ones(16, 2), [name] = ones(2, 16) };
        if (name.Contains("lora_down", StringComparison.Ordinal))
            tensors[name.Replace("lora_down", "lora_up", StringComparison.Ordinal)] = ones(16, 2);
        string message = Refusal(model, Write("bad.safetensors", tensors));
        Assert.Contains(fault, message, StringComparison.Ordinal);
        Assert.True(Weights(model, Query).equal(before).all().item<bool>());
        Assert.Empty(model.Adapters);
    }

    [Fact]
    public void A_change_without_its_other_half_of_another_shape_or_not_finite_is_named()
    {
        using var scope = NewDisposeScope();
        using var model = Small();
        string down = $"unet.{Query}.lora_A.weight", up = $"unet.{Query}.lora_B.weight";
        Assert.Contains("has no up", Refusal(model, Write("a", new() { [down] = ones(2, 16) })), StringComparison.Ordinal);
        Assert.Contains("has no down", Refusal(model, Write("b", new() { [up] = ones(16, 2) })), StringComparison.Ordinal);
        Assert.Contains("changes [16, 16] by up [16, 2] and down [2, 8]", Refusal(model,
            Write("c", new() { [down] = ones(2, 8), [up] = ones(16, 2) })), StringComparison.Ordinal);
        Assert.Contains("is not finite", Refusal(model,
            Write("d", new() { [down] = ones(2, 16) / 0, [up] = ones(16, 2) })), StringComparison.Ordinal);
        Assert.Contains("has no low-rank changes", Refusal(model, Write("e", [])), StringComparison.Ordinal);
        Assert.Throws<MezzotintException>(() => model.Adapt(_folder.File("nowhere")));
        File.WriteAllText(_folder.File("text"), "hello");
        Assert.Throws<MezzotintException>(() => model.Adapt(_folder.File("text")));
    }

    [Fact]
    public async Task A_receipt_names_the_adapters_and_a_model_without_them_does_not_draw_it_again()
    {
        using var scope = NewDisposeScope();
        using var model = Small();
        string file = Write("style.safetensors", new()
        {
            [$"unet.{Query}.lora_A.weight"] = ones(2, 16), [$"unet.{Query}.lora_B.weight"] = ones(16, 2),
        });
        ImageReceipt receipt;
        byte[] drawn;
        using (var pipeline = new DiffusionPipeline(model.Adapt(file, 0.5), threads: 1))
        {
            var generation = pipeline.Prepare(["a red heart"], new GenerationOptions { Count = 1, Seed = 3, Steps = 2 });
            (receipt, drawn) = (generation.Receipt, (await generation.RunAsync(cancellation: Stop)).Images.Pixels);
            Assert.Equal("style.safetensors:0.5", receipt.ToText()["Adapters"]);
            string picture = _folder.File("one.png");
            PngFile.Write(picture, new ImageBatch(1, 3, 8, 8, drawn), 1, receipt.ToText());
            receipt = ImageReceipt.Read(picture);
            Assert.Equal(drawn, (await pipeline.Prepare(receipt).RunAsync(cancellation: Stop)).Images.Pixels);
        }
        using (var without = new DiffusionPipeline(model.RemoveAdapters(), threads: 1))
            Assert.Contains("name --adapter style.safetensors:0.5",
                Assert.Throws<MezzotintException>(() => without.Prepare(receipt)).Message, StringComparison.Ordinal);
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static string Refusal(LoadedModel model, string file)
    {
        string message = Assert.Throws<MezzotintException>(() => model.Adapt(file)).Message;
        Assert.DoesNotContain('\n', message);
        return message;
    }

    private static Tensor Weights(LoadedModel model, string module) =>
        model.Network.named_parameters().Single(named => named.name == $"{module}.weight").parameter.detach();

    private string Write(string name, Dictionary<string, Tensor> tensors)
    {
        SafetensorsFile.Write(_folder.File(name), tensors.Select(pair => KeyValuePair.Create(pair.Key, pair.Value.ToData())));
        return _folder.File(name);
    }

    private static LoadedModel Small()
    {
        var (prompts, encoder) = WordedPipeline.NewPrompts();
        return new(WordedPipeline.Config.Build(seed: 3), WordedPipeline.Info(prompts)) { Encoder = encoder };
    }
}
