using System.CommandLine;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Models;
using Mezzotint.Serving;

namespace Mezzotint.Cli.Verbs;

/// <summary><c>mezzotint demo</c>: asks what to draw, again and again, as the seed's own demo does.</summary>
internal static class DemoVerb
{
    private const int Images = 9;

    public static Command Create(Terminal terminal)
    {
        var model = Options.Optional("MODEL", ModelSource.Description);
        var sampler = new SamplerChoice();
        var seed = Options.Seed("The seed of the first image; each later one has the next");
        var adapter = new AdapterChoice();
        var opening = new OpeningChoice();
        var json = new Option<bool>("--json")
            { Description = "Give each answer's result as one JSON object on a line, and draw nothing here." };
        var command = new Command(
            "demo",
            $"Ask for a label, or for a prompt where the model is asked in words; draw {Images} images of it, save them as a "
            + "grid, and ask again. An empty line, q, or the end of the input ends it.") { model, seed, json };
        foreach (var option in sampler.All.Concat(opening.All).Concat(adapter.All))
            command.Add(option);
        command.SetAction(result =>
            Run(terminal, result.GetValue(model), sampler.Read(result), result.GetValue(seed), adapter.Read(result),
                opening.Read(result), result.GetValue(json)));
        return command;
    }

    private static int Run(
        Terminal terminal, string? named, SamplerChoice.Chosen sampler, long seed, AdapterChoice.Chosen adapters,
        ModelOpening opening, bool json)
    {
        string folder = ModelSource.Find(named);
        using var model = AdapterChoice.Apply(ModelPath.Read(folder, opening), adapters);
        using var pipeline = new DiffusionPipeline(model, hash: ModelPath.Hash(folder, opening));
        while (Ask(terminal, model.Info) is { } asked)
        {
            if (seed + Images - 1 > Options.LargestSeed)
                seed = 0;
            var options = sampler.Into(new GenerationOptions { Count = Images, Seed = seed });
            var generation = asked.Label is { } label ? pipeline.Prepare([label], options)
                : pipeline.Prepare([asked.Text], options);
            var drawing = Drawing.Draw(terminal, pipeline, generation);
            string written = drawing.FreeName();
            drawing.WriteGrid(written);
            terminal.Result(
                json,
                new
                {
                    Out = written, Label = asked.Label is null ? null : asked.Text,
                    Prompt = asked.Label is null ? asked.Text : null, Count = Images, Seed = seed,
                    generation.Receipt.Recipe.Steps,
                },
                drawing.OnTerminal(terminal) + written);
            seed += Images;
        }
        return CommandLine.Done;
    }

    /// <summary>The next label with its name, or prompt; null at the end.</summary>
    private static (int? Label, string Text)? Ask(Terminal terminal, ModelInfo model)
    {
        var names = model.ClassNames;
        string choice = model.IsAskedInWords ? "in words" : names.Count > 1 ? $"{names[0]} to {names[^1]}" : names[0];
        while (true)
        {
            terminal.Error.Write($"What shall I draw ({choice}; q ends)? ");
            string? answer = ReadLine(terminal)?.Trim();
            if (string.IsNullOrEmpty(answer) || answer is "q" or "Q" or "quit" or "exit")
            {
                if (answer is null)
                    terminal.Say(""); // the prompt's line ends, whoever speaks next
                return null;
            }
            if (model.IsAskedInWords)
                return (null, answer);
            try
            {
                if (LabelList.Parse(answer, names) is [var label])
                    return (label, names[label]);
                terminal.Say("One at a time, please.");
            }
            catch (MezzotintException wrong)
            {
                terminal.Say(wrong.Message);
            }
        }
    }

    /// <summary>A signal must end the waiting too, and a blocked read cannot be called off: it is left to the end of the
    /// process.</summary>
    private static string? ReadLine(Terminal terminal)
    {
        var line = Task.Run(terminal.In.ReadLine);
        line.Wait(terminal.Stop);
        return line.Result;
    }
}
