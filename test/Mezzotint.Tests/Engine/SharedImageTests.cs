using Mezzotint.Engine;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Serving;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Engine;

/// <summary>Images that several threads compute together, of weights that are read where they lie.</summary>
public class SharedImageTests
{
    // channels of one, two and three vectors; a kernel of 1 and of 3, with a stride and without; heads of 8 and 16 channels
    private static readonly ConditionalUNetConfig Small = new()
    {
        InChannels = 4, OutChannels = 4, BlockOutChannels = [16, 32, 48], LayersPerBlock = [1],
        DownBlockTypes = ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
        UpBlockTypes = ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
        CrossAttentionDim = 32, AttentionHeadDim = [2], NormNumGroups = 4,
    };

    public static TheoryData<string> Kinds => [.. Engines.All];

    [Theory, MemberData(nameof(Kinds))]
    public void An_image_is_libtorchs_and_the_same_to_the_bit_on_any_number_of_threads(string kind)
    {
        using var engines = Engines.Use(kind);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var network = Small.Build(3);
        var (x, t, condition) = (randn(2, 4, 9, 12), tensor([1f, 500]), Condition.OfContext(randn(2, 7, 32)));
        var alone = Evaluated(network, 1, x, t, condition);
        TensorAssert.Close(network.call(x, t, condition), alone, 2e-5);
        foreach (int threads in new[] { 2, 5 })
            TensorAssert.Same(alone, Evaluated(network, threads, x, t, condition));
    }

    [Theory]
    [InlineData(ElementType.Float16, ScalarType.Float16)]
    [InlineData(ElementType.BFloat16, ScalarType.BFloat16)]
    public void Weights_of_16_bits_give_the_image_that_they_give_when_widened_before(ElementType stored, ScalarType type)
    {
        using var engines = Engines.UseAny();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var wide = Small.Build(3);
        using var narrow = Small.BuildUnfilled();
        NarrowWeights.MakeRoom(narrow, _ => stored);
        var own = narrow.named_parameters().ToDictionary(named => named.name, named => named.parameter);
        foreach (var (name, parameter) in wide.named_parameters())
        {
            parameter.copy_(parameter.to(type).to(float32)); // both have the same numbers
            own[name].copy_(parameter);
        }
        Assert.True(NarrowWeights.AreIn(narrow));
        Assert.Equal(wide.named_parameters().Select(named => named.name), own.Keys);
        var (x, t, condition) = (randn(1, 4, 8, 8), tensor([300f]), Condition.OfContext(randn(1, 7, 32)));
        TensorAssert.Same(Evaluated(wide, 2, x, t, condition), Evaluated(narrow, 2, x, t, condition));
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Two_images_at_once_come_out_as_each_by_itself_to_the_bit(string kind)
    {
        using var engines = Engines.Use(kind);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var network = Small.Build(3);
        using var crew = new Crew(2);
        foreach (var (height, width) in new[] { (9, 12), (32, 40) }) // few tiles of Winograd's, and several groups of them
        {
            NetworkEngine New(NetworkEngine? twin) => NetworkEngine.For(
                network, height, width, bfloat16: false, training: false, 7, crew: crew, twin: twin)!;
            using var engine = New(null);
            using var twin = New(engine);
            var (x, t, condition) = (randn(3, 4, height, width), tensor([1f, 500, 30]), Condition.OfContext(randn(3, 7, 32)));
            TensorAssert.Same(
                NetworkEvaluator.Evaluate(engine, x, t, condition),
                NetworkEvaluator.Evaluate(engine, x, t, condition, twin: twin));
        }
    }

    [Fact]
    public void Weights_that_change_are_read_as_they_are_at_the_next_image()
    {
        using var engines = Engines.UseAny();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var network = Small.Build(3);
        using var crew = new Crew(2);
        using var engine = NetworkEngine.For(network, 8, 8, bfloat16: false, training: false, 7, crew: crew)!;
        var (x, t, condition) = (randn(1, 4, 8, 8), tensor([300f]), Condition.OfContext(randn(1, 7, 32)));
        var before = NetworkEvaluator.Evaluate(engine, x, t, condition);
        network.get_parameter("mid_block.resnets.0.conv1.weight")!.mul_(2);
        var after = NetworkEvaluator.Evaluate(engine, x, t, condition);
        TensorAssert.Close(network.call(x, t, condition), after, 2e-5);
        Assert.NotEqual(before.sum().item<float>(), after.sum().item<float>());
    }

    [Fact]
    public void An_image_that_is_given_up_leaves_nothing_behind_for_the_next()
    {
        using var engines = Engines.UseAny();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var network = Small.Build(3);
        using var crew = new Crew(2);
        using var engine = NetworkEngine.For(network, 8, 8, bfloat16: false, training: false, 7, crew: crew)!;
        var (x, t, condition) = (randn(1, 4, 8, 8), tensor([300f]), Condition.OfContext(randn(1, 7, 32)));
        var whole = NetworkEvaluator.Evaluate(engine, x, t, condition);
        using var stopped = new CancellationTokenSource();
        stopped.Cancel();
        Assert.Throws<OperationCanceledException>(() =>
            NetworkEvaluator.Evaluate(engine, randn(1, 4, 8, 8), t, condition, stop: stopped.Token));
        TensorAssert.Same(whole, NetworkEvaluator.Evaluate(engine, x, t, condition));
    }

    [Fact]
    public void That_there_is_no_engine_for_so_many_tokens_is_found_once()
    {
        using var scope = NewDisposeScope();
        using var network = Small.Build(3);
        using var evaluator = WithEngines(() => new NetworkEvaluator(network, 8, 8, CPU, ComputePrecision.Float32));
        Assert.True(evaluator.ByImage);
        Tensor Evaluated(int tokens) =>
            evaluator.Evaluate(ones(1, 4, 8, 8), tensor([300f]), Condition.OfContext(ones(1, tokens, 32)));
        using (EngineChoice.Use(EngineKind.Off)) // there is none for any number of tokens
            foreach (int tokens in new[] { 7, 7, 5, 7, 5 })
                _ = Evaluated(tokens);
        Assert.Equal(2, evaluator.Planned);
        WithEngines(() => Evaluated(3));
        WithEngines(() => Evaluated(3));
        Assert.Equal(3, evaluator.Planned);

        T WithEngines<T>(Func<T> make)
        {
            using var any = Engines.UseAny();
            return make();
        }
    }

    [Fact]
    public void A_walk_that_is_stopped_gives_up_its_evaluation_and_those_beside_it_are_answered()
    {
        using var engines = Engines.UseAny();
        using var scope = NewDisposeScope();
        using var network = Small.Build(3);
        var (x, t, condition) = (randn(1, 4, 8, 8), tensor([300f]), Condition.OfContext(randn(1, 7, 32)));
        using var expected = new NetworkEvaluator(network, 8, 8, CPU, ComputePrecision.Float32);
        using var evaluator = new NetworkEvaluator(network, 8, 8, CPU, ComputePrecision.Float32);
        using var shared = new SharedEvaluations([evaluator]);
        using var stopped = new CancellationTokenSource();
        stopped.Cancel();
        shared.Walk(2); // both are taken as one batch
        Exception? raised = null;
        var other = new Thread(() => raised = Record.Exception(() =>
            shared.Evaluate(randn(1, 4, 8, 8), t, condition, stopped.Token)));
        other.Start();
        using var noGrad = no_grad();
        TensorAssert.Same(expected.Evaluate(x, t, condition), shared.Evaluate(x, t, condition));
        other.Join();
        Assert.IsAssignableFrom<OperationCanceledException>(raised);
    }

    /// <summary>Most maps that convolutions of 3 x 3 read there are never whole: see <see cref="RowRing"/>.</summary>
    [Theory, MemberData(nameof(Kinds))]
    public void A_decoder_makes_libtorchs_picture_row_by_row_the_same_to_the_bit_on_any_number_of_threads(string kind)
    {
        using var engines = Engines.Use(kind);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var network = new Autoencoder(
            new() { BlockOutChannels = [32, 64, 64], LayersPerBlock = 1, NormNumGroups = 16 }, seed: 2);
        var z = randn(1, 4, 60, 62);
        Tensor Decoded(int threads)
        {
            using var crew = new Crew(threads);
            using var engine = new NetworkEngine(network, network.DecoderDescription, 60, 62, tokens: 1, bfloat16: false,
                training: false, crew: crew);
            engine.Pack();
            Assert.True(engine.Steps.Count(step => step.Output.Ring is not null) >= 5);
            return NetworkEvaluator.Evaluate(engine, z);
        }
        var alone = Decoded(1);
        TensorAssert.Close(network.Decode(z), alone, 5e-5);
        TensorAssert.Same(alone, Decoded(3));
    }

    /// <summary>The published decoder at 512 x 512: of 128 channels a map takes 134 MB there. A block of the last level reads one
    /// of 256 channels until its end, and has one of 128 and its result beside it.</summary>
    [Fact]
    public void The_published_decoder_keeps_four_maps_of_its_last_level_at_most()
    {
        using var engines = Engines.UseAny();
        using var network = new Autoencoder(new() { BlockOutChannels = [128, 256, 512, 512], LayersPerBlock = 2 });
        using var crew = new Crew(2);
        using var engine = new NetworkEngine(
            network, network.DecoderDescription, 64, 64, tokens: 1, bfloat16: false, training: false, crew: crew);
        const double map = 512.0 * 512 * 128;
        Assert.InRange(engine.FloatsTaken / map, 3.9, 4.3);
    }

    [Theory]
    [InlineData(32, 32)]
    [InlineData(64, 64)]
    [InlineData(96, 64)]
    public void The_memory_that_is_foreseen_is_what_an_engine_takes_and_less_than_twice_as_much(int height, int width)
    {
        using var engines = Engines.UseAny();
        using var network = new ConditionalUNetConfig
        {
            InChannels = 4, OutChannels = 4, BlockOutChannels = [80, 160, 320, 320], CrossAttentionDim = 192, NormNumGroups = 16,
        }.Build();
        using var decoder = new Autoencoder(new() { BlockOutChannels = [64, 128, 256, 256], LayersPerBlock = 2 });
        using var crew = new Crew(2);
        foreach (var (module, description) in new (TorchSharp.torch.nn.Module, NetworkDescription)[]
            { (network, network.Description), (decoder, decoder.DecoderDescription) })
        {
            using var engine = new NetworkEngine(
                module, description, height, width, tokens: 77, bfloat16: false, training: false, crew: crew);
            double foreseen = NetworkMemory.Streamed([.. LayerShape.Of(description, height, width)]);
            Assert.InRange(foreseen / (sizeof(float) * engine.FloatsTaken), 1, 2);
        }
    }

    private static Tensor Evaluated(DenoisingNetwork network, int threads, Tensor x, Tensor t, Condition condition)
    {
        using var crew = new Crew(threads);
        using var engine =
            NetworkEngine.For(network, (int)x.shape[2], (int)x.shape[3], bfloat16: false, training: false, 7, crew: crew)!;
        return NetworkEvaluator.Evaluate(engine, x, t, condition);
    }
}
