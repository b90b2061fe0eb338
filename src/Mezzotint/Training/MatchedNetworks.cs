using Mezzotint.Networks;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>The three networks of <see cref="DistributionMatching"/>, of one shape. The teacher stays as it is.</summary>
internal sealed class MatchedNetworks : nn.Module
{
    /// <summary>Makes them, the student and the critic with fresh weights.</summary>
    /// <param name="model">Their shape.</param>
    /// <param name="teacher">Gives its weights to the teacher and the critic; null where they are written later.</param>
    /// <param name="seed">Of the fresh weights.</param>
    public MatchedNetworks(NetworkConfig model, DenoisingNetwork? teacher, long seed) : base(nameof(MatchedNetworks))
    {
        (Student, Critic, Teacher) = (model.Build(seed), model.Build(seed), model.Build(seed));
        register_module("student", Student);
        register_module("critic", Critic);
        register_module("teacher", Teacher);
        foreach (var parameter in Teacher.parameters())
            parameter.requires_grad = false;
        if (teacher is null)
            return;
        Teacher.CopyFrom(teacher, newClasses: false);
        Critic.CopyFrom(teacher, newClasses: false);
    }

    /// <summary>Draws images in few steps.</summary>
    public DenoisingNetwork Student { get; }

    /// <summary>Learns to take noise off the student's images.</summary>
    public DenoisingNetwork Critic { get; }

    /// <summary>Takes noise off real images.</summary>
    public DenoisingNetwork Teacher { get; }
}
