using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mezzotint.Networks;

/// <summary>
/// CLIP's text encoder: a transformer in which each token sees those before it. Names and values are those of transformers'
/// <c>CLIPTextModel</c>, which Stable Diffusion takes its context from.
/// </summary>
/// <remarks>
/// Radford et al. 2021, arXiv 2103.00020, section 2.4: x = words + positions; for each layer x += attention(norm(x)),
/// x += perceptron(norm(x)); a last normalisation. What fills a text up is read as any token: behind the end, it changes nothing
/// before it.
/// </remarks>
public sealed class TextEncoder : nn.Module<Tensor, Tensor>
{
    private readonly DescribedProgram[] _states; // tokens to the state after each layer, from the first on
    private readonly DescribedProgram _norm;

    private TextEncoder(TextEncoderConfig config, NetworkDescription description, bool isFresh = true)
        : base(description.Root.Type)
    {
        Config = config;
        var modules = new DescribedModules(this, description, isFresh);
        var (normed, states) = (description.Outputs[0], description.Outputs.Skip(1).ToArray());
        _states = [.. states.Select(state => new DescribedProgram(modules, description, description.Inputs, state))];
        _norm = new(modules, description, [states[^1]], normed);
    }

    /// <summary>The shape.</summary>
    public TextEncoderConfig Config { get; }

    /// <summary>Builds an encoder with fresh weights.</summary>
    /// <param name="config">The shape.</param>
    /// <param name="seed">Of the weights: the same seed gives the same weights, bit for bit. 0 to 2^32 - 1.</param>
    /// <exception cref="MezzotintException">The shape is impossible.</exception>
    public static TextEncoder Create(TextEncoderConfig config, long seed = 0)
    {
        ArgumentNullException.ThrowIfNull(config);
        config.Validate();
        random.manual_seed(seed); // modules draw from the process's generator
        var encoder = new TextEncoder(config, Describe(config, withStates: true));
        encoder.DrawWeights();
        return encoder;
    }

    /// <summary>An encoder with memory that is still to be filled in place of most weights.</summary>
    internal static TextEncoder Unfilled(TextEncoderConfig config)
    {
        config.Validate();
        Runtime.Libtorch.Load();
        return new TextEncoder(config, Describe(config, withStates: true), isFresh: false);
    }

    /// <summary>A copy on the CPU that knows more words.</summary>
    /// <param name="vectors">Theirs: [n, D], on the CPU; they come behind the last.</param>
    internal TextEncoder WithWords(Tensor vectors)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var config = Config with { VocabSize = Config.VocabSize + (int)vectors.shape[0] };
        var grown = new TextEncoder(config, Describe(config, withStates: true));
        var own = named_parameters().ToDictionary(named => named.name, named => named.parameter);
        foreach (var (name, parameter) in grown.named_parameters())
            parameter.copy_(name.EndsWith(".token_embedding.weight", StringComparison.Ordinal)
                ? cat([own[name].cpu(), vectors], 0) : own[name]).DetachFromDisposeScope();
        return grown;
    }

    /// <summary>The hidden states of texts.</summary>
    /// <param name="tokens">int64 [B, T], T up to <see cref="TextEncoderConfig.MaxPositionEmbeddings"/>.</param>
    /// <returns>After the last normalisation: [B, T, D].</returns>
    /// <exception cref="ArgumentException">The tokens are of another type or shape.</exception>
    public override Tensor forward(Tensor tokens) => Encode(tokens, skip: 0);

    /// <summary>The hidden states of texts without the last layers: "clip skip".</summary>
    /// <param name="tokens">int64 [B, T], T up to <see cref="TextEncoderConfig.MaxPositionEmbeddings"/>.</param>
    /// <param name="skip">How many layers are left out: 0 to all but one. 1 takes the last state but one.</param>
    /// <returns>After the last normalisation: [B, T, D].</returns>
    /// <exception cref="ArgumentException">The tokens are of another type or shape, or there are not so many layers.</exception>
    public Tensor Encode(Tensor tokens, int skip)
    {
        CheckTokens(tokens);
        ArgumentOutOfRangeException.ThrowIfNegative(skip);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(skip, _states.Length);
        using var scope = NewDisposeScope();
        return _norm.Run([_states[^(skip + 1)].Run([tokens])]).MoveToOuterDisposeScope();
    }

    /// <summary>The state at the end of each text, which stands for the whole of it.</summary>
    /// <param name="tokens">int64 [B, T].</param>
    /// <param name="states">What <see cref="forward"/> gives of them: [B, T, D].</param>
    /// <returns>[B, D].</returns>
    public Tensor Pooled(Tensor tokens, Tensor states)
    {
        ArgumentNullException.ThrowIfNull(states);
        using var scope = NewDisposeScope();
        var places = Ends(tokens).view(-1, 1, 1).expand(-1, 1, states.shape[2]);
        return states.gather(1, places).squeeze(1).MoveToOuterDisposeScope();
    }

    /// <summary>The place of the end of each text: int64 [B].</summary>
    internal Tensor Ends(Tensor tokens)
    {
        CheckTokens(tokens);
        using var scope = NewDisposeScope();
        using TorchSharp.Scalar end = Config.EosTokenId; // held while libtorch reads it: see TensorArithmetic
        return (Config.EndToken is null ? tokens : tokens.eq(end).to(int64)).argmax(1) // the first
            .MoveToOuterDisposeScope();
    }

    /// <summary>The layers; the last hidden state first, then where they are asked for those after each layer.</summary>
    internal static NetworkDescription Describe(TextEncoderConfig config, bool withStates = false)
    {
        var net = new NetworkBuilder("CLIPTextModel");
        var tokens = net.Indices("tokens");
        using var model = net.Module("text_model", "CLIPTextTransformer");
        var x = Embedded(net, tokens, config);
        var states = new List<Node>();
        using (net.Module("encoder", "CLIPEncoder"))
            for (int i = 0; i < config.NumHiddenLayers; i++)
                states.Add(x = Layer(net, $"layers.{i}", x, config));
        var normed = net.LayerNorm("final_layer_norm", x, config.LayerNormEps);
        return withStates ? net.Build([normed, .. states]) : net.Build(normed);
    }

    private static Node Embedded(NetworkBuilder net, Node tokens, TextEncoderConfig config)
    {
        using var embeddings = net.Module("embeddings", "CLIPTextEmbeddings");
        var words = net.Embedding("token_embedding", tokens, config.VocabSize, config.HiddenSize);
        return net.Add(words, net.Positions("position_embedding", words, config.MaxPositionEmbeddings));
    }

    private static Node Layer(NetworkBuilder net, string name, Node x, TextEncoderConfig config)
    {
        using var layer = net.Module(name, "CLIPEncoderLayer");
        net.Children("self_attn", "layer_norm1", "mlp", "layer_norm2");
        x = net.Add(x, Attention(net, net.LayerNorm("layer_norm1", x, config.LayerNormEps), config.NumAttentionHeads));
        return net.Add(x, Perceptron(net, net.LayerNorm("layer_norm2", x, config.LayerNormEps), config));
    }

    private static Node Attention(NetworkBuilder net, Node x, int heads)
    {
        using var attention = net.Module("self_attn", "CLIPAttention");
        Node k = net.Linear("k_proj", x, x.Channels), v = net.Linear("v_proj", x, x.Channels);
        var q = net.Linear("q_proj", x, x.Channels);
        return net.Linear("out_proj", net.Attention(q, k, v, heads, causal: true), x.Channels);
    }

    private static Node Perceptron(NetworkBuilder net, Node x, TextEncoderConfig config)
    {
        using var perceptron = net.Module("mlp", "CLIPMLP");
        var inner = net.Linear("fc1", x, config.IntermediateSize);
        return net.Linear("fc2", config.HiddenAct == TextEncoderConfig.Gelu ? net.Gelu(inner) : net.QuickGelu(inner), x.Channels);
    }

    /// <summary>Normal weights whose deviations depend on width and depth, biases 0: as CLIP's authors draw them.</summary>
    private void DrawWeights()
    {
        const double words = 0.02, positions = 0.01;
        double width = 1 / Math.Sqrt(Config.HiddenSize), branch = width / Math.Sqrt(2 * Config.NumHiddenLayers);
        foreach (var (name, module) in named_modules())
            if (module is Embedding embedding)
                nn.init.normal_(embedding.weight!, 0, NameOf(name) == "token_embedding" ? words : positions);
            else if (module is Linear linear)
            {
                nn.init.normal_(linear.weight!, 0, NameOf(name) switch
                {
                    "out_proj" or "fc2" => branch,
                    "fc1" => width / Math.Sqrt(2),
                    _ => width,
                });
                nn.init.zeros_(linear.bias!);
            }

        static string NameOf(string path) => path.Split('.')[^1];
    }

    // libtorch ends the process over some wrong shapes, so they are found here.
    private void CheckTokens(Tensor tokens)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        if (tokens.dtype != int64 || tokens.dim() != 2 || tokens.shape[1] < 1 || tokens.shape[1] > Config.MaxPositionEmbeddings)
            throw new ArgumentException(
                $"Tokens must be int64 [B, T] with T from 1 to {Config.MaxPositionEmbeddings}, not {tokens.dtype} "
                + $"[{string.Join(", ", tokens.shape)}].", nameof(tokens));
    }
}
