using Mezzotint.Engine;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Tests.Engine;
using Mezzotint.Tests.Formats;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Networks;

/// <summary>The text encoder: transformers' outputs where they are at hand, its laws, and the engine beside libtorch.</summary>
public class TextEncoderTests
{
    private const string Tiny = "tiny-stable-diffusion";

    private static readonly TextEncoderConfig Small = new()
    {
        VocabSize = 50, HiddenSize = 20, IntermediateSize = 36, ProjectionDim = 12, NumHiddenLayers = 3, NumAttentionHeads = 2,
        MaxPositionEmbeddings = 9, BosTokenId = 48, EosTokenId = 49,
    };

    [Fact]
    public void Hidden_states_are_those_of_transformers()
    {
        string? data = TestData.Folder(Tiny);
        Assert.SkipWhen(data is null, TestData.Missing(Tiny));
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var encoder = TextEncoderFolder.Read(Path.Combine(data!, "pipeline", "text_encoder"));
        var golden = SafetensorsFile.Read(Path.Combine(data!, "golden", "text_encoder.safetensors")).Tensors;
        Tensor Golden(string name, ScalarType type)
        {
            var tensor = empty(golden[name].Shape, dtype: type);
            golden[name].CopyTo(tensor);
            return tensor;
        }
        var tokens = Golden("input_ids", int64);
        var states = encoder.call(tokens);
        TensorAssert.Close(Golden("last_hidden_state", float32), states, 1e-4, "last_hidden_state");
        TensorAssert.Close(Golden("penultimate_normed", float32), encoder.Encode(tokens, 1), 1e-4, "penultimate_normed");
        TensorAssert.Close(Golden("pooler_output", float32), encoder.Pooled(tokens, states), 1e-4, "pooler_output");

        using var engine = Engines.UseAny();
        using var evaluator = new TextEvaluator(encoder, CPU);
        TensorAssert.Close(Golden("last_hidden_state", float32), evaluator.Evaluate(tokens), 1e-4, "by the engine");
        TensorAssert.Close(Golden("penultimate_normed", float32), evaluator.Evaluate(tokens, 1), 1e-4, "penultimate, engine");
    }

    [Fact]
    public void The_names_of_its_weights_are_those_of_the_published_model()
    {
        var names = TextEncoder.Describe(new TextEncoderConfig { NumHiddenLayers = 1 }).Nodes
            .SelectMany(node => node.Parameters.Select(parameter => $"{node.Name}.{parameter.Name}"));
        string[] layer =
            [.. from name in new[] { "k_proj", "v_proj", "q_proj", "out_proj" } select $"self_attn.{name}",
                "layer_norm1", "mlp.fc1", "mlp.fc2", "layer_norm2"];
        string[] wanted =
        [
            "text_model.embeddings.token_embedding.weight", "text_model.embeddings.position_embedding.weight",
            .. from name in layer from of in new[] { "weight", "bias" } select $"text_model.encoder.layers.0.{name}.{of}",
            "text_model.final_layer_norm.weight", "text_model.final_layer_norm.bias",
        ];
        Assert.Equal(wanted.Order(), names.Order());
        // of Stable Diffusion 1.x and 2.x
        Assert.Equal(123_060_480, new TextEncoderConfig
            { HiddenSize = 768, IntermediateSize = 3072, NumAttentionHeads = 12 }.ParameterCount);
        Assert.Equal(340_387_840, new TextEncoderConfig
            { HiddenSize = 1024, IntermediateSize = 4096, NumAttentionHeads = 16, NumHiddenLayers = 23 }.ParameterCount);
    }

    [Theory]
    [InlineData(nameof(EngineKind.On))]
    [InlineData(nameof(EngineKind.Plain))]
    public void The_engines_states_are_those_of_libtorch_and_depend_on_the_text_alone(string kind)
    {
        using var choice = Engines.Use(kind);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var encoder = Grown(TextEncoder.Create(Small, 3));
        var tokens = randint(50, [4, 9], dtype: int64);
        foreach (var (config, name) in new[] { (Small, "quick_gelu"), (Small with { HiddenAct = "gelu" }, "gelu") })
            foreach (int skip in new[] { 0, 1, 2 })
            {
                using var network = TextEncoder.Create(config);
                foreach (var (to, from) in network.parameters().Zip(encoder.parameters()))
                    to.copy_(from);
                using var evaluator = new TextEvaluator(network, CPU);
                var states = evaluator.Evaluate(tokens, skip);
                TensorAssert.Close(network.Encode(tokens, skip), states, 1e-5, $"{name}, {skip} layers left out");
                TensorAssert.Same(states.narrow(0, 2, 1), evaluator.Evaluate(tokens.narrow(0, 2, 1), skip));
            }
    }

    [Fact]
    public void Without_an_engine_libtorch_reads_one_text_at_a_time()
    {
        using var off = EngineChoice.Use(EngineKind.Off);
        using var scope = NewDisposeScope();
        using var encoder = Grown(TextEncoder.Create(Small, 3));
        var tokens = randint(50, [3, 7], dtype: int64);
        using var evaluator = new TextEvaluator(encoder, CPU);
        TensorAssert.Same(
            evaluator.Evaluate(tokens).narrow(0, 1, 1), evaluator.Evaluate(tokens.narrow(0, 1, 1)));
        Assert.Contains("0 to 49", Assert.Throws<ArgumentException>(
            () => evaluator.Evaluate(full([1, 2], 50, dtype: int64))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_token_sees_only_those_before_it()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var encoder = Grown(TextEncoder.Create(Small, 3));
        var tokens = randint(48, [1, 9], dtype: int64);
        var changed = tokens.clone();
        changed.narrow(1, 5, 4).fill_(7);
        var (states, others) = (encoder.call(tokens), encoder.call(changed));
        TensorAssert.Close(states.narrow(1, 0, 5), others.narrow(1, 0, 5), 1e-6);
        Assert.True(TensorAssert.Largest(states.narrow(1, 5, 4) - others.narrow(1, 5, 4)) > 0.1);
    }

    [Fact]
    public void The_pooled_state_is_at_the_first_end_or_where_2_says_so_at_the_largest_number()
    {
        using var scope = NewDisposeScope();
        using var encoder = TextEncoder.Create(Small);
        using var published = TextEncoder.Create(Small with { EosTokenId = 2 });
        var tokens = tensor(new long[] { 48, 3, 49, 49, 49, 48, 5, 6, 49, 49 }, [2, 5]);
        var states = rand(2, 5, 20);
        var wanted = stack([states[0, 2], states[1, 3]]);
        TensorAssert.Same(wanted, encoder.Pooled(tokens, states));
        TensorAssert.Same(wanted, published.Pooled(tokens, states));
    }

    [Fact]
    public void An_encoder_is_read_back_as_it_was_written_and_older_files_have_the_numbers_of_positions()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        using var encoder = TextEncoder.Create(Small, 5);
        TextEncoderFolder.Write(folder.Name, encoder);
        string weights = Path.Combine(folder.Name, TextEncoderFolder.WeightsFile);
        var file = SafetensorsFile.Read(weights);
        Assert.Equal("pt", file.Metadata["format"]);
        var numbers = new TensorData(ElementType.Int64, [1, 9], new byte[72]);
        SafetensorsFile.Write(weights, file.Tensors.Append(new("text_model.embeddings.position_ids", numbers)), file.Metadata);
        using var read = TextEncoderFolder.Read(folder.Name);
        Assert.Equal(Small, read.Config);
        foreach (var (wanted, there) in encoder.parameters().Zip(read.parameters()))
            TensorAssert.Same(wanted, there);
    }

    [Theory]
    [InlineData("""{"hidden_size": 20, "num_attention_heads": 3}""", "line 1: num_attention_heads = 3: must be a divisor of")]
    [InlineData("""{"hidden_act": "tanh"}""", "hidden_act = 'tanh': must be quick_gelu or gelu")]
    [InlineData("""{"vocab_size": "many"}""", "it must be a whole number")]
    [InlineData("""{"vocab_size": 0}""", "vocab_size = 0: must be between 1 and")]
    [InlineData("""{"vocab_size": 50, "hidden_size": 20, "num_hidden_layers": 1, "num_attention_heads": 2}""",
        "has, but the network does not, the weights")]
    public void A_description_that_makes_no_encoder_is_named_in_one_line(string json, string message)
    {
        using var folder = new TemporaryFolder();
        using var encoder = TextEncoder.Create(Small);
        TextEncoderFolder.Write(folder.Name, encoder);
        File.WriteAllText(Path.Combine(folder.Name, TextEncoderFolder.ConfigFile), json);
        var refused = Assert.Throws<MezzotintException>(() => TextEncoderFolder.Read(folder.Name));
        Assert.Contains(message, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);
    }

    [Fact]
    public void Keys_of_other_programs_are_passed_over_and_missing_ones_have_their_defaults()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(Path.Combine(folder.Name, TextEncoderFolder.ConfigFile),
            """{"_name_or_path": "x", "id2label": {"0": "a"}, "eos_token_id": null, "vocab_size": 7}""");
        Assert.Equal(new TextEncoderConfig { VocabSize = 7 }, TextEncoderFolder.ReadConfig(folder.Name));
    }

    /// <summary>Weights so large that each layer matters.</summary>
    private static TextEncoder Grown(TextEncoder encoder)
    {
        using var noGrad = no_grad();
        foreach (var parameter in encoder.parameters())
            parameter.add_(randn_like(parameter), alpha: 0.2);
        return encoder;
    }
}
