#pragma warning disable MEAI001 // IImageGenerator is marked as experimental
using Mezzotint.Serving;
using Microsoft.Extensions.AI;

namespace Mezzotint.AspNetCore;

/// <summary>A model of an application as an image generator: loaded when it is asked, and kept while it draws.</summary>
/// <param name="models">The application's.</param>
/// <param name="name">Which; null for the first.</param>
internal sealed class ServedImageGenerator(ServedModels models, string? name) : IImageGenerator
{
    public async Task<ImageGenerationResponse> GenerateAsync(
        ImageGenerationRequest request, ImageGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        using var lease = await models.RentAsync(name, cancellationToken).ConfigureAwait(false);
        using var generator = lease.Pipeline.AsImageGenerator();
        return await generator.GenerateAsync(request, options, cancellationToken).ConfigureAwait(false);
    }

    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null
            : serviceType == typeof(ImageGeneratorMetadata)
                ? new ImageGeneratorMetadata("mezzotint", defaultModelId: models.Find(name).Name)
            : serviceType.IsInstanceOfType(this) ? this : null;
    }

    public void Dispose()
    {
        // the models are the application's
    }
}
