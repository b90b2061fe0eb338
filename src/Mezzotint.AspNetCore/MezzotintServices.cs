using Mezzotint.AspNetCore.Api;
using Mezzotint.Runs;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;

namespace Mezzotint.AspNetCore;

/// <summary>Models of diffusion as services of an application.</summary>
public static class MezzotintServices
{
    /// <summary>Adds models and their limits from the application's configuration: see <see cref="MezzotintOptions"/>.</summary>
    /// <param name="services">The application's.</param>
    /// <param name="configuration">Its section, as <c>builder.Configuration.GetSection("Mezzotint")</c>.</param>
    public static IServiceCollection AddMezzotint(this IServiceCollection services, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return services.AddMezzotint(options => configuration.Bind(options));
    }

    /// <summary>Adds models and their limits.</summary>
    /// <remarks>
    /// The application gets an <c>IImageGenerator</c> for each model, by the key of its name, and one without a key for the
    /// first. <c>MapMezzotint</c> adds the routes. What is wrong with the options ends the application at its start.
    /// </remarks>
    /// <param name="services">The application's.</param>
    /// <param name="configure">Names the models.</param>
    public static IServiceCollection AddMezzotint(this IServiceCollection services, Action<MezzotintOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        services.AddOptions<MezzotintOptions>().Configure(configure).ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<MezzotintOptions>, Checks>());
        services.TryAddSingleton(provider => provider.GetRequiredService<IOptions<MezzotintOptions>>().Value);
#pragma warning disable MEAI001 // IImageGenerator is marked as experimental
        services.TryAddSingleton<IImageGenerator>(provider => new ServedImageGenerator(
            provider.GetRequiredService<ServedModels>(), name: null));
        services.TryAddKeyedSingleton<IImageGenerator>(KeyedService.AnyKey, (provider, key) => Generator(
            provider.GetRequiredService<ServedModels>(), key as string));
#pragma warning restore MEAI001
        return services.AddServer(provider => ActivatorUtilities.CreateInstance<ServedModels>(
            provider, provider.GetRequiredService<MezzotintOptions>()));
    }

    /// <summary>Adds a check that is healthy while requests are taken, degraded while the queue is full, and unhealthy when the
    /// application ends.</summary>
    /// <param name="checks">The application's.</param>
    /// <param name="name">What the check is called.</param>
    /// <param name="tags">As <c>ready</c>, to choose it by.</param>
    public static IHealthChecksBuilder AddMezzotint(
        this IHealthChecksBuilder checks, string name = "mezzotint", IEnumerable<string>? tags = null)
    {
        ArgumentNullException.ThrowIfNull(checks);
        return checks.Add(new HealthCheckRegistration(
            name, provider => ActivatorUtilities.CreateInstance<MezzotintHealthCheck>(provider), failureStatus: null, tags));
    }

#pragma warning disable MEAI001
    private static ServedImageGenerator Generator(ServedModels models, string? name) =>
        models.All.Any(model => model.Name == name) ? new(models, name)
            : throw new InvalidOperationException(
                $"There is no model '{name}'; AddMezzotint was given "
                + $"'{string.Join("', '", models.All.Select(model => model.Name))}'.");
#pragma warning restore MEAI001

    private sealed class Checks : IValidateOptions<MezzotintOptions>
    {
        public ValidateOptionsResult Validate(string? name, MezzotintOptions options) =>
            options.Faults().ToList() is { Count: > 0 } faults
                ? ValidateOptionsResult.Fail(faults) : ValidateOptionsResult.Success;
    }

    /// <summary>What the routes need; options are added before.</summary>
    internal static IServiceCollection AddServer(this IServiceCollection services, Func<IServiceProvider, ServedModels> models)
    {
        services.AddLogging().AddMetrics();
        services.TryAddSingleton(models);
        services.AddHostedService<ModelService>();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<ErrorCounter>();
        services.TryAddSingleton<Drain>();
        services.TryAddSingleton<RequestQueue>();
        services.TryAddSingleton<Admission>();
        services.TryAddSingleton<ServedClassifiers>();
        services.TryAddSingleton<ServedData>();
        services.TryAddSingleton<ImageStore>();
        services.TryAddSingleton(provider => new RunsFolder(
            provider.GetRequiredService<MezzotintOptions>().Runs, provider.GetRequiredService<TimeProvider>()));
        services.TryAddSingleton<ServedRuns>();
        services.TryAddSingleton<ImagesEndpoints>();
        services.TryAddSingleton<ModelsEndpoints>();
        services.TryAddSingleton<HealthEndpoints>();
        services.TryAddSingleton<RunsEndpoints>();
        services.TryAddSingleton<SamplersEndpoints>();
        services.TryAddSingleton<DenoiseEndpoints>();
        services.TryAddSingleton<AttentionEndpoints>();
        services.TryAddSingleton<DataEndpoints>();
        services.TryAddSingleton<DownloadEndpoints>();
        services.TryAddSingleton<ReportEndpoints>();
        services.TryAddSingleton<MeasureEndpoints>();
        services.TryAddSingleton<TrainingProcesses>();
        services.TryAddSingleton<TrainingEndpoints>();
        services.TryAddSingleton<ScheduleEndpoints>();
        services.TryAddSingleton<ToyEndpoints>();
        return services;
    }
}
