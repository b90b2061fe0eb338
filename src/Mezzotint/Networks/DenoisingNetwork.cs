using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Networks;

/// <summary>
/// A network F(x, t, condition) from noisy images to images: what it predicts of them is for a <see
/// cref="Noise.Parameterisation"/>
/// to say.
/// </summary>
/// <remarks>
/// Its modules and what they compute are those of its configuration's description, <see cref="NetworkConfig.Describe"/>.
/// </remarks>
public abstract class DenoisingNetwork : nn.Module<Tensor, Tensor, Condition, Tensor>
{
    private readonly DescribedProgram _program;

    private protected DenoisingNetwork(NetworkConfig config, string name, long? seed) : base(Checked(config, name))
    {
        Config = config.Filled(config.CorpusLength, config.InChannels); // what is built is open no more
        if (seed is { } fresh)
            random.manual_seed(fresh); // modules draw from the process's generator; nothing else in this library does
        Description = config.Describe();
        var modules = new DescribedModules(this, Description, isFresh: seed is not null);
        _program = new(modules, Description, Description.Inputs, Description.Outputs[0]);
    }

    /// <summary>The shape of the network.</summary>
    public NetworkConfig Config { get; }

    /// <summary>Its layers.</summary>
    internal NetworkDescription Description { get; }

    /// <summary>Predicts.</summary>
    /// <param name="x">Noisy images: [B, C, H, W]; H and W are multiples of <see cref="NetworkConfig.Stride"/>.</param>
    /// <param name="t">Times as the parameterisation tells them: [B].</param>
    /// <param name="condition">
    /// What is asked for: B rows of classes, or of the context that the network is described with.
    /// </param>
    /// <returns>[B, C, H, W].</returns>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public override Tensor forward(Tensor x, Tensor t, Condition condition)
    {
        ArgumentNullException.ThrowIfNull(condition);
        condition = Config.InRows(condition);
        CheckShapes(x, t, condition);
        return _program.Run(Inputs(x, t, condition));
    }

    /// <summary>The same; <paramref name="watch"/> sees what each layer makes.</summary>
    internal Tensor Watched(Tensor x, Tensor t, Condition condition, Action<Node, Tensor> watch) =>
        _program.Run(Inputs(x, t, condition), watch);

    /// <summary>Finds what is wrong before TorchSharp allocates anything, or fails to load.</summary>
    private static string Checked(NetworkConfig config, string name)
    {
        config.Validate();
        config.EstimateMemory().Check();
        Libtorch.Load();
        return name;
    }

    /// <summary>What the description reads, in its order.</summary>
    private Tensor?[] Inputs(Tensor x, Tensor t, Condition condition) => [.. Description.Inputs.Select(input => input.Of switch
    {
        "x" => x,
        "t" => t,
        InputNode.Changes => condition.Changes ?? zeros([x.shape[0], input.Channels], device: x.device),
        var name => condition.Input(name),
    })];

    /// <summary>Checks that a condition has what the network reads.</summary>
    /// <exception cref="ArgumentException">It lacks something, or has it in another width.</exception>
    internal void Check(Condition condition)
    {
        foreach (var input in Description.Inputs.Where(input => input.Of is not ("x" or "t")))
        {
            var given = condition.Input(input.Of);
            if (given is null && input.Of == InputNode.Changes)
                continue;
            if (given is null && input.Form != ValueForm.Mask)
                throw new ArgumentException($"The network asks for {input.Of}, and the condition has none.", nameof(condition));
            if (input.Form is ValueForm.Tokens or ValueForm.Vector && given!.shape[^1] != input.Channels)
                throw new ArgumentException(
                    $"The network asks for {input.Of} of {input.Channels} numbers, not {given.shape[^1]}.", nameof(condition));
        }
    }

    // libtorch ends the process over some wrong shapes, so they are found here.
    private void CheckShapes(Tensor x, Tensor t, Condition condition)
    {
        if (x.dim() != 4 || x.shape[1] != Config.InChannels)
            throw new ArgumentException($"Images must be [B, {Config.InChannels}, H, W], not [{string.Join(", ", x.shape)}].",
                nameof(x));
        if (x.shape[2] % Config.Stride != 0 || x.shape[3] % Config.Stride != 0 || x.shape[2] == 0 || x.shape[3] == 0)
            throw new ArgumentException(
                $"Images of {x.shape[2]} x {x.shape[3]} do not fit this network: the sides must be multiples of {Config.Stride}.",
                nameof(x));
        if (t.dim() != 1 || t.shape[0] != x.shape[0])
            throw new ArgumentException($"Times must be [{x.shape[0]}], one an image, not [{string.Join(", ", t.shape)}].",
                nameof(t));
        if (condition.Count != x.shape[0])
            throw new ArgumentException($"The condition must have {x.shape[0]} rows, one an image, not {condition.Count}.",
                nameof(condition));
        Check(condition);
    }
}
