using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.OpenApi;

namespace Mezzotint.AspNetCore.Api;

/// <summary>A parameter of a query, as the OpenAPI document has it; <see cref="RequestFields"/> reads them one by one, so that
/// errors name them.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its type.</param>
/// <param name="Description">What it says, with its default.</param>
/// <param name="Least">The least number that is taken; null where it is none.</param>
/// <param name="Most">The largest.</param>
internal sealed record QueryField(
    string Name, JsonSchemaType Type, string Description, double? Least = null, double? Most = null)
{
    public static QueryField Text(string name, string description) => new(name, JsonSchemaType.String, description);

    public static QueryField Whole(string name, string description, long least, long most) =>
        new(name, JsonSchemaType.Integer, description, least, most);

    public static QueryField Number(string name, string description, double least, double most) =>
        new(name, JsonSchemaType.Number, description, least, most);

    public static QueryField Flag(string name, string description) => new(name, JsonSchemaType.Boolean, description);

    /// <summary>The model, of every address that asks one.</summary>
    public static QueryField Model { get; } = Text("model", "The model's name; the first that is served may be left out.");

    public OpenApiParameter ToParameter() => new()
    {
        Name = Name, In = ParameterLocation.Query, Description = Description,
        Schema = new OpenApiSchema { Type = Type, Minimum = Written(Least), Maximum = Written(Most) },
    };

    private static string? Written(double? number) => number?.ToString(CultureInfo.InvariantCulture);
}

internal static class QueryFields
{
    /// <summary>Says in the OpenAPI document which parameters a query may have.</summary>
    public static RouteHandlerBuilder WithQuery(this RouteHandlerBuilder endpoint, params QueryField[] fields) =>
        endpoint.AddOpenApiOperationTransformer((operation, _, _) =>
        {
            operation.Parameters = [.. operation.Parameters ?? [], .. fields.Select(field => field.ToParameter())];
            return Task.CompletedTask;
        });
}
