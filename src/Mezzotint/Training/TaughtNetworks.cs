using Mezzotint.Networks;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>A student and its teacher, of one shape; with a critic for <see cref="DistributionMatching"/>. The teacher stays as
/// it is.</summary>
internal sealed class TaughtNetworks : nn.Module
{
    /// <summary>Makes them, the student and the critic with fresh weights.</summary>
    /// <param name="model">Their shape.</param>
    /// <param name="teacher">Gives its weights to the teacher and the critic; null where they are written later.</param>
    /// <param name="hasCritic">Whether there is a critic.</param>
    /// <param name="seed">Of the fresh weights.</param>
    public TaughtNetworks(NetworkConfig model, DenoisingNetwork? teacher, bool hasCritic, long seed) : base(nameof(TaughtNetworks))
    {
        (Student, Teacher) = (model.Build(seed), model.Build(seed));
        register_module("student", Student);
        if (hasCritic)
        {
            Critic = model.Build(seed);
            register_module("critic", Critic);
        }
        register_module("teacher", Teacher);
        foreach (var parameter in Teacher.parameters())
            parameter.requires_grad = false;
        if (teacher is null)
            return;
        Teacher.CopyFrom(teacher, newClasses: false);
        Critic?.CopyFrom(teacher, newClasses: false);
    }

    /// <summary>Draws images in few steps.</summary>
    public DenoisingNetwork Student { get; }

    /// <summary>Learns to take noise off the student's images; null where there is none.</summary>
    public DenoisingNetwork? Critic { get; }

    /// <summary>Takes noise off real images.</summary>
    public DenoisingNetwork Teacher { get; }
}
