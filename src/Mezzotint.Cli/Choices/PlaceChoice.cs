using System.CommandLine.Parsing;
using System.CommandLine;
using Mezzotint.Engine;
using Mezzotint.Models;
using Mezzotint.Runtime;

namespace Mezzotint.Cli.Choices;

/// <summary>Where a model is computed, and with what numbers: --device and --precision.</summary>
internal sealed class PlaceChoice
{
    private readonly Option<string> _device = Options.Device();

    private readonly Option<string> _precision = new("--precision")
    {
        HelpName = "NAME",
        Description = $"With what numbers it is computed: {string.Join(", ", ComputePrecision.Names)}. The first is "
            + $"{ComputePrecision.Bfloat16} where the processor has it, else {ComputePrecision.Float32}.",
        DefaultValueFactory = _ => ComputePrecision.Automatic,
        CustomParser = result => Options.Chosen(result, [.. ComputePrecision.Names]),
    };

    public IReadOnlyList<Option> All => [_device, _precision];

    public Chosen Read(ParseResult result) =>
        new(result.GetValue(_device)!, result.GetValue(_precision)!, result.GetResult(_precision) is { Implicit: false });

    /// <summary>What was chosen.</summary>
    /// <param name="Device">The name of the device.</param>
    /// <param name="Precision">The name of the precision.</param>
    /// <param name="SaysPrecision">Whether that was said.</param>
    public sealed record Chosen(string Device, string Precision, bool SaysPrecision)
    {
        /// <summary>Reads the model in a folder that <see cref="ModelSource.Find"/> gave, for a device that may not be
        /// there.</summary>
        /// <param name="folder">The folder or file.</param>
        /// <param name="opening">What a single file does not say.</param>
        /// <exception cref="MezzotintException">The device, the precision or the model is not to be had.</exception>
        public LoadedModel Load(string folder, ModelOpening? opening = null)
        {
            var device = ComputeDevice.Named(Device);
            ComputePrecision.Resolve(Precision, device);
            opening = (opening ?? new()) with { Narrow = device.type == TorchSharp.DeviceType.CPU };
            return ModelPath.Read(folder, opening).To(device).With(Precision);
        }

        /// <summary>The same with the precision that a picture was drawn with, unless another was asked for.</summary>
        public Chosen Like(string precision) => SaysPrecision ? this : this with { Precision = precision };
    }
}
