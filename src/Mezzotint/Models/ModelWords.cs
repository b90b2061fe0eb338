using System.Globalization;
using Mezzotint.Noise;
using Mezzotint.Settings;

namespace Mezzotint.Models;

/// <summary>What a model's process and prediction are called in settings.</summary>
public static class ModelWords
{
    /// <summary>What its network predicts, such as "epsilon" or "v".</summary>
    /// <param name="info">The model.</param>
    public static string Predicts(ModelInfo info)
    {
        ArgumentNullException.ThrowIfNull(info);
        return SettingsKinds.NameOf(info.Parameterisation) ?? info.Parameterisation.GetType().Name;
    }

    /// <summary>Its schedule, such as "vp, scaled-linear, 1000 timesteps".</summary>
    /// <param name="info">The model.</param>
    public static string Schedule(ModelInfo info)
    {
        ArgumentNullException.ThrowIfNull(info);
        string process = SettingsKinds.NameOf(info.Process) ?? info.Process.GetType().Name;
        return info.Process is VariancePreserving { Schedule: TableSchedule { Recipe: var (source, count, zero) } }
            ? string.Create(CultureInfo.InvariantCulture,
                $"{process}, {SettingsKinds.NameOf(source)}, {count} timesteps{(zero ? ", ends without signal" : "")}")
            : process;
    }
}
