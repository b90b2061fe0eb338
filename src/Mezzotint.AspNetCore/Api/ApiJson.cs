using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Mvc;

namespace Mezzotint.AspNetCore.Api;

/// <summary>
/// How the API writes JSON, and what its document says of requests: made by the compiler, as programs compiled ahead of time have
/// no reflection for it.
/// </summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ImagesAnswer))]
[JsonSerializable(typeof(ImageEvent))]
[JsonSerializable(typeof(ErrorBody))]
[JsonSerializable(typeof(ProblemDetails))]
[JsonSerializable(typeof(ModelList))]
[JsonSerializable(typeof(PromptTokens))]
[JsonSerializable(typeof(Health))]
[JsonSerializable(typeof(QueueState))]
[JsonSerializable(typeof(SamplerList))]
[JsonSerializable(typeof(DenoiseAnswer))]
[JsonSerializable(typeof(DenoiseBody))]
[JsonSerializable(typeof(AttentionAnswer))]
[JsonSerializable(typeof(AttentionBody))]
[JsonSerializable(typeof(NearestBody))]
[JsonSerializable(typeof(NearestAnswer))]
[JsonSerializable(typeof(MeasureBody))]
[JsonSerializable(typeof(MeasureAnswer))]
[JsonSerializable(typeof(ReportAnswer))]
[JsonSerializable(typeof(DataAnswer))]
[JsonSerializable(typeof(TrainingBody))]
[JsonSerializable(typeof(TrainingList))]
[JsonSerializable(typeof(TrainingFacts))]
[JsonSerializable(typeof(EstimateBody))]
[JsonSerializable(typeof(TrainingEstimate))]
[JsonSerializable(typeof(ScheduleAnswer))]
[JsonSerializable(typeof(PlaneField))]
[JsonSerializable(typeof(PlanePaths))]
[JsonSerializable(typeof(RunList))]
[JsonSerializable(typeof(RunDescription))]
[JsonSerializable(typeof(GenerationBody))]
[JsonSerializable(typeof(EditBody))]
[JsonSerializable(typeof(string))]
internal sealed partial class ApiJson : JsonSerializerContext;
