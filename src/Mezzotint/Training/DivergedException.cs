using System.Globalization;

namespace Mezzotint.Training;

/// <summary>A training whose numbers have run away.</summary>
internal sealed class DivergedException(string message) : MezzotintException(message)
{
    /// <summary>The learning rate that was too high; null where the numbers were unsound before the first step.</summary>
    public double? LearningRate { get; init; }

    /// <summary>Says what has run away, and which setting to change.</summary>
    /// <param name="what">What was looked at.</param>
    /// <param name="value">What it was.</param>
    /// <param name="updates">How often the weights had been changed by then.</param>
    /// <param name="step">The step.</param>
    /// <param name="growth">How many times the untrained network's loss is too much.</param>
    /// <param name="untrained">That loss.</param>
    /// <param name="rate">The learning rate.</param>
    /// <param name="settings">The settings that decide whether a loss is finite.</param>
    public static DivergedException Of(string what, double value, long updates, long step, double growth, double untrained,
        double rate, string settings)
    {
        string number = double.IsNaN(value) ? "NaN" : double.IsFinite(value)
            ? string.Create(CultureInfo.InvariantCulture, $"{value:G3}") : "infinite";
        if (updates == 0)
            return new($"The {what} is {number} before the first step: the settings of {settings}, "
                + "or the weights that the training begins with, give numbers that are not finite.");
        string against = double.IsFinite(value) ? string.Create(
            CultureInfo.InvariantCulture, $", more than {growth} times the untrained network's {untrained:G3}") : "";
        return new(string.Create(CultureInfo.InvariantCulture,
            $"The {what} is {number}{against} at step {step}: the training has diverged, because "
                + $"training.learning_rate = {rate} is too high."))
        {
            Key = "training.learning_rate",
            LearningRate = rate,
        };
    }
}
