namespace Mezzotint.Training;

/// <summary>All that decides a training, in one TOML file.</summary>
internal interface IExperiment
{
    /// <summary>Checks the ranges of all settings.</summary>
    /// <exception cref="MezzotintException">A setting is out of its range; the message names its key.</exception>
    void Validate();
}
