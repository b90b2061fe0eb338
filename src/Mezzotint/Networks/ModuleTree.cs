using System.Globalization;
using System.Text;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mezzotint.Networks;

/// <summary>Prints a network as PyTorch prints it: one line a module, children indented by two.</summary>
public static class ModuleTree
{
    /// <summary>The tree of <paramref name="module"/>, without a line break at its end.</summary>
    public static string Print(nn.Module module)
    {
        ArgumentNullException.ThrowIfNull(module);
        var text = new StringBuilder();
        Append(text, module, "");
        return text.ToString();
    }

    private static void Append(StringBuilder text, nn.Module module, string indent)
    {
        text.Append(TypeName(module)).Append('(');
        var children = module.named_children().ToList();
        if (children.Count == 0)
        {
            text.Append(Arguments(module)).Append(')');
            return;
        }
        foreach (var (name, child) in children)
        {
            text.Append('\n').Append(indent).Append("  (").Append(name).Append("): ");
            Append(text, child, indent + "  ");
        }
        text.Append('\n').Append(indent).Append(')');
    }

    private static string TypeName(nn.Module module) =>
        module.GetType() is var type && type.Assembly == typeof(nn).Assembly ? type.Name.Split('`')[0] : module.GetName();

    private static string Arguments(nn.Module module) => module switch
    {
        Embedding m => $"{m.weight!.shape[0]}, {m.weight.shape[1]}",
        Linear m => $"in_features={m.in_features}, out_features={m.out_features}, bias={Python(m.bias is not null)}",
        ConvolutionTranspose m => Convolution(m, $", output_padding={Tuple(m.output_padding!)}"),
        Convolution m => Convolution(m, ""),
        GroupNorm m => $"{m.num_groups}, {m.weight!.shape[0]}, eps={Python(m.eps)}, affine={Python(m.affine)}",
        LayerNorm m => $"{Tuple(m.normalized_shape)}, eps={Python(m.eps)}, elementwise_affine={Python(m.elementwise_affine)}",
        _ => "",
    };

    private static string Convolution(Convolution m, string outputPadding) =>
        $"{m.in_channels}, {m.out_channels}, kernel_size={Tuple(m.kernel_size)}, stride={Tuple(m.stride)}"
        + (m.padding is { } padding && padding.Any(p => p != 0) ? $", padding={Tuple(padding)}" : "")
        + outputPadding
        + (m.bias is null ? ", bias=False" : "");

    private static string Tuple(IEnumerable<long> values) =>
        values.ToArray() is [var single] ? $"({single},)" : $"({string.Join(", ", values)})";

    private static string Python(bool value) => value ? "True" : "False";

    /// <summary>Python writes 1e-05 where .NET writes 1E-05.</summary>
    private static string Python(double value) => value.ToString("R", CultureInfo.InvariantCulture).Replace('E', 'e');
}
