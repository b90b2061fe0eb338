using System.Globalization;
using System.Text.Json;

namespace Mezzotint.AspNetCore.Api;

/// <summary>The fields of a request, from a JSON object or a form, each taken once, by its type; what nobody took is refused in
/// the end.</summary>
internal sealed class RequestFields
{
    /// <summary>Digits, a sign, a point and an exponent, without blanks.</summary>
    private const NumberStyles AsInJson =
        NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;

    private readonly Dictionary<string, object> _values = new(StringComparer.Ordinal);
    private readonly List<string> _known = [];

    /// <summary>Reads a JSON object. Null counts as absent.</summary>
    /// <exception cref="ApiError">The bytes are no JSON object.</exception>
    public static RequestFields OfJson(ReadOnlyMemory<byte> body)
    {
        var fields = new RequestFields();
        try
        {
            using var document = JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = 16 });
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw ApiError.Invalid(null, "The body must be one JSON object.", "invalid_json");
            foreach (var property in document.RootElement.EnumerateObject())
            {
                object? value = property.Value.ValueKind switch
                {
                    JsonValueKind.Null => null,
                    JsonValueKind.String => property.Value.GetString()!,
                    JsonValueKind.True or JsonValueKind.False => property.Value.GetBoolean(),
                    JsonValueKind.Number => property.Value.GetDouble(),
                    var kind => kind, // taken by nobody
                };
                if (value is not null && !fields._values.TryAdd(property.Name, value))
                    throw ApiError.Invalid(
                        ApiError.Cut(property.Name), $"The parameter '{ApiError.Cut(property.Name)}' is there twice.",
                        "duplicate_parameter");
            }
        }
        catch (Exception wrong) when (wrong is JsonException or InvalidOperationException or FormatException)
        {
            throw ApiError.Invalid(null, "The body is not valid JSON.", "invalid_json");
        }
        return fields;
    }

    /// <summary>Takes the text fields of a form; empty ones count as absent.</summary>
    public static RequestFields OfForm(IEnumerable<KeyValuePair<string, Microsoft.Extensions.Primitives.StringValues>> form)
    {
        var fields = new RequestFields();
        foreach (var (name, values) in form)
        {
            if (values.Count > 1)
                throw ApiError.Invalid(
                    ApiError.Cut(name), $"The parameter '{ApiError.Cut(name)}' is there twice.", "duplicate_parameter");
            if (values.ToString() is { Length: > 0 } text)
                fields._values.Add(name, text);
        }
        return fields;
    }

    public string? Text(string name, int longest = 4000) => Take(name) switch
    {
        null => null,
        string text when text.Length <= longest => text,
        string text =>
            throw ApiError.Invalid(
                name, $"'{name}' has {text.Length} characters; at most {longest} are accepted.", "string_above_max_length"),
        _ => throw Wrong(name, "a string"),
    };

    public string? Choice(string name, params ReadOnlySpan<string> choices)
    {
        string? text = Text(name);
        return text is null || choices.Contains(text) ? text
            : throw ApiError.Invalid(
                name, $"'{name}' is '{ApiError.Cut(text)}'; it must be one of {string.Join(", ", choices.ToArray())}.");
    }

    public double? Number(string name, double least, double most)
    {
        double? number = Take(name) switch
        {
            null => null,
            double value => value,
            // A form has texts alone.
            string text when double.TryParse(text, AsInJson, CultureInfo.InvariantCulture, out double value) => value,
            _ => throw Wrong(name, "a number"),
        };
        return number is null || number >= least && number <= most ? number
            : throw ApiError.Invalid(
                name,
                string.Create(CultureInfo.InvariantCulture, $"'{name}' is {number}; it must be between {least} and {most}."),
                number > most ? "integer_above_max_value" : "integer_below_min_value");
    }

    public long? Whole(string name, long least, long most) => Number(name, least, most) switch
    {
        null => null,
        double number when double.IsInteger(number) => (long)number,
        _ => throw Wrong(name, "a whole number"),
    };

    public bool Flag(string name) => Take(name) switch
    {
        null => false,
        bool flag => flag,
        "true" => true,
        "false" => false,
        _ => throw Wrong(name, "true or false"),
    };

    /// <summary>A class, exactly: its name or its number. JSON has one type of number, so 7.0 is 7; -0 is not 0.</summary>
    public string? Label(string name) => Take(name) switch
    {
        null => null,
        string text => text,
        double number when double.IsInteger(number) => number.ToString("F0", CultureInfo.InvariantCulture),
        _ => throw Wrong(name, "a label: a string or a whole number"),
    };

    /// <summary>Fields of OpenAI's API that mean nothing here.</summary>
    public void Ignore(params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
            Take(name);
    }

    /// <summary>Refuses what nobody took: a misspelt parameter must not go unnoticed.</summary>
    public void RefuseOthers()
    {
        if (_values.Keys.FirstOrDefault() is not { } name)
            return;
        throw ApiError.Invalid(
            ApiError.Cut(name),
            $"Unknown parameter: '{ApiError.Cut(name)}'. There are {string.Join(", ", _known.Order(StringComparer.Ordinal))}.",
            "unknown_parameter");
    }

    private object? Take(string name)
    {
        _known.Add(name);
        return _values.Remove(name, out object? value) ? value : null;
    }

    private static ApiError Wrong(string name, string type) =>
        ApiError.Invalid(name, $"Invalid type for '{name}': it must be {type}.", "invalid_type");
}
