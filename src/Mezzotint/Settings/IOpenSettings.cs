namespace Mezzotint.Settings;

/// <summary>
/// Settings of which some may be left open until the data are known, so that a configuration leaves their keys out, and some may
/// be of no use, so that they have no key.
/// </summary>
internal interface IOpenSettings
{
    /// <summary>Whether a setting is open.</summary>
    /// <param name="property">The name of its property.</param>
    bool IsOpen(string property);

    /// <summary>Whether this kind of record has no use for a setting of its base.</summary>
    /// <param name="property">The name of its property.</param>
    bool IsUnused(string property);
}
