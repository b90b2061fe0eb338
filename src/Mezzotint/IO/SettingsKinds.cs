using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Training;

namespace Mezzotint.IO;

/// <summary>Settings that are one of several records: the key <c>kind</c> of their table names which.</summary>
internal static class SettingsKinds
{
    /// <summary>The key that names the kind; in files it comes first.</summary>
    public const string Key = "kind";

    private static readonly Dictionary<Type, (string Kind, Type Type)[]> Known = new()
    {
        [typeof(NetworkConfig)] =
        [
            ("unet", typeof(UNetConfig)), ("residual-unet", typeof(ResidualUNetConfig)),
        ],
        [typeof(NoiseProcess)] =
        [
            ("ve", typeof(VarianceExploding)), ("vp", typeof(VariancePreserving)), ("sub-vp", typeof(SubVariancePreserving)),
            ("edm", typeof(Edm)), ("flow", typeof(FlowMatching)),
        ],
        [typeof(NoiseSchedule)] =
        [
            ("linear", typeof(LinearSchedule)), ("scaled-linear", typeof(ScaledLinearSchedule)),
            ("cosine", typeof(CosineSchedule)), ("sigmoid", typeof(SigmoidSchedule)),
        ],
        [typeof(Parameterisation)] =
        [
            ("score", typeof(ScoreParameterisation)), ("epsilon", typeof(EpsilonParameterisation)), ("x0", typeof(ImageParameterisation)),
            ("v", typeof(VelocityParameterisation)), ("flow", typeof(FlowParameterisation)), ("edm", typeof(EdmPreconditioning)),
        ],
        [typeof(LossWeighting)] =
        [
            ("seed", typeof(SeedWeighting)), ("simple", typeof(SimpleWeighting)), ("edm", typeof(EdmWeighting)),
            ("min-snr", typeof(MinSnrWeighting)), ("soft-min-snr", typeof(SoftMinSnrWeighting)), ("p2", typeof(P2Weighting)),
        ],
        [typeof(TimeDistribution)] =
        [
            ("uniform", typeof(UniformTimes)), ("log-normal", typeof(LogNormalLevels)), ("logit-normal", typeof(LogitNormalTimes)),
        ],
        [typeof(LearningRateSchedule)] =
        [
            ("constant", typeof(ConstantRate)), ("linear", typeof(LinearRate)), ("cosine", typeof(CosineRate)), ("inverse-sqrt", typeof(InverseSquareRootRate)),
        ],
        [typeof(Distillation)] =
        [
            ("none", typeof(NoDistillation)), ("consistency", typeof(ConsistencyTuning)),
        ],
        [typeof(WeightAverage)] =
        [
            ("none", typeof(NoAverage)), ("ema", typeof(ExponentialAverage)), ("power", typeof(PowerAverage)),
        ],
    };

    /// <summary>Whether settings of a type have kinds.</summary>
    public static bool Has(Type type) => Known.ContainsKey(type);

    /// <summary>The names of the kinds of a type.</summary>
    public static IReadOnlyList<string> Names(Type type) => [.. Known[type].Select(entry => entry.Kind)];

    /// <summary>The record of a kind; null where there is none of that name.</summary>
    public static Type? Find(Type type, string kind) => Array.Find(Known[type], entry => entry.Kind == kind).Type;

    /// <summary>The name of a record's kind; null for a record of a program's own.</summary>
    public static string? NameOf(object record)
    {
        foreach (var kinds in Known.Values)
            if (Array.Find(kinds, entry => entry.Type == record.GetType()) is { Kind: { } kind })
                return kind;
        return null;
    }
}
