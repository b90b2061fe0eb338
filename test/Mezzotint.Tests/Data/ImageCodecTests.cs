using Mezzotint.Data;
using Mezzotint.Evaluation;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Serving;
using Mezzotint.Settings;
using Mezzotint.Tests.Formats;
using Mezzotint.Tests.Sampling;
using Mezzotint.Tests.Training;
using Mezzotint.Training;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Data;

/// <summary>Laws of every codec, and a codec of a program's own from training to a picture that is drawn again.</summary>
public sealed class ImageCodecTests : IDisposable
{
    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    public static TheoryData<string> Codecs => ["scaling", "blocks"];

    [Theory, MemberData(nameof(Codecs))]
    public void Decoding_undoes_encoding(string kind)
    {
        using var generator = new Generator(3, CPU);
        var pixels = rand([2, 3, 8, 12], generator: generator);
        var codec = Of(kind);
        var numbers = codec.Encode(pixels);
        var (channels, height, width) = codec.NumbersOf(3, 8, 12);
        Assert.Equal([2, channels, height, width], numbers.shape);
        Assert.True(codec.Decode(numbers).allclose(pixels, 1e-5, 1e-6));
    }

    [Theory, MemberData(nameof(Codecs))]
    public void A_mask_covers_every_number_that_its_pixels_change(string kind)
    {
        var codec = Of(kind);
        var pixels = zeros(1, 1, 8, 8);
        var mask = zeros(1, 1, 8, 8, dtype: ScalarType.Bool);
        mask[0, 0, 3, 5] = tensor(true);
        var changed = pixels.clone();
        changed[0, 0, 3, 5] = tensor(1f);
        var moved = (codec.Encode(changed) - codec.Encode(pixels)).abs().sum(1, keepdim: true).gt(0);
        Assert.True(moved.logical_and(codec.EncodeMask(mask).logical_not()).logical_not().all().item<bool>());
    }

    [Fact]
    public void A_table_without_a_kind_is_plain_scaling_and_is_written_so()
    {
        var config = Configuration.Parse("[pixels]\nmean = 0.5\nscale = 0.5\n", "x.toml");
        Assert.Equal(new PixelScaling { Mean = 0.5, Scale = 0.5 }, config.Pixels);
        Assert.DoesNotContain("scaling", Configuration.Write(config), StringComparison.Ordinal);
    }

    [Fact]
    public void A_codec_of_a_programs_own_is_trained_with_saved_and_drawn_with()
    {
        SettingsKinds.Register<ImageCodec, BlocksCodec>("blocks");
        var images = SmallExperiment.Train;
        var config = SmallExperiment.Config with
        {
            Pixels = new BlocksCodec { Side = 2 },
            Model = new ResidualUNetConfig
                { ModelChannels = 16, HeadChannels = 16, ChannelMultipliers = [1], ResidualBlocks = [1], AttentionLevels = [] },
        };
        config = Configuration.Parse(Configuration.Write(config), "own.toml").Fit(images);
        Assert.Equal(4 * images.Channels, config.Model.InChannels);
        using var trainer = new Trainer(config, images, images);
        trainer.TrainStep();

        var network = (DenoisingNetwork)trainer.Network;
        var info = Drawn.Model(network, images.Height).Info with
        {
            Pixels = config.Pixels, ImageChannels = images.Channels, Sampling = new() { Steps = 4 },
        };
        using var folder = new TemporaryFolder();
        ModelFolder.Write(folder.File("model"), network, info);
        using var pipeline = DiffusionPipeline.Load(folder.File("model"));
        var drawn = pipeline.Generate([1, 2], new() { Seed = 3 });
        Assert.Equal((2, images.Channels, images.Height), (drawn.Count, drawn.Images.Channels, drawn.Images.Height));
        var kept = new SourceImage
        {
            Image = drawn.Images.Slice(0), Mask = new(1, 1, images.Height, images.Width, new byte[images.Height * images.Width]),
        };
        Assert.Equal(drawn.Images.Slice(0).Pixels, pipeline.Generate([2], new() { Seed = 4, Source = kept }).Images.Pixels);
        Assert.Equal("pixels", Assert.Throws<MezzotintException>(() => Likelihood.Of(new(network, info)).Validate()).Key);
    }

    private static ImageCodec Of(string kind) =>
        kind == "scaling" ? new PixelScaling { Mean = 0.5, Scale = 0.25 } : new BlocksCodec { Side = 2 };

    /// <summary>Each block of pixels becomes one place with as many channels: what latents are to the rest, without a
    /// network.</summary>
    public sealed record BlocksCodec : ImageCodec
    {
        public int Side { get; init; } = 2;

        public override (int Channels, int Height, int Width) NumbersOf(int channels, int height, int width) =>
            (channels * Side * Side, height / Side, width / Side);

        public override Tensor Encode(Tensor pixels) => nn.functional.pixel_unshuffle(pixels, Side);

        public override Tensor Decode(Tensor numbers) => nn.functional.pixel_shuffle(numbers, Side);

        public override Tensor EncodeMask(Tensor mask) =>
            nn.functional.max_pool2d(mask.to(float32), Side).gt(tensor(0.5f));

        public override void Validate()
        {
        }
    }
}
