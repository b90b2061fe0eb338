namespace Mezzotint.Networks;

/// <summary>The network of a configuration that has no type of its own: what its description says.</summary>
/// <param name="config">The shape.</param>
/// <param name="seed">Of fresh weights; null for memory that is still to be filled.</param>
internal sealed class DescribedNetwork(NetworkConfig config, long? seed)
    : DenoisingNetwork(config, config.Describe().Root.Type, seed);
