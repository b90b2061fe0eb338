using System.ComponentModel;
using Mezzotint.Networks;
using Mezzotint.Serving;
using Mezzotint.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Mezzotint.AspNetCore.Api;

/// <summary><c>POST /api/attention</c>: which words the places of a picture look at, in one evaluation.</summary>
internal sealed class AttentionEndpoints(
    ServedModels models, MezzotintOptions options, RequestQueue queue, Admission admission)
{
    public void Map(IEndpointRouteBuilder routes) =>
        routes.MapPost("/api/attention", (Delegate)AnswerAsync)
            .WithSummary("Adds noise of a level to a picture, and tells which words the model looks at in each place.")
            .WithDescription(
                "Of each word a map of shares, the mean over the heads of one layer, or of all layers. The shares of a place sum "
                + "to 1 over the words, the start and the end. The model is asked without guidance, on one thread; one such "
                + "request of a model goes on at a time. 400 where its network has no attention to what it is told, and where "
                + "that does not fit into memory.")
            .Accepts<AttentionBody>("application/json").Produces<AttentionAnswer>().ProducesProblem(400).ProducesProblem(404)
            .ProducesProblem(413).ProducesProblem(429).ProducesProblem(503).ProducesProblem(504);

    private Task AnswerAsync(HttpContext context) => admission.RunAsync(context, async stop =>
    {
        var fields = await RequestBody.ReadJsonAsync(context.Request, stop, options.MaxBodyBytes).ConfigureAwait(false);
        using var model = await models.RentAsync(fields.Text("model", 200), stop).ConfigureAwait(false);
        string? layer = fields.Text("layer", 400);
        var question = new NoisyQuestion(fields, model.Pipeline, options, most: 1,
            (how, level) => how.CheckAttention(level, layer));
        var (_, found) = await question.AskAsync(queue, how => how.AttendAsync(question.Level, stop), stop).ConfigureAwait(false);
        var answer = Answer(found, layer, model.Pipeline.Model.Prompts as TextPrompts, question.Asked);
        await context.Response.WriteAsJsonAsync(answer, ApiJson.Default.AttentionAnswer, cancellationToken: stop)
            .ConfigureAwait(false);
    });

    private static AttentionAnswer Answer(AttentionMaps found, string? name, TextPrompts? reader, string asked)
    {
        var layer = name is null ? found.Mean() : found.Layers.First(layer => layer.Name == name);
        var estimates = found.Estimates;
        return new(
            estimates.Level, NumberPictures.Png(estimates.Kept), NumberPictures.Png(estimates.Noisy),
            NumberPictures.Png(estimates.Estimates), estimates.Error(0),
            [.. found.Layers.Select(each => new AttendingLayer(each.Name, each.Heads, each.Height, each.Width))],
            name, layer.Height, layer.Width,
            [.. AttendedWord.Of(reader?.Tokenize(asked), asked, layer.Tokens).Select(word => Summed(layer, word))]);
    }

    private static AttendedMap Summed(AttentionLayer layer, AttendedWord word)
    {
        int places = layer.Height * layer.Width;
        float[] map = new float[places];
        for (int token = word.First; token < word.First + word.Tokens; token++)
            for (int i = 0; i < places; i++)
                map[i] += layer.Weights[token * places + i];
        return new(word.Kind, word.Text, word.Tokens, map.Average(share => (double)share), map);
    }
}

/// <summary>Tokens that are shown as one.</summary>
/// <param name="Kind">start, word, end (with what fills the prompt up) or class.</param>
/// <param name="Text">What it says.</param>
/// <param name="First">The first token.</param>
/// <param name="Tokens">How many.</param>
internal sealed record AttendedWord(string Kind, string Text, int First, int Tokens)
{
    /// <summary>The words of a condition of so many tokens, all of which belong to one.</summary>
    /// <param name="prompt">The prompt in tokens; null of classes.</param>
    /// <param name="asked">As it was written.</param>
    /// <param name="count">Tokens of the condition.</param>
    public static IEnumerable<AttendedWord> Of(TokenizedPrompt? prompt, string asked, int count)
    {
        if (prompt is null)
        {
            for (int i = 0; i < count; i++)
                yield return new("class", count == 1 ? asked : $"{asked} {i + 1}", i, 1);
            yield break;
        }
        yield return new("start", "start", 0, 1);
        int first = 1;
        string text = "";
        for (int i = 0; i < prompt.Pieces.Count; i++)
        {
            text += prompt.Pieces[i];
            if (!text.EndsWith(' ') && i < prompt.Pieces.Count - 1) // a piece within a word
                continue;
            yield return new("word", text.Trim(), first, i + 2 - first);
            (first, text) = (i + 2, "");
        }
        yield return new("end", "end", first, count - first);
    }
}

/// <summary>The fields of POST /api/attention.</summary>
internal sealed record AttentionBody : NoisyBody
{
    [Description("The layer whose maps are wanted, by a name that an answer has; the mean of all unless told otherwise.")]
    public string? Layer { get; init; }
}

/// <summary>The answer to POST /api/attention.</summary>
/// <param name="Level">The level of the noise, std / alpha.</param>
/// <param name="Image">x_0, a PNG in base64; of a model of latents what its autoencoder keeps.</param>
/// <param name="Noisy">x_t.</param>
/// <param name="Estimate">D(x_t), without guidance.</param>
/// <param name="EstimateError">The root mean square of D - x_0, in the numbers that the model knows.</param>
/// <param name="Layers">The layers that attend, in the order of the network.</param>
/// <param name="Layer">The one whose maps these are; none where they are the mean of all.</param>
/// <param name="Rows">Rows of a map.</param>
/// <param name="Columns">Columns of a map.</param>
/// <param name="Maps">A map of each word, in the order of the tokens.</param>
internal sealed record AttentionAnswer(
    double Level, string Image, string Noisy, string Estimate, double EstimateError, IReadOnlyList<AttendingLayer> Layers,
    string? Layer, int Rows, int Columns, IReadOnlyList<AttendedMap> Maps);

/// <summary>A layer that attends.</summary>
/// <param name="Name">Its path in the network.</param>
/// <param name="Heads">Its heads.</param>
/// <param name="Rows">Rows of its map.</param>
/// <param name="Columns">Columns of its map.</param>
internal sealed record AttendingLayer(string Name, int Heads, int Rows, int Columns);

/// <summary>How much each place looks at a word.</summary>
/// <param name="Kind">start, word, end (with what fills the prompt up), or class.</param>
/// <param name="Text">The word.</param>
/// <param name="Tokens">Of how many tokens it is the sum.</param>
/// <param name="Mean">The mean of the map.</param>
/// <param name="Map">A share of each place, 0 to 1, row by row.</param>
internal sealed record AttendedMap(string Kind, string Text, int Tokens, double Mean, IReadOnlyList<float> Map);
