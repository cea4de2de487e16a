namespace Annotator.Tests.Support;

/// <summary>One program for all tests of a collection: they keep apart by projects and people of their own.</summary>
public sealed class SharedHost : IAsyncLifetime
{
    private AppHost? _host;

    /// <summary>The program.</summary>
    public AppHost Host => _host ?? throw new InvalidOperationException("Not started.");

    /// <inheritdoc />
    public async ValueTask InitializeAsync() => _host = await AppHost.StartAsync();

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        if (_host is not null) await _host.DisposeAsync();
    }
}

/// <summary>Tests of the public contract over HTTP.</summary>
[CollectionDefinition(Name)]
public sealed class ApiCollection : ICollectionFixture<SharedHost>
{
    /// <summary>The collection's name.</summary>
    public const string Name = "api";
}
