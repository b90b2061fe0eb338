using static TorchSharp.torch;

namespace Mezzotint.Networks;

/// <summary>
/// The condition of a network, a row for each image. It is class tokens, or a context such as the encoded words of a prompt, with
/// an optional mask of its tokens and an optional pooled vector.
/// </summary>
/// <remarks>A condition owns nothing: its tensors are the caller's, and live as long as it is used.</remarks>
public sealed class Condition
{
    private Condition(Tensor? classes, Tensor? context, Tensor? mask, Tensor? pooled, Tensor? changes = null) =>
        (Classes, Context, Mask, Pooled, Changes) = (classes, context, mask, pooled, changes);

    /// <summary>Class tokens: int64 [B, K]; null where there is a context.</summary>
    public Tensor? Classes { get; }

    /// <summary>Tokens: float [B, T, D]; null where there are classes.</summary>
    public Tensor? Context { get; }

    /// <summary>Which tokens of the context count: bool [B, T]; null for all.</summary>
    public Tensor? Mask { get; }

    /// <summary>One vector for all of the context: float [B, D]; null for none.</summary>
    public Tensor? Pooled { get; }

    /// <summary>How the training changed each image: float [B, D]; null where it did not.</summary>
    internal Tensor? Changes { get; }

    /// <summary>Rows, B: one for each image, or a single one for all images alike.</summary>
    public long Count => First.shape[0];

    /// <summary>Tokens of a row: K or T.</summary>
    public long Tokens => First.shape[1];

    private Tensor First => Classes ?? Context!;

    /// <summary>A condition of classes.</summary>
    /// <param name="classes">int64 [B, K]; one class an image is K = 1.</param>
    /// <exception cref="ArgumentException">It is of another type or shape.</exception>
    public static Condition OfClasses(Tensor classes)
    {
        ArgumentNullException.ThrowIfNull(classes);
        Refuse(
            classes.dim() != 2 || classes.dtype != ScalarType.Int64, "Labels must be int64 [images, tokens]", classes,
            nameof(classes));
        return new(classes, null, null, null);
    }

    /// <summary>A condition of one class an image.</summary>
    /// <param name="labels">The classes.</param>
    /// <param name="device">Where the tensor is made; by default the CPU.</param>
    public static Condition OfLabels(IEnumerable<int> labels, Device? device = null)
    {
        long[] numbers = [.. labels.Select(label => (long)label)];
        return new(tensor(numbers, [numbers.Length, 1], device: device ?? CPU), null, null, null);
    }

    /// <summary>A condition of a context.</summary>
    /// <param name="context">Tokens: float [B, T, D].</param>
    /// <param name="mask">Which tokens count: bool [B, T]; null for all.</param>
    /// <param name="pooled">One vector for all: float [B, D]; null for none.</param>
    /// <exception cref="ArgumentException">One is of another type or shape, or they do not fit each other.</exception>
    public static Condition OfContext(Tensor context, Tensor? mask = null, Tensor? pooled = null)
    {
        ArgumentNullException.ThrowIfNull(context);
        Refuse(
            context.dim() != 3 || !context.is_floating_point(), "A context must be float [images, tokens, width]", context,
            nameof(context));
        if (mask is not null)
            Refuse(
                mask.dtype != ScalarType.Bool || mask.dim() != 2 || mask.shape[0] != context.shape[0]
                    || mask.shape[1] != context.shape[1],
                $"The mask must be bool [{context.shape[0]}, {context.shape[1]}]", mask, nameof(mask));
        if (pooled is not null)
            Refuse(!pooled.is_floating_point() || pooled.dim() != 2 || pooled.shape[0] != context.shape[0],
                $"The pooled vector must be float [{context.shape[0]}, width]", pooled, nameof(pooled));
        return new(null, context, mask, pooled);
    }

    /// <summary>The same, and how the training has changed the images.</summary>
    internal Condition WithChanges(Tensor changes) => new(Classes, Context, Mask, Pooled, changes);

    /// <summary>Some of the rows.</summary>
    /// <param name="start">The first.</param>
    /// <param name="count">How many.</param>
    public Condition Rows(long start, long count) => Map(tensor => tensor.narrow(0, start, count));

    /// <summary>A row for each of so many images: the same rows, or copies of the single one.</summary>
    /// <exception cref="ArgumentException">There are other rows than one and so many.</exception>
    public Condition For(long images) => Count == images ? this
        : Count == 1 ? Map(tensor => tensor.expand([images, .. tensor.shape[1..]]))
        : throw new ArgumentException($"The condition has {Count} rows, and is asked for {images} images.", nameof(images));

    /// <summary>The same on a device.</summary>
    public Condition To(Device device) => Map(tensor => tensor.to(device));

    /// <summary>Whether the rows of both can stand in one batch: of the same kind, with as many tokens.</summary>
    public bool Joins(Condition other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return Shape(Classes) == Shape(other.Classes) && Shape(Context) == Shape(other.Context)
            && Shape(Mask) == Shape(other.Mask)
            && Shape(Pooled) == Shape(other.Pooled) && Shape(Changes) == Shape(other.Changes);
        static (long, long)? Shape(Tensor? tensor) => tensor is null ? null : (tensor.shape[1], tensor.shape[^1]);
    }

    /// <summary>The rows of several conditions, one after the other; they must join.</summary>
    public static Condition Concatenate(IReadOnlyList<Condition> parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        Tensor? All(Func<Condition, Tensor?> of) => of(parts[0]) is null ? null : cat([.. parts.Select(part => of(part)!)]);
        return parts.Count == 1 ? parts[0]
            : new(All(part => part.Classes), All(part => part.Context), All(part => part.Mask), All(part => part.Pooled),
                All(part => part.Changes));
    }

    /// <summary>The same, outliving the dispose scope that it was made in: its tensors are freed with it.</summary>
    internal Condition Detached() => Map(tensor => tensor.DetachFromDisposeScope());

    /// <summary>The tensor that a network's description calls by a name; null where this condition has none.</summary>
    internal Tensor? Input(string name) => name switch
    {
        "labels" => Classes,
        "context" => Context,
        "mask" => Mask,
        "pooled" => Pooled,
        InputNode.Changes => Changes,
        _ => null,
    };

    /// <summary>The same with each tensor changed: moved, cut, copied.</summary>
    internal Condition Map(Func<Tensor, Tensor> change)
    {
        Tensor? Changed(Tensor? tensor) => tensor is null ? null : change(tensor);
        return new(Changed(Classes), Changed(Context), Changed(Mask), Changed(Pooled), Changed(Changes));
    }

    private static void Refuse(bool wrong, string expected, Tensor given, string parameter)
    {
        if (wrong)
            throw new ArgumentException($"{expected}, not {given.dtype} [{string.Join(", ", given.shape)}].", parameter);
    }
}
