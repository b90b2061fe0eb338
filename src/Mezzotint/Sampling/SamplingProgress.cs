namespace Mezzotint.Sampling;

/// <summary>How far a drawing is.</summary>
/// <param name="Evaluations">Network evaluations done, counted by image; a guided estimate takes two, the weaker model's being
/// one.</param>
/// <param name="TotalEvaluations">Those of the whole request; an estimate where the solver chooses its own steps.</param>
public sealed record SamplingProgress(long Evaluations, long TotalEvaluations);
