using System.Text.Json.Serialization;

namespace Mezzotint.Text;

/// <summary>How vocabularies are read and written: made by the compiler, as programs compiled ahead of time have no reflection
/// for it.</summary>
[JsonSerializable(typeof(Dictionary<string, int>))]
internal sealed partial class TextJson : JsonSerializerContext;
