using Mezzotint.Engine;
using Mezzotint.Models;
using Mezzotint.Networks;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Engine;

public class ComputePrecisionTests
{
    [Fact]
    public void Automatic_is_what_the_processor_is_fastest_with()
    {
        Assert.Equal(TileKernel.IsBfloat16Preferred ? "bfloat16" : "float32", ComputePrecision.Resolve("auto", CPU));
        Assert.Equal("float32", ComputePrecision.Resolve("float32", CPU));
    }

    [Fact]
    public void On_a_GPU_it_is_float32()
    {
        var gpu = new Device(TorchSharp.DeviceType.CUDA, 0);
        Assert.Equal("float32", ComputePrecision.Resolve("auto", gpu));
        Assert.Contains(
            "GPU", Assert.Throws<MezzotintException>(() => ComputePrecision.Resolve("bfloat16", gpu)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_network_of_any_width_is_computed_in_bfloat16_where_the_processor_has_it()
    {
        using var any = Engines.UseAny(bfloat16: true);
        var narrow = new ResidualUNetConfig { ModelChannels = 24, HeadChannels = 24 };
        Assert.Equal("bfloat16", ComputePrecision.Resolve("bfloat16", CPU, narrow));
        using var model = new LoadedModel(
            narrow.Build(),
            new ModelInfo
            {
                Name = "narrow", Model = narrow, Height = 28, Width = 28,
                ClassNames = [.. Enumerable.Range(0, 10).Select(i => $"{i}")],
            });
        Assert.Equal("bfloat16", model.With("bfloat16").Precision);
        Assert.Equal("float32", model.With("float32").Precision);
    }

    [Fact]
    public void A_sentence_says_what_computes_a_network_and_why_it_is_not_the_engine()
    {
        var network = new UNetConfig();
        string InWords(int side) => ComputePrecision.InWords("float32", CPU, network, side, side);
        using (Engines.UseAny())
        {
            Assert.Equal("engine: float32", InWords(28));
            Assert.StartsWith("libtorch: the engine computes images of ", InWords(1024), StringComparison.Ordinal);
        }
        using (EngineChoice.Use(EngineKind.Off))
            Assert.Equal("libtorch: MEZZOTINT_ENGINE is off", InWords(28));
    }

    [Fact]
    public void A_layer_without_a_step_is_named()
    {
        var net = new NetworkBuilder("Odd");
        Node t = net.Number("t");
        using var any = Engines.UseAny();
        Assert.Equal("the engine does not compute a value of the type Input in this place",
            NetworkEngine.WhyNot(net.Build(net.Silu(t)), 8, 8));
    }

    [Theory]
    [InlineData("float16")]
    [InlineData("")]
    [InlineData("Float32")]
    public void Anything_else_is_refused_by_name(string name) =>
        Assert.Contains(
            "auto, float32, bfloat16", Assert.Throws<MezzotintException>(() => ComputePrecision.Resolve(name, CPU)).Message,
            StringComparison.Ordinal);
}
