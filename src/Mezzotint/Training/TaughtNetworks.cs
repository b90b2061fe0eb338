using Mezzotint.Networks;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>A student and its teacher, of one shape. The teacher stays as it is.</summary>
internal sealed class TaughtNetworks : nn.Module
{
    /// <summary>Makes them, the student with fresh weights.</summary>
    /// <param name="model">Their shape.</param>
    /// <param name="teacher">Gives its weights to the teacher; null where they are written later.</param>
    /// <param name="seed">Of the fresh weights.</param>
    public TaughtNetworks(NetworkConfig model, DenoisingNetwork? teacher, long seed) : base(nameof(TaughtNetworks))
    {
        (Student, Teacher) = (model.Build(seed), model.Build(seed));
        register_module("student", Student);
        register_module("teacher", Teacher);
        foreach (var parameter in Teacher.parameters())
            parameter.requires_grad = false;
        if (teacher is not null)
            Teacher.CopyFrom(teacher, newClasses: false);
    }

    /// <summary>Draws images in few steps.</summary>
    public DenoisingNetwork Student { get; }

    /// <summary>Takes noise off real images.</summary>
    public DenoisingNetwork Teacher { get; }
}
