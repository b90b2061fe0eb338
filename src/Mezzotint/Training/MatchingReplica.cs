using Mezzotint.Engine;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>The three networks of <see cref="DistributionMatching"/> by engines, image by image.</summary>
internal sealed class MatchingReplica : Replica
{
    private readonly MatchingTask _task;
    private readonly NetworkEngine _student, _critic, _teacher;
    private readonly MatchedCalls _calls;

    private MatchingReplica(MatchingTask task, NetworkEngine student, NetworkEngine critic, NetworkEngine teacher)
    {
        (_task, _student, _critic, _teacher) = (task, student, critic, teacher);
        _calls = new(By(student), By(critic), By(teacher));
        static NetworkCall By(NetworkEngine engine) => (x, t, condition) => NetworkEvaluator.Evaluate(engine, x, t, condition);
    }

    /// <summary>The replica; null where there is no engine for such networks, or not on that device.</summary>
    public static MatchingReplica? Of(MatchingTask task, TaughtNetworks networks, int height, int width, Device device,
        string precision, bool training)
    {
        if (device.type != DeviceType.CPU)
            return null;
        bool bfloat16 = ComputePrecision.Resolve(precision, device, task.Model) == ComputePrecision.Bfloat16;
        int tokens = task.Model.RowsOfClass;
        if (!NetworkEngine.Exists(networks.Student.Description, height, width, bfloat16, tokens))
            return null;
        NetworkEngine For(DenoisingNetwork network, bool learns) =>
            NetworkEngine.For(network, height, width, bfloat16, learns, tokens)!;
        return new(task, For(networks.Student, training), For(networks.Critic!, training), For(networks.Teacher, false));
    }

    public override Tensor Losses(Tensor images, Tensor labels, BatchDraw draw) =>
        _task.Losses(_calls, labels, (MatchingDraw)draw);

    public override void Backward(Tensor images, Tensor labels, BatchDraw draw, long batch, Tensor loss)
    {
        _student.Pack(); // the weights have changed
        _critic.Pack();
        using var noGrad = no_grad();
        var all = (MatchingDraw)draw;
        double sum = 0;
        for (int i = 0; i < images.shape[0]; i++)
        {
            using var scope = NewDisposeScope();
            var (drawn, label) = (all.Slice(i, 1), labels.narrow(0, i, 1));
            var made = _task.Made(_calls.Student, label, drawn);
            if (all.TeachesStudent)
                sum += Backward(_student, _task.OfStudent(made, _calls, label, drawn), made.F, batch);
            var critic = _task.OfCritic(made, label, drawn);
            sum += Backward(_critic, critic, _calls.Critic(critic.X, critic.Times, critic.Condition), batch);
        }
        if (all.TeachesStudent)
            _student.TakeGradients();
        _critic.TakeGradients();
        using Scalar total = sum / batch;
        loss.fill_(total);
    }

    /// <summary>Adds the gradients of one image, whose output the engine has computed last.</summary>
    /// <returns>Its loss.</returns>
    private static unsafe double Backward(NetworkEngine engine, RegressionTerms image, Tensor f, long batch)
    {
        var (losses, gradient) = image.WithGradient(f);
        fixed (float* slopes = NetworkEvaluator.Numbers<float>(gradient.Over(batch)))
            engine.Backward(slopes);
        return losses.item<float>();
    }

    public override void Dispose()
    {
        _student.Dispose();
        _critic.Dispose();
        _teacher.Dispose();
    }
}
