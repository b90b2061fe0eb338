using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Mezzotint.AspNetCore.Api;
using Mezzotint.Runs;

namespace Mezzotint.AspNetCore;

/// <summary>Trainings that were begun from the page, each a process of its own, one at a time. They are stopped with the
/// server.</summary>
internal sealed partial class TrainingProcesses(MezzotintOptions options, RunsFolder runs) : IDisposable
{
    private const int KeptLines = 40, LongestLine = 400;
    private const string Extension = ".toml";

    /// <summary>What no other program is to be told.</summary>
    internal const string ApiKey = "MEZZOTINT_API_KEY";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20); // for the checkpoint of one that is stopped

    private readonly IReadOnlyList<string> _command = (options as StudioOptions)?.TrainingCommand ?? [];
    private readonly string? _templates = (options as StudioOptions)?.Templates;
    private readonly ConcurrentDictionary<string, Child> _children = new(StringComparer.Ordinal);
    private readonly Lock _starting = new();
    private readonly SemaphoreSlim _estimating = new(1); // two at once would slow each other down

    /// <summary>Whether trainings may be begun.</summary>
    public bool Allowed => _command.Count > 0;

    /// <summary>The configurations to begin with, by name.</summary>
    public IReadOnlyList<string> Templates => !Allowed || _templates is null || !Directory.Exists(_templates) ? []
        : [.. Directory.GetFiles(_templates, "*" + Extension).Select(file => Path.GetFileNameWithoutExtension(file))
            .Order(StringComparer.Ordinal)];

    /// <summary>What was begun, the newest last.</summary>
    public IReadOnlyList<TrainingFacts> List() =>
        [.. _children.Values.OrderBy(child => child.Begun).Select(child => child.Facts())];

    /// <summary>Begins a training.</summary>
    /// <param name="name">Its folder in the runs folder.</param>
    /// <param name="template">A name of <see cref="Templates"/>; null where data are named.</param>
    /// <param name="data">A folder of pictures on this machine; null where a template is.</param>
    /// <param name="minutes">How long it may take, of data; null for the program's own.</param>
    /// <param name="settings">TABLE.KEY=VALUE, each in place of the configuration's.</param>
    /// <exception cref="ApiError">Something is wrong with it, or another one goes on.</exception>
    public TrainingFacts Begin(string name, string? template, string? data, int? minutes, IReadOnlyList<string> settings)
    {
        Check();
        if (!NameOfRun().IsMatch(name))
            throw ApiError.Invalid(
                "name", $"'name' is '{ApiError.Cut(name)}'; it must be 1 to 64 letters, digits, dots, hyphens and underscores, "
                    + "the first a letter or digit.");
        if (Path.Exists(Path.Combine(options.Runs, name)))
            throw ApiError.Invalid("name", $"There is a run '{name}' already: choose another name, or resume it.");
        return Start(name, [.. Arguments(template, data, minutes, settings), "--out", Path.Combine(options.Runs, name)]);
    }

    /// <summary>How long a training would take and with what memory, by a few steps of it in a process of their own.</summary>
    /// <param name="template">As of <see cref="Begin"/>, and what follows too.</param>
    /// <param name="data">A folder of pictures.</param>
    /// <param name="minutes">How long it may take.</param>
    /// <param name="settings">Its settings.</param>
    /// <param name="stop">Ends the process.</param>
    /// <exception cref="ApiError">Something is wrong with it, or a training goes on beside which nothing is
    /// measured.</exception>
    public async Task<TrainingEstimate> EstimateAsync(
        string? template, string? data, int? minutes, IReadOnlyList<string> settings, CancellationToken stop)
    {
        Check();
        var arguments = Arguments(template, data, minutes, settings);
        await _estimating.WaitAsync(stop).ConfigureAwait(false);
        try
        {
            RefuseBeside("a few steps of another beside it would say nothing");
            return await TrainingEstimate.OfAsync([.. _command, .. arguments, "--estimate", "--json"], stop)
                .ConfigureAwait(false);
        }
        finally
        {
            _estimating.Release();
        }
    }

    /// <summary>Checks what a training is to be of.</summary>
    private List<string> Arguments(string? template, string? data, int? minutes, IReadOnlyList<string> settings)
    {
        if (template is null == data is null)
            throw ApiError.Invalid("template", "A training begins from a template or from a folder: name one of the two.");
        if (template is not null && !Templates.Contains(template))
            throw ApiError.Invalid(
                "template", $"There is no template '{ApiError.Cut(template)}'; there are {string.Join(", ", Templates)}.");
        if (data is not null && !Directory.Exists(data))
            throw ApiError.Invalid("data", $"There is no folder '{ApiError.Cut(data)}' on the server's machine.");
        if (minutes is not null && data is null)
            throw ApiError.Invalid("minutes", "'minutes' is for a folder; a template says itself how long it trains.");
        if (settings.FirstOrDefault(setting => !Setting().IsMatch(setting)) is { } wrong)
            throw ApiError.Invalid("settings", $"'{ApiError.Cut(wrong)}' is no setting; one is training.epochs=5.");
        string what = template is null ? Path.GetFullPath(data!) : Path.Combine(_templates!, template + Extension);
        return [
            "train", what,
            .. minutes is { } most ? ["--minutes", most.ToString(CultureInfo.InvariantCulture)] : Array.Empty<string>(),
            .. settings.SelectMany(setting => new[] { "--set", setting }),
        ];
    }

    /// <summary>Goes on with a training that was stopped.</summary>
    /// <exception cref="ApiError">There is none, or it goes on.</exception>
    public TrainingFacts Resume(string name)
    {
        Check();
        var run = runs.Find(name) ?? throw new ApiError(
            404, ApiError.InvalidRequest, "run_not_found", $"There is no run '{ApiError.Cut(name)}' in the runs folder.", "name");
        return Start(name, ["train", "--resume", "--out", run.Folder.FullName]);
    }

    /// <summary>Asks a training to stop: it finishes its step and leaves a checkpoint.</summary>
    /// <exception cref="ApiError">It was not begun here, or has ended.</exception>
    public TrainingFacts Stop(string name)
    {
        Check();
        if (!_children.TryGetValue(name, out var child) || child.HasEnded)
            throw new ApiError(
                409, ApiError.InvalidRequest, "not_training",
                $"'{ApiError.Cut(name)}' does not train, or was not begun from this page: stop it where it was.", "name");
        child.Interrupt();
        return child.Facts();
    }

    public void Dispose()
    {
        foreach (var child in _children.Values)
        {
            if (!child.HasEnded)
                child.Interrupt();
            child.End(Patience);
        }
        _estimating.Dispose();
    }

    private TrainingFacts Start(string name, IReadOnlyList<string> arguments)
    {
        lock (_starting)
        {
            RefuseBeside("two would share the machine");
            if (_children.TryRemove(name, out var before))
                before.End(TimeSpan.Zero);
            return (_children[name] = new Child(name, [.. _command, .. arguments])).Facts();
        }
    }

    private void RefuseBeside(string why)
    {
        if (_children.Values.FirstOrDefault(child => !child.HasEnded) is { } other)
            throw new ApiError(
                409, ApiError.InvalidRequest, "training_goes_on",
                $"The training '{other.Name}' goes on, and {why}: stop it first.", "name");
    }

    private void Check()
    {
        if (!Allowed)
            throw new ApiError(
                403, ApiError.InvalidRequest, "trainings_off",
                "This server begins no trainings: start it with `mezzotint serve --allow-training`.");
    }

    [GeneratedRegex("^[A-Za-z0-9][A-Za-z0-9._-]{0,62}[A-Za-z0-9_-]?$")]
    private static partial Regex NameOfRun();

    [GeneratedRegex(@"^[a-z_]+(\.[a-z_]+)*\s*=[^\r\n]+$")]
    private static partial Regex Setting();

    /// <summary>A process and the last lines that it wrote.</summary>
    internal sealed class Child : IDisposable
    {
        private readonly Process _process;
        private readonly Queue<string> _lines = [];
        private readonly string _command;

        public Child(string name, IReadOnlyList<string> command)
        {
            Name = name;
            _command = string.Join(' ', command.Select(Quoted));
            var start = new ProcessStartInfo(command[0])
                { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
            foreach (string argument in command.Skip(1))
                start.ArgumentList.Add(argument);
            start.Environment.Remove(ApiKey); // it is the server's
            _process = new Process { StartInfo = start };
            _process.OutputDataReceived += (_, line) => Keep(line.Data);
            _process.ErrorDataReceived += (_, line) => Keep(line.Data);
            try
            {
                _process.Start();
            }
            catch (System.ComponentModel.Win32Exception wrong)
            {
                throw new ApiError(
                    500, ApiError.Server, "cannot_train", $"'{command[0]}' cannot be started: {Plain(wrong.Message)}");
            }
            _process.StandardInput.Close();
            _process.BeginOutputReadLine();
            _process.BeginErrorReadLine();
        }

        public string Name { get; }

        public DateTime Begun { get; } = DateTime.UtcNow;

        public bool HasEnded => _process.HasExited;

        public TrainingFacts Facts()
        {
            lock (_lines)
                return new(Name, _command, !HasEnded, HasEnded ? _process.ExitCode : null, string.Join('\n', _lines));
        }

        public void Interrupt()
        {
            if (OperatingSystem.IsWindows())
                _process.Kill(entireProcessTree: true); // there is no gentler way; its last checkpoint stays
            else
                Process.Start("kill", ["-TERM", _process.Id.ToString(CultureInfo.InvariantCulture)]).Dispose();
        }

        public void End(TimeSpan patience)
        {
            if (!_process.WaitForExit(patience))
                _process.Kill(entireProcessTree: true);
            Dispose();
        }

        public void Dispose() => _process.Dispose();

        private void Keep(string? line)
        {
            if (string.IsNullOrWhiteSpace(line))
                return;
            lock (_lines)
            {
                _lines.Enqueue(Plain(line));
                if (_lines.Count > KeptLines)
                    _lines.Dequeue();
            }
        }

        /// <summary>A line as a page shows it: without what controls a terminal, and short.</summary>
        internal static string Plain(string line) =>
            ApiError.Cut(string.Concat(line.Where(letter => !char.IsControl(letter))), LongestLine);

        private static string Quoted(string word) =>
            word.All(letter => char.IsAsciiLetterOrDigit(letter) || "-_./:=@%+,\\".Contains(letter, StringComparison.Ordinal))
                ? word : $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";
    }
}

/// <summary>A training that was begun from the page.</summary>
/// <param name="Name">Its run.</param>
/// <param name="Command">The command, for a shell.</param>
/// <param name="Running">Whether it goes on.</param>
/// <param name="ExitCode">How it ended; none while it goes on.</param>
/// <param name="Output">The last lines that it wrote.</param>
internal sealed record TrainingFacts(string Name, string Command, bool Running, int? ExitCode, string Output);
