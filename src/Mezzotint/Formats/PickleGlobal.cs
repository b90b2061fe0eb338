namespace Mezzotint.Formats;

/// <summary>What a global name of a pickle stands for here: a mere mark, with nothing of Python behind it.</summary>
/// <param name="Kind">What may be done with it.</param>
/// <param name="StorageType">The element type, for <see cref="PickleGlobalKind.Storage"/>.</param>
internal sealed record PickleGlobal(PickleGlobalKind Kind, ElementType StorageType = default)
{
    private static readonly Dictionary<string, PickleGlobal> Allowed = new()
    {
        ["collections.OrderedDict"] = new(PickleGlobalKind.OrderedDict),
        ["torch._utils._rebuild_tensor_v2"] = new(PickleGlobalKind.RebuildTensor),
        ["torch._utils._rebuild_parameter"] = new(PickleGlobalKind.RebuildParameter),
        ["torch.DoubleStorage"] = new(PickleGlobalKind.Storage, ElementType.Float64),
        ["torch.FloatStorage"] = new(PickleGlobalKind.Storage, ElementType.Float32),
        ["torch.HalfStorage"] = new(PickleGlobalKind.Storage, ElementType.Float16),
        ["torch.BFloat16Storage"] = new(PickleGlobalKind.Storage, ElementType.BFloat16),
        ["torch.LongStorage"] = new(PickleGlobalKind.Storage, ElementType.Int64),
        ["torch.IntStorage"] = new(PickleGlobalKind.Storage, ElementType.Int32),
        ["torch.ShortStorage"] = new(PickleGlobalKind.Storage, ElementType.Int16),
        ["torch.CharStorage"] = new(PickleGlobalKind.Storage, ElementType.Int8),
        ["torch.ByteStorage"] = new(PickleGlobalKind.Storage, ElementType.UInt8),
        ["torch.BoolStorage"] = new(PickleGlobalKind.Storage, ElementType.Bool),
    };

    /// <summary>The global of this name (<c>module.name</c>); null where it is not one of the few that are allowed.</summary>
    public static PickleGlobal? Find(string name) => Allowed.GetValueOrDefault(name);
}

/// <summary>What may be done with a <see cref="PickleGlobal"/>.</summary>
internal enum PickleGlobalKind
{
    /// <summary>Called without arguments, makes a dictionary.</summary>
    OrderedDict,
    /// <summary>Called with a storage, offset, shape and strides, makes a tensor.</summary>
    RebuildTensor,
    /// <summary>Called with a tensor, is that tensor.</summary>
    RebuildParameter,
    /// <summary>Names the element type of a storage.</summary>
    Storage,
}
