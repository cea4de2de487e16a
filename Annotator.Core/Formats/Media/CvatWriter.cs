using System.Globalization;
using System.Text;
using System.Xml;
using Annotator.Core.Labels;
using Annotator.Core.Media;

namespace Annotator.Core.Formats.Media;

/// <summary>
/// Writes CVAT XML 1.1: of images one <c>annotations.xml</c> with an <c>image</c> element for each; of videos one file each, with its tracks by keyframes. Coordinates
/// have two decimals as CVAT's own, and more where they are needed.
/// </summary>
internal sealed class CvatWriter : ZipExportWriter
{
    private static readonly XmlWriterSettings s_settings = new() { Indent = true, Encoding = new UTF8Encoding(false), CloseOutput = false };
    private readonly LabelSchema _schema;
    private readonly string _project;
    private readonly bool _videos;
    private readonly MemoryStream _held = new();
    private readonly XmlWriter _images;
    private long _count;

    public CvatWriter(LabelSchema schema, string project, bool videos, Stream output, MediaOpener? open)
        : base(output, open)
    {
        (_schema, _project, _videos) = (schema, project, videos);
        _images = XmlWriter.Create(_held, s_settings);
        if (!videos) Begin(_images, null, null);
    }

    /// <inheritdoc/>
    protected override void Add(ExportRow row, string fileName)
    {
        var value = row.Label is null ? null : LabelJson.Read(row.Label);
        if (_videos) AddVideo(row, fileName, value);
        else AddImage(row, fileName, value);
    }

    /// <inheritdoc/>
    protected override void Finish()
    {
        if (!_videos)
        {
            _images.WriteEndElement();
            _images.Flush();
            Entry("annotations.xml", stream => stream.Write(_held.GetBuffer(), 0, (int)_held.Length));
        }

        _images.Dispose();
        _held.Dispose();
    }

    private void AddImage(ExportRow row, string fileName, LabelValue? value)
    {
        Losses.Count("items have no label yet; CVAT cannot tell them from checked ones without objects", value is null ? 1 : 0);
        var size = MediaMetadata.SizeOf(row.Metadata);
        Losses.Count("images have no known size", size is null ? 1 : 0);
        _images.WriteStartElement("image");
        Attribute(_images, "id", _count++);
        _images.WriteAttributeString("name", Plain(fileName));
        Attribute(_images, "width", size?.Width ?? 0);
        Attribute(_images, "height", size?.Height ?? 0);
        if (value is ChoiceValue or ChoicesValue)
        {
            foreach (var name in value.LabelNames)
            {
                _images.WriteStartElement("tag");
                _images.WriteAttributeString("label", Plain(name));
                _images.WriteAttributeString("source", "manual");
                _images.WriteEndElement();
            }
        }

        foreach (var shape in Shape.Of(value))
        {
            _images.WriteStartElement(shape.Corners is null ? "box" : "polygon");
            _images.WriteAttributeString("label", Plain(shape.Label));
            _images.WriteAttributeString("source", "manual");
            _images.WriteAttributeString("occluded", "0");
            if (shape.Corners is null) Corners(_images, shape.X, shape.Y, shape.Width, shape.Height);
            else _images.WriteAttributeString("points", string.Join(';', shape.Corners.Select(c => $"{Text(c.X)},{Text(c.Y)}")));
            _images.WriteAttributeString("z_order", "0");
            _images.WriteEndElement();
        }

        _images.WriteEndElement();
    }

    private void AddVideo(ExportRow row, string fileName, LabelValue? value)
    {
        if (value is not TracksValue tracks)
        {
            Losses.Count(value is null ? "videos have no label yet, and no file" : "videos have labels that are no tracks", 1);
            return;
        }

        var numbered = tracks.Tracks.All(t => int.TryParse(t.Id, CultureInfo.InvariantCulture, out _)) && tracks.Tracks.Select(t => t.Id).Distinct(StringComparer.Ordinal).Count() == tracks.Tracks.Count;
        Losses.Count("tracks have names in place of numbers, and were numbered", numbered ? 0 : tracks.Tracks.Count);
        Entry($"{Stem(fileName)}.xml", stream =>
        {
            using var xml = XmlWriter.Create(stream, s_settings);
            Begin(xml, fileName, row);
            for (var t = 0; t < tracks.Tracks.Count; t++)
            {
                var track = tracks.Tracks[t];
                xml.WriteStartElement("track");
                xml.WriteAttributeString("id", numbered ? track.Id : (t + 1).ToString(CultureInfo.InvariantCulture));
                xml.WriteAttributeString("label", Plain(track.Label));
                xml.WriteAttributeString("source", "manual");
                foreach (var keyframe in track.Keyframes)
                {
                    xml.WriteStartElement("box");
                    Attribute(xml, "frame", keyframe.Frame);
                    xml.WriteAttributeString("outside", keyframe.Outside ? "1" : "0");
                    xml.WriteAttributeString("occluded", keyframe.Occluded ? "1" : "0");
                    xml.WriteAttributeString("keyframe", "1");
                    Corners(xml, keyframe.X, keyframe.Y, keyframe.Width, keyframe.Height);
                    xml.WriteAttributeString("z_order", "0");
                    xml.WriteEndElement();
                }

                xml.WriteEndElement();
            }

            xml.WriteEndElement();
        });
    }

    private void Begin(XmlWriter xml, string? source, ExportRow? row)
    {
        xml.WriteStartElement("annotations");
        xml.WriteElementString("version", "1.1");
        xml.WriteStartElement("meta");
        xml.WriteStartElement("task");
        xml.WriteElementString("name", Plain(source ?? _project));
        xml.WriteElementString("mode", _videos ? "interpolation" : "annotation");
        if (MediaMetadata.Number(row?.Metadata, "frames") is { } frames) xml.WriteElementString("size", Text(frames));
        xml.WriteStartElement("labels");
        foreach (var label in _schema.Labels)
        {
            xml.WriteStartElement("label");
            xml.WriteElementString("name", Plain(label.Name));
            xml.WriteElementString("color", label.Color ?? "");
            xml.WriteElementString("type", "any");
            xml.WriteStartElement("attributes");
            xml.WriteEndElement();
            xml.WriteEndElement();
        }

        xml.WriteEndElement();
        if (row is not null && MediaMetadata.SizeOf(row.Metadata) is { } size)
        {
            xml.WriteStartElement("original_size");
            xml.WriteElementString("width", Text(size.Width));
            xml.WriteElementString("height", Text(size.Height));
            xml.WriteEndElement();
        }

        xml.WriteEndElement();
        if (source is not null) xml.WriteElementString("source", Plain(source));
        xml.WriteEndElement();
    }

    private static void Corners(XmlWriter xml, double x, double y, double width, double height)
    {
        xml.WriteAttributeString("xtl", Text(x));
        xml.WriteAttributeString("ytl", Text(y));
        xml.WriteAttributeString("xbr", Text(x + width));
        xml.WriteAttributeString("ybr", Text(y + height));
    }

    private static void Attribute(XmlWriter xml, string name, long value) => xml.WriteAttributeString(name, value.ToString(CultureInfo.InvariantCulture));

    private static string Text(double value) => Math.Round(value, 6).ToString("0.00####", CultureInfo.InvariantCulture);

    private static string Plain(string text) => string.Concat(text.Where(XmlConvert.IsXmlChar));
}
