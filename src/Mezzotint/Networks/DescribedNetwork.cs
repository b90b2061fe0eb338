namespace Mezzotint.Networks;

/// <summary>The network of a configuration that has no type of its own: what its description says.</summary>
internal sealed class DescribedNetwork(NetworkConfig config, long seed)
    : DenoisingNetwork(config, config.Describe().Root.Type, seed);
