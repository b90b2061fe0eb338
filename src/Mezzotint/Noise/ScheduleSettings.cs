using Mezzotint.Settings;

namespace Mezzotint.Noise;

/// <summary>
/// Noise schedules in files: the settings of one in continuous time, and two more keys that say what is made of it,
/// <c>table_length</c> (0 leaves it continuous) and <c>zero_terminal_snr</c>.
/// </summary>
internal sealed class ScheduleSettings : SettingsForm
{
    private const string TableLength = "table_length", ZeroTerminalSnr = "zero_terminal_snr";

    /// <inheritdoc/>
    public override IReadOnlyList<string> Keys { get; } = [TableLength, ZeroTerminalSnr];

    /// <summary>Makes of a schedule in continuous time what the table asks for.</summary>
    public override object Finish(object record, SettingsTable table, Func<string, Type, object?> value)
    {
        var schedule = (NoiseSchedule)record;
        int length = (int)(value(TableLength, typeof(int)) ?? 0);
        bool zeroTerminal = (bool)(value(ZeroTerminalSnr, typeof(bool)) ?? false);
        table.Root.Validate(() =>
        {
            schedule.Validate();
            Check.Range("process.schedule." + TableLength, length, length >= 0, "0 (continuous time) or more");
            if (length > 0)
                schedule = schedule.ToTable(length);
            if (zeroTerminal)
                schedule = schedule.WithZeroTerminalSnr();
        });
        return schedule;
    }

    /// <summary>The schedule in continuous time, and the two keys.</summary>
    /// <exception cref="MezzotintException">It is a table of a program's own betas.</exception>
    public override (object Record, (string Key, object Value)[] Keys) Split(object record) =>
        ((NoiseSchedule)record).Recipe is var (source, length, zeroTerminal)
            ? (source, [(TableLength, (long)length), (ZeroTerminalSnr, zeroTerminal)])
            : throw new MezzotintException(
                "process.schedule is a table of its own betas, which files have no words for: take a named "
                + "schedule and its table_length.") { Key = "process.schedule" };
}
