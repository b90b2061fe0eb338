namespace Mezzotint.Settings;

/// <summary>Settings of which some may be left open until the data are known: a configuration leaves their keys out.</summary>
internal interface IOpenSettings
{
    /// <summary>Whether a setting is open.</summary>
    /// <param name="property">The name of its property.</param>
    bool IsOpen(string property);
}
